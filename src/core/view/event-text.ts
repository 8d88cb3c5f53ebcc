/** What happened, as a sentence: the same wherever it is shown, on a terminal, in a dashboard, in a log, in the explorer. */
import type { Address } from 'viem'
import type { CheckerEvent } from '../checker/checker-event.ts'
import type { NetworkChange } from '../network/network-changes.ts'
import { printable } from '../platform/printable.ts'
import { committeeSize, quorum } from '../protocol/constants.ts'
import type { ProviderEvent } from '../provider/provider-event.ts'
import { counted, figuresText, grouped, shortHex, tokens } from './figures.ts'

/** What the daemons tell while they run. */
export type DaemonEvent = ProviderEvent | CheckerEvent

/** What else is told while a command runs, by this program about its own processes. */
type ProcessEvent =
  | { readonly type: 'devnet.ready'; readonly rpcUrl: string; readonly chainId: number }
  | { readonly type: 'daemon.ended'; readonly name: string; readonly reason: string }
  | { readonly type: 'metrics.listening' | 'explorer.ready'; readonly url: string }
  | { readonly type: 'chain.trouble'; readonly message: string }

/** What only the explorer tells, of one transaction. */
type LedgerEvent =
  | { readonly type: 'checker.committed'; readonly epoch: number; readonly checker: Address }
  | { readonly type: 'epoch.opened'; readonly epoch: number }

export type ToldEvent = DaemonEvent | NetworkChange | ProcessEvent | LedgerEvent

/** One line; whatever outsiders put into a name or a reason, nothing of it reaches a terminal as a command. */
export const eventText = (event: ToldEvent): string => printable(sentenceOf(event))

/** Whether somebody should look at it. */
export const isWarning = ({ type, ...event }: ToldEvent): boolean =>
  [
    ...['session.closed', 'round.aborted', 'round.late', 'round.missed'],
    ...['device.health', 'daemon.ended', 'chain.trouble'],
  ].includes(type) ||
  ('findings' in event && event.findings.length > 0)

