import type { Hex } from 'viem'
import type { CohortOverview, EpochOverview } from '../chain/epochs.ts'
import type { OpeningWords } from './opening.ts'
import { quorum } from './tally.ts'

/** A seat's opening as the contract takes it. */
export type OpeningOnChain = {
  /** Place of the owner in the committee, 0 to 4. */
  readonly seat: number
  readonly salt: Hex
  readonly words: OpeningWords
  readonly proof: readonly Hex[]
}

/** One thing a keeper can do for an epoch now. */
export type SettlementStep =
  | { readonly do: 'roll'; readonly epoch: number }
  /** `after`: the pinned block that is out of reach, 0 where none was pinned. */
  | { readonly do: 'pin'; readonly epoch: number; readonly after: bigint }
  /** In OPEN, with every committed seat's opening, asked from the seats; `seats` is the mask of those. */
  | { readonly do: 'finalize'; readonly epoch: number; readonly cohort: number; readonly seats: number }
  /** In FINALIZE, or later while the next epoch lasts, with exactly the revealed openings, read from the chain. */
  | { readonly do: 'finalize-revealed'; readonly epoch: number; readonly cohort: number; readonly seats: number }
  | { readonly do: 'void' | 'payCohort' | 'payCheckers'; readonly epoch: number; readonly cohort: number }
  /** A seat whose audit nobody answered in time. */
  | { readonly do: 'strike'; readonly epoch: number; readonly cohort: number; readonly seat: number }
  | { readonly do: 'payKeeper' | 'closeEpoch'; readonly epoch: number }

const seatCount = (mask: number): number => mask.toString(2).replaceAll('0', '').length

/** The mask of the seats that openings are from. */
export const seatsIn = (openings: readonly OpeningOnChain[]): number =>
  openings.reduce((mask, { seat }) => mask | (1 << seat), 0)

/** What the seed of an epoch needs; nothing while the pinned block is not mined. */
export function planSeed(
  { epoch, seed, pinnedBlock }: Pick<EpochOverview, 'epoch' | 'seed' | 'pinnedBlock'>,
  headNumber: bigint,
): SettlementStep | null {
  if (seed !== null) return null
  // Block hashes stay readable for 8191 blocks (EIP-2935).
  if (pinnedBlock === null || headNumber - pinnedBlock > 8_000n) return { do: 'pin', epoch, after: pinnedBlock ?? 0n }
  return headNumber > pinnedBlock ? { do: 'roll', epoch } : null
}

/** What a cohort of an epoch that is over needs in its present phase. */
export function planCohort(
  { epoch, phase, totalFixed }: Pick<EpochOverview, 'epoch' | 'phase' | 'totalFixed'>,
  cohort: Pick<
    CohortOverview,
    'cohort' | 'state' | 'committed' | 'revealed' | 'lanesPaid' | 'checkersPaid' | 'members'
  >,
): SettlementStep[] {
  const about = { epoch, cohort: cohort.cohort }
  const { state, committed, revealed } = cohort
  if (state === 'pending') {
    if (cohort.members.every(member => member === null)) return []
    if (phase === 'open')
      return seatCount(committed) < quorum
        ? [{ do: 'void', ...about }]
        : [{ do: 'finalize', ...about, seats: committed }]
    if (phase === 'finalize' && seatCount(revealed) < quorum) return [{ do: 'void', ...about }]
    // A revealed quorum may still be finalized while the next epoch lasts.
    if (phase === 'finalize' || (phase === 'pay' && seatCount(revealed) >= quorum))
      return [{ do: 'finalize-revealed', ...about, seats: revealed }]
    return []
  }
  if (state === 'void' || !totalFixed) return []
  return [
    ...(cohort.lanesPaid < 64 ? [{ do: 'payCohort', ...about } as const] : []),
    ...(cohort.checkersPaid ? [] : [{ do: 'payCheckers', ...about } as const]),
  ]
}
