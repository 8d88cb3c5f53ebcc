/** A device's part of a round: works the window, signs one commitment, opens what each seat samples of it. */
import type { Address, Hex } from 'viem'
import { type Jobs, jobBySpecHash, jobOf, type Kinds, ownKinds } from '../job/jobs.ts'
import type { WindowOptions } from '../job/round-kind.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import type { Clock } from '../platform/clock.ts'
import type { CrashPoint } from '../platform/crash-point.ts'
import type { RoundKindName } from '../protocol/constants.ts'
import { type RoundRules, timingOf } from '../protocol/network-parameters.ts'
import type { Trigger } from '../protocol/trigger.ts'
import type { Network, Signed, SignedMessage } from '../protocol/typed-data.ts'
import type { Figures } from '../protocol/verdict.ts'
import { checkSampleRequest, commitmentHash, sampleOf, seedOf } from '../report/commitment.ts'
import { type Signer, signMessage } from '../report/signer.ts'
import { providerErrors } from './errors.ts'
import type { ProviderJournal, RecordedCommitment } from './journal.ts'
import { type FindBlock, requireSamplingBlock } from './sampling-block.ts'

export type WorkingDevice = {
  readonly deviceId: Hex
  readonly generation: number
  /** keccak256 of the environment record in the device's reports of this epoch. */
  readonly environmentHash: Hex
  readonly engine: Pick<WorkEngine, 'kinds'>
}

export type WorkedRound = {
  /** Our own monotonic time at first sight of the trigger. */
  readonly seenAtMs: number
  readonly commitment: Signed<'Commitment'>
  readonly commitmentHash: Hex
  readonly kind: RoundKindName
  /** As a seat will count it; none of work that was taken up after a restart. */
  readonly figures: Figures
  readonly lostMs: number
}

/** The bytes of a piece. @throws as the engine does */
type OpenPiece = () => Promise<Uint8Array>

export type RoundWork = ReturnType<typeof createRoundWork>

const lookAgainMs = 250

/** Sampling blocks that a seat may name for one commitment: reorgs replace a sampling block once or twice. */
const blocksOfSeat = 4
/** Answers to a seat for one sampling block: one, and one more after each reconnection. */
const answersOfBlock = 8
/** Of these, those that are computed beside a window that ends too late for them: the first, and the one after its connection was cut. */
const urgentAnswers = 2

/** The requests of one seat about one commitment, by sampling block. */
type Asked = Map<Hex, { times: number; answer: Promise<readonly OpenPiece[]> | null }>

type OpenRound = WorkedRound & {
  /** When its window began: seats count until when they take openings from about then. */
  readonly beganAtMs: number
  readonly device: WorkingDevice
  readonly handle: string
  readonly asked: Map<Address, Asked>
}

export type RoundWorkOptions = {
  readonly network: Network
  readonly jobs: Jobs
  /** Devices of this process; offers for others are refused. */
  readonly deviceIds: readonly Hex[]
  readonly kinds?: Kinds
}

export type RoundWorkDependencies = {
  readonly signer: Signer
  readonly journal: ProviderJournal
  readonly clock: Clock
  /** Null while the epoch was not entered. */
  readonly rulesOf: (epoch: number) => RoundRules | null
  readonly findBlock: FindBlock
  /** Called at named points between recording and saying; tests end the process there. */
  readonly crashPoint?: (name: CrashPoint) => void
}

