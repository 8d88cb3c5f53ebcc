// Why: docs/why/explorer-and-explanations.md

import { decodeFunctionData, type Hex, parseEventLogs, type TransactionReceipt } from 'viem'
import { epochConsensusAbi } from '../chain/abi/epoch-consensus.ts'
import { kaisarTokenAbi } from '../chain/abi/kaisar-token.ts'
import { getChecker } from '../chain/checkers.ts'
import { getDevice } from '../chain/devices.ts'
import { type ConnectedNetwork, lowerCase, reading } from '../chain/network.ts'
import { hasFlag, type OpeningWords } from '../epoch/opening.ts'
import { creditOf, newcomersOf, nextStanding, scoreOf } from '../epoch/rewards.ts'
import type {
  CohortFacts,
  CohortPayment,
  CohortResult,
  DeviceFacts,
  EpochFacts,
  SeatFacts,
  SeatRound,
} from '../network/epoch-facts.ts'
import { explorerErrors } from '../network/errors.ts'
import { cohortKey, cohortOf, cohortState, type History, isMember, type Membership } from '../network/history.ts'
import type { NetworkReader, NetworkReading } from '../network/network-reader.ts'
import { explainDevice } from './explain-device.ts'
import type { Explanation } from './explanation.ts'

/** Asks a seat's Checker for what its evidence says of a lane's rounds; null when it does not answer or cannot prove it. */
export type EvidenceSource = (query: {
  readonly endpoint: string
  readonly epoch: number
  readonly cohort: number
  readonly lane: number
  readonly evidenceRoot: Hex
}) => Promise<readonly SeatRound[] | null>

export type ExplanationOptions = {
  readonly device: Hex
  /** Default: the latest epoch in which the device's cohort was resolved, else the latest it is a member of. */
  readonly epoch?: number
}

/**
 * Reads everything that explains a device's pay of one epoch, and explains it.
 *
 * @throws EXPLORER_NOT_STARTED, EXPLORER_DEVICE_UNKNOWN, EXPLORER_EPOCH_AHEAD, EXPLORER_HISTORY_INCOMPLETE
 */
export async function readExplanation(
  { device, epoch: asked }: ExplanationOptions,
  { reader, evidence }: { readonly reader: NetworkReader; readonly evidence?: EvidenceSource },
): Promise<Explanation> {
  const { network } = reader
  const now = await reader.readHistory()
  if (now.timeline === null || now.currentEpoch < 0) throw explorerErrors.EXPLORER_NOT_STARTED()
  const memberships = now.history.memberships.filter(membership => membership.device === device)
  if (memberships.length === 0) throw explorerErrors.EXPLORER_DEVICE_UNKNOWN({ device })
  const epoch = asked ?? latestEpoch(memberships, now)
  if (epoch > now.currentEpoch) throw explorerErrors.EXPLORER_EPOCH_AHEAD({ epoch, current: now.currentEpoch })
  const membership = memberships.find(member => isMember(member, epoch)) ?? memberships.at(-1)!
  const cohort = isMember(membership, epoch) ? await readCohort(reader, now, membership, epoch, evidence) : null
  const facts = await readEpochFacts(reader, now, epoch)
  const registered = await getDevice(network, device)
  const paid = cohort?.payments.find(({ firstLane, amounts }) => {
    const at = (membership.lane % 64) - firstLane
    return at >= 0 && at < amounts.length
  })
  const deviceFacts: DeviceFacts = {
    id: device,
    operator: membership.operator,
    payout: paid?.payouts[(membership.lane % 64) - paid.firstLane] ?? registered?.payout ?? membership.operator,
    lane: membership.lane,
    generation: membership.generation,
    since: membership.since,
    until: membership.until,
    registeredTxHash: membership.registeredTxHash,
    ...(cohort?.result == null
      ? { standingBefore: 0n, silentBefore: false }
      : await stateBefore(network, now, memberships, epoch, membership)),
  }
  return explainDevice(facts, deviceFacts, cohort)
}

function latestEpoch(memberships: readonly Membership[], { currentEpoch, history, overviews }: NetworkReading): number {
  const isResolved = (epoch: number) => {
    const membership = memberships.find(member => isMember(member, epoch))
    const phase = overviews.get(epoch)?.phase ?? 'pay'
    return membership !== undefined && cohortState(history, epoch, cohortOf(membership.lane), phase) !== 'pending'
  }
  for (let epoch = currentEpoch; epoch >= 0; epoch--) if (isResolved(epoch)) return epoch
  return currentEpoch
}

async function readEpochFacts(reader: NetworkReader, now: NetworkReading, epoch: number): Promise<EpochFacts> {
  const { network } = reader
  const overview = now.overviews.get(epoch)
  const [rules, rounds] = await Promise.all([
    reading(
      'scoreRules',
      network.chain.client.readContract({
        address: network.contracts.EpochConsensus,
        abi: epochConsensusAbi,
        functionName: 'scoreRules',
      }),
    ),
    // The rules of old epochs may be forgotten: then the rounds are not told, and nothing else changes.
    reader.roundsOf(epoch, now.head).catch(() => null),
  ])
  const { firstEpochAt, epochSeconds, firstPaidEpoch } = now.timeline!
  const counted = now.history.counted.get(epoch)
  return {
    epoch,
    phase: overview?.phase ?? 'pay',
    currentEpoch: now.currentEpoch,
    firstPaidEpoch,
    startsAt: overview?.startsAt ?? firstEpochAt + epoch * epochSeconds,
    seed: overview?.seed ?? now.history.seeds.get(epoch) ?? null,
    newcomers: newcomersOf(counted?.caps ?? 0n, counted?.members ?? 0, BigInt(rules.firstStanding)),
    rounds,
    money: now.history.money.get(epoch) ?? null,
  }
}

