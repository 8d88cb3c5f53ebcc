/** What is read together is read at one block, or at the newest where the endpoint does not have that one. */
import { expect, it } from 'vitest'
import { chainErrors } from '../../../src/core/chain/errors.ts'
import { type ReadableNetwork, readAt } from '../../../src/core/chain/read.ts'

const network = {} as ReadableNetwork
const hash = `0x${'ab'.repeat(32)}` as const

it('reads at the block that is named', async () => {
  expect(await readAt(network, hash, async ({ blockHash }) => blockHash)).toBe(hash)
})

it('reads at the newest block where that one is not to be had, and gives any other failure', async () => {
  const refusing = (error: Error) => async (at: ReadableNetwork) => {
    if (at.blockHash !== undefined) throw error
    return 'at the newest'
  }
  const unknown = chainErrors.RPC_FAILED({ action: 'eth_call', reason: 'header not found' })
  expect(await readAt(network, hash, refusing(unknown))).toBe('at the newest')
  const silent = chainErrors.RPC_TIMEOUT({ endpoint: 'http://127.0.0.1:1', method: 'eth_call' })
  await expect(readAt(network, hash, refusing(silent))).rejects.toBe(silent)
})
