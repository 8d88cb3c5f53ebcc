import { RpcRequestError } from 'viem'
import { expect, it } from 'vitest'
import type { Chain } from '../../../src/core/chain/client.ts'
import { chainErrors } from '../../../src/core/chain/errors.ts'
import { openOwnState, ownChainTable } from '../../../src/core/daemon/own-chain.ts'

const openOn = (error: Error) => {
  const chain = { client: { request: () => Promise.reject(error) } } as unknown as Chain
  return openOwnState({ path: ':memory:', migrations: [ownChainTable] }, { chain, now: () => 0 })
}

it('a node that has pruned its history and refuses to show the first block keeps no daemon from its state', async () => {
  const pruned = { code: 4444, message: 'pruned history unavailable' }
  const { store, otherChainTo } = await openOn(new RpcRequestError({ url: '', body: {}, error: pruned }))
  expect(otherChainTo).toBeNull()
  expect(store.all('SELECT genesis FROM own_chain')).toEqual([])
  store.close()
})

it('endpoints that do not agree on the first block keep it from its state', async () => {
  const error = chainErrors.RPC_DISAGREEMENT({ method: 'eth_getBlockByNumber', answers: '' })
  await expect(openOn(error)).rejects.toBe(error)
})
