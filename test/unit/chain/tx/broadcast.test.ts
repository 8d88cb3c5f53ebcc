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

const isHeld = { mayBeUsed: true, isFresh: true }
/** No refusal only where the nonce may be used. */
const isUsed = { mayBeUsed: true, isFresh: false }
it.each([
  ['geth, reth', 'already known', isHeld],
  ['Nethermind', 'AlreadyKnown', isHeld],
  ['OpenEthereum', 'Transaction with the same hash was already imported.', isHeld],
  ['Frontier', 'submit transaction to pool failed: Pool(AlreadyImported(Any { .. }))', isHeld],
  ['Besu', 'Known transaction', isHeld],
  ['Hardhat', 'Known transaction: 0xe2f78a36869e1be5a29d543cdccfa2e5fd34d097d65e75094384277f664975d6', isHeld],
  ['Erigon', 'INTERNAL_ERROR: existing tx with same hash', isHeld],
  ['geth', 'nonce too low: next nonce 7, tx nonce 6', isUsed],
  ['OpenEthereum', 'Transaction nonce is too low. Try incrementing the nonce.', isUsed],
  ['Nethermind', 'OldNonce, Current nonce: 7, nonce of rejected tx: 6', isUsed],
  ['Frontier', 'submit transaction to pool failed: Pool(InvalidTransaction(InvalidTransaction::Stale))', isUsed],
  ['geth', 'replacement transaction underpriced', isUsed],
  ['Nethermind', 'ReplacementNotAllowed', isUsed],
  ['Frontier', 'submit transaction to pool failed: Pool(TooLowPriority { old: 10, new: 9 })', isUsed],
])('what a node says of a transaction that it has, or whose nonce is used: %s says "%s"', async (_, says, expected) => {
  const chain = { usable: () => [endpointOf(new Error(says)).endpoint] }
  const isTaken = async (mayBeUsed: boolean) =>
    (await broadcast('0x01', { mayBeUsed }, { chain, clock: createManualClock() })).isTaken
  expect({ mayBeUsed: await isTaken(true), isFresh: await isTaken(false) }).toEqual(expected)
})
