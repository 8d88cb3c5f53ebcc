/**
 * What it costs to pass the work to a faster machine: the job is known there half a round trip after the trigger, and its root must be
 * back before the seats stop waiting. The real window and the real check, on a clock that is told how late they are.
 */
import { devnetParameters, productionParameters } from '../../src/core/chain/network-presets.ts'
import { type JobsName, jobSets, jobsHash } from '../../src/core/job/jobs.ts'
import { countedRate, createCard, triggerMs } from './card.ts'

export type RelayRow = {
  readonly attack: string
  /** Round trip between the registered host and the machine that works. */
  readonly relayMs: number
  /** Rate counted ÷ that of the same machine on the spot, both clients keeping to the window. */
  readonly rateShare: number
  /** 1 − relayMs ÷ D. */
  readonly expected: number
  /** The same ÷, where the relay's client is modified to work to the end of the grace. */
  readonly withGrace: number
  readonly formula: string
  readonly ok: boolean
}

const delaysMs = [0, 5, 20, 50, 100, 200, 500]
/** Rows of a fast machine in a millisecond. */
const rowsPerMs = 5
/** What a window may lose at its end, as a share of it. */
const windowLoss = 0.02

const rulesOf: Record<JobsName, { readonly windowMs: number; readonly graceMs: number }> = {
  devnet: devnetParameters(jobsHash(jobSets.devnet)).rounds,
  standard: productionParameters(jobsHash(jobSets.standard)).rounds,
}

/** The rate that a seat counts, which sees the trigger when the registered host does. */
async function relayedRate(name: JobsName, relayMs: number, graceUsedMs: number): Promise<number> {
  const { windowMs, graceMs } = rulesOf[name]
  const card = createCard(1 / rowsPerMs, triggerMs + relayMs / 2)
  const rows = await card.work(0, triggerMs + windowMs + graceUsedMs - relayMs / 2)
  return countedRate(jobSets[name].tensor, graceMs, triggerMs, {
    rows,
    arrivesMs: card.clock.monotonicMs() + relayMs / 2,
  })
}

/** One row for each spec and delay. */
export async function* relayCurve(): AsyncGenerator<RelayRow> {
  for (const name of Object.keys(jobSets) as JobsName[]) {
    const { windowMs, graceMs } = rulesOf[name]
    const onTheSpot = await relayedRate(name, 0, 0)
    for (const relayMs of delaysMs) {
      const rateShare = (await relayedRate(name, relayMs, 0)) / onTheSpot
      const withGrace = (await relayedRate(name, relayMs, graceMs)) / onTheSpot
      const expected = Math.max(0, 1 - relayMs / windowMs)
      const ok = Math.abs(rateShare - expected) <= windowLoss
      const formula = '1 − relay ÷ D'
      yield { attack: `relay to a faster machine, ${name}`, relayMs, rateShare, expected, withGrace, formula, ok }
    }
  }
}
