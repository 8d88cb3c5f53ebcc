// Why: docs/why/explorer-and-explanations.md

/** Accounts for a device's pay of an epoch: from the seats' openings to wei, by the mirrors of the contracts. Pure. */
import { judgedOf, presenceOf } from '../epoch/busy.ts'
import { beatsOf, capacityOf, laneRateOf, shortfallsOf } from '../epoch/capacity.ts'
import { decodeRate } from '../epoch/minifloat.ts'
import { hasFlag, type LaneOpening, type Opening, unpackOpening } from '../epoch/opening.ts'
import { capOf, creditOf, nextStanding, paymentOf, scoreOf, shownOf } from '../epoch/rewards.ts'
import { isScored, type LaneResult, tally } from '../epoch/tally.ts'
import {
  type CohortFacts,
  type CohortPayment,
  type DeviceFacts,
  type EpochFacts,
  type FactsDependencies,
  type FactsQuery,
  readFacts,
  type ShownRounds,
} from '../network/epoch-facts.ts'
import { paymentOfLane } from '../network/history.ts'
import { cohortLanes, cohortOf, committeeSize, laneInCohort } from '../protocol/constants.ts'
import type { Account, EpochFigures, Explanation, SeatAccount, SeatBelow } from './explanation.ts'
import { explanationSteps } from './explanation-steps.ts'
import { whyNothing } from './why-nothing.ts'

const pendingCodes: ReadonlySet<string> = new Set(['EPOCH_WORKING', 'EPOCH_SETTLING', 'PAYMENT_DUE'])

/**
 * Accounts for every unit of a device's pay in one epoch: job → report → verdicts → consensus → score → share → payment.
 *
 * The result is recomputed from the seats' openings by the mirrors of the contracts and compared with what the chain recorded
 * and moved: `amount` equals `transferred` to the wei, or `differences` says where not. Pure.
 *
 * @param cohort - the device's cohort; null when it had none in this epoch
 */
export function explainDevice(facts: EpochFacts, device: DeviceFacts, cohort: CohortFacts | null): Explanation {
  const account = accountFor(facts, device, cohort)
  const reason = whyNothing(account)
  const isPending = reason !== null && pendingCodes.has(reason.code)
  return {
    device: device.id,
    epoch: facts.epoch,
    operator: device.operator,
    payout: device.payout,
    cohort: cohort?.cohort ?? cohortOf(device.lane),
    lane: account.lane,
    outcome: reason === null ? 'paid' : isPending ? 'pending' : 'nothing',
    amount: account.figures?.amount ?? 0n,
    transferred: account.payment?.amount ?? null,
    balanced: account.differences.length === 0,
    differences: account.differences,
    steps: explanationSteps(account),
    figures: account.figures,
    seats: account.seats,
    reason,
  }
}

function accountFor(facts: EpochFacts, device: DeviceFacts, cohort: CohortFacts | null): Account {
  const lane = laneInCohort(device.lane)
  const openings = cohort?.seats.map(({ opening }) => (opening === null ? null : unpackOpening(opening))) ?? []
  const result = cohort === null ? null : resultOf(cohort, openings, lane)
  const figures = result === null ? null : figuresOf(facts, device, result.used, cohort!.result!.certain[lane]!)
  const payment = cohort === null ? null : paymentOfLane(cohort.payments, device.lane)
  return {
    facts,
    device,
    cohort,
    lane,
    seats: cohort === null ? [] : seatAccounts(facts, cohort, openings, lane, result?.used ?? null),
    figures,
    payment,
    differences: [
      ...(result?.differences ?? []),
      ...(cohort?.result == null || figures === null
        ? []
        : differs('credit', figures.credit, cohort.result.credits[lane]!)),
      ...(payment === null || figures === null ? [] : differs('payment', figures.amount, payment.amount, ' wei')),
      ...(payment === null ? [] : undelivered(payment.payment, payment.payout)),
    ],
  }
}

/**
 * The committee's result for the lane: recomputed where every counted opening is known, and compared with the chain's.
 * Null while there is none.
 */
function resultOf(cohort: CohortFacts, openings: readonly (Opening | null)[], lane: number) {
  if (cohort.result === null) return null
  const { rates, uptimes, flags } = cohort.result
  const onChain: LaneResult = { rate: rates[lane]!, uptime: uptimes[lane]!, flags: flags[lane]! }
  const isComplete =
    cohort.seats.length === committeeSize && cohort.seats.every(seat => !seat.opened || seat.opening !== null)
  if (!isComplete) return { used: onChain, differences: [] }
  const occupied = Array.from({ length: cohortLanes }, (_, i) => i === lane)
  const used = tally(openings, occupied).lanes[lane]!
  return {
    used,
    differences: [
      ...differs('median capacity (lane value)', used.rate, onChain.rate),
      ...differs('median uptime', used.uptime, onChain.uptime),
      ...differs('flags', used.flags, onChain.flags),
    ],
  }
}

