/**
 * The rounds of one seat owner: offers a job to each of its devices at a trigger, takes commitments, samples, recomputes and
 * judges. What it concludes is in the journal, and its evidence on disk, before anybody hears of it.
 */
import type { Address, Hex } from 'viem'
import { type JobSpec, windowRate } from '../job/spec.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import type { Clock } from '../platform/clock.ts'
import { crashPoint } from '../platform/crash-point.ts'
import type { Logger } from '../platform/log.ts'
import type { MessageBody, MessageType } from '../protocol/messages.ts'
import type { RoundRules } from '../protocol/network-parameters.ts'
import type { BlockHead, Trigger } from '../protocol/trigger.ts'
import type { Network, Signed, SignedMessage } from '../protocol/typed-data.ts'
import { bindingFault, commitmentHash, sampleOf, seedOf } from '../report/commitment.ts'
import { isSignedBy, type Signer, signMessage } from '../report/signer.ts'
import { encodeWrongRow, judgeWrongRow } from '../report/wrong-row.ts'
import { checkerErrors } from './errors.ts'
import type { EvidenceStore } from './evidence-store.ts'
import type { CheckerJournal } from './journal.ts'
import {
  acceptAbort,
  acceptCommitment,
  closeCommitments,
  closeOpenings,
  concludeFault,
  concludeValid,
  concludeWrong,
  openCheck,
  type RoundCheck,
  refuseOpenings,
} from './round-check.ts'
import { type SeatSecrets, secretHash } from './seat-secrets.ts'

/** A device that this owner judges in an epoch. */
export type SeatDevice = {
  readonly deviceId: Hex
  readonly generation: number
  /** Lower case. */
  readonly operator: Address
  readonly cohort: number
  /** Lane within the cohort, 0 to 63. */
  readonly lane: number
}

/** A round as this owner checks it. */
export type SeatRound = {
  readonly epoch: number
  readonly epochSeed: Hex
  readonly trigger: Trigger
  /** Local monotonic milliseconds of this seat's own sight of the trigger. */
  readonly seenAtMs: number
  readonly devices: readonly SeatDevice[]
}

/** How a device's operator is reached; its session, or null while there is none. */
export type Send = <T extends MessageType>(type: T, body: MessageBody<T>, payload?: Uint8Array) => Promise<void>

export type RoundJudgeOptions = {
  readonly network: Network
  readonly spec: JobSpec
  readonly rules: RoundRules
}

export type RoundJudgeDependencies = {
  readonly signer: Signer
  readonly secrets: SeatSecrets
  readonly journal: CheckerJournal
  readonly evidence: EvidenceStore
  readonly engine: Pick<WorkEngine, 'verify'>
  readonly clock: Clock
  readonly log: Logger
  /** The open session with an operator. */
  readonly sendTo: (operator: Address) => Send | null
  /** Whether this seat has started so lately that the operator may not have found it yet; default never. */
  readonly isArriving?: (operator: Address) => boolean
  /** Tells the other four of the cohort's committee about a proven wrong row. */
  readonly forwardWrongRow: (
    cohort: number,
    epoch: number,
    commitment: Signed<'Commitment'>,
    payload: Uint8Array,
  ) => void
  readonly onVerdict?: (round: SeatRound, device: SeatDevice, check: RoundCheck) => void
}

export type RoundJudge = {
  begin(round: SeatRound): Promise<void>
  /**
   * The block whose hash draws the samples of a round is there: commitments are closed, samples are asked for.
   * `seenAtMs`: this seat's own sight of it, monotonic.
   */
  takeSamplingBlock(roundHash: Hex, block: BlockHead & { readonly seenAtMs: number }): Promise<void>
  /** @throws a coded refusal, as all `take…` do */
  takeCommitment(operator: Address, commitment: Signed<'Commitment'>, receivedAtMs: number): void
  takeAbort(operator: Address, abort: Signed<'Abort'>): void
  /** @returns false where the openings are about none of these rounds */
  takeOpenings(operator: Address, about: { commitmentHash: Hex; secret: Hex }, payload: Uint8Array): boolean
  takeWrongRow(commitment: Signed<'Commitment'>, payload: Uint8Array): Promise<void>
  /** An operator connected (again): offers and requests that still stand are repeated. */
  greet(operator: Address): Promise<void>
  /** The trigger left the canonical chain: nothing of the round counts. */
  drop(roundHash: Hex): void
  /** Resolves when no round is open. */
  idle(): Promise<void>
  /** Judges what is open as this seat's own fault and stops. */
  stop(): Promise<void>
}

