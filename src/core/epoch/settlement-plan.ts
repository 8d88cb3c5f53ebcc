import type { Address, Hex } from 'viem'
import type { BondedChecker } from '../chain/checkers.ts'
import type { DeviceOverview } from '../chain/devices.ts'
import type { CohortOverview, EpochOverview } from '../chain/epochs.ts'
import { cohortLanes, quorum } from '../protocol/constants.ts'
import type { OpeningWords } from './opening.ts'

/** A seat's opening in the form of the contract. */
export type OpeningOnChain = {
  /** Place of the owner in the committee, from 0. */
  readonly seat: number
  readonly salt: Hex
  readonly words: OpeningWords
  readonly proof: readonly Hex[]
}

/** One step that a keeper can take for an epoch now. */
export type SettlementStep =
  | { readonly do: 'roll'; readonly epoch: number }
  /** `after` is the pinned block whose hash is out of reach, 0 where no block was pinned. */
  | { readonly do: 'pin'; readonly epoch: number; readonly after: bigint }
  /** In OPEN, with the opening of every committed seat, which the keeper asks the seats for; `seats` is their mask. */
  | { readonly do: 'finalize'; readonly epoch: number; readonly cohort: number; readonly seats: number }
  /** In FINALIZE, or later while the next epoch lasts, with exactly the revealed openings, which are read from the chain. */
  | { readonly do: 'finalize-revealed'; readonly epoch: number; readonly cohort: number; readonly seats: number }
  | { readonly do: 'void' | 'payCohort' | 'payCheckers'; readonly epoch: number; readonly cohort: number }
  /** For a seat that did not answer its audit in time. */
  | { readonly do: 'strike'; readonly epoch: number; readonly cohort: number; readonly seat: number }
  | { readonly do: 'payKeeper' | 'closeEpoch'; readonly epoch: number }
  /** `jail`: for a Checker with enough strikes, or whose bond lacks a tenth. `unjail`: for our own seats, once the time in jail is served. */
  | { readonly do: 'jail' | 'unjail'; readonly epoch: number; readonly checker: Address }
  /** `delist`: for a device that earned nothing for too long. `claimIdentity`: for one whose attested identity was confirmed. */
  | { readonly do: 'delist' | 'claimIdentity'; readonly epoch: number; readonly device: Hex }

const seatCount = (mask: number): number => mask.toString(2).replaceAll('0', '').length

/** The mask of the seats whose openings these are. */
export const seatsIn = (openings: readonly OpeningOnChain[]): number =>
  openings.reduce((mask, { seat }) => mask | (1 << seat), 0)

/**
 * The step that the seed of the current epoch needs, or null. A step may be planned one block early, since its transaction lands in a later block.
 *
 * @param isExpired - whether the chain no longer knows the hash of the pinned block
 */
export function planSeed(
  { epoch, seed, pinnedBlock }: Pick<EpochOverview, 'epoch' | 'seed' | 'pinnedBlock'>,
  headNumber: bigint,
  isExpired: boolean,
): SettlementStep | null {
  if (seed !== null) return null
  if (pinnedBlock === null || isExpired) return { do: 'pin', epoch, after: pinnedBlock ?? 0n }
  return headNumber >= pinnedBlock ? { do: 'roll', epoch } : null
}

/** The steps that a cohort of an epoch needs in its present phase, after the epoch has ended. */
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
  if (state !== 'final' || !totalFixed) return []
  return [
    ...(cohort.lanesPaid < cohortLanes ? [{ do: 'payCohort', ...about } as const] : []),
    ...(cohort.checkersPaid ? [] : [{ do: 'payCheckers', ...about } as const]),
  ]
}

/** The input of {@link planErrands}, read once an epoch. */
export type NetworkMembers = {
  readonly checkers: readonly Pick<
    BondedChecker,
    'operator' | 'seats' | 'strikes' | 'bond' | 'jailed' | 'jailedUntil'
  >[]
  readonly devices: readonly Pick<DeviceOverview, 'id' | 'until' | 'silentEpochs'>[]
  /** Devices whose claim to an attested identity the registry would accept. */
  readonly claims: readonly Hex[]
}

export type ErrandRules = {
  readonly seatBond: bigint
  readonly strikesToJail: number
  readonly delistAfterEpochs: number
}

/** The calls about Checkers and devices that are due while `epoch` is settled. Each earns a bounty, except the return from jail. */
export function planErrands(
  epoch: number,
  keeper: Address,
  { checkers, devices, claims }: NetworkMembers,
  { seatBond, strikesToJail, delistAfterEpochs }: ErrandRules,
): SettlementStep[] {
  const isDue = ({ jailed, seats, strikes, bond }: NetworkMembers['checkers'][number]) =>
    !jailed && seats > 0 && (strikes >= strikesToJail || bond * 10n <= BigInt(seats) * seatBond * 9n)
  // A Checker may leave jail in the epoch that it was jailed until: the one after the epoch that is settled.
  const isServed = ({ operator, jailed, jailedUntil }: NetworkMembers['checkers'][number]) =>
    operator === keeper && jailed && epoch + 1 >= jailedUntil
  return [
    ...checkers.filter(isDue).map(({ operator }) => ({ do: 'jail', epoch, checker: operator }) as const),
    ...checkers.filter(isServed).map(({ operator }) => ({ do: 'unjail', epoch, checker: operator }) as const),
    ...devices
      .filter(({ until, silentEpochs }) => until === null && silentEpochs >= delistAfterEpochs)
      .map(({ id }) => ({ do: 'delist', epoch, device: id }) as const),
    ...claims.map(device => ({ do: 'claimIdentity', epoch, device }) as const),
  ]
}
