/**
 * The rounds of one seat owner: offers a job to each of its devices at a trigger, takes commitments, samples, recomputes and
 * judges. What it concludes is on disk, with its evidence, before anybody hears of it.
 */
import type { Address, Hex } from 'viem'
import { type Job, type Jobs, jobOf, type Kinds } from '../../job/jobs.ts'
import type { Verification, VerifyItem } from '../../job/round-kind.ts'
import type { Clock } from '../../platform/clock.ts'
import type { CrashPoint } from '../../platform/crash-point.ts'
import type { Logger } from '../../platform/log.ts'
import type { MessageBody } from '../../protocol/messages.ts'
import { type RoundRules, timingOf } from '../../protocol/network-parameters.ts'
import type { BlockHead } from '../../protocol/trigger.ts'
import type { Network, Signed, SignedMessage } from '../../protocol/typed-data.ts'
import { bindingFault, claimOf, commitmentHash, sampleOf, witnessOf } from '../../report/commitment.ts'
import { isDigestSignedBy, isSignedBy, type Signer, signMessage } from '../../report/signer.ts'
import { encodeWrongWork, judgeWrongWork, type Verifier } from '../../report/wrong-work.ts'
import { closeReason } from '../../transport/errors.ts'
import { checkerErrors } from '../errors.ts'
import type { CheckerJournal } from '../journal.ts'
import { type SeatSecrets, secretHash } from '../seat-secrets.ts'
import {
  acceptAbort,
  acceptCommitment,
  acceptMark,
  closeCommitments,
  closeOpenings,
  concludeFault,
  concludeValid,
  concludeWrong,
  contradictedBy,
  openCheck,
  type RoundCheck,
  refuseOpenings,
  takePiece,
} from './check.ts'
import { createOwnFaults } from './own-fault.ts'
import { createRecomputeQueue } from './recompute.ts'
import { createPendingRecords, type EvidenceStore, recordVerdict } from './record.ts'
import {
  createRoundEntries,
  type RoundEntry as Entry,
  type SeatDevice,
  type SeatRound,
  type Send,
  unopened,
  untouched,
} from './seat-round.ts'
import { checkAfterBusy } from './take-busy.ts'

export type RoundJudgeDependencies = {
  readonly signer: Signer
  readonly secrets: SeatSecrets
  readonly journal: CheckerJournal
  readonly evidence: EvidenceStore
  readonly engine: Verifier
  readonly clock: Clock
  readonly log: Logger
  /** The open session with an operator. */
  readonly sendTo: (operator: Address) => Send | null
  /** Whether this seat has started so lately that the operator may not have found it yet; default never. */
  readonly isArriving?: (operator: Address) => boolean
  /** Whether this process itself stood still at a moment, monotonic ms; default never. */
  readonly stoodStillAt?: (momentMs: number) => boolean
  /** Called with when a round was seen, monotonic ms, once it is open: from then on a short standstill counts too. */
  readonly onOpen?: (seenAtMs: number) => void
  /** Tells the others of the cohort's committee about a proven wrong place of it. */
  readonly forwardWrongWork: (
    cohort: number,
    epoch: number,
    commitment: Signed<'Commitment'>,
    payload: Uint8Array,
  ) => void
  readonly onVerdict?: (round: SeatRound, device: SeatDevice, check: RoundCheck) => void
  /** Called at named points between recording and saying; tests end the process there. */
  readonly crashPoint?: (name: CrashPoint) => void
}

export type RoundJudge = ReturnType<typeof createRoundJudge>

/** Answers to one request that may prove nothing. Damage is over at the next try; each costs what one device is worth. */
const openingAttempts = 3
/** What arrived by the deadline may still wait for its handler's turn. */
const handlingMs = 100