async function readCohort(
  reader: NetworkReader,
  { history, overviews }: NetworkReading,
  { lane }: Membership,
  epoch: number,
  evidence: EvidenceSource | undefined,
): Promise<CohortFacts> {
  const { network } = reader
  const cohort = cohortOf(lane)
  const key = cohortKey(epoch, cohort)
  const final = history.finalized.get(key)
  const owners = await reader.committeeAt(epoch, cohort, history)
  const openings = final === undefined ? new Map<number, OpeningWords>() : await readOpenings(network, final.txHash)
  const seats = await Promise.all(
    [0, 1, 2, 3, 4].map(async (seat): Promise<SeatFacts> => {
      const operator = owners?.[seat] ?? null
      const endpoint = operator === null ? null : ((await getChecker(network, operator))?.endpoint ?? null)
      const opened = final?.opened[seat] ?? false
      const evidenceRoot = opened ? final!.evidenceRoots[seat]! : null
      const rounds =
        evidence === undefined || endpoint === null || evidenceRoot === null
          ? null
          : await evidence({ endpoint, epoch, cohort, lane: lane % 64, evidenceRoot })
      return {
        operator,
        endpoint,
        commitTxHash: (operator === null ? undefined : history.commits.get(epoch)?.get(operator)) ?? null,
        opening: opened ? (openings.get(seat) ?? null) : null,
        opened,
        evidenceRoot,
        rounds,
      }
    }),
  )
  return {
    cohort,
    state: cohortState(history, epoch, cohort, overviews.get(epoch)?.phase ?? 'pay'),
    txHash: final?.txHash ?? history.voided.get(key)?.txHash ?? null,
    seats,
    result: final ?? null,
    payments: await readPayments(network, history, key),
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

async function readPayments(network: ConnectedNetwork, history: History, key: string): Promise<CohortPayment[]> {
  return Promise.all(
    (history.paidLanes.get(key) ?? []).map(async paid => {
      const receipt = await reading(
        'eth_getTransactionReceipt',
        network.chain.client.getTransactionReceipt({ hash: paid.txHash }),
      )
      return { ...paid, transfers: vaultTransfers(network, receipt), owed: history.owed.get(paid.txHash) ?? [] }
    }),
  )
}

const vaultTransfers = ({ contracts }: ConnectedNetwork, { logs }: TransactionReceipt) =>
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
  { chain, contracts }: ConnectedNetwork,
  { history, firstEpoch }: NetworkReading,
  memberships: readonly Membership[],
  epoch: number,
  { device, lane }: Membership,
): Promise<{ standingBefore: bigint; silentBefore: boolean }> {
  const { blockNumber } = history.finalized.get(cohortKey(epoch, cohortOf(lane)))!
  const consensus = {
    address: contracts.EpochConsensus,
    abi: epochConsensusAbi,
    blockNumber: blockNumber - 1n,
  } as const
  try {
    const [standing, silentEpochs] = await Promise.all([
      chain.client.readContract({ ...consensus, functionName: 'standing', args: [device] }),
      chain.client.readContract({ ...consensus, functionName: 'silentEpochs', args: [lane] }),
    ])
    return { standingBefore: standing, silentBefore: silentEpochs > 0n }
  } catch (cause) {
    if (memberships[0]!.since < firstEpoch) throw explorerErrors.EXPLORER_HISTORY_INCOMPLETE({ device, epoch, cause })
  }
  const { firstStanding } = await reading(
    'scoreRules',
    chain.client.readContract({
      address: contracts.EpochConsensus,
      abi: epochConsensusAbi,
      functionName: 'scoreRules',
    }),
  )
  let [standing, silent] = [0n, false]
  let stay: Membership | undefined
  for (let past = memberships[0]!.since; past < epoch; past++) {
    const member = memberships.find(membership => isMember(membership, past))
    const final = member && history.finalized.get(cohortKey(past, cohortOf(member.lane)))
    if (!member || !final) continue
    // Whoever took another lane starts there with no silence.
    if (stay !== undefined && stay.lane !== member.lane) silent = false
    stay = member
    const at = member.lane % 64
    // A first credit is held where others had a standing: then what the medians give sets it.
    const credit = standing === 0n ? firstCredit(history, past, final, at, BigInt(firstStanding)) : final.credits[at]!
    standing = nextStanding(standing, credit, { silent, certain: final.certain[at]! })
    if (credit > 0n) silent = false
    else if (hasFlag(final.flags[at]!, 'judged')) silent = true
  }
  return { standingBefore: standing, silentBefore: silent }
}

/** What a device without a standing earned: the event tells its credit, which is 0 where it was held. */
function firstCredit(
  { counted }: History,
  epoch: number,
  { rates, uptimes, flags }: CohortResult,
  lane: number,
  firstStanding: bigint,
): bigint {
  const { caps, members } = counted.get(epoch) ?? { caps: 0n, members: 0 }
  const score = scoreOf({ rate: rates[lane]!, uptime: uptimes[lane]!, flags: flags[lane]! })
  return creditOf(score, 0n, newcomersOf(caps, members, firstStanding).cap)
}
