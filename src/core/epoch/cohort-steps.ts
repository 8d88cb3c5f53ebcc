/**
 * What the cohorts of an epoch need, from reads that grow with their number and not with its square: a phase of a large network lasts as
 * many blocks as its transactions take, and at each of them most cohorts are as they were.
 */
import { type EpochOverview, getCohort } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { keptEpochs } from '../protocol/constants.ts'
import { planCohort, type SettlementStep } from './settlement-plan.ts'

/** Reads at a time. */
const readAtOnce = 16
/** Cohorts of a phase that are read in one pass, until all were; an endpoint allows a client some hundred reads a second. */
const newInPass = 1_024
/** Cohorts that are read again in a pass, the one that was read longest ago first: other keepers take steps, and a reorg takes them back. */
const againInPass = 16

export type CohortSteps = {
  /** The steps that are open, as far as was read. */
  of(overview: Overview): Promise<SettlementStep[]>
  /** Whether a step is open now: reads its cohort, unless the last call of {@link of} has. */
  isOpen(step: Pick<CohortStep, 'do' | 'cohort'>, overview: Overview): Promise<boolean>
}

type Overview = Pick<EpochOverview, 'epoch' | 'phase' | 'totalFixed' | 'cohorts'>
type CohortStep = SettlementStep & { readonly cohort: number }
type ReadCohort = (
  network: ConnectedNetwork,
  epoch: number,
  cohort: number,
) => Promise<Parameters<typeof planCohort>[1]>

type Known = {
  /** Phase, and whether the total is fixed: in another one other steps are open. */
  readonly name: string
  /** By cohort; of those that were read, the one that was read longest ago first. */
  readonly steps: Map<number, readonly SettlementStep[]>
  /** Read in the last pass. */
  readonly fresh: Set<number>
}

/** @param options - `readsAll`: whether every cohort is read in every pass */
export function createCohortSteps(
  network: ConnectedNetwork,
  { readsAll = false, readCohort = getCohort }: { readonly readsAll?: boolean; readonly readCohort?: ReadCohort },
): CohortSteps {
  const epochs = new Map<number, Known>()

  function knownOf({ epoch, phase, totalFixed }: Overview): Known {
    const name = `${phase} ${totalFixed}`
    const before = epochs.get(epoch)
    if (before?.name === name) return before
    const known: Known = { name, steps: new Map(), fresh: new Set() }
    epochs.set(epoch, known)
    epochs.delete(epoch - keptEpochs)
    return known
  }

  async function look(known: Known, overview: Overview, cohort: number) {
    const steps = planCohort(overview, await readCohort(network, overview.epoch, cohort))
    known.steps.delete(cohort)
    known.steps.set(cohort, steps)
    known.fresh.add(cohort)
    return steps
  }

  return {
    async of(overview) {
      const known = knownOf(overview)
      const read = [...known.steps.keys()]
      const unread: number[] = []
      for (let cohort = 0; cohort < overview.cohorts; cohort++) if (!known.steps.has(cohort)) unread.push(cohort)
      const wanted = readsAll ? [...unread, ...read] : [...unread.slice(0, newInPass), ...read.slice(0, againInPass)]
      known.fresh.clear()
      for (let from = 0; from < wanted.length; from += readAtOnce)
        await Promise.all(wanted.slice(from, from + readAtOnce).map(cohort => look(known, overview, cohort)))
      return [...known.steps.values()].flat()
    },
    async isOpen({ do: what, cohort }, overview) {
      const known = knownOf(overview)
      const steps = known.fresh.has(cohort) ? known.steps.get(cohort)! : await look(known, overview, cohort)
      return steps.some(step => step.do === what)
    },
  }
}
