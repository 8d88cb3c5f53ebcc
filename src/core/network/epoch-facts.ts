/** What is known of one device in one epoch, all of it read from the chain: what an explanation of its pay is made from. */
import { type Address, decodeFunctionData, type Hex, parseEventLogs, type TransactionReceipt } from 'viem'
import { epochConsensusAbi } from '../chain/abi/epoch-consensus.ts'
import { kaisarTokenAbi } from '../chain/abi/kaisar-token.ts'
import { getChecker } from '../chain/checkers.ts'
import { getDevice } from '../chain/devices.ts'
import { type CohortState, getEpochRounds } from '../chain/epochs.ts'
import { type ConnectedNetwork, lowerCase } from '../chain/network.ts'
import { read, reading } from '../chain/read.ts'
import type { MeasuredRound } from '../epoch/capacity.ts'
import type { OpeningWords } from '../epoch/opening.ts'
import { type Newcomers, type NewcomerTerms, newcomersOf } from '../epoch/rewards.ts'
import { cohortOf, laneInCohort, seatNumbers } from '../protocol/constants.ts'
import { epochStartsAt, type Trigger } from '../protocol/trigger.ts'
import { networkErrors } from './errors.ts'
import {
  cohortKey,
  cohortState,
  type FinalizedLanes,
  isMember,
  type Membership,
  type OwedPayment,
  type PaidLanes,
  paymentOfLane,
} from './history.ts'
import type { NetworkReader, NetworkReading } from './network-reader.ts'
import type { EpochView } from './network-view.ts'
import { replayStanding } from './replay-standing.ts'

export type EpochFacts = Pick<EpochView, 'epoch' | 'phase' | 'startsAt' | 'seed' | 'money'> & {
  readonly currentEpoch: number
  readonly firstPaidEpoch: number
  /** What a device without a standing is given in this epoch. */
  readonly newcomers: Newcomers
  /** Null where the epoch's blocks were not read. */
  readonly rounds: readonly Omit<Trigger, 'slot'>[] | null
}

/** A device's cohort in that epoch. */
export type CohortFacts = {
  readonly cohort: number
  readonly state: CohortState
  /** The transaction that made it final or void. */
  readonly txHash: Hex | null
  /** The committee's, in seat order. */
  readonly seats: readonly SeatFacts[]
  /** As the contract computed and recorded them; null while pending or void. */
  readonly result: FinalizedLanes | null
  readonly payments: readonly CohortPayment[]
}

export type SeatFacts = {
  /** Null where the chain no longer says who was drawn. */
  readonly operator: Address | null
  readonly endpoint: string | null
  readonly commitTxHash: Hex | null
  /** The words it opened; null where it did not. */
  readonly opening: OpeningWords | null
  /** Whether its opening was counted, known even where the words are not. */
  readonly opened: boolean
  readonly evidenceRoot: Hex | null
  /** What it shows of the device below its root; null where it was not asked, did not answer or could not prove it. */
  readonly shown: ShownRounds | null
}

/** What a seat shows of a device in an epoch, each round proven to lie under the root that it opened. */
export type ShownRounds = {
  /** By ordinal. */
  readonly rounds: readonly ShownRound[]
  /** From which its beats count: {@link import('../job/jobs.ts').Jobs}. */
  readonly beatShare: number
}

type ShownRound = MeasuredRound & {
  readonly ordinal: number
  /** Hash of the trigger block. */
  readonly round: Hex
  /** The verdict's stable code, e.g. `NO_COMMITMENT`. */
  readonly reason: string
  /** Digest of the device's commitment, null where there is none. */
  readonly commitmentHash: Hex | null
  /** Content address of the evidence bundle that the seat's Checker serves; null where there is nothing to show. */
  readonly evidence: Hex | null
}

export type CohortPayment = PaidLanes & {
  /** KAI that the vault really sent in this transaction, and what it kept as owed, by payee. */
  readonly transfers: readonly OwedPayment[]
  readonly owed: readonly OwedPayment[]
}

/** The device, as registered. */
export type DeviceFacts = Omit<Membership, 'device' | 'registeredTxHash'> & {
  readonly id: Hex
  readonly payout: Address
  readonly registeredTxHash: Hex | null
  /** On chain before this epoch's score counted; 0: it had none. */
  readonly standingBefore: bigint
  /** Whether the last epoch before this one in which it was judged earned nothing. */
  readonly silentBefore: boolean
}