type Entry = {
  readonly round: SeatRound
  readonly device: SeatDevice
  readonly secret: Hex
  offer: Signed<'JobOffer'> | null
  request: Signed<'SampleRequest'> | null
  openings: Uint8Array
  verifying: boolean
  recorded: boolean
  check: RoundCheck
}

export function createRoundJudge(
  { network, spec, rules }: RoundJudgeOptions,
  deps: RoundJudgeDependencies,
): RoundJudge {
  const { signer, secrets, journal, evidence, engine, clock, log, sendTo, forwardWrongRow, onVerdict } = deps
  const { isArriving = () => false } = deps
  const entries = new Map<string, Entry>()
  const open = new Map<Hex, { readonly deadline: Promise<void>; readonly cancel: AbortController }>()
  let toVerify: Entry[] = []
  let verifying: Promise<void> | null = null
  const key = (round: Hex, deviceId: Hex) => `${round} ${deviceId}`
  const entriesOf = (round: Hex) => [...entries.values()].filter(entry => entry.round.trigger.hash === round)

  const send = (entry: Entry, message: (send: Send) => Promise<void>) => {
    const session = sendTo(entry.device.operator)
    if (session === null) return
    entry.check = { ...entry.check, reached: true }
    message(session).catch(error => log.debug({ error, device: entry.device.deviceId }, 'a message could not be sent'))
  }

  /** Keeps evidence and verdict, in this order, then lets others know. */
  function conclude(entry: Entry, check: RoundCheck) {
    const earlier = entry.check.judged
    entry.check = check
    if (check.judged === null || (entry.recorded && check.judged === earlier)) return
    const { round, device } = entry
    const kept = journal.recordVerdict({
      ...check.judged,
      round: round.trigger.hash,
      deviceId: device.deviceId,
      epoch: round.epoch,
      generation: device.generation,
      commitmentHash: check.commitmentHash,
      commitment: check.commitment,
      evidence: keepEvidence(entry),
    })
    crashPoint('checker.verdict-recorded')
    if (check.contradiction !== null && check.commitment !== null)
      journal.recordContradiction(check.commitment, check.contradiction)
    entry.recorded = true
    if (kept) onVerdict?.(round, device, check)
  }

  function keepEvidence({ round, device, offer, request, openings, check }: Entry): Hex | null {
    if (check.commitment === null || offer === null) return null
    const stored = journal.deviceCheck(round.epoch, device.deviceId)
    const deviceReport = stored === null ? null : (JSON.parse(stored.report) as MessageBody<'device.report'>)
    const environment = deviceReport?.environment ?? null
    const named = stored?.environmentHash === check.commitment.message.environmentHash
    const bundle = evidence.keep({
      network,
      spec,
      epochSeed: round.epochSeed,
      offer,
      commitment: check.commitment,
      request: openings.length === 0 && check.commitment.message.rows === 0n ? null : request,
      environment: named ? environment : null,
      deviceReport: named ? deviceReport : null,
      openings,
    })
    crashPoint('checker.evidence-kept')
    return bundle
  }

  /** What kept this seat from being there for a device: its own fault, not the device's. */
  function ownFault({ check, device }: Entry, samplingSeenAtMs: number): string | null {
    if (samplingSeenAtMs - check.seenAtMs < rules.windowMs + rules.graceMs)
      return 'This seat saw the trigger too late to wait for a commitment.'
    return !check.reached && isArriving(device.operator)
      ? 'This seat had just started, and the device had not found it yet.'
      : null
  }

  async function ask(entry: Entry, { seenAtMs, ...block }: BlockHead & { readonly seenAtMs: number }) {
    const samplingBlock = { number: block.number, hash: block.hash, timestamp: block.timestamp }
    conclude(entry, closeCommitments(entry.check, samplingBlock, ownFault(entry, seenAtMs)))
    const { commitmentHash: hash } = entry.check
    if (entry.check.judged !== null || hash === null) return
    entry.request ??= await signMessage(signer, 'SampleRequest', {
      commitmentHash: hash,
      secret: entry.secret,
      samplingBlockHash: samplingBlock.hash,
      checker: signer.address,
    })
    const { request } = entry
    send(entry, session => session('job.request', request))
    crashPoint('checker.sampled')
  }

  /** Openings that arrive while others are recomputed are recomputed together afterwards. */
  function verifySoon(entry: Entry) {
    toVerify.push(entry)
    verifying ??= verifyAll().finally(() => {
      verifying = null
    })
  }

  async function verifyAll() {
    while (toVerify.length > 0) {
      const { epochSeed } = toVerify[0]!.round
      const batch = toVerify.filter(entry => entry.round.epochSeed === epochSeed)
      toVerify = toVerify.filter(entry => !batch.includes(entry))
      const items = batch.map(({ check, request, openings }) => {
        const { message } = check.commitment!
        const sample = sampleOf(spec, message, request!.message)
        return { seed: seedOf(network, message), rows: Number(message.rows), root: message.root, sample, openings }
      })
      try {
        const answers = await engine.verify({ epochSeed, items })
        for (const [i, entry] of batch.entries()) takeAnswer(entry, answers[i]!)
      } catch (error) {
        log.error({ error }, 'rows could not be recomputed')
        for (const entry of batch)
          conclude(entry, concludeFault(entry.check, 'This seat could not recompute the rows.'))
      }
    }
  }

  function takeAnswer(entry: Entry, answer: Awaited<ReturnType<WorkEngine['verify']>>[number]) {
    entry.verifying = false
    const { check, round, device } = entry
    const commitment = check.commitment!
    if (answer.ok) return conclude(entry, concludeValid(check, windowRate(spec, Number(commitment.message.rows))))
    if (answer.step !== 'ROW_WRONG' || answer.wrongRow === null) {
      entry.openings = new Uint8Array()
      entry.check = refuseOpenings(check, answer.detail)
      return
    }
    conclude(entry, concludeWrong(check, BigInt(answer.wrongRow.row)))
    forwardWrongRow(device.cohort, round.epoch, commitment, encodeWrongRow(answer.wrongRow))
  }

  function find(message: Pick<SignedMessage<'Commitment'>, 'round' | 'deviceId'>, operator?: Address): Entry {
    const entry = entries.get(key(message.round, message.deviceId))
    if (entry === undefined || (operator !== undefined && entry.device.operator !== operator))
      throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: message.round })
    return entry
  }

  async function closeAtDeadline(round: SeatRound, signal: AbortSignal) {
    const leftMs = round.seenAtMs + rules.openingsMs - clock.monotonicMs()
    await clock.sleep(Math.max(0, leftMs), signal).catch(() => undefined)
    await verifying
    for (const entry of entriesOf(round.trigger.hash)) {
      if (signal.aborted) conclude(entry, concludeFault(entry.check, 'This seat stopped during the round.'))
      else conclude(entry, closeOpenings(entry.check))
      entries.delete(key(round.trigger.hash, entry.device.deviceId))
    }
    open.delete(round.trigger.hash)
  }

  return {
    async begin(round) {
      const { trigger, epoch, devices } = round
      if (open.has(trigger.hash)) return
      journal.recordRound(epoch, trigger)
      for (const device of devices) {
        const secret = secrets.sampling(trigger.hash, device.deviceId, device.generation)
        const check = openCheck(trigger, round.seenAtMs, sendTo(device.operator) !== null)
        const empty = { offer: null, request: null, openings: new Uint8Array(), verifying: false, recorded: false }
        entries.set(key(trigger.hash, device.deviceId), { round, device, secret, check, ...empty })
      }
      const cancel = new AbortController()
      open.set(trigger.hash, { cancel, deadline: closeAtDeadline(round, cancel.signal) })
      await Promise.all(entriesOf(trigger.hash).map(offerJob))
    },

    async takeSamplingBlock(roundHash, block) {
      await Promise.all(entriesOf(roundHash).map(entry => ask(entry, block)))
    },

    takeCommitment(operator, commitment, receivedAtMs) {
      const entry = find(commitment.message, operator)
      if (entry.offer === null) throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: commitment.message.round })
      const fault = bindingFault(entry.offer.message, commitment.message)
      if (fault !== null) throw checkerErrors.CHECKER_COMMITMENT_UNBOUND({ field: fault })
      if (!isSignedBy(network, 'Commitment', commitment, operator)) throw checkerErrors.CHECKER_SIGNATURE_INVALID()
      const hash = commitmentHash(network, commitment.message)
      const { check, refusal } = acceptCommitment(
        entry.check,
        { commitment, commitmentHash: hash, receivedAtMs },
        rules,
      )
      conclude(entry, check)
      if (refusal === 'COMMITMENT_LATE') throw checkerErrors.CHECKER_COMMITMENT_LATE()
      if (refusal === 'COMMITMENT_CONTRADICTS') throw checkerErrors.CHECKER_COMMITMENT_CONTRADICTS()
    },

    takeAbort(operator, abort) {
      const entry = find(abort.message, operator)
      if (!isSignedBy(network, 'Abort', abort, operator)) throw checkerErrors.CHECKER_SIGNATURE_INVALID()
      entry.check = acceptAbort(entry.check, abort.message.reason)
    },

    takeOpenings(operator, { commitmentHash: hash, secret }, payload) {
      const entry = [...entries.values()].find(
        ({ check, device }) => check.commitmentHash === hash && device.operator === operator,
      )
      if (entry === undefined || entry.request === null || entry.secret !== secret) return false
      if (entry.check.judged !== null || entry.verifying) return true
      entry.openings = payload
      entry.verifying = true
      verifySoon(entry)
      return true
    },

    async takeWrongRow(commitment, payload) {
      const entry = find(commitment.message)
      const { operator } = entry.device
      const { epochSeed } = entry.round
      const judgement = await judgeWrongRow({ network, epochSeed, operator, commitment, payload }, engine)
      if (!judgement.proven) throw checkerErrors.CHECKER_WRONG_ROW_UNPROVEN({ reason: judgement.reason })
      const hash = commitmentHash(network, commitment.message)
      conclude(entry, concludeWrong({ ...entry.check, commitment, commitmentHash: hash }, BigInt(judgement.row)))
    },

    async greet(operator) {
      for (const entry of [...entries.values()].filter(({ device }) => device.operator === operator)) {
        await offerJob(entry)
        const { request, check } = entry
        if (request !== null && check.judged === null) send(entry, session => session('job.request', request))
      }
    },

    drop(roundHash) {
      for (const entry of entriesOf(roundHash)) entries.delete(key(roundHash, entry.device.deviceId))
      open.get(roundHash)?.cancel.abort()
    },

    async idle() {
      await Promise.all([...open.values()].map(({ deadline }) => deadline))
    },

    async stop() {
      for (const { cancel } of open.values()) cancel.abort()
      await this.idle()
    },
  }

  async function offerJob(entry: Entry) {
    const { round, device, secret } = entry
    entry.offer ??= await signMessage(signer, 'JobOffer', {
      epoch: BigInt(round.epoch),
      round: round.trigger.hash,
      deviceId: device.deviceId,
      generation: device.generation,
      specHash: rules.specHash,
      secretHash: secretHash(secret),
      checker: signer.address,
    })
    const { offer } = entry
    if (entry.check.judged === null) send(entry, session => session('job.offer', offer))
    crashPoint('checker.offered')
  }
}
