/** The seven steps of an explanation in words: job → report → verdicts → consensus → score → share → payment. Pure. */
import { countedKilobytes, type Measures, readWithinMs, residentOf } from '../epoch/capacity.ts'
import { hasFlag } from '../epoch/opening.ts'
import { allFlags, committeeSize, quorum } from '../protocol/constants.ts'
import { type Figures, type Flag, flagBit } from '../protocol/verdict.ts'
import { counted, exactFiguresText, figuresText, grouped, shortHex, tokens, uptimePercent } from '../view/figures.ts'
import type { Account, ExplanationStep, Reference, SeatAccount, stepNames } from './explanation.ts'
import { countFlag } from './why-nothing.ts'

type Told = Partial<Pick<ExplanationStep, 'lines' | 'transactions' | 'evidence'>>

const tell = (
  step: (typeof stepNames)[number],
  state: ExplanationStep['state'],
  summary: string,
  { lines = [], transactions = [], evidence = [] }: Told = {},
): ExplanationStep => ({ step, state, summary, lines, transactions, evidence })

const reference = (what: string, hash: string | null | undefined): Reference[] =>
  hash === null || hash === undefined ? [] : [{ what, hash }]

export function explanationSteps(account: Account): ExplanationStep[] {
  const steps = [jobStep, reportStep, verdictsStep, consensusStep, scoreStep, shareStep, paymentStep].map(told =>
    told(account),
  )
  // What follows from a failure is not another one.
  const first = steps.findIndex(({ state }) => state === 'failed')
  return steps.map((step, i) =>
    first !== -1 && i > first && step.state !== 'done' ? { ...step, state: 'none' } : step,
  )
}

function jobStep({ facts, device }: Account): ExplanationStep {
  const { rounds, seed, epoch, startsAt } = facts
  const registered = reference('registration', device.registeredTxHash)
  if (seed === null)
    return tell('job', epoch >= facts.currentEpoch ? 'waiting' : 'failed', `Epoch ${epoch} has no seed.`, {
      transactions: registered,
    })
  const lines = rounds?.map(
    ({ ordinal, kind, number, hash, timestamp }) =>
      `round ${ordinal}, ${kind}: block ${grouped(number)} ${hash}, ${timestamp - startsAt} s into the epoch`,
  )
  const summary =
    rounds === null
      ? 'Rounds were triggered by block hashes; the blocks of this epoch were not read here.'
      : `${counted(rounds.length, 'round was', 'rounds were')} triggered by block hashes under seed ${shortHex(seed)}.`
  return tell('job', 'done', summary, { lines: lines ?? [], transactions: registered })
}

function reportStep({ seats, cohort }: Account): ExplanationStep {
  const opened = seats.filter(({ opened }) => opened)
  if (cohort === null || opened.length === 0)
    return tell(
      'report',
      cohort?.state === 'void' ? 'failed' : 'waiting',
      'No seat has opened yet, so no evidence root is on chain.',
    )
  const showed = opened.filter(({ below }) => below !== null).length
  return tell(
    'report',
    'done',
    `The device's signed commitments, or the reasons why there are none, lie under ${opened.length} evidence roots. ${
      showed === 0
        ? 'No seat showed what is below its root: Checkers show the last epochs, where they are reached.'
        : `${showed} of ${opened.length} seats showed what is below, each round proven to be there.`
    }`,
    {
      lines: showed === 0 ? [] : opened.flatMap(belowLines),
      evidence: opened.flatMap(({ seat, endpoint, evidenceRoot }) =>
        reference(`evidence root of seat ${seat}${endpoint === null ? '' : `, kept at ${endpoint}`}`, evidenceRoot),
      ),
    },
  )
}

/** From rounds to capacity, as one seat has it. */
function belowLines({ seat, rate, below }: SeatAccount): string[] {
  if (below === null) return [`seat ${seat}: showed nothing`]
  const { rounds, measures, capacity, presence, beats, equal } = below
  const slots = rounds.filter(({ kind }) => kind !== 'beat')
  const busy = slots.filter(({ verdict }) => verdict === 'BUSY').length
  const pauses = busy === 0 ? '' : `, busy in ${busy} of ${counted(slots.length, 'round')}`
  const means =
    measures === null || capacity === null
      ? `${busy === 0 ? 'too few rounds judged for means' : `too few rounds for means${pauses}`}, so it abstains`
      : `means ${exactFiguresText(measures)}, ${beats.counted} of ${counted(beats.judged, 'beat')}${busy === 0 ? '' : `${pauses}: present for ${uptimePercent(presence)}`}; capacity = ${rootText(measures)} = ${grouped(capacity)}`
  // Beats are many: those that do not count are shown.
  const shown = rounds.filter(
    ({ kind, verdict, reason }) => kind !== 'beat' || verdict !== 'VALID' || reason !== 'ALL_EQUAL',
  )
  return [
    ...shown.map(
      ({ ordinal, kind, verdict, reason, figures, evidence }) =>
        `seat ${seat}, round ${ordinal}, ${kind}: ${verdict} ${reason}, ${worthText(figures)}${evidence === null ? '' : `, evidence ${evidence}`}`,
    ),
    `seat ${seat}: ${means}${rate === null ? '' : openedText(grouped(rate), equal)}`,
  ]
}

