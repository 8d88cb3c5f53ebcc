import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import { drawRound } from '../../../src/core/checker/check-peers.ts'

type Shown = Parameters<typeof drawRound>[0]['rounds'][number]
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const shown = (ordinal: number, changes: Partial<Shown>): Shown => ({
  ...{ ordinal, round: hash(ordinal), kind: 'tensor', verdict: 'VALID', reason: 'ALL_EQUAL', figures: { tensor: 9 } },
  ...{ commitmentHash: hash(1), witness: hash(2), evidence: hash(3), proof: [], ...changes },
})
const drawn = (rounds: Shown[]) => drawRound({ epoch: 0, deviceId: hash(7), rounds }, list => list[0])?.ordinal ?? null

it('of a round that was judged VALID and then WRONG nothing is recomputed: its bundle is about what was wrong', () => {
  const wrong = shown(0, { verdict: 'WRONG', reason: 'TWO_COMMITMENTS', figures: {} })
  expect(drawn([wrong])).toBeNull()
  expect(drawn([wrong, shown(1, {})])).toBe(1)
})

it('work that a seat counts without a witness is looked at before any other', () => {
  expect(drawn([shown(0, {}), shown(1, { witness: null })])).toBe(1)
  expect(drawn([shown(0, {}), shown(1, { witness: null, reason: 'NO_WORK', figures: {} })])).toBe(0)
})
