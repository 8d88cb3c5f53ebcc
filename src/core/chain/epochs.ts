import type { Address, Hex } from 'viem'
import type { RoundRules, Timeline } from '../protocol/network-parameters.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { type EpochRounds, epochAt, isSameSeed } from '../protocol/trigger.ts'
import { blockAt } from './blocks.ts'
import { type ConnectedNetwork, lowerCase } from './network.ts'
import { type Answer, type ReadableNetwork, read } from './read.ts'

/** In the order of the contract's enum. */
const phases = ['future', 'work', 'commit', 'open', 'reveal', 'finalize', 'pay'] as const
export type Phase = (typeof phases)[number]

const cohortStates = ['pending', 'final', 'void', 'forgotten'] as const
/** What became of a cohort, as events tell it. */
export type CohortState = Exclude<(typeof cohortStates)[number], 'forgotten'>

const times = ['startsAt', 'commitAt', 'openAt', 'revealAt', 'finalizeAt', 'payAt', 'auditClosesAt'] as const
type Times = Readonly<Record<(typeof times)[number], number>>
type Raw = Answer<'KaisarLens', 'epochOverview'>

/**
 * Where an epoch stands. Times are block times in seconds, amounts wei of KAI. `totalFixed`: whether the sums that payments are divided by
 * are fixed, so that the epoch can be paid. `totals`: a payment is pool × credit ÷ (credits + openCaps), the latter of members without a
 * credit; `unpaid` counts final cohorts whose devices or Checkers are not all paid.
 */
export type EpochOverview = Pick<Raw, 'members' | 'cohorts' | 'totalFixed' | 'totals' | 'money'> &
  Times & {
    readonly epoch: number
    readonly phase: Phase
    /** Null while the epoch has no seed, and thus no committees, no jobs and no pay. */
    readonly seed: Hex | null
    readonly pinnedBlock: bigint | null
    /** Time of the block that set the seed: rounds begin in later ones. */
    readonly seededAt: number | null
  }

/** `keeperPool` is the most that bounties may take, `keeperPaid` what they have taken so far, seeds and resolutions left out. */
export type EpochMoney = Answer<'RewardVault', 'moneyOf'>

/** What the chain keeps of a cohort. Seats are numbered from 0; masks have bit i for seat i. */
export type CohortOverview = {
  readonly epoch: number
  readonly cohort: number
  /** `forgotten`: a later epoch has its place on chain. */
  readonly state: CohortState | 'forgotten'
  /** The committee's owners, null without a seed. */
  readonly seats: readonly Address[] | null
  readonly committed: number
  readonly revealed: number
  readonly opened: number
  /** Lanes in which each seat agreed with the result. */
  readonly agreed: readonly number[]
  readonly lanesPaid: number
  readonly checkersPaid: boolean
  /** Device of each lane, null where empty. */
  readonly members: readonly (Hex | null)[]
}

export async function getEpoch(network: ReadableNetwork, epoch: number): Promise<EpochOverview> {
  const raw = await read(network, 'KaisarLens', 'epochOverview', BigInt(epoch))
  return {
    ...raw,
    ...(Object.fromEntries(times.map(name => [name, Number(raw[name])])) as Times),
    epoch: Number(raw.epoch),
    phase: phases[raw.phase]!,
    seed: raw.seed === zeroBytes32 ? null : raw.seed,
    pinnedBlock: raw.pinnedBlock === 0n ? null : raw.pinnedBlock,
    seededAt: raw.seededAt === 0n ? null : Number(raw.seededAt),
  }
}

export type ReadEpoch = (epoch: number) => Promise<EpochOverview>

/** Reads an epoch once for each block, however many ask. @param tip - the newest block's hash */
export function createEpochReader(read: ReadEpoch, tip: () => Hex | null): ReadEpoch {
  const known = new Map<number, { readonly at: Hex | null; readonly overview: Promise<EpochOverview> }>()
  return epoch => {
    const at = tip()
    for (const [other, entry] of known) if (entry.at !== at) known.delete(other)
    const overview = known.get(epoch)?.overview ?? read(epoch)
    known.set(epoch, { at, overview })
    overview.catch(() => known.delete(epoch))
    return overview
  }
}

/** Whether an epoch has its seed: the cheapest question about one. */
export const hasSeed = async (network: ConnectedNetwork, epoch: number): Promise<boolean> =>
  (await read(network, 'EpochConsensus', 'seedOf', BigInt(epoch))) !== zeroBytes32

