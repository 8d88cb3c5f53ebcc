/** A keeper's reads of cohorts grow with their number: counted, over phases that last as many blocks as the transactions take. */
import { expect, it } from 'vitest'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import { createCohortSteps } from '../../../src/core/epoch/cohort-steps.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'

/** A chain on which this many cohorts wait to be finalized. */
function chainOf(cohorts: number) {
  const final = new Set<number>()
  let reads = 0
  return {
    final,
    reads: () => reads,
    overview: { epoch: 7, phase: 'open', totalFixed: false, cohorts } as const,
    async readCohort(_: ConnectedNetwork, __: number, cohort: number) {
      reads++
      return {
        ...{ cohort, committed: 0b11111, revealed: 0, lanesPaid: 0, checkersPaid: false, members: [zeroBytes32] },
        state: final.has(cohort) ? ('final' as const) : ('pending' as const),
      }
    },
  }
}
const network = {} as ConnectedNetwork

/** Reads of a keeper that takes this many steps a block until every cohort is final. */
async function readsToSettle(cohorts: number, perBlock = 8): Promise<number> {
  const { final, reads, overview, readCohort } = chainOf(cohorts)
  const steps = createCohortSteps(network, { readCohort })
  for (let block = 0; final.size < cohorts; block++) {
    expect(block).toBeLessThan(cohorts)
    let taken = 0
    for (const step of await steps.of(overview)) {
      if (!('cohort' in step) || taken === perBlock) continue
      if (!(await steps.isOpen(step, overview))) continue
      final.add(step.cohort)
      taken++
    }
  }
  return reads()
}

it('a phase of ten times as many cohorts takes ten times as many reads', async () => {
  const [few, many] = [await readsToSettle(160), await readsToSettle(1_600)]
  // Each when the phase begins, before it is taken and after it, and 16 at each block, in which eight are taken.
  expect(few).toBeLessThanOrEqual(160 * (3 + 16 / 8) + 32)
  expect(many).toBeLessThanOrEqual(1_600 * (3 + 16 / 8) + 32)
})

it('of a few cohorts each is read at each pass, and of many no more in a pass than an endpoint allows', async () => {
  for (const [cohorts, passes] of [
    [3, [3, 3, 3]],
    [16, [16, 16, 16]],
    [2_500, [1_024, 1_024 + 16, 452 + 16, 16]],
  ] as const) {
    const { reads, overview, readCohort } = chainOf(cohorts)
    const steps = createCohortSteps(network, { readCohort })
    let before = 0
    for (const expected of passes) {
      await steps.of(overview)
      expect(reads() - before).toBe(expected)
      before = reads()
    }
    expect(await steps.of(overview)).toHaveLength(cohorts)
  }
})

it('what another keeper has done is not taken, what a reorg takes back is found again, and another phase is read anew', async () => {
  const { final, reads, overview, readCohort } = chainOf(40)
  const steps = createCohortSteps(network, { readCohort })
  const [first] = await steps.of(overview)
  await steps.of(overview)
  final.add(39)
  expect(await steps.isOpen({ do: 'finalize', cohort: 39 }, overview)).toBe(false)
  expect(await steps.of(overview)).toHaveLength(39)
  final.clear()
  for (let pass = 0; pass < 3; pass++) await steps.of(overview)
  expect(await steps.of(overview)).toHaveLength(40)
  expect(first).toMatchObject({ do: 'finalize', epoch: 7 })
  const before = reads()
  expect(await steps.of({ ...overview, phase: 'reveal' })).toEqual([])
  expect(reads() - before).toBe(40)
})

it('who settles by hand reads everything at each pass', async () => {
  const { reads, overview, readCohort } = chainOf(40)
  const steps = createCohortSteps(network, { readsAll: true, readCohort })
  for (let pass = 1; pass <= 3; pass++) {
    await steps.of(overview)
    expect(reads()).toBe(40 * pass)
  }
})
