import { createPublicClient, custom, encodeErrorResult, RpcRequestError, stringToHex } from 'viem'
import { describe, expect, it } from 'vitest'
import { contractErrors } from '../../../src/core/chain/contract-errors.ts'
import { decodeChainError, explainRefusal, kaisarErrorsAbi } from '../../../src/core/chain/decode-error.ts'

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
  ])('a node’s error with code %i keeps the words of the node', async (code, message) => {
    const error = decodeChainError(await failureOf(code, message), 'commit')
    expect(error.code).toBe('RPC_FAILED')
    expect(error.message).toContain(message)
  })

  it.each([
    'insufficient funds for gas * price + value: balance 3, tx cost 5, overshot 2',
    'Upfront cost exceeds account balance',
    'insufficient balance for transfer',
  ])('a node that says "%s" is believed although something is there', async said => {
    const client = { getBalance: async () => 10n ** 17n, getGasPrice: async () => 10n ** 9n }
    const error = await explainRefusal(
      { client } as never,
      `0x${'11'.repeat(20)}`,
      await failureOf(-32_000, said),
      'send',
    )
    expect(error).toMatchObject({
      code: 'FUNDS_INSUFFICIENT',
      message: `0x${'11'.repeat(20)} holds 0.1 of the chain’s own coin and needs 0.102: send it 0.002 or more.`,
    })
  })

  it('a revert with data is named by the contract’s error', async () => {
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

  it('a contract’s error says what it means and what to do', async () => {
    const revert = (errorName: 'TooFewOwners' | 'OutOfBounds', args: readonly unknown[]) => {
      const abi = kaisarErrorsAbi.filter(({ name }) => name === errorName).slice(0, 1)
      const data = encodeErrorResult({ abi, errorName, args } as never)
      return decodeChainError(failing(data), 'start')
    }
    expect(revert('TooFewOwners', [3n]).message).toMatch(
      /^The contract refused start: TooFewOwners\(3\)\. Fewer different owners .* start more Checkers /,
    )
    expect(revert('OutOfBounds', [stringToHex('slashBps', { size: 32 })]).message).toContain('OutOfBounds(slashBps). ')
  })
})

/** An error as a node's that carries the data of a revert. */
const failing = (data: string) => Object.assign(new Error('execution reverted'), { data })

it('every error of the contracts is explained, and no other', () => {
  expect(new Set(kaisarErrorsAbi.map(({ name }) => name))).toEqual(new Set(contractErrors.keys()))
  for (const [name, { meaning, fix }] of contractErrors)
    for (const sentence of [meaning, fix]) expect(sentence, name).toMatch(/^["A-Z`].*[.)]$/s)
})
