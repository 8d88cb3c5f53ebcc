import { expect, it } from 'vitest'
import { encodeRateDown } from '../../../src/core/epoch/minifloat.ts'
import { cohortKey, type FinalizedCohort, type Membership } from '../../../src/core/network/history.ts'
import { replayStanding } from '../../../src/core/network/replay-standing.ts'
import { allFlags, hex } from './epoch-simulation.ts'

const stay = (since: number, until: number | null, lane = 0): Membership => ({
  ...{ device: hex('d1', 32), operator: hex(1, 20), generation: 1, registeredTxHash: hex('aa', 32) },
  ...{ lane, since, until },
})

/** Four out of five seats judged it with this capacity in each epoch; 0: it did not work. */
const finalized = (rates: Readonly<Record<number, bigint>>) =>
  new Map(
    Object.entries(rates).map(([epoch, rate]): [string, FinalizedCohort] => [
      cohortKey(Number(epoch), 0),
      {
        ...{ txHash: hex('f1', 32), blockNumber: 1n, opened: [], evidenceRoots: [] },
        rates: Array.from({ length: 64 }, () => encodeRateDown(rate)),
        uptimes: Array.from({ length: 64 }, () => 10_000),
        flags: Array.from({ length: 64 }, () => allFlags),
        certain: Array.from({ length: 64 }, () => true),
        credits: Array.from({ length: 64 }, () => rate),
      },
    ]),
  )
const replay = (memberships: readonly Membership[], epoch: number, rates: Readonly<Record<number, bigint>>) =>
  replayStanding({
    history: { finalized: finalized(rates), counted: new Map() },
    memberships,
    epoch,
    terms: { firstStanding: 400n, firstPaidEpoch: 0 },
  })

it.each([
  ['the same lane', 0],
  ['another lane', 3],
])('who leaves silent comes back with a quarter less and no silence, in %s', (_, lane) => {
  const stays = [stay(0, 1), stay(4, null, lane)]
  const rates = { 0: 400n, 1: 0n, 4: 0n, 5: 0n }
  expect(replay(stays, 1, rates)).toEqual({ standingBefore: 400n, silentBefore: false })
  expect(replay(stays, 4, rates)).toEqual({ standingBefore: 300n, silentBefore: false })
  // Its first epoch without a credit costs nothing, as any first one; the next a quarter.
  expect(replay(stays, 5, rates)).toEqual({ standingBefore: 300n, silentBefore: true })
  expect(replay(stays, 6, rates)).toEqual({ standingBefore: 225n, silentBefore: true })
})

it('who earned last comes back with all of its standing', () => {
  expect(replay([stay(0, 1), stay(4, null)], 4, { 0: 400n, 1: 400n })).toEqual({
    standingBefore: 400n,
    silentBefore: false,
  })
})

it('a stay in which nothing became final takes the quarter once', () => {
  expect(replay([stay(0, 1), stay(4, 5), stay(8, null)], 8, { 0: 400n, 1: 0n }).standingBefore).toBe(300n)
})
