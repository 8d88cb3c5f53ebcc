/**
 * Runs a Provider's part of each round. Every device works its window, or what is left of it where the trigger was seen late. Where it did
 * so before a restart, it does the recorded work again, so that it can still be opened.
 */
import type { Hex } from 'viem'
import type { Round } from '../chain/rounds.ts'
import { type Jobs, jobOf } from '../job/jobs.ts'
import type { Clock } from '../platform/clock.ts'
import type { CrashPoint } from '../platform/crash-point.ts'
import type { Logger } from '../platform/log.ts'
import { printable } from '../platform/printable.ts'
import type { MessageBody } from '../protocol/messages.ts'
import { timingOf } from '../protocol/network-parameters.ts'
import type { BlockHead, EpochRounds } from '../protocol/trigger.ts'
import type { Signed } from '../protocol/typed-data.ts'
import { type Signer, signMessage } from '../report/signer.ts'
import type { Session } from '../transport/session.ts'
import type { HealthWatch } from './health-watch.ts'
import type { ProviderJournal, RecordedCommitment } from './journal.ts'
import type { OwnDevice } from './own-devices.ts'
import type { PauseJournal } from './pause.ts'
import type { OfRound, ProviderEvent } from './provider-event.ts'
import type { Member, Roster } from './rosters.ts'
import type { RoundWork, WorkingDevice } from './round-work.ts'

export type RoundRunnerDependencies = {
  readonly devices: readonly (OwnDevice & Pick<WorkingDevice, 'engine'>)[]
  readonly environmentHash: Hex
  /** Null while the epoch is not entered. */
  readonly rosterOf: (epoch: number) => Roster | null
  readonly seatsOf: (epoch: number) => readonly Session[]
  /** The newest block and when it was seen, in monotonic ms. */
  readonly tip: () => (BlockHead & { readonly seenAtMs: number }) | null
  readonly roundWork: RoundWork
  readonly jobs: Jobs
  readonly journal: ProviderJournal
  readonly health: Pick<HealthWatch, 'stopReason'>
  /** Whether the owner's pause keeps a device from working, and where what is signed about that is kept; default never. */
  readonly pauses?: {
    readonly isBusy: (deviceId: Hex) => boolean
    /** A round was taken up, which fills memory: called after that, paused or not. */
    readonly settle: (deviceId: Hex) => void
    readonly journal: Pick<PauseJournal, 'recordBusy' | 'busyIn'>
  }
  readonly signer: Signer
  readonly clock: Clock
  readonly log: Logger
  readonly emit: (event: ProviderEvent) => void
  /** Called at named points between recording and saying; tests end the process there. */
  readonly crashPoint?: (name: CrashPoint) => void
}

export type RoundRunner = ReturnType<typeof createRoundRunner>

