import { describe, expect, test } from 'vitest'
import { planCohort, planSeed, seatsIn } from '../../../src/core/epoch/settlement-plan.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'

const cohort = (changes: Partial<Parameters<typeof planCohort>[1]> = {}) => ({
  cohort: 3,
  state: 'pending' as const,
  committed: 0b11111,
  revealed: 0,
  lanesPaid: 0,
  checkersPaid: false,
  members: [zeroBytes32, null],
  ...changes,
})
const epoch = (phase: Parameters<typeof planCohort>[0]['phase'], totalFixed = false) => ({
  epoch: 7,
  phase,
  totalFixed,
})
const what = (...args: Parameters<typeof planCohort>) => planCohort(...args).map(step => step.do)

describe('settlement plan', () => {
  test('in OPEN a cohort is finalized with every committed seat, or voided where three did not commit', () => {
    expect(planCohort(epoch('open'), cohort())).toEqual([{ do: 'finalize', epoch: 7, cohort: 3, seats: 0b11111 }])
    expect(what(epoch('open'), cohort({ committed: 0b10111 }))).toEqual(['finalize'])
    expect(what(epoch('open'), cohort({ committed: 0b10001 }))).toEqual(['void'])
  })

  test('in FINALIZE a cohort is finalized with exactly what was revealed, or voided below three', () => {
    expect(planCohort(epoch('finalize'), cohort({ revealed: 0b01110 }))).toEqual([
      { do: 'finalize-revealed', epoch: 7, cohort: 3, seats: 0b01110 },
    ])
    expect(what(epoch('finalize'), cohort({ revealed: 0b00110 }))).toEqual(['void'])
  })

  test('no step is planned in the phases that belong to the seats, nor for an empty cohort', () => {
    for (const phase of ['work', 'commit', 'reveal', 'pay'] as const) expect(what(epoch(phase), cohort())).toEqual([])
    expect(what(epoch('open'), cohort({ members: [null, null] }))).toEqual([])
  })

  test('final cohorts are paid once the total is fixed, and only their unpaid parts', () => {
    const final = cohort({ state: 'final' })
    expect(what(epoch('open', false), final)).toEqual([])
    expect(what(epoch('open', true), final)).toEqual(['payCohort', 'payCheckers'])
    expect(what(epoch('pay', true), { ...final, lanesPaid: 64 })).toEqual(['payCheckers'])
    expect(what(epoch('pay', true), { ...final, lanesPaid: 64, checkersPaid: true })).toEqual([])
    for (const state of ['void', 'forgotten'] as const) expect(what(epoch('pay', true), cohort({ state }))).toEqual([])
  })

  test('a seed is pinned, then rolled after the pinned block, and pinned again where its hash is out of reach', () => {
    const unseeded = { epoch: 4, seed: null, pinnedBlock: null }
    expect(planSeed(unseeded, 100n, false)).toEqual({ do: 'pin', epoch: 4, after: 0n })
    expect(planSeed({ ...unseeded, pinnedBlock: 100n }, 99n, false)).toBeNull()
    expect(planSeed({ ...unseeded, pinnedBlock: 100n }, 100n, false)).toEqual({ do: 'roll', epoch: 4 })
    expect(planSeed({ ...unseeded, pinnedBlock: 100n }, 357n, true)).toEqual({ do: 'pin', epoch: 4, after: 100n })
    expect(planSeed({ ...unseeded, seed: zeroBytes32 }, 100n, true)).toBeNull()
  })

  test('the mask of openings has one bit for each seat', () => {
    const opening = { salt: zeroBytes32, words: [] as never, proof: [] }
    expect(seatsIn([0, 3, 4].map(seat => ({ ...opening, seat })))).toBe(0b11001)
  })
})
