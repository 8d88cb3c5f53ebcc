import { createPublicClient, custom, RpcRequestError } from 'viem'
import { describe, expect, it } from 'vitest'
import { decodeChainError } from '../../../src/core/chain/decode-error.ts'

/** What a client throws for an answer of a node. */
async function failureOf(code: number, message: string): Promise<unknown> {
  const request = async () => {
    throw new RpcRequestError({ url: 'http://node', body: {}, error: { code, message } })
  }
  const client = createPublicClient({ transport: custom({ request }, { retryCount: 0 }) })
  return client.request({ method: 'eth_sendRawTransaction', params: ['0x'] }).catch(error => error)
}

describe('an error of the chain', () => {
  it.each([
    [-32_602, 'nonce too low: expected 17, got 16'],
    [-32_000, 'Nonce too low. Expected nonce to be 17 but got 16.'],
    [-32_003, 'max fee per gas less than block base fee'],
    [4_711, 'something of its own'],
  ])('with code %i keeps the words of the node', async (code, message) => {
    const error = decodeChainError(await failureOf(code, message), 'commit')
    expect(error.code).toBe('RPC_FAILED')
    expect(error.message).toContain(message)
  })

  it('that is a revert with data is named by the contract', async () => {
    const request = async () => {
      const error = { code: 3, message: 'execution reverted', data: `0x${'12'.repeat(4)}` }
      throw new RpcRequestError({ url: 'http://node', body: {}, error })
    }
    const client = createPublicClient({ transport: custom({ request }, { retryCount: 0 }) })
    const thrown = await client.request({ method: 'eth_estimateGas', params: [{}] }).catch(error => error)
    expect(decodeChainError(thrown, 'commit')).toMatchObject({
      code: 'CONTRACT_REVERTED',
      context: { reason: 'unknown error 0x12121212' },
    })
  })
})