function sentenceOf(event: ToldEvent): string {
  switch (event.type) {
    case 'network.seen':
      return `chain ${event.chainId}, block ${event.block}, ${event.epoch === null ? 'no epoch yet' : `epoch ${event.epoch}`}, ${counted(event.devices, 'device')}, ${counted(event.checkers, 'Checker')}`
    case 'epoch.phase':
      return `epoch ${event.epoch}  ${event.phase.toUpperCase()}`
    case 'round.triggered':
      return `epoch ${event.epoch}  round ${event.ordinal} triggered by block ${shortHex(event.round)}`
    case 'device.registered':
      return 'model' in event
        ? `device ${shortHex(event.deviceId)}  registered: ${event.model} (generation ${event.generation})`
        : `device ${shortHex(event.device)}  registered by ${shortHex(event.operator)} in lane ${event.lane}`
    case 'device.left':
      return `device ${shortHex(event.device)}  leaves after epoch ${event.until}`
    case 'checker.bonded':
      return `checker ${shortHex(event.checker)}  holds ${counted(event.seats, 'seat')} at ${event.endpoint}`
    case 'checker.struck':
      return `checker ${shortHex(event.checker)}  strikes: ${event.strikes}`
    case 'cohort.resolved':
      return event.state === 'void'
        ? `epoch ${event.epoch}  cohort ${event.cohort} is void: fewer than ${quorum} seats opened`
        : `epoch ${event.epoch}  cohort ${event.cohort} is final, ${event.opened} of ${committeeSize} seats opened`
    case 'checker.committed':
      return `epoch ${event.epoch}  Checker ${shortHex(event.checker)} committed to its verdicts`
    case 'epoch.opened':
      return `epoch ${event.epoch}  is opened for payment`
    case 'epoch.paid':
      return `epoch ${event.epoch}  paid: ${event.payments.map(({ device, amount }) => `${shortHex(device)} ${tokens(amount)} KAI`).join(', ')}`
    case 'epoch.started':
      return `epoch ${event.epoch}: ${'cohorts' in event ? `${counted(event.cohorts, 'cohort')}, ${counted(event.devices, 'device')}` : `${counted(event.devices, 'device')}, ${counted(event.seats, 'Checker')}`}`
    case 'session.opened':
      return `session with ${peerOf(event)}`
    case 'session.closed':
      return `session with ${peerOf(event)} ended: ${event.reason ?? 'no reason given'}`
    case 'provider.idle':
      return `nothing to work: ${event.code}: ${event.reason}`
    case 'round.committed':
      return `round ${shortHex(event.round)}: ${event.kind}, ${figuresText(event.figures)}, ${event.lostMs.toFixed(0)} ms lost`
    case 'round.resumed':
      return `round ${shortHex(event.round)}: ${event.kind}, resumed after a restart`
    case 'memory.filled':
      return event.problem === null
        ? `epoch ${event.epoch}: ${grouped(event.megabytes)} MB of memory filled in ${event.seconds.toFixed(1)} s`
        : `epoch ${event.epoch}: no memory is filled: ${event.problem}`
    case 'round.aborted':
      return `round ${shortHex(event.round)} was not worked: ${event.reason}`
    case 'round.late':
      return `round ${shortHex(event.round)}: ${event.kind}, trigger seen ${event.lateMs.toFixed(0)} ms late, ${event.leftMs.toFixed(0)} ms of the window are left`
    case 'round.missed':
      return `round ${shortHex(event.round)}: ${event.kind}, missed: trigger seen ${event.lateMs.toFixed(0)} ms late`
    case 'round.busy':
      return `round ${shortHex(event.round)} is left out: its owner has paused device ${shortHex(event.deviceId)}`
    case 'pause.changed':
      return `device ${shortHex(event.deviceId)}  ${pauseText(event)}`
    case 'device.health':
      return `device ${event.device} ${event.change}: ${event.reason} ${event.detail}`
    case 'receipt.received':
      return `Checker ${shortHex(event.checker)} signed its word on epoch ${event.epoch}${
        event.measures == null ? '' : `: ${figuresText(event.measures)}`
      }`
    case 'checker.listening':
      return `${counted(event.seats, 'seat')}, reached at ${event.url}`
    case 'check.completed':
      return `device ${shortHex(event.device)}  round ${shortHex(event.round)}  seat ${shortHex(event.seat)}  ${event.verdict}  ${event.reason}  ${figuresText(event.figures)}`
    case 'beats.counted':
      return `device ${shortHex(event.device)}, beats of epoch ${event.epoch}: ${Object.entries(event.results)
        .map(([result, count]) => `${count} ${result}`)
        .join(', ')}`
    case 'peer.checked':
      return `evidence of seat ${shortHex(event.checker)} in epoch ${event.epoch}: ${event.result}${event.step === null ? '' : `, ${event.step}`}`
    case 'device.judged':
      return `device ${shortHex(event.device)}: ${event.findings.join(', ') || 'what it says of itself was confirmed'}`
    case 'devnet.ready':
      return `Ready at ${event.rpcUrl} (chain ${event.chainId}); the first epoch begins in a few seconds`
    case 'daemon.ended':
      return `${event.name} ended: ${event.reason}`
    case 'metrics.listening':
      return `metrics at ${event.url}`
    case 'explorer.ready':
      return `Explorer at ${event.url}`
    case 'chain.trouble':
      return `! ${event.message}`
    default:
      return fieldsText(event)
  }
}

const pauseText = ({ state, until }: Extract<DaemonEvent, { type: 'pause.changed' }>): string =>
  state === 'paused'
    ? `paused ${until === null ? 'until it is resumed' : `until ${until}`}`
    : state === 'ended'
      ? 'works again: its pause is over'
      : 'works again'

/** An event of a process of another version, which this one has no sentence for. */
function fieldsText({ type, ...fields }: { readonly type: string }): string {
  return `${type}  ${Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`
}

const peerOf = (event: Extract<DaemonEvent, { readonly type: 'session.opened' | 'session.closed' }>): string =>
  'checker' in event ? `Checker ${shortHex(event.checker)}` : `Provider ${shortHex(event.operator)}`
