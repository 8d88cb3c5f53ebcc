/** The Checker daemon: bond, listen, judge its devices' rounds, commit, open, keep epochs moving; until it is asked to stop. */
import type { Address, Hex } from 'viem'
import { getChecker } from '../chain/checkers.ts'
import { getDevice } from '../chain/devices.ts'
import { watchEpochs } from '../chain/epoch-watch.ts'
import { getEpoch, getEpochRounds, getRoundRules } from '../chain/epochs.ts'
import { createHeadStream } from '../chain/head-stream.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { createRoundStream } from '../chain/round-stream.ts'
import type { Round, RoundEvent } from '../chain/rounds.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import { type JobSpec, specByHash } from '../job/spec.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import type { Clock } from '../platform/clock.ts'
import { isKaisarError } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from '../platform/store.ts'
import { recoverSigner, type Signer } from '../report/signer.ts'
import { type SessionServer, serveSessions } from '../transport/serve-sessions.ts'
import type { Session } from '../transport/session.ts'
import type { Identity, Transport } from '../transport/transport.ts'
import { admitPeer } from './admit-peer.ts'
import { bondSeats } from './bond-seats.ts'
import type { RecordPolicy } from './device-check.ts'
import { createDeviceJobs } from './device-jobs.ts'
import { type Duty, readDuty } from './duty.ts'
import { checkerErrors } from './errors.ts'
import type { EvidenceStore } from './evidence-store.ts'
import { createForwardWrongRow, takeWrongRows } from './forward-wrong-row.ts'
import { createPeers } from './gather-openings.ts'
import { createCheckerJournal } from './journal.ts'
import { createPresence } from './presence.ts'
import type { RecordPolicyDependencies } from './record-policy.ts'
import { createRoundJudge, type RoundJudge } from './round-judge.ts'
import { createSeatEpoch, type SeatEpoch, type SeatOpeningOnChain } from './seat-epoch.ts'
import type { Send } from './seat-round.ts'
import type { SeatSecrets } from './seat-secrets.ts'
import { createStallWatch } from './stall-watch.ts'

export type CheckerOptions = {
  readonly network: ConnectedNetwork
  readonly payout: Address
  readonly seats: number
  /** Address and port to listen on; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** What Providers dial, where it differs from where we listen. */
  readonly publicUrl: string | null
  readonly heartbeat: { readonly intervalMs: number; readonly timeoutMs: number }
}

export type CheckerDependencies = {
  readonly signer: Signer
  readonly secrets: SeatSecrets
  readonly sender: TransactionSender
  readonly store: Store
  readonly evidence: EvidenceStore
  readonly identity: Identity
  readonly transport: Transport
  readonly startEngine: (spec: JobSpec) => Promise<WorkEngine>
  readonly policy: (known: RecordPolicyDependencies) => RecordPolicy
  /** The keeper: does what is open on chain; `gather` gives a cohort's openings, or null where they are not to be had. */
  readonly settle: (
    gather: (epoch: number, cohort: number) => Promise<readonly SeatOpeningOnChain[] | null>,
  ) => Promise<void>
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly log: Logger
  readonly emit: (event: CheckerEvent) => void
}

export type CheckerEvent =
  | { readonly type: 'checker.listening'; readonly url: string; readonly seats: number; readonly change: string }
  | { readonly type: 'epoch.started'; readonly epoch: number; readonly cohorts: number; readonly devices: number }
  | {
      readonly type: 'check.completed'
      readonly device: Hex
      readonly seat: Address
      readonly epoch: number
      readonly round: Hex
      readonly verdict: string
      readonly reason: string
      readonly rate: number
    }
  | {
      readonly type: 'device.judged'
      readonly epoch: number
      readonly device: Hex
      readonly valid: boolean
      readonly findings: readonly string[]
    }
  | { readonly type: 'session.opened' | 'session.closed'; readonly operator: Address; readonly reason: string | null }

/** One epoch at this seat. */
type Epoch = { readonly duty: Duty; readonly judge: RoundJudge; readonly seat: SeatEpoch }

/**
 * Runs until the signal aborts, then finishes what is open and resolves.
 * @throws CHECKER_BOND_MISSING, and what the chain, the port or the execution provider refuse at start
 */
