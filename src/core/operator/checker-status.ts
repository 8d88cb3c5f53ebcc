/** A Checker from the chain outwards: seats, duties and what became of them; then what runs here, and where that does not fit. Pure. */
import type { Address, Hex } from 'viem'
import type { CheckerRecords, JournaledVerdict } from '../checker/checker-records.ts'
import type { DutyStatus } from '../network/duties.ts'
import type { CheckerView, NetworkView } from '../network/network-view.ts'
import { counted, grouped, tokens } from '../view/figures.ts'
import {
  type LocalDaemon,
  type NetworkStatus,
  networkStatus,
  paymentOwed,
  raised,
  type StatusWarning,
  staleWarning,
  statusHead,
  warningTexts,
} from './status-parts.ts'

type LocalChecker = LocalDaemon & {
  /** Null where no Checker ever ran with this data folder. */
  readonly records: CheckerRecords | null
}

/** Whether its registered endpoint answers; `certificateHash` is the one it presents. */
export type EndpointCheck =
  | { readonly reached: true; readonly certificateHash: Hex }
  | { readonly reached: false; readonly why: string }

export type CheckerStatus = {
  readonly operator: Address
  readonly network: NetworkStatus
  readonly daemon: LocalDaemon | null
  /** Null: this operator never bonded. */
  readonly checker: CheckerView | null
  readonly endpoint: EndpointCheck | null
  /** Newest first. */
  readonly duties: readonly DutyStatus[]
  readonly verdictCounts: Readonly<Record<string, number>> | null
  /** The last verdicts of the daemon here with their evidence, newest first. */
  readonly verdicts: readonly JournaledVerdict[] | null
  readonly warnings: readonly StatusWarning[]
}

