/** The Provider's sessions with the seats that judge its devices: kept open, and everything that a seat asks for answered. */
import type { Address, Hex } from 'viem'
import type { ConnectedNetwork } from '../chain/network.ts'
import { laneRateOf, type Measures } from '../epoch/capacity.ts'
import type { Clock } from '../platform/clock.ts'
import type { CrashPoint } from '../platform/crash-point.ts'
import type { Logger } from '../platform/log.ts'
import type { Network, SignedMessage } from '../protocol/typed-data.ts'
import { isSignedBy, type Signer, signMessage } from '../report/signer.ts'
import { type CheckerEndpoint, dialSession } from '../transport/dial-session.ts'
import { type Backoff, keepSessions } from '../transport/keep-sessions.ts'
import type { Session } from '../transport/session.ts'
import type { Transport } from '../transport/transport.ts'
import { providerErrors } from './errors.ts'
import type { ProviderJournal } from './journal.ts'
import type { PauseJournal } from './pause.ts'
import type { ProviderEvent } from './provider-event.ts'
import type { RoundWork } from './round-work.ts'
import type { StatementOf } from './statements.ts'

export type Seats = ReturnType<typeof createSeats>

export type SeatsDependencies = Omit<ProviderSessionDependencies, 'network' | 'now' | 'onReceipt'> & {
  readonly transport: Transport
  readonly clock: Clock
  readonly random: () => number
  readonly emit: (event: ProviderEvent) => void
}

/** @param deviceIds - whom the sessions speak for */
export function createSeats(
  {
    network,
    deviceIds,
    backoff,
  }: { readonly network: ConnectedNetwork; readonly deviceIds: readonly Hex[]; readonly backoff: Backoff },
  dependencies: SeatsDependencies,
) {
  const { transport, signer, clock, random, log, emit } = dependencies
  const sessions = keepSessions(backoff, {
    dial: (endpoint, signal) =>
      dialSession(
        { endpoint, network, role: 'provider', operator: signer.address, deviceIds, signal },
        {
          transport,
          sign: (type, message) => signer.sign(type, message),
          clock,
          onFault: ({ type, error }) => log.debug({ error, type }, 'a message was refused'),
        },
      ),
    delay: (ms, signal) => clock.sleep(ms, signal).catch(() => undefined),
    now: () => clock.monotonicMs(),
    random,
    onSession(session, { checker }) {
      serveSeat(session, {
        ...dependencies,
        network,
        now: () => clock.now(),
        onReceipt: (_, { epoch, deviceId, rate, flags }, measures) =>
          emit({ type: 'receipt.received', epoch: Number(epoch), deviceId, checker, rate, flags, measures }),
      })
      emit({ type: 'session.opened', checker, reason: null })
      session.onClose(({ code }) => emit({ type: 'session.closed', checker, reason: code }))
    },
    onUnreachable: ({ endpoint, reason, retryInMs }) =>
      log.warn({ checker: endpoint.checker, code: reason.code, retryInMs: Math.round(retryInMs) }, reason.message),
  })
  return {
    /** The seats to be connected with from now on. */
    connect: (endpoints: readonly CheckerEndpoint[]): void => sessions.update(endpoints),
    /** The open sessions with these seats. */
    sessionsWith: (endpoints: readonly CheckerEndpoint[]): Session[] =>
      endpoints.flatMap(({ checker }) => sessions.sessionWith(checker) ?? []),
    /** Ends all sessions; resolves when nothing is left running. */
    close: (): Promise<void> => sessions.close(),
  }
}

export type ProviderSessionDependencies = {
  readonly network: Network
  readonly signer: Signer
  readonly journal: ProviderJournal
  /** Default: of a Provider that is never paused. */
  readonly pauseJournal?: Pick<PauseJournal, 'busyIn'>
  readonly roundWork: RoundWork
  readonly log: Logger
  readonly statementOf: StatementOf
  /** Whether a receipt is about one of our devices, and about an epoch whose receipts are still kept. */
  readonly wantsReceipt: (receipt: SignedMessage<'Receipt'>) => boolean
  readonly now: () => number
  readonly onReceipt?: (checker: Address, receipt: SignedMessage<'Receipt'>, measures: Measures | null) => void
  /** Called at named points between recording and saying; tests end the process there. */
  readonly crashPoint?: (name: CrashPoint) => void
}