/** Asks a seat's Checker for what its opening says of a device, down to the rounds; null when it does not answer or cannot prove it. */
export type EvidenceSource = (query: {
  readonly endpoint: string
  readonly epoch: number
  readonly deviceId: Hex
  /** Within its cohort. */
  readonly lane: number
  readonly maxRounds: number
  /** The jobs of the epoch. */
  readonly specHash: Hex
  readonly evidenceRoot: Hex
}) => Promise<ShownRounds | null>

export type FactsQuery = {
  readonly device: Hex
  /** Default: the latest epoch in which the device's cohort was resolved, else the latest it is a member of. */
  readonly epoch?: number | undefined
}

export type FactsDependencies = { readonly reader: NetworkReader; readonly evidence?: EvidenceSource | undefined }

/** @throws EXPLORER_NOT_STARTED, EXPLORER_DEVICE_UNKNOWN, EXPLORER_EPOCH_AHEAD, EXPLORER_HISTORY_INCOMPLETE */
export async function readFacts(
  { device, epoch: asked }: FactsQuery,
  { reader, evidence }: FactsDependencies,
): Promise<{ facts: EpochFacts; device: DeviceFacts; cohort: CohortFacts | null }> {
  const { network } = reader
  const now = await reader.readHistory()
  if (now.timeline === null || now.currentEpoch < 0) throw networkErrors.EXPLORER_NOT_STARTED()
  const memberships = now.history.memberships.filter(membership => membership.device === device)
  if (memberships.length === 0) throw networkErrors.EXPLORER_DEVICE_UNKNOWN({ device })
  const epoch = asked ?? latestEpoch(memberships, now)
  if (epoch > now.currentEpoch) throw networkErrors.EXPLORER_EPOCH_AHEAD({ epoch, current: now.currentEpoch })
  const membership = memberships.find(member => isMember(member, epoch)) ?? memberships.at(-1)!
  const cohort = isMember(membership, epoch) ? await readCohort(reader, now, membership, epoch, evidence) : null
  const { firstStanding } = await read(network, 'EpochConsensus', 'scoreRules')
  const terms = { firstStanding: BigInt(firstStanding), firstPaidEpoch: now.timeline.firstPaidEpoch }
  const { device: id, ...member } = membership
  const paid = paymentOfLane(cohort?.payments ?? [], membership.lane)
  return {
    facts: await readEpochFacts(reader, now, epoch, terms),
    cohort,
    device: {
      ...member,
      id,
      payout: paid?.payout ?? (await getDevice(network, device))?.payout ?? member.operator,
      ...(cohort?.result == null
        ? { standingBefore: 0n, silentBefore: false }
        : await stateBefore(network, now, memberships, epoch, membership, terms)),
    },
  }
}

function latestEpoch(memberships: readonly Membership[], { currentEpoch, history, overviews }: NetworkReading): number {
  const isResolved = (epoch: number) => {
    const membership = memberships.find(member => isMember(member, epoch))
    const state = membership && cohortState(history, epoch, cohortOf(membership.lane), overviews.get(epoch))
    return state !== undefined && state !== 'pending'
  }
  for (let epoch = currentEpoch; epoch >= 0; epoch--) if (isResolved(epoch)) return epoch
  return currentEpoch
}

async function readEpochFacts(
  reader: NetworkReader,
  { history, overviews, timeline, currentEpoch, head }: NetworkReading,
  epoch: number,
  terms: NewcomerTerms,
): Promise<EpochFacts> {
  const overview = overviews.get(epoch)
  const counted = history.counted.get(epoch)
  return {
    epoch,
    phase: overview?.phase ?? 'pay',
    currentEpoch,
    firstPaidEpoch: terms.firstPaidEpoch,
    startsAt: overview?.startsAt ?? epochStartsAt(timeline!, epoch),
    seed: overview?.seed ?? history.seeds.get(epoch) ?? null,
    newcomers: newcomersOf(counted?.caps ?? 0n, counted?.members ?? 0, terms),
    // The rules of old epochs may be forgotten: then the rounds are not told, and nothing else changes.
    rounds: await reader.roundsOf(epoch, head).catch(() => null),
    money: history.money.get(epoch) ?? null,
  }
}

