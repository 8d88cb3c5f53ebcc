/** Names the store of a daemon for one network, since nothing that was sent or signed on another network counts here. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The path of the store in a role's folder, for a network. */
export const stateFile = (folder: string, network: { readonly chainId: number; readonly consensus: string }): string =>
  join(folder, `state-${network.chainId}-${network.consensus.slice(2, 12)}.db`)

/** The path of the store in a role's folder that was used last, for any network; null where there is none. */
export function newestStateFile(folder: string): string | null {
  try {
    const [newest] = readdirSync(folder)
      .filter(name => /^state-\d+-[0-9a-f]+\.db$/.test(name))
      .map(name => ({ path: join(folder, name), at: lastChange(join(folder, name)) }))
      .sort((a, b) => b.at - a.at)
    return newest?.path ?? null
  } catch {
    return null
  }
}

/** When the database or its write-ahead log was changed last. */
const lastChange = (path: string): number =>
  Math.max(...[path, `${path}-wal`].map(file => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0))