const differs = (what: string, recomputed: bigint | number, onChain: bigint | number, unit = ''): string[] =>
  BigInt(recomputed) === BigInt(onChain)
    ? []
    : [`The ${what} recomputed from the openings is ${recomputed}${unit}, the chain says ${onChain}${unit}.`]

function figuresOf(
  facts: EpochFacts,
  { standingBefore, silentBefore }: DeviceFacts,
  result: LaneResult,
  certain: boolean,
): EpochFigures {
  const medianRate = decodeRate(result.rate)
  const score = scoreOf(result)
  const earned = creditOf(score, standingBefore, facts.newcomers.cap)
  const credit = standingBefore === 0n && facts.newcomers.held ? 0n : earned
  const shown = shownOf(result, standingBefore, facts.newcomers.cap)
  const isPaid = facts.money !== null && facts.epoch >= facts.firstPaidEpoch
  const { devicePool, denominator, maxPrice } = isPaid ? facts.money : { devicePool: 0n, denominator: 0n, maxPrice: 0n }
  const poolShare = denominator === 0n ? 0n : (devicePool * credit) / denominator
  const amount = paymentOf(credit, { devicePool, denominator, maxPrice })
  return {
    medianRate,
    medianUptime: result.uptime,
    flags: result.flags,
    score,
    lostToUptime: isScored(result) ? medianRate - score : 0n,
    lostToFlags: isScored(result) ? 0n : medianRate,
    standingBefore,
    cap: capOf(standingBefore, facts.newcomers.cap),
    credit,
    heldByCap: score - earned,
    heldBack: earned - credit,
    shown,
    standingAfter: nextStanding(standingBefore, shown, { silent: silentBefore, certain }),
    devicePool,
    denominator,
    maxPrice,
    poolShare,
    heldByPrice: poolShare - amount,
    amount,
  }
}

/** What the vault says it paid to a payee in a transaction must have arrived there, or be owed. */
function undelivered(payment: CohortPayment, payee: string): string[] {
  const sumTo = (list: CohortPayment['transfers']) =>
    list.reduce((sum, { to, amount }) => (to === payee ? sum + amount : sum), 0n)
  const said = payment.payouts.reduce((sum, payout, i) => (payout === payee ? sum + payment.amounts[i]! : sum), 0n)
  const moved = sumTo(payment.transfers) + sumTo(payment.owed)
  return moved === said
    ? []
    : [`The vault says it paid ${said} wei to ${payee} in ${payment.txHash}, and moved ${moved}.`]
}

function seatAccounts(
  { rounds }: EpochFacts,
  { seats }: CohortFacts,
  openings: readonly (Opening | null)[],
  lane: number,
  result: LaneResult | null,
): SeatAccount[] {
  return seats.map((seat, i) => {
    const said = openings[i]?.lanes[lane] ?? null
    const judged = said !== null && hasFlag(said.flags, 'judged')
    return {
      seat: i,
      operator: seat.operator,
      endpoint: seat.endpoint,
      opened: seat.opened,
      rate: said === null ? null : decodeRate(said.rate),
      uptime: said?.uptime ?? null,
      flags: said?.flags ?? null,
      agrees: result === null || !judged ? null : said.rate === result.rate && said.flags === result.flags,
      evidenceRoot: seat.evidenceRoot,
      below: seat.shown === null || said === null ? null : belowOf(seat.shown, said, rounds),
    }
  })
}

/** Recomputes a seat's lane from the rounds that it shows. */
function belowOf(shown: ShownRounds, said: LaneOpening, rounds: EpochFacts['rounds']): SeatBelow {
  const judged = judgedOf(shown.rounds, shown.beatShare)
  const measures = judged?.measures ?? null
  const onChain = rounds?.map(({ hash, kind }) => `${hash} ${kind}`).join()
  const isOfChain =
    onChain === undefined ? null : onChain === shown.rounds.map(({ round, kind }) => `${round} ${kind}`).join()
  const isLane =
    judged === null
      ? !hasFlag(said.flags, 'judged')
      : hasFlag(said.flags, 'judged') &&
        (measures === null ? 0 : laneRateOf(measures)) === said.rate &&
        judged.uptime === said.uptime
  const shortfalls = shortfallsOf(shown.rounds, shown.beatShare)
  return {
    // Whatever the seat calls it.
    rounds: shown.rounds.map((round, i) => ({ ...round, ...(shortfalls[i] && { reason: shortfalls[i].reason }) })),
    ...{ beats: beatsOf(shown.rounds, shown.beatShare), presence: presenceOf(shown.rounds, shown.beatShare) },
    ...{ measures, capacity: measures && capacityOf(measures), equal: isLane && isOfChain },
  }
}

/** Reads everything that explains a device's pay of one epoch, and explains it. @throws what {@link readFacts} throws */
export async function readExplanation(query: FactsQuery, dependencies: FactsDependencies): Promise<Explanation> {
  const { facts, device, cohort } = await readFacts(query, dependencies)
  return explainDevice(facts, device, cohort)
}