export function createRoundWork(
  { network, jobs, deviceIds, kinds = ownKinds }: RoundWorkOptions,
  { signer, journal, clock, rulesOf, findBlock, crashPoint = () => {} }: RoundWorkDependencies,
) {
  const startedAtMs = clock.monotonicMs()
  const rounds = new Map<Hex, OpenRound>()
  const committed = (round: Hex, deviceId: Hex) =>
    [...rounds.values()].find(
      ({ commitment: { message } }) => message.round === round && message.deviceId === deviceId,
    ) ?? null
  const offers = createOffers((round, deviceId) => committed(round, deviceId) !== null)

  /** By device and kind, of the newest rounds. */
  const marks = new Map<string, Map<Hex, readonly Hex[]>>()
  function keepMarks({ hash, kind }: Pick<Trigger, 'hash' | 'kind'>, deviceId: Hex, marked: readonly Hex[]) {
    const own = marks.get(`${deviceId} ${kind}`) ?? new Map<Hex, readonly Hex[]>()
    marks.set(`${deviceId} ${kind}`, own.set(hash, marked))
    for (const old of [...own.keys()].slice(0, -kinds[kind]!.keptWindows)) own.delete(old)
  }

  /** Until when a seat that saw the trigger later than we may ask, monotonic ms: twice the time in which it may. */
  function askedUntilMs({ commitment, kind, seenAtMs }: OpenRound): number {
    const rules = rulesOf(Number(commitment.message.epoch))
    return rules === null ? 0 : seenAtMs + 2 * timingOf(rules, kind).openingsMs
  }

  /** As many of each kind as its engine keeps, and none that nobody may ask about: a window holds what it has worked. */
  function keep(worked: Omit<OpenRound, 'asked'>): OpenRound {
    const round = { ...worked, asked: new Map<Address, Asked>() }
    rounds.set(round.commitmentHash, round)
    const own = [...rounds.values()].filter(
      ({ device, kind }) => device.deviceId === round.device.deviceId && kind === round.kind,
    )
    for (const [age, old] of own.toReversed().entries()) {
      if (old === round || (age < kinds[round.kind]!.keptWindows && clock.monotonicMs() < askedUntilMs(old))) continue
      rounds.delete(old.commitmentHash)
      void old.device.engine.kinds[old.kind]!.release(old.handle).catch(() => undefined)
    }
    offers.forgetBefore(round.commitment.message.epoch - 1n)
    return round
  }

  /** Finds the open round of a commitment. After a restart a request may come before the work is done again, so it waits for it. */
  async function find(commitmentHash: Hex): Promise<OpenRound> {
    const epoch = journal.epochOfCommitment(commitmentHash)
    const untilMs = startedAtMs + ((epoch === null ? null : rulesOf(epoch))?.openingsMs ?? 0)
    for (;;) {
      const round = rounds.get(commitmentHash)
      if (round !== undefined) return round
      if (clock.monotonicMs() >= untilMs) throw providerErrors.PROVIDER_ROUND_UNKNOWN({ commitmentHash })
      await clock.sleep(lookAgainMs)
    }
  }

  async function openFor(
    { commitment: { message }, kind, seenAtMs, beganAtMs, device, handle }: OpenRound,
    request: SignedMessage<'SampleRequest'>,
    isUrgent: boolean,
  ): Promise<readonly OpenPiece[]> {
    const { commitmentHash, samplingBlockHash: samplingBlock, checker: seat } = request
    const rules = rulesOf(Number(message.epoch))
    if (rules === null) throw providerErrors.PROVIDER_ROUND_UNKNOWN({ commitmentHash })
    const timing = timingOf(rules, kind)
    await requireSamplingBlock({ seat, round: message.round, seenAtMs, samplingBlock }, timing, { findBlock, clock })
    journal.recordRequest(message.epoch, request)
    const job = jobOf(jobs, kind, kinds)
    const { open } = device.engine.kinds[kind]!
    const due = isUrgent && { dueMs: beganAtMs + timing.openingsMs - timing.graceMs }
    return job.cut(sampleOf(job, message, request)).map(sample => () => open({ handle, sample, ...due }))
  }

  function openMs(deviceId?: Hex): number {
    const left = [...rounds.values()]
      .filter(({ device }) => (deviceId ?? device.deviceId) === device.deviceId)
      .map(({ commitment, kind, seenAtMs }) => {
        const rules = rulesOf(Number(commitment.message.epoch))
        return rules === null ? 0 : seenAtMs + timingOf(rules, kind).openingsMs - clock.monotonicMs()
      })
    return Math.max(0, ...left)
  }

  return {
    /** The marks of a device's window so far, while it is worked and as long as it can be opened. */
    marksOf: (round: Hex, deviceId: Hex): readonly Hex[] =>
      Object.keys(kinds)
        .map(kind => marks.get(`${deviceId} ${kind}`)?.get(round))
        .find(own => own !== undefined) ?? [],
    /**
     * Works the window that began when the trigger was seen (`seenAtMs`, monotonic), or before where `beganAtMs` says so, and returns the
     * signed commitment, kept durably before it is returned. @throws as the engine does, JOB_WINDOW_CANCELLED where the signal ends it
     */
    async work(
      device: WorkingDevice,
      trigger: Trigger,
      epoch: { readonly number: number; readonly seed: Hex },
      seenAtMs: number,
      { onMark, signal, beganAtMs = seenAtMs }: WindowOptions & { readonly beganAtMs?: number } = {},
    ): Promise<WorkedRound> {
      const { deviceId, generation } = device
      const { hash: round, kind } = trigger
      const marked: Hex[] = []
      keepMarks(trigger, deviceId, marked)
      const identity = { round, deviceId, generation, specHash: jobOf(jobs, kind, kinds).specHash }
      const { units, root, handle, figures, lostMs, notes } = await device.engine.kinds[kind]!.runWindow(
        {
          ...{ epochSeed: epoch.seed, device: { deviceId, generation } },
          ...{ seed: seedOf(network, identity), startedAtMs: beganAtMs },
        },
        {
          signal,
          onMark(index, mark) {
            marked[index] = mark
            onMark?.(index, mark)
          },
        },
      )
      crashPoint('provider.worked')
      const message = {
        ...identity,
        epoch: BigInt(epoch.number),
        rows: BigInt(units),
        root,
        environmentHash: device.environmentHash,
      }
      const hash = commitmentHash(network, message)
      const commitment = await signMessage(signer, 'Commitment', message)
      journal.recordCommitment(hash, { ...commitment, notes })
      crashPoint('provider.commitment-recorded')
      return keep({ seenAtMs, beganAtMs, commitment, commitmentHash: hash, kind, figures, lostMs, device, handle })
    },
    /**
     * Resumes a round that was committed to before a restart by doing its work again. A round that is open already stays as it is.
     * @throws PROVIDER_WORK_DIFFERS, and as the engine does
     */
    async restore(
      device: WorkingDevice,
      { notes, ...commitment }: RecordedCommitment,
      epochSeed: Hex,
      seenAtMs: number,
    ): Promise<WorkedRound> {
      const { message } = commitment
      const hash = commitmentHash(network, message)
      const known = rounds.get(hash)
      if (known !== undefined) return known
      const { deviceId, generation, specHash } = message
      const job = jobBySpecHash(jobs, specHash, kinds)
      if (job === null) throw providerErrors.PROVIDER_SPEC_OTHER({ specHash })
      const { root, handle } = await device.engine.kinds[job.kind]!.rework({
        ...{ epochSeed, device: { deviceId, generation }, seed: seedOf(network, message) },
        ...{ units: Number(message.rows), notes },
      })
      if (root !== message.root) throw providerErrors.PROVIDER_WORK_DIFFERS({ round: message.round })
      const resumed = { kind: job.kind, figures: {}, lostMs: 0, device, handle }
      return keep({ seenAtMs, beganAtMs: seenAtMs, commitment, commitmentHash: hash, ...resumed })
    },
    /** The work that was committed to in a round, as long as it can be opened. */
    committed,
    /**
     * Keeps a seat's offer, which fixes its sampling secret before the work is done. Only the first offer of a seat counts.
     * @throws PROVIDER_DEVICE_UNKNOWN, PROVIDER_SPEC_OTHER
     */
    takeOffer(offer: SignedMessage<'JobOffer'>): void {
      const { deviceId } = offer
      if (!deviceIds.includes(deviceId)) throw providerErrors.PROVIDER_DEVICE_UNKNOWN({ deviceId })
      if (jobBySpecHash(jobs, offer.specHash, kinds) === null)
        throw providerErrors.PROVIDER_SPEC_OTHER({ specHash: offer.specHash })
      offers.take(offer)
    },
    /** Whether this seat has offered the round to this device. */
    isOffered: (checker: Address, about: { readonly round: Hex; readonly deviceId: Hex }): boolean =>
      offers.of(checker, about) !== undefined,
    /**
     * Encoded openings for a seat's request, in the pieces in which they are sent, each opened when it is called for: none waits in memory for a
     * seat that takes its time. What it takes is computed while no window runs; the first answer, and the second, since the first may be lost with
     * its connection, wait only for windows that end in time for them. The request is recorded and answered once its block was found to be the sampling block. It may be answered again,
     * and copies that come meanwhile share one answer. Where a reorg replaces the block, the seat asks for the other one.
     * @throws PROVIDER_ROUND_UNKNOWN, PROVIDER_OFFER_MISSING, PROVIDER_SECOND_REQUEST, PROVIDER_ASKED_TOO_OFTEN, REPORT_SAMPLE_REFUSED
     */
    async answer(checker: Address, request: SignedMessage<'SampleRequest'>): Promise<readonly OpenPiece[]> {
      const round = await find(request.commitmentHash)
      const { message } = round.commitment
      const offer = offers.of(checker, message)
      if (offer === undefined) throw providerErrors.PROVIDER_OFFER_MISSING({ checker })
      checkSampleRequest(network, { offer, commitment: message, request })
      const asked: Asked = round.asked.get(checker) ?? new Map()
      round.asked.set(checker, asked)
      const { commitmentHash, samplingBlockHash } = request
      const known = asked.get(samplingBlockHash) ?? { times: 0, answer: null }
      if (known.answer !== null) return known.answer
      if (known.times === 0 ? asked.size >= blocksOfSeat : known.times >= answersOfBlock)
        throw providerErrors.PROVIDER_ASKED_TOO_OFTEN({ checker, commitmentHash })
      asked.set(samplingBlockHash, known)
      const isUrgent = known.times++ < urgentAnswers
      known.answer = openFor(round, request, isUrgent).finally(() => {
        known.answer = null
      })
      return known.answer
    },
    /** Milliseconds for which a round that was committed to, by this device or by any, can still be asked about. */
    openMs,
    /** Resolves when it cannot. */
    async untilClosed(deviceId?: Hex): Promise<void> {
      const leftMs = openMs(deviceId)
      if (leftMs > 0) await clock.sleep(leftMs)
    },
  }
}