const openedText = (lane: string, equal: boolean | null): string =>
  equal === null
    ? `, opened as ${lane}; whether these are all of its rounds cannot be said, since the epoch’s blocks were not read`
    : equal
      ? `, opened as ${lane}`
      : `, and it opened ANOTHER LANE: ${lane}`

/** `∛(12345 × 5432 × 67 ÷ 1000)`, in the measures' own units. */
const rootText = (measures: Measures): string =>
  `∛(${measures.tensor} × ${measures.bandwidth} × ${Number(countedKilobytes(measures)) / 1_000} ÷ 1000)`

/** What a round is worth, and what of its memory counts. */
function worthText(figures: Figures): string {
  const counted = residentOf(figures)
  const cut = counted < (figures.resident ?? 0) ? ` (${grouped(counted)} MB of it read within ${readWithinMs} ms)` : ''
  return exactFiguresText(figures) + cut
}

function verdictsStep({ seats, cohort }: Account): ExplanationStep {
  const commits = cohort?.seats.flatMap(({ commitTxHash }, seat) =>
    reference(`commitment of seat ${seat}`, commitTxHash),
  )
  if (seats.every(({ opened }) => !opened))
    return tell('verdicts', cohort?.state === 'void' ? 'failed' : 'waiting', 'No seat has opened its verdicts.', {
      transactions: commits ?? [],
    })
  return tell(
    'verdicts',
    'done',
    `${seats.filter(({ opened }) => opened).length} of ${committeeSize} seats opened what they had committed to.`,
    { lines: seats.map(seatLine), transactions: commits ?? [] },
  )
}

function seatLine({ seat, operator, opened, rate, uptime, flags, agrees, below }: SeatAccount): string {
  const who = `seat ${seat} (${operator === null ? 'owner unknown' : shortHex(operator)})`
  if (!opened) return `${who}: did not open, counts as 0`
  if (rate === null || uptime === null || flags === null) return `${who}: opened`
  if (!hasFlag(flags, 'judged')) return `${who}: abstains, counts as 0`
  const agreement = agrees === null ? '' : agrees ? ', agrees' : ', differs from the result'
  return `${who}: capacity ${grouped(rate)}${below?.equal === true && below.measures !== null ? ` of ${figuresText(below.measures)}` : ''}, uptime ${uptimePercent(uptime)}, ${missingFlags(flags)}${agreement}`
}

/** `device, environment, work`, or what is missing. */
export function missingFlags(flags: number): string {
  const missing = (Object.keys(flagBit) as Flag[]).filter(flag => flag !== 'judged' && !hasFlag(flags, flag))
  return missing.length === 0 ? 'all flags set' : `${missing.join(' and ')} not set`
}

function consensusStep({ cohort, figures, seats }: Account): ExplanationStep {
  const transactions = reference(cohort?.state === 'void' ? 'voided in' : 'finalized in', cohort?.txHash)
  if (cohort?.state === 'void') return tell('consensus', 'failed', 'The cohort is void.', { transactions })
  if (figures === null) return tell('consensus', 'waiting', 'The committee has no result yet.')
  // A seat that did not open or abstains counts as 0: that can lower a median, never raise it.
  const counted = (value: (seat: SeatAccount) => bigint | null) =>
    seats
      .map(seat => (seat.flags !== null && hasFlag(seat.flags, 'judged') ? (value(seat) ?? 0n) : 0n))
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const isKnown = seats.length === committeeSize && seats.every(({ opened, flags }) => !opened || flags !== null)
  const sorted = (values: bigint[]) =>
    values.map((value, i) => (i === (committeeSize - 1) / 2 ? `[${value}]` : String(value))).join(' ')
  const lines = isKnown
    ? [
        `capacities in order: ${sorted(counted(({ rate }) => rate))} → median ${figures.medianRate}`,
        `uptimes in order: ${sorted(counted(({ uptime }) => (uptime === null ? null : BigInt(uptime))))} → median ${figures.medianUptime} of 10000`,
        ...(Object.keys(flagBit) as Flag[]).map(
          flag =>
            `${flag}: ${countFlag(seats, flag)} of ${committeeSize} seats, ${quorum} needed → ${hasFlag(figures.flags, flag) ? 'holds' : 'does not hold'}`,
        ),
      ]
    : []
  return tell(
    'consensus',
    figures.flags === allFlags ? 'done' : 'failed',
    `Median capacity ${grouped(figures.medianRate)}, median uptime ${uptimePercent(figures.medianUptime)}, ${
      hasFlag(figures.flags, 'judged') ? missingFlags(figures.flags) : `judged by fewer than ${quorum} seats`
    }.`,
    { lines, transactions },
  )
}