export type CheckerStatusInput = {
  readonly view: NetworkView
  /** Newest first; see `dutiesOf`. */
  readonly duties: readonly DutyStatus[]
  readonly operator: Address
  readonly endpoint: EndpointCheck | null
  readonly local: LocalChecker | null
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

export function checkerStatus(input: CheckerStatusInput): CheckerStatus {
  const { view, operator, duties, endpoint, local, nowMs } = input
  const network = networkStatus(view, nowMs)
  const checker = view.checkers.find(each => each.operator === operator) ?? null
  return {
    operator,
    network,
    daemon: local === null ? null : { running: local.running },
    checker,
    endpoint,
    duties,
    verdictCounts: local?.records?.verdictCounts ?? null,
    verdicts: local?.records?.verdicts ?? null,
    warnings: [...staleWarning(network), ...warningsOf(checker, input)],
  }
}

function warningsOf(
  checker: CheckerView | null,
  { duties, endpoint, local, view }: CheckerStatusInput,
): StatusWarning[] {
  const warn = (code: string, message: string, fix: string): StatusWarning => ({ code, device: null, message, fix })
  const running = local?.running ?? null
  if (checker === null)
    return [
      warn(
        'CHECKER_UNBONDED',
        running === null
          ? 'The chain knows no bond of this operator.'
          : `The Checker runs (process ${running.pid}) and the chain knows no bond of its operator.`,
        'Start it with "kaisar checker run": it bonds by itself once its operator holds the bond in KAI, and gas.',
      ),
    ]
  // A commitment is due during the epoch after; judged only once that is over.
  const missed = duties.find(
    ({ epoch, committedTxHash }) => committedTxHash === null && epoch + 2 <= (view.currentEpoch ?? 0),
  )
  const unopened = duties.find(
    ({ committedTxHash, opened, state }) => committedTxHash !== null && opened === false && state !== 'pending',
  )
  return raised(
    checker.jailed &&
      warn(
        'CHECKER_JAILED',
        'Its seats are jailed: they are drawn for no cohort.',
        'See "kaisar chain seats" for until when.',
      ),
    local !== null &&
      running === null &&
      warn(
        'DAEMON_DOWN',
        'Seats are bonded and no Checker runs with this data folder: a committed epoch that is not opened is a strike.',
        'Start it with "kaisar checker run"; where it runs with another folder, name that with --data-dir.',
      ),
    endpoint?.reached === false &&
      warn(
        'ENDPOINT_UNREACHABLE',
        `The registered endpoint ${checker.endpoint} does not answer from here: ${endpoint.why}`,
        'Providers cannot be judged by a seat they cannot reach: check firewall and port, or register another address with "kaisar checker run --public-url".',
      ),
    endpoint?.reached === true &&
      endpoint.certificateHash !== checker.certificateHash &&
      warn(
        'ENDPOINT_OTHER_CERTIFICATE',
        `${checker.endpoint} presents the certificate ${endpoint.certificateHash}, and ${checker.certificateHash} is registered.`,
        'Something else answers there, or the certificate was replaced: restart the Checker, which registers its own.',
      ),
    missed !== undefined &&
      warn(
        'CHECKER_UNSEEN',
        `${running === null ? 'It' : `The Checker runs (process ${running.pid}), and it`} committed to nothing in epoch ${missed.epoch}, for which it was drawn.`,
        'Look at its log: a commitment needs gas on the operator’s address and an RPC endpoint that takes transactions.',
      ),
    unopened !== undefined &&
      warn(
        'OPENING_MISSED',
        `Epoch ${unopened.epoch}, cohort ${unopened.cohort}: committed to and not opened, which earns nothing, and is a strike where another seat opened.`,
        'Keep the Checker running until an epoch is paid; salts are derived from the key, so a restart can still open.',
      ),
    checker.owed > 0n && paymentOwed(null),
  )
}

/** The status as lines for people. */
export function checkerStatusLines(status: CheckerStatus): string[] {
  const { operator, network, daemon, checker, endpoint, duties, verdictCounts, verdicts, warnings } = status
  const last = duties.find(({ state }) => state !== 'pending')
  const evidence = verdicts?.find(each => each.evidence !== null)?.evidence
  const counts = Object.entries(verdictCounts ?? {}).map(([verdict, count]) => `${verdict} ${grouped(count)}`)
  return [
    ...statusHead('checker ', operator, network, daemon),
    ...(checker === null
      ? []
      : [
          `seats     ${checker.seats}${checker.jailed ? ', jailed' : ''}, ${counted(checker.strikes, 'strike')}, bond ${tokens(checker.bond, 0)} KAI`,
          `endpoint  ${checker.endpoint}${endpoint === null ? '' : endpoint.reached ? ', answers' : ', does not answer'}`,
          `earned    ${tokens(checker.earned)} KAI, owed ${tokens(checker.owed)} KAI, to ${checker.payout}`,
          `agreement ${checker.drawnLanes === 0 ? 'not known yet' : `${checker.agreedLanes} of ${checker.drawnLanes} lanes`}`,
          `last duty ${last === undefined ? 'none settled yet' : dutyText(last)}`,
        ]),
    ...(counts.length === 0 ? [] : [`verdicts  ${counts.join(', ')}`]),
    ...(evidence === undefined ? [] : [`evidence  ${evidence}, the last`]),
    ...warningTexts(warnings),
    ...(duties.length === 0 ? [] : ['', 'duties', ...duties.slice(0, 8).map(duty => `  ${dutyText(duty)}`)]),
  ]
}

const dutyText = ({ epoch, cohort, state, committedTxHash, opened, agreedLanes, earned }: DutyStatus): string =>
  [
    `epoch ${epoch}, cohort ${cohort}: ${committedTxHash === null ? 'not committed' : 'committed'}`,
    ...(opened === null ? [] : [opened ? 'opened' : 'not opened']),
    state,
    ...(agreedLanes === null ? [] : [`${agreedLanes} lanes agreed`]),
    ...(earned === null ? [] : [`${tokens(earned)} KAI`]),
  ].join(', ')