export function createRoundRunner(deps: RoundRunnerDependencies) {
  const { devices, environmentHash, rosterOf, seatsOf, tip, roundWork, journal, health, signer, clock, log, emit } =
    deps
  const { jobs, pauses, crashPoint = () => {} } = deps
  /** What began before is not missed by this run. */
  const runsSinceMs = clock.monotonicMs()
  /** With the device that each is of. */
  const inProgress = new Map<Promise<void>, Hex>()
  /** By round, as long as a device is in it. */
  const windows = new Map<
    Hex,
    { readonly cancel: AbortController; isDropped: boolean; readonly parts: Promise<void>[] }
  >()
  let waiting: Round[] = []

  /** The earliest time at which the trigger can have been seen, by block time. A round from before our start began long before we saw it. */
  function beganAtMs({ timestamp, seenAtMs }: Round): number {
    const newest = tip()
    return newest === null ? seenAtMs : Math.min(seenAtMs, newest.seenAtMs - (newest.timestamp - timestamp) * 1000)
  }

  function take(round: Round) {
    const roster = rosterOf(round.epoch)
    if (roster === null) {
      waiting = [...waiting.filter(({ epoch }) => epoch >= round.epoch), round]
      return
    }
    for (const [hash, { isDropped, cancel }] of windows) if (isDropped && hash !== round.hash) cancel.abort()
    const known = windows.get(round.hash)
    if (known !== undefined && !known.cancel.signal.aborted) {
      // Back while it is being worked: a second window would be a second commitment.
      known.isDropped = false
      return
    }
    const own = { cancel: new AbortController(), isDropped: false, parts: [] as Promise<void>[] }
    const startedAtMs = beganAtMs(round)
    const start = (...of: Parameters<typeof part>) =>
      // What was given up ends first, for the same reason.
      known === undefined ? part(...of) : Promise.all(known.parts).then(() => part(...of))
    for (const member of roster.members) {
      const device = devices.find(({ deviceId }) => deviceId === member.deviceId)
      if (device === undefined) continue
      windows.set(round.hash, own)
      const working = { ...device, ...member, environmentHash }
      const taking = start(round, startedAtMs, roster, working, device, own.cancel.signal, known !== undefined)
        .catch(error => log.error({ error, round: round.hash, device: device.deviceId }, 'a round could not be taken'))
        .finally(() => {
          inProgress.delete(taking)
          own.parts.splice(own.parts.indexOf(taking), 1)
          if (own.parts.length === 0 && windows.get(round.hash) === own) windows.delete(round.hash)
        })
      own.parts.push(taking)
      inProgress.set(taking, device.deviceId)
    }
  }

  async function part(
    round: Round,
    startedAtMs: number,
    { rounds }: Roster,
    device: WorkingDevice & Member,
    { probed }: OwnDevice,
    signal: AbortSignal,
    isAnew = false,
  ): Promise<void> {
    const { epoch } = round
    const about = { epoch, round: round.hash, deviceId: device.deviceId }
    const recorded = journal.commitmentOf(round.hash, device.deviceId)
    try {
      if (recorded !== null)
        return await takeUp(round, startedAtMs, rounds, device, recorded).finally(() => pauses?.settle(device.deviceId))
      const said = pauses?.journal.busyIn(round.hash, device.deviceId) ?? null
      if (said !== null) return await sayBusy(about, device.generation, said)
      const { windowMs, graceMs, samplingSeconds } = timingOf(rounds.rules, round.kind)
      const atMs = Math.max(clock.monotonicMs(), round.seenAtMs)
      const lateMs = atMs - startedAtMs
      if (startedAtMs < runsSinceMs && lateMs > graceMs)
        return log.debug({ ...about, lateMs }, 'a round that began before this run is left out')
      // Seats wait until a grace after their own sight: where ours may be later than that, the window ends by the earliest that theirs can be.
      const beganAtMs = round.seenAtMs - startedAtMs > graceMs ? startedAtMs : round.seenAtMs
      const leftMs = beganAtMs + windowMs - atMs
      if (leftMs <= jobOf(jobs, round.kind).idleTailMs) {
        log.warn({ ...about, kind: round.kind, lateMs }, 'a round was missed: too little of its window was left')
        emit({ type: 'round.missed', ...about, kind: round.kind, lateMs })
        const reason = `its trigger was seen ${Math.round(lateMs)} ms late`
        // Until the samples are drawn: then a silence has its verdict.
        return lateMs < samplingSeconds * 1000 ? await sendAbort(about, device.generation, reason) : undefined
      }
      // What is left of a window that is worked anew after it was given up is not reported as late.
      const isLate = lateMs > graceMs && !isAnew
      if (isLate) log.warn({ ...about, kind: round.kind, lateMs, leftMs }, 'a trigger was seen late')
      if (pauses?.isBusy(device.deviceId)) return await sayBusy(about, device.generation, null)
      const sick = health.stopReason(probed.record.identity)
      if (sick !== null) return await signOff(about, device.generation, sick)
      const { hash, kind } = round
      if (isLate) emit({ type: 'round.late', ...about, kind, lateMs, leftMs })
      const worked = await roundWork.work(device, round, { number: epoch, seed: rounds.seed }, round.seenAtMs, {
        ...{ signal, beganAtMs },
        onMark: (index, mark) => sendMark(epoch, { round: hash, deviceId: device.deviceId, index, mark }),
      })
      deliver(epoch, worked.commitment)
      const { figures, lostMs, commitment } = worked
      const units = Number(commitment.message.rows)
      emit({ type: 'round.committed', ...about, kind, units, figures, lostMs })
    } catch (error) {
      if (signal.aborted) return log.info(about, 'a window was given up: its trigger has left the chain')
      const reason = error instanceof Error ? error.message.slice(0, 200) : String(error)
      log.error({ error, ...about }, 'the window could not be worked')
      if (recorded === null) await signOff(about, device.generation, reason)
    }
  }

  /** Resumes a round that was committed to before a restart: sends the same commitment again, and makes its work ready to be opened. */
  async function takeUp(
    round: Round,
    startedAtMs: number,
    { seed, rules }: EpochRounds,
    device: WorkingDevice,
    recorded: RecordedCommitment,
  ) {
    if (clock.monotonicMs() > startedAtMs + timingOf(rules, round.kind).openingsMs) return
    const { notes: _, ...said } = recorded
    deliver(round.epoch, said)
    const { commitment } = await roundWork.restore(device, recorded, seed, startedAtMs)
    const { rows } = commitment.message
    const about = { epoch: round.epoch, round: round.hash, deviceId: device.deviceId }
    log.info({ round: round.hash, device: device.deviceId, units: rows }, 'took up a round after a restart')
    emit({ type: 'round.resumed', ...about, kind: round.kind, units: Number(rows) })
  }

  /** One that does not arrive costs its part of the window at that seat. */
  function sendMark(epoch: number, mark: Omit<MessageBody<'job.mark'>, 'epoch'>) {
    for (const session of seatsOf(epoch))
      session
        .send('job.mark', { epoch: BigInt(epoch), ...mark })
        .catch(error => log.debug({ error }, 'a mark could not be sent'))
  }

  const deliver = (epoch: number, commitment: Signed<'Commitment'>) => {
    for (const session of seatsOf(epoch))
      session.send('job.commitment', commitment).then(
        () => crashPoint('provider.commitment-sent'),
        error => log.warn({ error }, 'a commitment could not be sent'),
      )
  }

  async function signOff(about: OfRound, generation: number, reason: string) {
    await sendAbort(about, generation, reason)
    emit({ type: 'round.aborted', ...about, reason })
  }

  /** Sends a signed message that a device does not take part in a round, so that seats need not guess the reason of a silence. */
  async function sendAbort(about: OfRound, generation: number, reason: string) {
    const message = { ...about, epoch: BigInt(about.epoch), generation, reason: printable(reason).slice(0, 200) }
    const abort = await signMessage(signer, 'Abort', message)
    for (const session of seatsOf(about.epoch)) session.send('job.abort', abort).catch(() => undefined)
  }

  /** In place of a commitment, to the seats that have offered the round; those that offer it later get it then. */
  async function sayBusy(about: OfRound, generation: number, said: Signed<'Busy'> | null) {
    const busy = said ?? (await signMessage(signer, 'Busy', { ...about, epoch: BigInt(about.epoch), generation }))
    if (said === null) {
      pauses?.journal.recordBusy(busy)
      emit({ type: 'round.busy', ...about })
    }
    for (const session of seatsOf(about.epoch))
      if (roundWork.isOffered(session.operator, about)) session.send('job.busy', busy).catch(() => undefined)
  }

  return {
    /** Takes a round that has begun now, or that had begun before we started. */
    take,
    /**
     * A reorganisation took the round's trigger out of the chain. Its windows go on until another round begins, since the block may come
     * back, and end then, so that the other has the device to itself.
     */
    drop(round: Hex): void {
      waiting = waiting.filter(({ hash }) => hash !== round)
      const own = windows.get(round)
      if (own !== undefined) own.isDropped = true
    },
    /** Says that the epoch's roster is there; rounds that waited for it are taken. */
    entered(epoch: number): void {
      const due = waiting.filter(round => round.epoch === epoch)
      waiting = waiting.filter(round => round.epoch > epoch)
      for (const round of due) take(round)
    },
    /** Resolves when no window is being worked. */
    async idle(): Promise<void> {
      await Promise.all(inProgress.keys())
    },
    /** Resolves when this device is in none; null where it is. */
    idleOf(deviceId: Hex): Promise<void> | null {
      const own = [...inProgress].filter(([, of]) => of === deviceId).map(([taking]) => taking)
      return own.length === 0 ? null : Promise.all(own).then(() => undefined)
    },
  }
}