function scoreStep({ figures, facts }: Account): ExplanationStep {
  if (figures === null) return tell('score', 'waiting', 'No score yet.')
  const { medianRate, medianUptime, flags, score, standingBefore, cap, credit, heldBack, shown, standingAfter } =
    figures
  const earned = credit + heldBack
  const scoreLine =
    flags === allFlags
      ? `score = capacity ${medianRate} × uptime ${medianUptime} ÷ 10000 = ${score}`
      : 'score = 0, because not every flag holds'
  const capLine =
    standingBefore === 0n
      ? `cap = ${cap}, the most that a first score can count${facts.newcomers.isMean ? ': the mean standing' : ''}`
      : `cap = 2 × standing ${standingBefore} = ${cap}`
  const standingLine =
    standingAfter === standingBefore
      ? `standing stays ${standingBefore}`
      : standingBefore === 0n
        ? `standing = credit = ${standingAfter}, the first${heldBack > 0n ? ', and not paid' : ''}`
        : earned === 0n
          ? `standing = ${standingBefore} − ${standingBefore} ÷ 4 = ${standingAfter}, nothing earned again`
          : shown > cap
            ? `standing = ${standingAfter}, what a newcomer would be given`
            : `standing = ${standingBefore} ${shown < standingBefore ? '−' : '+'} ⌈${
                shown < standingBefore ? standingBefore - shown : shown - standingBefore
              } ÷ 4⌉ = ${standingAfter}, towards the ${shown < standingBefore ? 'capacity' : 'credit'} = ${shown}`
  return tell(
    'score',
    earned === 0n ? 'failed' : 'done',
    `Score ${grouped(score)}, credit ${grouped(credit)}, standing ${grouped(standingBefore)} → ${grouped(standingAfter)}.`,
    {
      lines: [
        scoreLine,
        capLine,
        `credit = min(${score}, ${cap}) = ${earned}${heldBack > 0n ? ', held' : ''}`,
        standingLine,
        `accounted: ${medianRate} = ${credit} credit + ${figures.heldByCap} above the cap + ${heldBack} held + ${figures.lostToUptime} lost to uptime + ${figures.lostToFlags} lost to flags`,
        ...(facts.epoch < facts.firstPaidEpoch ? [`epochs before ${facts.firstPaidEpoch} are not paid`] : []),
      ],
    },
  )
}

function shareStep({ figures, facts }: Account): ExplanationStep {
  if (figures === null || facts.money === null)
    return tell('share', 'waiting', "The epoch's total is not fixed yet, or nothing has been paid of it.")
  const { devicePool, denominator, credit, poolShare, maxPrice, heldByPrice, amount } = figures
  const lines = [
    `emission ${facts.money.emission} wei, of it for devices ${devicePool} wei`,
    `share = ${devicePool} × ${credit} ÷ ${denominator} = ${poolShare} wei (rounded down)`,
    `price cap = ${credit} × ${maxPrice} = ${credit * maxPrice} wei${heldByPrice > 0n ? ` → ${heldByPrice} wei stay in the vault` : ', not reached'}`,
    `amount = ${poolShare} − ${heldByPrice} = ${amount} wei`,
  ]
  return tell(
    'share',
    amount === 0n ? 'failed' : 'done',
    `${grouped(credit)} of ${grouped(denominator)} credits and caps: ${tokens(amount, 6)} KAI.`,
    { lines, transactions: reference('epoch opened in', facts.money.txHash) },
  )
}

function paymentStep({ payment, figures }: Account): ExplanationStep {
  if (payment === null) return tell('payment', 'waiting', figures?.credit === 0n ? 'Nothing to pay.' : 'Not paid yet.')
  const owed = payment.payment.owed.some(({ to }) => to === payment.payout)
  return tell(
    'payment',
    payment.amount === 0n ? 'failed' : 'done',
    payment.amount === 0n
      ? 'The lane was settled with 0 wei.'
      : owed
        ? `${tokens(payment.amount, 6)} KAI could not be delivered and are owed to ${payment.payout}: "withdraw" on the vault sends them.`
        : `${tokens(payment.amount, 6)} KAI went to ${payment.payout}.`,
    {
      lines: [`${payment.amount} wei to ${payment.payout}`],
      transactions: reference('paid in', payment.payment.txHash),
    },
  )
}