export function createRoundJudge(
  of: { readonly network: Network; readonly jobs: Jobs; readonly rules: RoundRules; readonly kinds?: Kinds },
  deps: RoundJudgeDependencies,
) {
  const { network, jobs, rules, kinds } = of
  const { signer, secrets, journal, evidence, engine, clock, log, sendTo, forwardWrongWork, onVerdict } = deps
  const { isArriving = () => false, stoodStillAt = () => false, crashPoint = () => {} } = deps
  const faults = createOwnFaults(rules, { isArriving, stoodStillAt })
  const records = createPendingRecords({ log, transaction: journal.transaction })
  const queue = createRecomputeQueue({ engine, together: records.together })
  const entries = createRoundEntries()
  const open = new Map<Hex, { readonly deadline: Promise<void>; readonly cancel: AbortController }>()
  const send = (entry: Entry, message: (send: Send) => Promise<void>) => {
    const session = sendTo(entry.device.operator)
    if (session === null) return
    entry.check = { ...entry.check, reached: true }
    message(session).catch(error => log.debug({ error, device: entry.device.deviceId }, 'a message could not be sent'))
  }

  /** Keeps evidence and verdict, then lets others know; a verdict that cannot be kept yet is tried again. */
  function conclude(entry: Entry, check: RoundCheck, tellOthers?: () => void) {
    const earlier = entry.check.judged
    entry.check = check
    if (check.commitmentHash !== null) entries.commit(check.commitmentHash, entry)
    if (check.judged === null || check.judged === earlier) return
    const { round, device, offer, request, openings, forwarded } = entry
    const concluded = { round, device, offer, request, openings, forwarded, check, judged: check.judged }
    records.write(() => {
      if (entries.find(round.trigger.hash, device.deviceId) !== entry) return undefined
      const kept = recordVerdict({ network, job: jobFor(entry) }, concluded, { journal, evidence, crashPoint })
      if (!kept) return undefined
      return () => {
        crashPoint('checker.verdict-recorded')
        onVerdict?.(round, device, check)
        tellOthers?.()
      }
    })
  }

  const jobFor = ({ round }: Entry): Job => jobOf(jobs, round.trigger.kind, kinds)
  const timing = ({ round }: Pick<Entry, 'round'>) => timingOf(rules, round.trigger.kind)

  async function ask(entry: Entry, { seenAtMs, ...block }: BlockHead & { readonly seenAtMs: number }) {
    const samplingBlock = { number: block.number, hash: block.hash, timestamp: block.timestamp }
    conclude(entry, closeCommitments(entry.check, samplingBlock, faults.ofCommitment(entry, seenAtMs)))
    const { commitmentHash: hash } = entry.check
    if (entry.check.judged !== null || hash === null) return
    const request = await signMessage(signer, 'SampleRequest', {
      commitmentHash: hash,
      secret: entry.secret,
      samplingBlockHash: samplingBlock.hash,
      checker: signer.address,
    })
    // Another block may have taken its place while we signed.
    if (entry.check.samplingBlock?.hash !== samplingBlock.hash) return
    if (entry.request?.message.samplingBlockHash !== samplingBlock.hash) {
      Object.assign(entry, { ...unopened, request })
    }
    send(entry, session => session('job.request', request))
    crashPoint('checker.sampled')
  }

  type Asked = Pick<Entry, 'request' | 'openings' | 'collected'>

  async function recompute(entry: Entry, claim: Omit<VerifyItem, 'openings'>, asked: Asked) {
    const { openings, request } = asked
    const { epochSeed, trigger } = entry.round
    Object.assign(entry, { openings, collected: unopened.collected })
    try {
      await queue({ kind: trigger.kind, epochSeed }, { ...claim, openings }, answer => takeAnswer(entry, asked, answer))
    } catch (error) {
      log.error({ error, kind: trigger.kind }, 'work could not be recomputed')
      if (entry.request === request)
        conclude(entry, concludeFault(entry.check, 'This seat could not recompute the work.'))
    }
    if (entry.request === request) entry.verifying = null
  }

  /** `collected`: the pieces that were checked before the last one came. */
  function takeAnswer(entry: Entry, { request, openings, collected }: Asked, answer: Verification) {
    const { check, round, device } = entry
    if (request !== entry.request) {
      // Drawn by a block that was replaced: what is wrong among them is proof all the same, and nothing else is.
      if (answer.ok || answer.wrong === null) return
      Object.assign(entry, { request, openings })
    }
    if (answer.ok) return conclude(entry, concludeValid(check, answer.figures, answer.witness))
    if (answer.wrong === null) {
      Object.assign(entry, { openings: unopened.openings, collected })
      return refuse(entry, answer.detail)
    }
    const payload = encodeWrongWork(answer.wrong)
    conclude(entry, concludeWrong(check, answer), () =>
      forwardWrongWork(device.cohort, round.epoch, check.commitment!, payload),
    )
  }

  /** Says so itself: where the answer took a recomputation, the session's own refusal is long past. */
  function refuse(entry: Entry, reason: string) {
    entry.attempts++
    entry.check = refuseOpenings(entry.check, reason)
    const named = { commitmentHash: entry.check.commitmentHash ?? '', reason, left: openingAttempts - entry.attempts }
    const refusal = closeReason(checkerErrors.CHECKER_OPENINGS_INVALID(named))
    send(entry, session => session('refused', { ...refusal, regarding: 'job.openings' }))
  }

  function find(message: Pick<SignedMessage<'Commitment'>, 'round' | 'deviceId'>, operator?: Address): Entry {
    const entry = entries.find(message.round, message.deviceId)
    if (entry === undefined || (operator !== undefined && entry.device.operator !== operator))
      throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: message.round })
    return entry
  }

  /** Refuses what is not about this very job, or not signed for it; its hash, which is the digest that was signed. */
  function requireBound({ offer, device }: Entry, commitment: Signed<'Commitment'>): Hex {
    if (offer === null) throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: commitment.message.round })
    const fault = bindingFault(offer.message, commitment.message)
    if (fault !== null) throw checkerErrors.CHECKER_COMMITMENT_UNBOUND({ field: fault })
    const hash = commitmentHash(network, commitment.message)
    if (!isDigestSignedBy(hash, commitment.signature, device.operator)) throw checkerErrors.CHECKER_SIGNATURE_INVALID()
    return hash
  }

  async function closeAtDeadline(round: SeatRound, own: readonly Entry[], signal: AbortSignal) {
    const deadlineMs = round.seenAtMs + timing({ round }).openingsMs
    await clock.sleep(Math.max(0, deadlineMs + handlingMs - clock.monotonicMs()), signal).catch(() => undefined)
    const stall = faults.standstill(deadlineMs)
    await Promise.all(own.map(({ verifying }) => verifying))
    for (const entry of own) {
      if (signal.aborted) conclude(entry, concludeFault(entry.check, 'This seat stopped during the round.'))
      else conclude(entry, closeOpenings(entry.check, stall))
      const { openings, collected } = unopened
      Object.assign(entry, { openings, collected })
    }
  }

  return {
    async begin(round: SeatRound): Promise<void> {
      const { trigger, devices } = round
      if (open.has(trigger.hash) || entries.of(trigger.hash).length > 0) return
      for (const device of devices) {
        const secret = secrets.sampling(trigger.hash, device.deviceId, device.generation)
        const check = openCheck(trigger, round.seenAtMs, sendTo(device.operator) !== null)
        entries.add({ ...untouched, round, device, secret, check })
      }
      const own = entries.of(trigger.hash)
      const cancel = new AbortController()
      const deadline = closeAtDeadline(round, own, cancel.signal).finally(() => {
        if (open.get(trigger.hash)?.cancel === cancel) open.delete(trigger.hash)
      })
      open.set(trigger.hash, { cancel, deadline })
      deps.onOpen?.(round.seenAtMs)
      await Promise.all(own.map(offerJob))
    },

    /**
     * The block whose hash draws the samples of a round is there: commitments are closed, samples are asked for. Where a reorg has put
     * it in the place of another, those that it draws are asked for instead.
     * `seenAtMs`: this seat's own sight of it, monotonic.
     */
    async takeSamplingBlock(roundHash: Hex, block: BlockHead & { readonly seenAtMs: number }): Promise<void> {
      await Promise.all(entries.of(roundHash).map(entry => ask(entry, block)))
    },

    /** @throws a coded refusal, as all `take…` do */
    takeCommitment(operator: Address, commitment: Signed<'Commitment'>, receivedAtMs: number): void {
      const entry = find(commitment.message, operator)
      const hash = requireBound(entry, commitment)
      const { check, refusal } = acceptCommitment(
        entry.check,
        { commitment, commitmentHash: hash, receivedAtMs },
        timing(entry),
        faults.standstill(faults.commitmentDeadlineMs(entry.check)),
      )
      conclude(entry, check)
      if (refusal !== null) throw checkerErrors[`CHECKER_${refusal}`]()
    },

    /** A mark of a window that is being worked; one that comes late counts nothing. */
    takeMark(operator: Address, { index, mark, ...about }: MessageBody<'job.mark'>, receivedAtMs: number): void {
      const entry = find(about, operator)
      const dueMs = jobFor(entry).markDueMs(index)
      if (dueMs === null) throw checkerErrors.CHECKER_MARK_UNKNOWN({ index })
      entry.check = acceptMark(entry.check, { index, mark, receivedAtMs, dueMs }, rules, stoodStillAt)
    },

    takeAbort(operator: Address, abort: Signed<'Abort'>): void {
      const entry = find(abort.message, operator)
      if (!isSignedBy(network, 'Abort', abort, operator)) throw checkerErrors.CHECKER_SIGNATURE_INVALID()
      entry.check = acceptAbort(entry.check, abort.message.reason)
    },

    takeBusy(operator: Address, busy: Signed<'Busy'>, receivedAtMs: number): void {
      const entry = find(busy.message, operator)
      conclude(entry, checkAfterBusy(entry, { busy, receivedAtMs }, { network, rules, stoodStillAt }))
    },

    /** The openings of a request, or the next piece of them. @returns false where they are about none of these rounds */
    takeOpenings(
      operator: Address,
      { commitmentHash: hash, secret, samplingBlockHash, piece = 0 }: MessageBody<'job.openings'>,
      payload: Uint8Array,
      receivedAtMs: number,
    ): boolean {
      const entry = entries.committed(hash)
      if (entry?.check.commitmentHash !== hash || entry.device.operator !== operator) return false
      if (entry.request === null || entry.secret !== secret) return false
      const { request } = entry
      // What was drawn by a block that a reorg has replaced is answered again for the other.
      const isReplaced = samplingBlockHash !== undefined && samplingBlockHash !== request.message.samplingBlockHash
      if (isReplaced || entry.check.judged !== null || entry.verifying !== null) return true
      if (receivedAtMs - entry.check.seenAtMs > timing(entry).openingsMs) throw checkerErrors.CHECKER_OPENINGS_LATE()
      if (entry.attempts >= openingAttempts)
        throw checkerErrors.CHECKER_OPENINGS_EXHAUSTED({ attempts: openingAttempts })
      const { marks, commitment } = entry.check
      const { message } = commitment!
      const job = jobFor(entry)
      const asked = { sample: sampleOf(job, message, request.message), witnessOf: witnessOf(signer.address, hash) }
      const claim = { ...claimOf(network, message), ...asked, marks }
      const taken = takePiece(job, claim, entry.collected, piece, payload)
      if ('fault' in taken) refuse(entry, taken.fault)
      else if ('collected' in taken) entry.collected = taken.collected
      else entry.verifying = recompute(entry, claim, { request, openings: taken.whole, collected: entry.collected })
      return true
    },

    /** Work that another seat proved wrong. Taken until this seat has committed to the epoch, however long ago the round ended. */
    async takeWrongWork(commitment: Signed<'Commitment'>, payload: Uint8Array): Promise<void> {
      const entry = find(commitment.message)
      const { operator } = entry.device
      const { epoch, epochSeed, trigger } = entry.round
      if (journal.seatCommitment(epoch) !== null)
        throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: commitment.message.round })
      const received = { commitment, commitmentHash: requireBound(entry, commitment) }
      const isKnown = () => {
        const contradicted = contradictedBy(entry.check, received)
        if (contradicted !== null) conclude(entry, contradicted)
        return entry.check.judged?.verdict === 'WRONG'
      }
      if (isKnown()) return
      const claim = { network, kind: trigger.kind, epochSeed, operator, commitment, payload }
      const judgement = await judgeWrongWork(claim, engine)
      if (!judgement.proven) throw checkerErrors.CHECKER_WRONG_WORK_UNPROVEN({ reason: judgement.reason })
      if (isKnown()) return
      entry.forwarded = judgement
      conclude(entry, concludeWrong({ ...entry.check, ...received }, judgement))
    },

    /** An operator connected (again): offers and requests that still stand are repeated. */
    async greet(operator: Address): Promise<void> {
      for (const entry of entries.ofOperator(operator)) {
        if (entry.check.judged !== null) continue
        await offerJob(entry)
        const { request, check } = entry
        if (request !== null && check.judged === null) send(entry, session => session('job.request', request))
      }
    },

    /** The trigger left the canonical chain: nothing of the round counts. */
    drop(roundHash: Hex): void {
      entries.drop(roundHash)
      open.get(roundHash)?.cancel.abort()
      open.delete(roundHash)
    },

    isOpen: (): boolean => open.size > 0,
    /** Tries once more what could not be recorded. */
    retryRecords: records.retry,
    /** Lets go of its rounds once their epoch is committed to: nothing of them counts any more, and what was found is on disk. */
    release(epoch: number): void {
      if (open.size === 0 && journal.seatCommitment(epoch) !== null) entries.clear()
    },
    /** Resolves when no round is open, and what could not be recorded was tried once more. */
    async idle(): Promise<void> {
      await Promise.all([...open.values()].map(({ deadline }) => deadline))
      records.retry()
    },
    /** Judges what is open as this seat's own fault and stops. */
    async stop(): Promise<void> {
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
      specHash: jobFor(entry).specHash,
      secretHash: secretHash(secret),
      checker: signer.address,
    })
    if (entry.check.judged === null) send(entry, session => session('job.offer', entry.offer!))
    crashPoint('checker.offered')
  }
}
