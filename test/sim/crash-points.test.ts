/**
 * Crash at every named point between job, report, commit, reveal, finalize and pay, of both daemons: afterwards the chain shows
 * one commitment, one opening, one verdict a slot, one payment, and no report is missing. Real processes that fall are in
 * kill-and-restart.test.ts.
 */
import { afterAll, expect, it } from 'vitest'
import { getCohort, getEpoch } from '../../src/core/chain/epochs.ts'
import type { Role } from '../../src/core/devnet/roles.ts'
import { crashPoints } from '../../src/core/platform/crash-point.ts'
import { createAuditor, paidEpochs } from './audit-network.ts'
import { simulationParameters } from './simulation-parameters.ts'
import { startSimulation } from './virtual/simulation.ts'

/** All settling first, then a round of each kind: who falls while it settles is back before them. */
const epochSeconds = 30
// REVEAL has room for who comes back in it, which takes up to two seconds, and for two blocks.
const phases = { commitSeconds: 4, openSeconds: 4, revealSeconds: 6, finalizeSeconds: 4 }
const rounds = { slots: 1, maxRounds: 2, eligibleFromSeconds: 20, cutoffSeconds: 24, openingsMs: 6_000, beats: 1 }
const transaction = (...functions: string[]) =>
  functions.flatMap(name => [`transaction.recorded:${name}`, `transaction.sent:${name}`])
/** By the epoch they are armed in. Of five seats at most two fall in an epoch's one round of a kind, which a committee can do without. */
const plan: readonly (readonly string[])[] = [
  [
    ...['provider.worked', 'provider.commitment-recorded', 'checker.offered'],
    ...['checker.openings-recorded', ...transaction('commit', 'reveal', 'finalize')],
  ],
  ['provider.commitment-sent', 'checker.sampled', 'checker.verdict-recorded'],
  ['provider.opened', 'checker.evidence-kept'],
  transaction('payCohort', 'payCheckers'),
]

const points = plan.flat()
const fallen: string[] = []
let held: string | null = null

/** Who falls right after its commitment left is held back over OPEN: that sends the cohort to REVEAL. */
function restarts({ name }: Role, reason: string): boolean {
  if (points.includes(reason)) fallen.push(reason)
  if (reason !== 'transaction.sent:commit') return true
  held = name
  return false
}

const parameters = simulationParameters(epochSeconds, { phases, rounds })
const simulation = await startSimulation({ seed: 1, epochSeconds, parameters, restarts })
afterAll(simulation.close)

it('nothing is lost and nothing doubled, wherever a daemon falls', async () => {
  expect(points).toEqual(expect.arrayContaining(Object.values(crashPoints).flat()))
  const { network } = simulation
  const auditor = createAuditor(simulation)
  for (const [epoch, armed] of plan.entries()) {
    await simulation.until((await getEpoch(network, epoch)).startsAt)
    simulation.arm(armed)
    if (epoch !== 1) continue
    await simulation.until((await getEpoch(network, 0)).revealAt)
    simulation.bringBack(held!)
  }
  for (const epoch of plan.keys()) {
    await simulation.until((await getEpoch(network, epoch)).payAt + 4)
    await auditor.audit(epoch)
  }
  expect(simulation.armed(), 'points that nobody came to').toEqual([])
  expect(fallen.toSorted()).toEqual(points.toSorted())
  const audit = await auditor.result()
  expect(paidEpochs(audit)).not.toEqual([])
  expect(audit).toMatchObject({ lost: [], absent: [], doubled: [], honestFailed: [], mispaid: [] })
  // Everybody who fell takes part in the end.
  expect((await getCohort(network, plan.length - 1, 0)).opened).toBe(0b11111)
})