export async function getCohort(network: ReadableNetwork, epoch: number, cohort: number): Promise<CohortOverview> {
  const { record, ...raw } = await read(network, 'KaisarLens', 'cohortOverview', BigInt(epoch), cohort)
  const { opened, agreed, lanesPaid, checkersPaid } = record
  return {
    epoch,
    cohort,
    state: cohortStates[raw.state]!,
    seats: BigInt(raw.seats[0]) === 0n ? null : raw.seats.map(lowerCase),
    committed: raw.committed,
    revealed: raw.revealed,
    opened,
    agreed,
    lanesPaid,
    checkersPaid,
    members: raw.members.map(id => (id === zeroBytes32 ? null : id)),
  }
}

/** The epochs' timetable in force now; null before `start` was called. */
export async function getTimeline(network: ConnectedNetwork): Promise<Timeline | null> {
  const raw = await read(network, 'EpochConsensus', 'timeline')
  return raw.firstEpochAt === 0n ? null : { ...raw, firstEpochAt: Number(raw.firstEpochAt) }
}

/** The epoch that the newest block lies in; -1 before the first. */
export async function currentEpoch(network: ConnectedNetwork): Promise<number> {
  const [timeline, { timestamp }] = await Promise.all([getTimeline(network), blockAt(network)])
  return timeline === null ? -1 : Math.max(-1, epochAt(timeline, timestamp))
}

/** The rules of rounds in `epoch`, or in force now. */
export const getRoundRules = (network: ConnectedNetwork, epoch?: number): Promise<RoundRules> =>
  epoch === undefined
    ? read(network, 'EpochConsensus', 'roundRules')
    : read(network, 'EpochConsensus', 'roundRulesOf', BigInt(epoch))

/**
 * Everything that an epoch's rounds are computed from; null while it has no seed. All of it is read at one block, since a seed and the time
 * of another branch's seed would make rounds that nobody else computes.
 * @param blockHash - default: the newest block's
 * @param known - what was read of the epoch before, which is returned where it still has that seed
 */
export async function getEpochRounds(
  network: ConnectedNetwork,
  epoch: number,
  blockHash?: Hex,
  known?: EpochRounds,
): Promise<EpochRounds | null> {
  const at = { ...network, blockHash: blockHash ?? (await blockAt(network)).hash }
  // These alone are asked for at every block until the seed is there, and by who looks whether it still is.
  const [seed, second] = await Promise.all([
    read(at, 'EpochConsensus', 'seedOf', BigInt(epoch)),
    read(at, 'EpochConsensus', 'seededAt', BigInt(epoch)),
  ])
  if (seed === zeroBytes32 || second === 0n) return null
  const seededAt = Number(second)
  if (known !== undefined && isSameSeed(known, { seed, seededAt })) return known
  const [startsAt, timeline, rules] = await Promise.all([
    read(at, 'EpochConsensus', 'epochStart', BigInt(epoch)),
    read(at, 'EpochConsensus', 'timelineOf', BigInt(epoch)),
    read(at, 'EpochConsensus', 'roundRulesOf', BigInt(epoch)),
  ])
  return { seed, seededAt, startsAt: Number(startsAt), epochSeconds: timeline.epochSeconds, rules }
}

/** The commitment of an owner for `epoch` (first 28 bytes of its root); null while it has none. */
export async function commitmentOf(network: ConnectedNetwork, epoch: number, owner: Address): Promise<Hex | null> {
  const commitment = await read(network, 'EpochConsensus', 'commitmentOf', BigInt(epoch), owner)
  return BigInt(commitment) === 0n ? null : commitment
}

/** What an audit asks of a seat; null when it is not audited. */
export async function getAudit(network: ConnectedNetwork, epoch: number, cohort: number, seat: number) {
  const { drawn, closesAt, ...audit } = await read(network, 'EpochConsensus', 'auditOf', BigInt(epoch), cohort, seat)
  return drawn ? { ...audit, closesAt: Number(closesAt) } : null
}

/** The last epoch up to which audits are over; null while there is none. */
export async function settledThrough(network: ConnectedNetwork): Promise<number | null> {
  const [any, epoch] = await read(network, 'EpochConsensus', 'settledThrough')
  return any ? Number(epoch) : null
}

/** What an address did for `epoch` and was not paid for yet, in lanes: seeds, resolutions and reveals, and errands. */
export async function keeperCallsOf(network: ConnectedNetwork, epoch: number, keeper: Address) {
  const [lanes, errands] = await read(network, 'EpochConsensus', 'keeperCalls', BigInt(epoch), keeper)
  return { lanes, errands }
}