type Offer = SignedMessage<'JobOffer'>

/** Offers that are kept of one seat for one device: twice the rounds that are kept for opening. */
const keptOffers = 2 * Object.values(ownKinds).reduce((sum, { keptWindows }) => sum + keptWindows, 0)

/** @param isOpen - whether a round was committed to and seats may still ask about it; its offer is not replaced */
export function createOffers(isOpen: (round: Hex, deviceId: Hex) => boolean) {
  const kept = new Map<string, Offer[]>()
  const ownOf = (checker: Address, deviceId: Hex) => kept.get(`${checker} ${deviceId}`) ?? []

  return {
    /** Keeps an offer; only the first of a seat for a device's round counts. */
    take(offer: Offer): void {
      const { checker, deviceId, round } = offer
      const own = ownOf(checker, deviceId)
      if (own.some(other => other.round === round)) return
      // Each seat has its own space, so offers of rounds that never come displace no offer of another seat.
      const spare = own.length < keptOffers ? undefined : own.find(other => !isOpen(other.round, deviceId))
      kept.set(`${checker} ${deviceId}`, [...own.filter(other => other !== spare), offer])
    },
    of: (checker: Address, { round, deviceId }: { readonly round: Hex; readonly deviceId: Hex }): Offer | undefined =>
      ownOf(checker, deviceId).find(offer => offer.round === round),
    /** Forgets the offers of earlier epochs. */
    forgetBefore(epoch: bigint): void {
      for (const [key, own] of kept) {
        const recent = own.filter(offer => offer.epoch >= epoch)
        if (recent.length === 0) kept.delete(key)
        else kept.set(key, recent)
      }
    },
  }
}
