/**
 * Which chain a daemon's state is of. A development chain that was started again has the id, the addresses and the accounts of the one
 * before, and what was recorded there never happened here.
 */
import type { Hex } from 'viem'
import { openStore, type Store, type StoreOptions, setAside } from '../platform/store.ts'
import type { Chain } from './client.ts'

export const ownChainTable = 'CREATE TABLE own_chain (genesis TEXT NOT NULL) STRICT;'

export type OwnState = {
  readonly store: Store
  /** Where the state of another chain of the same id was set aside; null where there was none. */
  readonly otherChainTo: string | null
}

/**
 * Opens the store of this chain: one that was begun on a chain with another first block is set aside, never deleted, and a fresh one
 * opened. A chain that does not show its first block is taken for the one it was.
 *
 * @param options - its migrations hold {@link ownChainTable}
 * @throws as `openStore` and reads of the chain do
 */
export async function openOwnState(
  options: StoreOptions,
  { chain, now }: { readonly chain: Chain; readonly now: () => number },
): Promise<OwnState> {
  const first = await chain.client.request({ method: 'eth_getBlockByNumber', params: ['0x0', false] })
  const genesis = first?.hash ?? null
  const store = openStore(options, { now })
  const known = store.get<{ genesis: Hex }>('SELECT genesis FROM own_chain')?.genesis ?? null
  if (genesis === null || known === genesis) return { store, otherChainTo: null }
  if (known === null) {
    store.run('INSERT INTO own_chain (genesis) VALUES (?)', genesis)
    return { store, otherChainTo: null }
  }
  store.close()
  const otherChainTo = setAside(options.path, 'of-another-chain', now())
  const fresh = openStore(options, { now })
  fresh.run('INSERT INTO own_chain (genesis) VALUES (?)', genesis)
  return { store: fresh, otherChainTo }
}
