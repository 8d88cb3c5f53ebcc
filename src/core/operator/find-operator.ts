/** Whose Provider or Checker a command is about, and where its daemon keeps its state on this machine. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Address } from 'viem'
import { keyFile, listKeys, readKeystore } from '../platform/key-folder.ts'
import { keystoreAddress } from '../platform/keystore.ts'
import { operatorErrors } from './errors.ts'

export type FindOperatorOptions = {
  readonly role: 'provider' | 'checker'
  readonly dataDir: string
  /** Name of a key, or path of a keystore file. */
  readonly key: string
  readonly operator?: Address | undefined
  /** Where a devnet keeps its daemons, one folder each; null where the network is none. */
  readonly devnetDataDir: string | null
}

export type FoundOperator = {
  readonly operator: Address
  /** Data folder of its daemon on this machine, or null. */
  readonly dataDir: string | null
}

/**
 * The operator that was named, else that of the local key, else, on a devnet, all of its daemons of that role.
 *
 * @throws OPERATOR_UNKNOWN, and what a keystore that cannot be read throws
 */
export function findOperators({ role, dataDir, key, operator, devnetDataDir }: FindOperatorOptions): FoundOperator[] {
  const ofDevnet = devnetDataDir === null ? [] : devnetOperators(devnetDataDir, role)
  if (operator !== undefined) {
    const own = listKeys(dataDir).some(({ address }) => address !== null && lower(address) === lower(operator))
    const known = ofDevnet.find(each => each.operator === operator)
    return [known ?? { operator, dataDir: own ? dataDir : null }]
  }
  const path = keyFile(dataDir, key)
  if (existsSync(path)) {
    const address = keystoreAddress(readKeystore(path))
    if (address !== undefined) return [{ operator: lower(address), dataDir }]
  }
  if (ofDevnet.length > 0) return ofDevnet
  throw operatorErrors.OPERATOR_UNKNOWN({ path })
}

function devnetOperators(folder: string, role: string): FoundOperator[] {
  const names = existsSync(folder) ? readdirSync(folder).filter(name => name.startsWith(`${role}-`)) : []
  return names
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .flatMap(name =>
      listKeys(join(folder, name)).flatMap(({ address }) =>
        address === null ? [] : [{ operator: lower(address), dataDir: join(folder, name) }],
      ),
    )
}

const lower = (address: Address): Address => address.toLowerCase() as Address
