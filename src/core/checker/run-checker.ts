/** The Checker daemon: bond, listen, judge its devices' rounds, commit, open, keep epochs moving; until it is asked to stop. */
import type { Address } from 'viem'
import { getDevice, identityOwner } from '../chain/devices.ts'
import { watchEpochs } from '../chain/epoch-watch.ts'
import { getEpoch, getEpochRounds, getRoundRules } from '../chain/epochs.ts'
import { createHeadStream } from '../chain/head-stream.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { blockAt, readRounds } from '../chain/read-rounds.ts'
import { createRoundStream } from '../chain/round-stream.ts'
import type { Round, RoundEvent } from '../chain/rounds.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import type { OpeningOnChain } from '../epoch/settlement-plan.ts'
import type { JobSpec } from '../job/spec.ts'
import type { WorkDescription } from '../job/work-core.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import type { Clock } from '../platform/clock.ts'
import type { CrashPoint } from '../platform/crash-point.ts'
import { isKaisarError } from '../platform/errors.ts'
import { aborted } from '../platform/graceful-stop.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from '../platform/store.ts'
import type { RoundRules } from '../protocol/network-parameters.ts'
import { isSameSeed } from '../protocol/trigger.ts'
import type { Signer } from '../report/signer.ts'
import type { Session } from '../transport/session.ts'
import type { Identity, Transport } from '../transport/transport.ts'
import { bondSeats } from './bond-seats.ts'
import type { CheckerEvent } from './checker-event.ts'
import type { RecordPolicy } from './device-check.ts'
import { createDeviceJobs } from './device-jobs.ts'
import { drain } from './drain.ts'
import { connectionsFor, type Duty, readDuty } from './duty.ts'
import { createEarlyRounds } from './early-rounds.ts'
import { checkerErrors } from './errors.ts'
import type { EvidenceStore } from './evidence-store.ts'
import { createForwardWrongRow } from './forward-wrong-row.ts'
import { createPeers } from './gather-openings.ts'
import { createCheckerJournal } from './journal.ts'
import { createPresence } from './presence.ts'
import { pruneRecords } from './prune-records.ts'
import { createRecomputers, type Recomputer } from './recomputer.ts'
import type { RecordPolicyDependencies } from './record-policy.ts'
import { createEquivocationReports } from './report-equivocation.ts'
import { createRoundJudge, type RoundJudge } from './round-judge.ts'
import { createSeatEpoch, type SeatEpoch } from './seat-epoch.ts'
import type { Send } from './seat-round.ts'
import type { SeatSecrets } from './seat-secrets.ts'
import { createPeerServer, createPhaseReader } from './serve-peer.ts'
import { serveSeat } from './serve-seat.ts'
import { createSettlement } from './settle-epochs.ts'
import { createStallWatch } from './stall-watch.ts'

export type CheckerOptions = {
  readonly network: ConnectedNetwork
  readonly payout: Address
  readonly seats: number
  /** Address and port to listen on; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** What Providers dial, where it differs from where we listen. */
  readonly publicUrl: string | null
  /** Most connections that it holds; default: by what it has to judge. */
  readonly maxConnections?: number | null
  /** How long open rounds are judged on after it was asked to stop, in ms; default 20,000. */
  readonly drainMs?: number
}

export type CheckerDependencies = {
  readonly signer: Signer
  readonly secrets: SeatSecrets
  readonly sender: TransactionSender
  readonly store: Store
  readonly evidence: EvidenceStore
  readonly identity: Identity
  readonly transport: Transport
  /** `known`: what an engine of this specification said of itself before. */
  readonly startEngine: (spec: JobSpec, known: WorkDescription | null) => Promise<WorkEngine>
  readonly policy: (known: RecordPolicyDependencies) => RecordPolicy
  /** The keeper gives the current epoch its seed. */
  readonly seed: () => Promise<void>
  /** The keeper: does what else is open on chain; `gather` gives a cohort's openings, or null where they are not to be had. */
  readonly settle: (
    gather: (epoch: number, cohort: number) => Promise<readonly OpeningOnChain[] | null>,
  ) => Promise<void>
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly log: Logger
  readonly emit: (event: CheckerEvent) => void
  /** Called at named points between recording and saying; tests end the process there. */
  readonly crashPoint?: (name: CrashPoint) => void
  /** Told once it listens. @param read - the connections that it holds, and how many it may hold */
  readonly onListening?: (read: () => { readonly open: number; readonly most: number }) => void
}

