/**
 * Crash at every named point between job, report, commit, reveal, finalize and pay, of both daemons: afterwards the chain shows
 * one commitment, one opening, one verdict a slot, one payment, and no report is missing.
 */
import { afterAll, expect, it } from 'vitest'
import { getCohort, getEpoch } from '../../src/core/chain/epochs.ts'
import type { Role } from '../../src/core/devnet/roles.ts'
import { crashPoints } from '../../src/core/platform/crash-point.ts'
import { createAuditor } from './audit-network.ts'
import { type FaultyDevnet, startFaultyDevnet } from './processes/faulty-devnet.ts'
import { simulationParameters } from './simulation-parameters.ts'

/** All settling first, then a round: who falls while it settles is back before the next one. */
const epochSeconds = 28
const phases = { commitSeconds: 4, openSeconds: 4, revealSeconds: 4, finalizeSeconds: 4 }
const rounds = { slots: 1, maxRounds: 2, eligibleFromSeconds: 16, cutoffSeconds: 17, openingsMs: 6_000 }
const transaction = (...functions: string[]) =>
  functions.flatMap(name => [`transaction.recorded:${name}`, `transaction.sent:${name}`])
/** By the epoch they are armed in. Of a round's five seats at most two fall in it, which a committee can do without. */
const plan: readonly (readonly string[])[] = [
  [
    ...['provider.worked', 'provider.commitment-recorded', 'checker.offered'],
    ...['checker.openings-recorded', ...transaction('commit', 'reveal', 'finalize')],
  ],
  [
    'provider.commitment-sent',
    'checker.sampled',
    'checker.verdict-recorded',
    ...transaction('payCohort', 'payCheckers'),
  ],
  ['provider.opened', 'checker.evidence-kept'],
]

const held = Promise.withResolvers<string>()
let isHeld = false
let faulty: FaultyDevnet | null = null

/** Who falls right after its commitment left is held back over OPEN: that sends the cohort to REVEAL. */
function restarts({ name, kind }: Role): boolean {
  if (isHeld || kind !== 'checker' || !faulty?.fellAt(name, 'transaction.sent:commit')) return true
  isHeld = true
  held.resolve(name)
  return false
}

afterAll(() => faulty?.close())

it('nothing is lost and nothing doubled, wherever a daemon falls', async () => {
  expect(plan.flat()).toEqual(expect.arrayContaining(Object.values(crashPoints).flat()))
  faulty = await startFaultyDevnet({
    epochSeconds,
    parameters: simulationParameters(epochSeconds, { phases, rounds }),
    restarts,
  })
  const { devnet } = faulty
  const auditor = createAuditor({ ...faulty.devnet, dataDir: faulty.dataDir })
  for (const [epoch, points] of plan.entries()) {
    const { startsAt } = await getEpoch(devnet.network, epoch)
    await faulty.until(startsAt)
    faulty.arm(points)
    if (epoch !== 1) continue
    const name = await held.promise
    await faulty.until((await getEpoch(devnet.network, 0)).revealAt)
    await faulty.bringBack(name)
  }
  for (const epoch of plan.keys()) {
    await devnet.paidEpochs(epoch + 1)
    await auditor.audit(epoch)
  }
  expect(faulty.armed(), 'points that nobody came to').toEqual([])
  expect(await auditor.result()).toMatchObject({ lost: [], absent: [], doubled: [], honestFailed: [], mispaid: [] })
  // Everybody who fell takes part in the end.
  expect((await getCohort(devnet.network, plan.length - 1, 0)).opened).toBe(0b11111)
})