export async function runChecker(options: CheckerOptions, deps: CheckerDependencies, stop: AbortSignal): Promise<void> {
  const { network } = options
  const { signer, secrets, sender, store, evidence, identity, transport, clock, randomBytes, log, emit } = deps
  const journal = createCheckerJournal(store)
  const rules = await getRoundRules(network)
  const { spec } = specByHash(rules.specHash)
  const engine = await deps.startEngine(spec)
  const epochs = new Map<number, Epoch>()
  const sessions = new Map<Address, Session>()
  const sendTo = (operator: Address): Send | null => {
    const session = sessions.get(operator)
    return session === undefined || session.closed ? null : (type, body, payload) => session.send(type, body, payload)
  }
  const trouble = (where: string) => (error: unknown) => log.warn({ error, where }, 'something failed; trying again')
  const judgeOf = (epoch: bigint | number) => epochs.get(Number(epoch))?.judge ?? null

  const peers = createPeers({ network, signer, transport, clock, log, answerMs: 1_500 })
  const isOver = (epoch: number) => journal.seatCommitment(epoch) !== null
  const forwardWrongRow = createForwardWrongRow({ tell: peers.tell, isOver, clock, log, stop })
  const jobs = createDeviceJobs({
    network,
    signer,
    journal,
    policy: deps.policy({ measuredRate: journal.lastRate }),
    registrationOf: id => getDevice(network, id),
    clock,
    randomBytes,
    log,
    onJudged: (epoch, device, { deviceValid, environmentValid, findings }) =>
      emit({
        type: 'device.judged',
        epoch,
        device,
        valid: deviceValid && environmentValid,
        findings: findings.map(({ code }) => code),
      }),
  })
  const found = new Set<Address>()
  let listeningSinceMs = clock.monotonicMs()
  /** Providers dial again within the time that a round stays open; until then their absence may be ours. */
  const isArriving = (operator: Address) =>
    !found.has(operator) && clock.monotonicMs() < listeningSinceMs + rules.openingsMs
  const current = () => [...epochs.values()].sort((a, b) => b.duty.epoch - a.duty.epoch)
  let working = -1
  /** Rounds of an epoch whose duty is still being read. */
  const early: RoundEvent[] = []
  const stalls = createStallWatch({ clock })
  const presence = createPresence(options.heartbeat, {
    journal,
    clock,
    randomBytes,
    duty: () => epochs.get(working)?.duty ?? null,
    sendTo,
    log,
    isArriving,
    stoodStillAt: stalls.stoodStillAt,
  })

  function onSession(session: Session) {
    const { operator } = session
    if (session.role === 'checker') return serveChecker(session)
    sessions.set(operator, session)
    found.add(operator)
    emit({ type: 'session.opened', operator, reason: null })
    session.onClose(({ code }) => {
      if (sessions.get(operator) === session) sessions.delete(operator)
      emit({ type: 'session.closed', operator, reason: code })
    })
    session.on('job.commitment', (commitment, _, receivedAt) =>
      judgeOrRefuse(commitment.message.epoch).takeCommitment(operator, commitment, receivedAt),
    )
    session.on('job.abort', abort => judgeOrRefuse(abort.message.epoch).takeAbort(operator, abort))
    session.on('job.openings', (about, payload, receivedAt) => {
      if (!current().some(({ judge }) => judge.takeOpenings(operator, about, payload, receivedAt)))
        throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: about.commitmentHash })
    })
    session.on('heartbeat.reply', presence.onReply)
    session.on('device.report', body => jobs.take(session, body))
    for (const { judge, duty } of current()) {
      judge.greet(operator).catch(trouble('greeting'))
      if (duty.epoch === working) jobs.ask(session, duty.epoch, duty.devices).catch(trouble('device request'))
    }
  }

  function serveChecker(session: Session) {
    takeWrongRows(session, judgeOrRefuse)
    session.on('opening.request', async ({ epoch, cohort }) => {
      const seat = epochs.get(Number(epoch))?.seat
      const { phase } = await getEpoch(network, Number(epoch))
      // Before COMMIT is closed an opening is a secret: who knew it could copy it.
      if (seat === undefined || ['work', 'commit', 'future'].includes(phase))
        throw checkerErrors.CHECKER_OPENING_UNAVAILABLE({ epoch: Number(epoch), cohort })
      await session.send('opening.reply', await seat.openingReply(cohort))
    })
  }

  function judgeOrRefuse(epoch: bigint): RoundJudge {
    const judge = judgeOf(epoch)
    if (judge === null) throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: `of epoch ${epoch}` })
    return judge
  }

  const server = await listen(await lastPort(options.listen.port))
  listeningSinceMs = clock.monotonicMs()
  const endpoint = options.publicUrl ?? server.url
  const { payout, seats } = options
  const { certificateHash } = identity
  const { checker, change } = await bondSeats(network, { payout, seats, endpoint, certificateHash }, { sender })
  emit({ type: 'checker.listening', url: endpoint, seats: checker.seats, change })

  /** Where any port will do, that of the last run: Providers find us again without a transaction. */
  async function lastPort(wanted: number): Promise<number> {
    if (wanted !== 0 || options.publicUrl !== null) return wanted
    const known = await getChecker(network, signer.address)
    return known === null ? 0 : Number(new URL(known.endpoint).port)
  }

  async function listen(port: number): Promise<SessionServer> {
    try {
      return await serve(port)
    } catch (error) {
      if (options.listen.port === port || !isKaisarError(error, 'TRANSPORT_PORT_IN_USE')) throw error
      return serve(options.listen.port)
    }
  }

  function serve(port: number): Promise<SessionServer> {
    return serveSessions(
      {
        host: options.listen.host,
        port,
        network,
        checker: signer.address,
        async onGet(path) {
          const body = evidence.read(/^\/evidence\/(0x[0-9a-f]{64})$/.exec(path)?.[1] ?? '')
          return body === null ? null : { contentType: 'application/octet-stream', body }
        },
      },
      {
        transport,
        recover: (type, message, signature) => recoverSigner(network, type, { message, signature }),
        randomNonce: () => `0x${Buffer.from(randomBytes(32)).toString('hex')}`,
        admit: claim => admitPeer(network, claim),
        onSession,
        onRefused: ({ peerAddress, error }) => log.info({ error, peerAddress }, 'a client was not let in'),
        now: () => clock.monotonicMs(),
        onFault: ({ session, type, error }) =>
          log.debug({ error, type, peer: session.operator }, 'a message was refused'),
      },
    )
  }

  /** Reads the duty of an epoch once its seed is there, and prepares its model; of one that is over, to settle what is left. */
  async function enter(epoch: number): Promise<boolean> {
    const rounds = await getEpochRounds(network, epoch)
    if (rounds === null) return epoch < working
    if (!epochs.has(epoch)) epochs.set(epoch, openEpoch(await readDuty(network, signer.address, epoch, rounds)))
    if ((heads.tip?.timestamp ?? 0) >= rounds.startsAt + rounds.epochSeconds) return true
    const { duty } = epochs.get(epoch)!
    for (const event of early.splice(0)) await onRoundEvent(event)
    if (epoch === working) await askDevices(duty)
    await engine.prepare(rounds.seed)
    emit({ type: 'epoch.started', epoch, cohorts: duty.committees.size, devices: duty.devices.length })
    return true
  }

  function openEpoch(duty: Duty): Epoch {
    const judge = createRoundJudge(
      { network, spec, rules: duty.rounds.rules },
      {
        signer,
        secrets,
        journal,
        evidence,
        engine,
        clock,
        log,
        sendTo,
        isArriving,
        stoodStillAt: stalls.stoodStillAt,
        forwardWrongRow(cohort, epoch, commitment, payload) {
          const others = (duty.committees.get(cohort) ?? []).filter(other => other !== signer.address)
          void forwardWrongRow(others, epoch, commitment, payload)
        },
        onVerdict: ({ epoch, trigger }, { deviceId }, { judged }) =>
          judged !== null &&
          emit({
            type: 'check.completed',
            device: deviceId,
            seat: signer.address,
            epoch,
            round: trigger.hash,
            ...judged,
          }),
      },
    )
    const seat = createSeatEpoch(duty, { network, signer, secrets, store, journal, sender, log, sendTo })
    return { duty, judge, seat }
  }

  const heads = createHeadStream({}, { chain: network.chain, clock, onTrouble: trouble('heads') })
  const rounds = createRoundStream({ network, heads, onTrouble: trouble('rounds') })
  rounds.onEvent((event: RoundEvent) => void onRoundEvent(event).catch(trouble('rounds')))
  async function onRoundEvent(event: RoundEvent) {
    if (event.type === 'epoch') return startWork(event.epoch)
    const { round } = event
    const epoch = epochs.get(round.epoch)
    if (epoch === undefined) {
      if (round.epoch >= working) early.push(event)
      return
    }
    if (event.type === 'dropped') {
      epoch.judge.drop(round.hash)
      journal.dropRound(round.epoch, round.hash)
    } else if (event.type === 'round' && isMissed(round, epoch)) journal.recordRound(round.epoch, round)
    else if (event.type === 'sampling') {
      await epoch.judge.takeSamplingBlock(round.hash, event.block)
      // Who has not shown what it is, or could not be believed, is asked again: a report may have been lost on our side.
      if (round.epoch === working) await askDevices(epoch.duty)
    } else
      await epoch.judge.begin({
        epoch: round.epoch,
        epochSeed: epoch.duty.seed,
        trigger: round,
        ...about(round, epoch),
      })
  }
  /** A round that was past its commitments when we saw it: nothing can be said of it, and that is our own fault. */
  const isMissed = ({ timestamp }: Round, { duty }: Epoch) =>
    (heads.tip?.timestamp ?? timestamp) >= timestamp + duty.rounds.rules.samplingSeconds
  const about = ({ seenAtMs }: { readonly seenAtMs: number }, { duty }: Epoch) => ({ seenAtMs, devices: duty.devices })

  async function startWork(epoch: number) {
    working = epoch
    epochs.delete(epoch - 4)
    const duty = epochs.get(epoch)?.duty
    if (duty !== undefined) await askDevices(duty)
  }

  async function askDevices({ epoch, devices }: Duty) {
    for (const session of sessions.values()) await jobs.ask(session, epoch, devices)
  }

  // What was committed to before a restart is still to be opened, and audited.
  const leaveEpochs = watchEpochs({ past: 3 }, { network, heads, visit: enter, onTrouble: trouble('epochs') })
  // Looks at the epochs that are not over and does what is due; one pass at a time.
  let settling: Promise<void> | null = null
  const stopSettling = heads.onChange(() => {
    settling ??= settlePast()
      .catch(trouble('settlement'))
      .finally(() => {
        settling = null
      })
  })

  async function settlePast() {
    for (const [epoch, { judge, seat }] of epochs) {
      const overview = await getEpoch(network, epoch)
      if (overview.phase === 'future' || overview.phase === 'work') continue
      if (overview.phase === 'commit') await judge.idle()
      await seat.commit(overview)
      if (overview.phase === 'reveal') await seat.reveal(overview)
      if (overview.phase !== 'commit') {
        await seat.sendReceipts()
        await seat.answerAudits()
      }
    }
    await deps.settle(gather)
  }

  /** What this seat can finalize a cohort with: its own opening and those of the other committed seats. */
  async function gather(epoch: number, cohort: number): Promise<readonly SeatOpeningOnChain[] | null> {
    const entry = epochs.get(epoch)
    const committee = entry?.duty.committees.get(cohort)
    if (entry === undefined || committee === undefined || journal.seatCommitment(epoch) === null) return null
    return peers.gather(epoch, cohort, committee, entry.seat.opening(cohort))
  }

  const beating = Promise.all([presence.run(stop), stalls.run(stop)])
  await new Promise<void>(resolve => {
    if (stop.aborted) resolve()
    stop.addEventListener('abort', () => resolve(), { once: true })
  })
  leaveEpochs()
  stopSettling()
  await rounds.stop()
  await settling
  await Promise.all(current().map(({ judge }) => judge.idle()))
  await beating
  peers.close()
  await server.close()
  await heads.stop()
  await engine.close()
}