/** One epoch at this seat. */
type Epoch = {
  readonly duty: Duty
  readonly engine: Recomputer
  readonly judge: RoundJudge
  readonly seat: SeatEpoch
}

/** Leaves a process that may drain for 30 seconds the time to record what it could not judge. */
const defaultDrainMs = 20_000

/**
 * Runs until the signal aborts, then finishes what is open and resolves.
 * @throws CHECKER_BOND_MISSING, and what the chain, the port or the execution provider refuse at start
 */
export async function runChecker(options: CheckerOptions, deps: CheckerDependencies, stop: AbortSignal): Promise<void> {
  const { network, drainMs = defaultDrainMs } = options
  const { signer, secrets, sender, store, evidence, identity, transport, clock, randomBytes, log, emit, crashPoint } =
    deps
  const journal = createCheckerJournal(store)
  const rules = await getRoundRules(network)
  const recomputers = createRecomputers({
    startEngine: deps.startEngine,
    clock,
    onRestart: error => log.error({ error }, 'the work engine is started again'),
  })
  await recomputers.of(rules).start()
  const epochs = new Map<number, Epoch>()
  /** Those that are read and prepared in full. */
  const entered = new Set<number>()
  const sessions = new Map<Address, Session>()
  const sendTo = (operator: Address): Send | null => {
    const session = sessions.get(operator)
    return session === undefined || session.closed ? null : (type, body, payload) => session.send(type, body, payload)
  }
  const trouble = (where: string) => (error: unknown) => log.warn({ error, where }, 'something failed; trying again')
  const seatOf = (epoch: number) => epochs.get(epoch)?.seat ?? null
  const phaseOf = createPhaseReader(
    epoch => getEpoch(network, epoch),
    () => heads.tip?.hash ?? null,
  )

  const peers = createPeers({ network, signer, transport, clock, log, answerMs: 1_500 })
  const isOver = (epoch: number) => journal.seatCommitment(epoch) !== null
  const forwardWrongRow = createForwardWrongRow({ tell: peers.tell, isOver, clock, log, stop })
  const jobs = createDeviceJobs({
    network,
    signer,
    journal,
    policy: deps.policy({
      measuredRate: journal.lastRate,
      identityOwner: identity => identityOwner(network, identity),
    }),
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
  const early = createEarlyRounds()
  const stalls = createStallWatch({ clock })
  const presence = createPresence({
    journal,
    clock,
    randomBytes,
    duty() {
      const duty = epochs.get(working)?.duty
      return duty === undefined ? null : { ...duty, epochSeconds: duty.rounds.epochSeconds }
    },
    sendTo,
    log,
    isArriving,
    stoodStillAt: stalls.stoodStillAt,
  })

  const servePeer = createPeerServer({ seatOf, judgeOf: judgeOrRefuse, phaseOf, now: () => clock.monotonicMs() })
  function onSession(session: Session) {
    const { operator } = session
    if (session.role === 'checker') return servePeer(session)
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
      if (duty.epoch === working) askDevicesOf(session, duty).catch(trouble('device request'))
    }
  }

  function judgeOrRefuse(epoch: bigint): RoundJudge {
    const judge = epochs.get(Number(epoch))?.judge
    if (judge === undefined) throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: `of epoch ${epoch}` })
    return judge
  }

  /** Whose devices we judge, and who sits beside us. */
  const isExpected = (operator: Address) =>
    current().some(({ duty }) => duty.operators.has(operator) || duty.peers.has(operator))
  const maxConnections = () => options.maxConnections ?? connectionsFor(current().map(({ duty }) => duty))
  const server = await serveSeat({ ...options, maxConnections }, { ...deps, onSession, isExpected })
  deps.onListening?.(() => ({ open: server.connections(), most: maxConnections() }))
  listeningSinceMs = clock.monotonicMs()
  const endpoint = options.publicUrl ?? server.url
  const { payout, seats } = options
  const { certificateHash } = identity
  const bonding = bondSeats(network, { payout, seats, endpoint, certificateHash }, { sender })
  const bonded = await Promise.race([bonding, aborted(stop)])
  if (bonded === undefined) return close()
  emit({ type: 'checker.listening', url: endpoint, seats: bonded.checker.seats, change: bonded.change })

  async function close() {
    peers.close()
    await server.close()
    await recomputers.close()
  }

  /**
   * Reads an epoch's duty and prepares it once its seed is there, which is after its first block: no device joins, renews or leaves any
   * more. Once for a seed, also by a process that is started again; only a reorg brings another. Of an epoch that is over it reads what
   * is left to settle.
   */
  async function enter(epoch: number): Promise<boolean> {
    const epochRounds = await getEpochRounds(network, epoch)
    if (epochRounds === null) return epoch < working
    const known = epochs.get(epoch)
    const isSame = isSameSeed(known?.duty.rounds, epochRounds)
    if (isSame && entered.has(epoch)) return true
    entered.delete(epoch)
    const recomputer = recomputerOf(epoch, epochRounds.rules)
    if (recomputer === null) return true
    const recorded = journal.duty(epoch, epochRounds)
    const duty = recorded ?? (await readDuty(network, signer.address, epoch, epochRounds))
    if (recorded === null) journal.keepDuty(duty)
    epochs.set(epoch, openEpoch(duty, recomputer, isSame ? known!.judge : null))
    if ((heads.tip?.timestamp ?? 0) >= epochRounds.startsAt + epochRounds.epochSeconds) return true
    const asked = early.take(epoch, onRoundEvent).then(() => (epoch === working ? askDevices(duty) : undefined))
    await Promise.all([asked, recomputer.prepare(epochRounds.seed)])
    entered.add(epoch)
    emit({ type: 'epoch.started', epoch, cohorts: duty.committees.size, devices: duty.devices.length })
    return true
  }

  /** Null where this release cannot recompute the epoch's rows: it then judges nobody, rather than wrongly. */
  function recomputerOf(epoch: number, epochRules: RoundRules): Recomputer | null {
    try {
      return recomputers.of(epochRules)
    } catch (error) {
      if (!isKaisarError(error, 'JOB_SPEC_UNKNOWN') && !isKaisarError(error, 'CHECKER_WINDOW_DIFFERS')) throw error
      log.error({ code: error.code, epoch, fix: error.fix }, `epoch ${epoch} is not judged: ${error.message}`)
      return null
    }
  }

  /** @param judge - of what was read of this epoch before; null: a new one */
  function openEpoch(duty: Duty, engine: Recomputer, judge: RoundJudge | null): Epoch {
    const canonicalRounds = async () =>
      rounds.finished(duty.epoch) ?? (await readRounds(network, duty.rounds, await blockAt(network))) ?? []
    const dependencies = { network, signer, secrets, store, journal, sender, log, sendTo, canonicalRounds, crashPoint }
    return { duty, engine, judge: judge ?? openJudge(duty, engine), seat: createSeatEpoch(duty, dependencies) }
  }

  const openJudge = (duty: Duty, engine: Recomputer): RoundJudge =>
    createRoundJudge(
      { network, spec: engine.spec, rules: duty.rounds.rules },
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
        crashPoint,
        forwardWrongRow(cohort, epoch, commitment, payload) {
          const { committees } = (epochs.get(duty.epoch) ?? { duty }).duty
          const others = (committees.get(cohort) ?? []).filter(other => other !== signer.address)
          void forwardWrongRow(others, epoch, commitment, payload)
        },
        onVerdict({ epoch, trigger: { hash: round } }, { deviceId: device }, { judged }) {
          if (judged !== null) emit({ type: 'check.completed', device, seat: signer.address, epoch, round, ...judged })
        },
      },
    )

  const heads = createHeadStream({}, { chain: network.chain, clock, onTrouble: trouble('heads') })
  const rounds = createRoundStream({ network, heads, onTrouble: trouble('rounds') })
  rounds.onEvent((event: RoundEvent) => void onRoundEvent(event).catch(trouble('rounds')))
  async function onRoundEvent(event: RoundEvent) {
    if (event.type === 'epoch') return startWork(event.epoch)
    const { round } = event
    const epoch = epochs.get(round.epoch)
    if (epoch === undefined) {
      if (round.epoch >= working) early.keep(event)
      return
    }
    // The rounds that count are read when the epoch is packed; here only work is begun and ended.
    if (event.type === 'dropped') epoch.judge.drop(round.hash)
    else if (event.type === 'sampling') {
      await epoch.judge.takeSamplingBlock(round.hash, event.block)
      // Who has not shown what it is, or could not be believed, is asked again: a report may have been lost on our side.
      if (round.epoch === working) await askDevices(epoch.duty)
    } else if (!isMissed(round, epoch) && !stop.aborted) {
      const { seenAtMs } = round
      const { seed: epochSeed, devices } = epoch.duty
      // An engine that rests is back, with its model, before there is anything to recompute.
      epoch.engine.prepare(epochSeed).catch(trouble('preparing'))
      await epoch.judge.begin({ epoch: round.epoch, epochSeed, trigger: round, seenAtMs, devices })
    }
  }
  /** A round that was past its commitments when we saw it: nothing can be said of it, and that is our own fault. */
  const isMissed = ({ timestamp }: Round, { duty }: Epoch) =>
    (heads.tip?.timestamp ?? timestamp) >= timestamp + duty.rounds.rules.samplingSeconds

  async function startWork(epoch: number) {
    working = epoch
    epochs.delete(epoch - 4)
    entered.delete(epoch - 4)
    early.forgetBefore(epoch)
    const duty = epochs.get(epoch)?.duty
    if (duty !== undefined) await askDevices(duty)
    await recomputers.keepOnly(new Set([rules.specHash, ...current().map(each => each.duty.rounds.rules.specHash)]))
    await pruneRecords(network, epoch, { journal })
  }

  const askDevicesOf = (session: Session, { epoch, byOperator }: Duty) =>
    jobs.ask(session, epoch, byOperator.get(session.operator) ?? [])

  /** A session that is closed or full keeps nobody else from being asked. */
  async function askDevices(duty: Duty) {
    const asking = [...sessions.values()].map(session => askDevicesOf(session, duty))
    for (const outcome of await Promise.allSettled(asking))
      if (outcome.status === 'rejected') trouble('device request')(outcome.reason)
  }

  // What was committed to before a restart is still to be opened, and audited.
  const leaveEpochs = watchEpochs({ past: 3 }, { network, heads, visit: enter, onTrouble: trouble('epochs') })
  const settlement = createSettlement({
    network,
    epochs: () => epochs.values(),
    now: () => heads.tip?.timestamp ?? 0,
    duties: {
      seed: deps.seed,
      keeper: () => deps.settle(gather),
      fraud: createEquivocationReports({ network, journal, sender, log }),
    },
    onTrouble: (what, error) => trouble(what)(error),
  })
  const stopSettling = heads.onChange(settlement.pass)

  /** What this seat can finalize a cohort with: its own opening and those of the other committed seats. */
  async function gather(epoch: number, cohort: number): Promise<readonly OpeningOnChain[] | null> {
    const entry = epochs.get(epoch)
    const committee = entry?.duty.committees.get(cohort)
    if (entry === undefined || committee === undefined || journal.seatCommitment(epoch) === null) return null
    return peers.gather(epoch, cohort, committee, entry.seat.opening(cohort))
  }

  const beating = Promise.all([presence.run(stop), stalls.run(stop)])
  await aborted(stop)
  leaveEpochs()
  stopSettling()
  // Open rounds still need their sampling blocks and openings; what is not judged in time is recorded as our own fault.
  const judges = current().map(({ judge }) => judge)
  await drain({ drainMs }, { clock, judges, settled: settlement.idle() })
  await rounds.stop()
  await beating
  await close()
  await heads.stop()
}
