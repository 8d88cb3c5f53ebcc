import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { absentLane, type JudgedRound, laneOf } from '../../../src/core/checker/epoch/pack.ts'
import { flagBit, type Verdict, verdicts } from '../../../src/core/protocol/verdict.ts'

const round = (verdict: Verdict, rate = 0): JudgedRound => ({ verdict, rate, reason: 'R', detail: 'd' })
const facts = (rounds: JudgedRound[]) => ({
  rounds,
  heartbeatsAsked: 4,
  heartbeatsAnswered: 3,
  deviceValid: true,
  environmentValid: true,
})
const everyFlag = flagBit.device | flagBit.environment | flagBit.work | flagBit.judged

describe('laneOf', () => {
  it('a lane’s rate is the mean over the rounds, with a missed round as 0', () => {
    expect(laneOf(facts([round('VALID', 900), round('TIMEOUT')]))).toEqual({
      rate: 450,
      uptime: 7500,
      flags: everyFlag,
    })
  })

  it('the seat’s own faults are left out of the mean', () => {
    expect(laneOf(facts([round('VALID', 900), round('CHECKER_FAULT')])).rate).toBe(900)
  })

  it('the seat abstains when it judged fewer than half of the rounds', () => {
    expect(laneOf(facts([round('VALID', 900), round('CHECKER_FAULT'), round('CHECKER_FAULT')]))).toEqual(absentLane)
  })

  it('the seat abstains without a round', () => {
    expect(laneOf(facts([]))).toEqual(absentLane)
  })

  it('one proven wrong row clears the work flag for the epoch, whatever the other rounds were', () => {
    const lane = laneOf(facts([round('VALID', 900), round('WRONG')]))
    expect(lane.flags & flagBit.work).toBe(0)
    expect(lane.flags & flagBit.judged).toBe(flagBit.judged)
  })

  it('a lane never has more than the best round, and never a flag that was not earned', () => {
    const rounds = fc.array(
      fc.record({
        verdict: fc.constantFrom(...verdicts),
        rate: fc.nat(1_000_000),
        reason: fc.string(),
        detail: fc.string(),
      }),
      { maxLength: 32 },
    )
    fc.assert(
      fc.property(
        rounds,
        fc.boolean(),
        fc.boolean(),
        fc.nat(100),
        fc.nat(100),
        (judged, deviceValid, environmentValid, asked, missed) => {
          const answered = Math.max(0, asked - missed)
          const lane = laneOf({
            rounds: judged,
            deviceValid,
            environmentValid,
            heartbeatsAsked: asked,
            heartbeatsAnswered: answered,
          })
          expect(lane.rate).toBeLessThanOrEqual(Math.max(0, ...judged.map(each => each.rate)))
          expect(lane.uptime).toBeGreaterThanOrEqual(0)
          expect(lane.uptime).toBeLessThanOrEqual(10_000)
          if (!deviceValid) expect(lane.flags & flagBit.device).toBe(0)
          if (!environmentValid) expect(lane.flags & flagBit.environment).toBe(0)
          if ((lane.flags & flagBit.judged) === 0) expect(lane).toEqual(absentLane)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
