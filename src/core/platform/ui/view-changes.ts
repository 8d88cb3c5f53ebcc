/** What happened between two views, as plain lines: what a dashboard becomes where there is no terminal. Pure. */
import type {
  CheckerView,
  DevnetView,
  EpochProgress,
  EventRow,
  PaymentRow,
  ProviderView,
  VerdictRow,
} from './dashboard-views.ts'
import { grouped, shortHex, tokens } from './figures.ts'

/** Lines in the order things happened; `before` is null at the start. */
export type Changes<V> = (before: V | null, after: V) => string[]

export const devnetChanges: Changes<DevnetView> = (before, after) => [
  ...warningChange(before, after),
  ...epochChanges(before?.epochs ?? [], after.epochs),
  ...added(before?.verdicts ?? [], after.verdicts, verdictKey).map(verdictText),
  ...added(before?.payments ?? [], after.payments, paymentKey).map(paymentText),
]

export const providerChanges: Changes<ProviderView> = (before, after) => [
  ...warningChange(before, after),
  ...epochChanges(before?.epochs ?? [], after.epochs),
  ...added(before?.events ?? [], after.events, eventKey).map(({ text }) => text),
  ...added(before?.payments ?? [], after.payments, paymentKey).map(paymentText),
]

export const checkerChanges: Changes<CheckerView> = (before, after) => [
  ...warningChange(before, after),
  ...epochChanges(before?.epochs ?? [], after.epochs),
  ...added(before?.verdicts ?? [], after.verdicts, verdictKey).map(verdictText),
  ...added(before?.events ?? [], after.events, eventKey).map(({ text }) => text),
]

const warningChange = (before: { warning: string | null } | null, after: { warning: string | null }): string[] =>
  after.warning !== null && after.warning !== before?.warning ? [`! ${after.warning}`] : []

const epochChanges = (before: readonly EpochProgress[], after: readonly EpochProgress[]): string[] =>
  after
    .filter(({ epoch, phase }) => !before.some(earlier => earlier.epoch === epoch && earlier.phase === phase))
    .map(({ epoch, phase, note }) => `epoch ${epoch} ${phase}${note === '' ? '' : `: ${note}`}`)

/** New entries of a list that is kept newest first. */
function added<T>(before: readonly T[], after: readonly T[], keyOf: (entry: T) => string): T[] {
  const known = new Set(before.map(keyOf))
  return after.filter(entry => !known.has(keyOf(entry))).reverse()
}

const verdictKey = ({ time, epoch, device, seat, verdict }: VerdictRow) => `${time}${epoch}${device}${seat}${verdict}`
const paymentKey = ({ epoch, device }: PaymentRow) => `${epoch}${device}`
const eventKey = ({ time, text }: EventRow) => `${time}${text}`

const verdictText = ({ epoch, device, seat, verdict, reason, rate }: VerdictRow) =>
  `epoch ${epoch}: seat ${shortHex(seat)} says ${verdict} (${reason}) of device ${shortHex(device)}${
    rate === null ? '' : ` at ${grouped(Math.round(rate))} Mop/s`
  }`
const paymentText = ({ epoch, device, payout, amount, txHash }: PaymentRow) =>
  `epoch ${epoch}: device ${shortHex(device)} is paid ${tokens(amount, 6)} KAI to ${payout} (${txHash})`
