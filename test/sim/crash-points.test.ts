/**
 * Crash at every named point between job, report, commit, reveal, finalize and pay, of both daemons: afterwards the chain shows
 * one commitment, one opening, one verdict a slot, one payment, and no report is missing.
 */
import { afterAll, expect, it } from 'vitest'
import { currentEpoch, getCohort, getEpoch } from '../../src/core/chain/epochs.ts'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import type { Role } from '../../src/core/devnet/roles.ts'
import { specHash, specs } from '../../src/core/job/spec.ts'
import { crashPoints } from '../../src/core/platform/crash-point.ts'
import { createAuditor } from './audit-network.ts'
import { type FaultyDevnet, startFaultyDevnet } from './faulty-devnet.ts'

/**
 * All settling first, then one round: a seat that falls while it settles is not kept from judging by it. Openings are waited for
 * longer than the chain waits for who fell in the round.
 */
const epochSeconds = 28
const phases = { commitSeconds: 4, openSeconds: 4, revealSeconds: 3, finalizeSeconds: 3 }
const rounds = { slots: 1, maxRounds: 2, eligibleFromSeconds: 15, cutoffSeconds: 16, openingsMs: 9_000 }
const transaction = (...functions: string[]) =>
  functions.flatMap(name => [`transaction.recorded:${name}`, `transaction.sent:${name}`])
/** By epoch: of a round's five seats at most two fall in it, which a committee can do without. */
const plan: readonly (readonly string[])[] = [
  [
    ...['provider.worked', 'provider.commitment-recorded', 'checker.offered', 'checker.sampled'],
    ...['checker.openings-recorded', ...transaction('commit', 'reveal', 'finalize')],
  ],
  [
    ...['provider.commitment-sent', 'provider.opened', 'checker.evidence-kept', 'checker.verdict-recorded'],
    ...transaction('payCohort', 'payCheckers'),
  ],
]

function parameters() {
  const preset = devnetParameters(specHash(specs.devnet), epochSeconds)
  return { timeline: { ...preset.timeline, ...phases }, rounds: { ...preset.rounds, ...rounds } }
}

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
  faulty = await startFaultyDevnet({ epochSeconds, parameters: parameters(), restarts })
  const { devnet } = faulty
  faulty.arm(plan[0]!)
  const name = await held.promise
  const settled = (await currentEpoch(devnet.network)) - 1
  faulty.arm(plan[1]!)
  await faulty.until((await getEpoch(devnet.network, settled)).revealAt)
  await faulty.bringBack(name)

  const auditor = createAuditor(faulty)
  let epoch = settled
  const next = async () => {
    await devnet.paidEpochs(epoch + 1)
    await auditor.audit(epoch++)
  }
  while (faulty.armed().length > 0 && epoch < settled + 5) await next()
  expect(faulty.armed(), 'points that nobody came to').toEqual([])
  // One more, undisturbed: everybody who fell takes part again.
  await next()
  expect(await auditor.result()).toMatchObject({ lost: [], doubled: [], honestFailed: [], mispaid: [] })
  expect((await getCohort(devnet.network, epoch - 1, 0)).opened).toBe(0b11111)
})