/** Answered offers of a session that are remembered, the oldest of which make way. */
const offersRemembered = 4_096

/** Registers the handlers of a session that has just opened. */
export function serveSeat(session: Session, dependencies: ProviderSessionDependencies): void {
  const { network, signer, journal, pauseJournal, roundWork, log, statementOf, wantsReceipt, now, onReceipt } =
    dependencies
  const { crashPoint = () => {} } = dependencies
  const checker = session.operator
  const requireFromSeat = (valid: boolean, named: string) => {
    if (!valid || named !== checker) throw providerErrors.PROVIDER_NOT_FROM_SEAT({ checker })
  }

  /** How much was said to an offer of a round over this session: copies of it are answered where there is more. */
  const said = new Map<string, number>()
  session.on('job.offer', offer => {
    requireFromSeat(isSignedBy(network, 'JobOffer', offer, checker), offer.message.checker)
    roundWork.takeOffer(offer.message)
    // A seat that was away, or saw the trigger after us, may offer after the work is done.
    const { epoch, round, deviceId } = offer.message
    const marks = roundWork.marksOf(round, deviceId)
    const busy = pauseJournal?.busyIn(round, deviceId) ?? null
    const worked = roundWork.committed(round, deviceId)
    const name = `${round} ${deviceId}`
    const count = marks.length + (busy === null ? 0 : 1) + (worked === null ? 0 : 1)
    if (count <= (said.get(name) ?? 0)) return
    said.set(name, count)
    if (said.size > offersRemembered) said.delete(said.keys().next().value!)
    const sent = marks.map((mark, index) => session.send('job.mark', { epoch, round, deviceId, index, mark }))
    if (busy !== null) sent.push(session.send('job.busy', busy))
    if (worked !== null) sent.push(session.send('job.commitment', worked.commitment))
    return Promise.all(sent).then(() => undefined)
  })
  /** Openings are large: one piece after the other, so that what waits to be written stays within what a session may hold. */
  let sending: Promise<unknown> = Promise.resolve()
  /** Requests that are being answered over this session; copies of them are ignored. */
  const answering = new Set<string>()
  session.on('job.request', async request => {
    const { commitmentHash, secret, samplingBlockHash } = request.message
    const name = `${commitmentHash} ${secret} ${samplingBlockHash}`
    if (answering.has(name)) return
    requireFromSeat(isSignedBy(network, 'SampleRequest', request, checker), request.message.checker)
    answering.add(name)
    try {
      const pieces = await roundWork.answer(checker, request.message)
      const about = { commitmentHash, secret, samplingBlockHash }
      const send = async () => {
        for (const [piece, open] of pieces.entries())
          await session.send('job.openings', pieces.length === 1 ? about : { ...about, piece }, await open())
      }
      const sent = sending.then(send, send)
      sending = sent
      await sent
    } finally {
      answering.delete(name)
    }
    crashPoint('provider.opened')
  })
  session.on('device.request', async request => {
    requireFromSeat(isSignedBy(network, 'DeviceRequest', request, checker), request.message.checker)
    const { deviceId, nonce } = request.message
    const statement = await statementOf(checker, deviceId, nonce)
    if (statement === null) throw providerErrors.PROVIDER_DEVICE_UNKNOWN({ deviceId })
    const { device, environment, attestation, ...hashes } = statement
    const report = await signMessage(signer, 'DeviceReport', { deviceId, nonce, ...hashes })
    await session.send('device.report', { report, device, environment, attestation })
  })
  session.on('receipt', ({ measures: said, ...receipt }) => {
    requireFromSeat(isSignedBy(network, 'Receipt', receipt, checker), checker)
    const { message } = receipt
    if (!wantsReceipt(message)) throw providerErrors.PROVIDER_RECEIPT_UNWANTED({ checker, epoch: `${message.epoch}` })
    // Nobody signed the measures: they are kept where they give what was signed.
    const measures = said !== undefined && laneRateOf(said) === message.rate ? said : null
    if (journal.recordReceipt(checker, receipt, measures)) onReceipt?.(checker, message, measures)
  })
  session.on('refused', refusal => {
    const isKept = journal.recordRefusal(now(), { checker, code: refusal.code, message: refusal.message })
    log[isKept ? 'warn' : 'debug']({ checker, code: refusal.code, regarding: refusal.regarding }, refusal.message)
  })
}
