import { HttpRequestError } from 'viem'
import { expect, it } from 'vitest'
import type { Endpoint } from '../../../../src/core/chain/endpoint.ts'
import { chainErrors } from '../../../../src/core/chain/errors.ts'
import { broadcast } from '../../../../src/core/chain/tx/receipt.ts'
import { createManualClock } from '../../../helpers/manual-clock.ts'

const busy = () => {
  const cause = new HttpRequestError({ url: '', body: {}, status: 429 })
  return chainErrors.RPC_UNREACHABLE({ endpoints: 'busy', cause })
}

/** An endpoint that answers each sending with the next of these: an error, or that it has it. */
function endpointOf(...answers: readonly (Error | null)[]) {
  let given = 0
  const request = async () => {
    const answer = answers[given++] ?? null
    if (answer !== null) throw answer
  }
  return { endpoint: { request } as unknown as Endpoint, given: () => given }
}

it('a busy endpoint is given a transaction again although another one says that it has it: that one may have forgotten it', async () => {
  const clock = createManualClock()
  const [forgetful, once, always] = [endpointOf(), endpointOf(busy()), endpointOf(busy(), busy(), busy())]
  const chain = { usable: () => [forgetful, once, always].map(({ endpoint }) => endpoint) }
  // Nobody waits for the busy ones.
  expect(await broadcast('0x01', {}, { chain, clock })).toEqual({ isTaken: true, reasons: [] })
  expect([once.given(), always.given()]).toEqual([1, 1])
  await clock.advance(250)
  expect([forgetful.given(), once.given(), always.given()]).toEqual([1, 2, 3])
})

it('where no endpoint takes it, what one says comes before that others do not answer', async () => {
  const clock = createManualClock()
  const refusal = new Error('exceeds block gas limit')
  const chain = { usable: () => [endpointOf(busy(), busy(), busy()), endpointOf(refusal)].map(each => each.endpoint) }
  const given = broadcast('0x01', {}, { chain, clock })
  await clock.advance(250)
  const { isTaken, reasons } = await given
  expect(isTaken).toBe(false)
  expect(reasons.map(reason => (reason as { code?: string }).code ?? reason.message)).toEqual([
    'exceeds block gas limit',
    'RPC_UNREACHABLE',
  ])
})

it.each([
  ['geth, reth', 'already known'],
  ['Nethermind', 'AlreadyKnown'],
  ['OpenEthereum', 'Transaction with the same hash was already imported.'],
  ['Frontier', 'submit transaction to pool failed: Pool(AlreadyImported(Any { .. }))'],
  ['Besu', 'Known transaction'],
  ['Hardhat', 'Known transaction: 0xe2f78a36869e1be5a29d543cdccfa2e5fd34d097d65e75094384277f664975d6'],
  ['Erigon', 'INTERNAL_ERROR: existing tx with same hash'],
])('a node that has the transaction has taken it: %s says "%s"', async (_, says) => {
  const chain = { usable: () => [endpointOf(new Error(says)).endpoint] }
  for (const mayBeUsed of [true, false])
    expect((await broadcast('0x01', { mayBeUsed }, { chain, clock: createManualClock() })).isTaken).toBe(true)
})

it.each([
  ['geth', 'nonce too low: next nonce 7, tx nonce 6'],
  ['OpenEthereum', 'Transaction nonce is too low. Try incrementing the nonce.'],
  ['Nethermind', 'OldNonce, Current nonce: 7, nonce of rejected tx: 6'],
  ['Frontier', 'submit transaction to pool failed: Pool(InvalidTransaction(InvalidTransaction::Stale))'],
  ['geth', 'replacement transaction underpriced'],
  ['Nethermind', 'ReplacementNotAllowed'],
  ['Frontier', 'submit transaction to pool failed: Pool(TooLowPriority { old: 10, new: 9 })'],
])('a nonce that may be used and is used refuses nothing, and otherwise does: %s says "%s"', async (_, says) => {
  const chain = { usable: () => [endpointOf(new Error(says)).endpoint] }
  const isTaken = async (mayBeUsed: boolean) =>
    (await broadcast('0x01', { mayBeUsed }, { chain, clock: createManualClock() })).isTaken
  expect([await isTaken(true), await isTaken(false)]).toEqual([true, false])
})