async function readCohort(
  reader: NetworkReader,
  { history, overviews }: NetworkReading,
  { device: deviceId, lane }: Membership,
  epoch: number,
  evidence: EvidenceSource | undefined,
): Promise<CohortFacts> {
  const { network } = reader
  const cohort = cohortOf(lane)
  const key = cohortKey(epoch, cohort)
  const final = history.finalized.get(key)
  const owners = await reader.committeeAt(epoch, cohort, history)
  // Where a leaf lies follows from the epoch's rules, which the chain forgets after some epochs, as the seats do what lies there.
  const rules = evidence === undefined ? null : await getEpochRounds(network, epoch).catch(() => null)
  const openings = final === undefined ? new Map<number, OpeningWords>() : await readOpenings(network, final.txHash)
  const readSeat = async (seat: number): Promise<SeatFacts> => {
    const operator = owners?.[seat] ?? null
    const endpoint = operator === null ? null : ((await getChecker(network, operator))?.endpoint ?? null)
    const opened = final?.opened[seat] ?? false
    const evidenceRoot = opened ? final!.evidenceRoots[seat]! : null
    return {
      operator,
      endpoint,
      commitTxHash: (operator === null ? undefined : history.commits.get(epoch)?.get(operator)) ?? null,
      opening: opened ? (openings.get(seat) ?? null) : null,
      opened,
      evidenceRoot,
      shown:
        evidence === undefined || rules === null || endpoint === null || evidenceRoot === null
          ? null
          : await evidence({
              ...{ endpoint, epoch, deviceId, lane: laneInCohort(lane) },
              ...{ maxRounds: rules.rules.maxRounds, specHash: rules.rules.specHash, evidenceRoot },
            }),
    }
  }
  return {
    cohort,
    state: cohortState(history, epoch, cohort, overviews.get(epoch)),
    txHash: final?.txHash ?? history.voided.get(key)?.txHash ?? null,
    seats: await Promise.all(seatNumbers.map(readSeat)),
    result: final ?? null,
    payments: await Promise.all(
      (history.paidLanes.get(key) ?? []).map(async paid => ({
        ...paid,
        transfers: vaultTransfers(
          network,
          await reading('eth_getTransactionReceipt', network.chain.client.getTransactionReceipt({ hash: paid.txHash })),
        ),
        owed: history.owed.get(paid.txHash) ?? [],
      })),
    ),
  }
}

/** The openings are the calldata of the transaction that finalized; empty where another contract made the call. */
async function readOpenings({ chain, contracts }: ConnectedNetwork, txHash: Hex): Promise<Map<number, OpeningWords>> {
  const { to, input } = await reading('eth_getTransactionByHash', chain.client.getTransaction({ hash: txHash }))
  if (to === null || lowerCase(to) !== contracts.EpochConsensus) return new Map()
  const call = decodeFunctionData({ abi: epochConsensusAbi, data: input })
  if (call.functionName !== 'finalize') return new Map()
  return new Map(call.args[2].map(({ seat, words }) => [seat, words as OpeningWords]))
}

const vaultTransfers = ({ contracts }: ConnectedNetwork, { logs }: TransactionReceipt): OwedPayment[] =>
  parseEventLogs({ abi: kaisarTokenAbi, eventName: 'Transfer', logs })
    .filter(
      ({ address, args }) =>
        lowerCase(address) === contracts.KaisarToken && lowerCase(args.from) === contracts.RewardVault,
    )
    .map(({ args }) => ({ to: lowerCase(args.to), amount: args.amount }))

/**
 * The standing before an epoch's score counted, and whether the device was silent: the state just before the cohort was finalized,
 * or, where the endpoint has forgotten it, replayed from the credits of all earlier epochs.
 */
async function stateBefore(
  network: ConnectedNetwork,
  { history, firstEpoch }: NetworkReading,
  memberships: readonly Membership[],
  epoch: number,
  { device, lane }: Membership,
  terms: NewcomerTerms,
): Promise<Pick<DeviceFacts, 'standingBefore' | 'silentBefore'>> {
  const { blockNumber } = history.finalized.get(cohortKey(epoch, cohortOf(lane)))!
  const before = { ...network, blockNumber: blockNumber - 1n }
  try {
    const [standingBefore, silentEpochs] = await Promise.all([
      read(before, 'EpochConsensus', 'standing', device),
      read(before, 'EpochConsensus', 'silentEpochs', lane),
    ])
    return { standingBefore, silentBefore: silentEpochs > 0n }
  } catch (cause) {
    if (memberships[0]!.since < firstEpoch) throw networkErrors.EXPLORER_HISTORY_INCOMPLETE({ device, epoch, cause })
  }
  return replayStanding({ history, memberships, epoch, terms })
}
