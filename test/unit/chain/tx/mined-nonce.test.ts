/** The mined nonce as one of several endpoints may misstate it, also while another one is silent for a moment. */
import { expect, it } from 'vitest'
import type { Chain } from '../../../../src/core/chain/client.ts'
import { lookUpReceipt } from '../../../../src/core/chain/tx/receipt.ts'
import { settleNonces } from '../../../../src/core/chain/tx/settle-nonces.ts'
import { createTransactionStore, transactionTables } from '../../../../src/core/chain/tx/transaction-store.ts'
import { openStore } from '../../../../src/core/platform/store.ts'
import { forgedReceipt } from '../../../helpers/lying-endpoint.ts'

const address = `0x${'11'.repeat(20)}` as const
const silent = () => Promise.reject(new Error('429'))
const disagreement = new Error('RPC_DISAGREEMENT')

/** @param nonces - what each usable endpoint says; null: it is silent · `given`: endpoints in all */
async function minedNonce(nonces: readonly (number | null)[], given = nonces.length): Promise<number> {
  const clients = nonces.map(nonce => ({ getTransactionCount: nonce === null ? silent : async () => nonce }))
  const chain = {
    usable: () => clients.map(client => ({ client })),
    all: () => Array.from({ length: given }),
    client: { getTransactionCount: () => Promise.reject(disagreement) },
  } as unknown as Chain
  const store = createTransactionStore(openStore({ path: ':memory:', migrations: [transactionTables] }), address)
  const head = { number: 100n, timestamp: 1_000n, decided: new Set<number>() }
  return (await settleNonces({ chain, store, address, head, recorded: new Map(), watchBlocks: 12 })).minedNonce
}

it.each([
  { nonces: [40, 3, 40], mined: 40 },
  { nonces: [40, 41, 3], mined: 40 },
  { nonces: [40, 41, 1_000], mined: 41 },
  { nonces: [null, 40, 40], mined: 40 },
  { nonces: [40, 39], mined: 39 },
])('of $nonces the mined nonce is $mined', async ({ nonces, mined }) => {
  expect(await minedNonce(nonces)).toBe(mined)
})

it.each([
  { what: 'while one is silent, two that differ', nonces: [null, 40, 3], given: 3 },
  { what: 'one alone, whoever else was dropped,', nonces: [3], given: 3 },
])('of three endpoints $what decide no nonce', async ({ nonces, given }) => {
  await expect(minedNonce(nonces, given)).rejects.toBe(disagreement)
})

it('of three endpoints one alone, where the others were dropped, shows no receipt and no absence of one', async () => {
  const hash = `0x${'22'.repeat(32)}` as const
  const { blockHash, blockNumber } = forgedReceipt(hash)
  const client = {
    getTransactionReceipt: async () => ({
      ...forgedReceipt(hash),
      blockNumber: BigInt(blockNumber),
      status: 'success',
    }),
    getBlock: async () => ({ hash: blockHash, transactions: [hash] }),
  }
  const chainOf = (given: number) =>
    ({ usable: () => [{ client }], all: () => Array.from({ length: given }) }) as unknown as Chain
  expect(await lookUpReceipt(chainOf(3), hash)).toBe('doubt')
  expect(await lookUpReceipt(chainOf(1), hash)).toMatchObject({ success: true })
})
