/**
 * Ties a daemon's state to its chain. A development chain that was started again has the id, the addresses and the accounts of the one
 * before, but nothing that was recorded about that one is true of it.
 */
import type { Hex } from 'viem'
import type { Chain } from '../chain/client.ts'
import { decodeChainError } from '../chain/decode-error.ts'
import { openStore, type Store, type StoreOptions, setAside } from '../platform/store.ts'

export const ownChainTable = 'CREATE TABLE own_chain (genesis TEXT NOT NULL) STRICT;'

/**
 * Opens the store of this chain. A store that was begun on a chain with another first block is set aside, never deleted, and a fresh
 * one is opened. Where the endpoints do not show the first block, as one that has pruned its history may not, the chain counts as the same.
 *
 * @param options - its migrations hold {@link ownChainTable}
 * @returns the store, and the path to which the state of another chain with the same id was moved; null where there was none
 * @throws as `openStore` and reads of the chain do
 */
export async function openOwnState(
  options: StoreOptions,
  { chain, now }: { readonly chain: Chain; readonly now: () => number },
): Promise<{ readonly store: Store; readonly otherChainTo: string | null }> {
  const genesis = await firstHash(chain)
  const store = openStore(options, { now })
  const known = store.get<{ genesis: Hex }>('SELECT genesis FROM own_chain')?.genesis ?? null
  if (genesis === null || known === genesis) return { store, otherChainTo: null }
  const begun = (fresh: Store) => {
    fresh.run`INSERT INTO own_chain (genesis) VALUES (${genesis})`
    return fresh
  }
  if (known === null) return { store: begun(store), otherChainTo: null }
  store.close()
  const otherChainTo = setAside(options.path, 'of-another-chain', now())
  return { store: begun(openStore(options, { now })), otherChainTo }
}

/** Null where the node refuses to show it. @throws what endpoints fail with, RPC_DISAGREEMENT and RPC_ALONE */
async function firstHash({ client }: Chain): Promise<Hex | null> {
  try {
    const first = await client.request({ method: 'eth_getBlockByNumber', params: ['0x0', false] })
    return first?.hash ?? null
  } catch (error) {
    const failure = decodeChainError(error, 'eth_getBlockByNumber')
    if (failure.code !== 'RPC_FAILED') throw failure
    return null
  }
}
