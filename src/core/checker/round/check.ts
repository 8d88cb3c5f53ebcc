/**
 * One seat's check of one device in one round, as a value that only moves forward: offered → committed → requested → judged.
 * Times are milliseconds of a monotonic clock, measured from the seat's own sight of the trigger. Pure.
 */
import type { Hex } from 'viem'
import type { Job } from '../../job/jobs.ts'
import type { FailedStep, VerifyItem } from '../../job/round-kind.ts'
import type { RoundTiming } from '../../protocol/network-parameters.ts'
import type { BlockHead, Trigger } from '../../protocol/trigger.ts'
import type { Signed } from '../../protocol/typed-data.ts'
import type { Figures, Verdict } from '../../protocol/verdict.ts'
import type { JudgedRound } from '../epoch/pack.ts'
import { checkerErrors } from '../errors.ts'

export type RoundCheck = {
  readonly trigger: Trigger
  readonly seenAtMs: number
  /** Whether a session of the device's operator was open when the offer was made, or came while it stood. */
  readonly reached: boolean
  /** By index, the marks of the window that came in time: each within the grace after its part of the window. */
  readonly marks: readonly (Hex | null)[]
  readonly commitment: Signed<'Commitment'> | null
  readonly commitmentHash: Hex | null
  /** A second, different commitment: provable equivocation. */
  readonly contradiction: Signed<'Commitment'> | null
  readonly abortReason: string | null
  /** The signed word of the device that its owner has paused it. */
  readonly busy: Signed<'Busy'> | null
  readonly samplingBlock: BlockHead | null
  readonly refusedOpenings: string | null
  /** The witness, which shows that this seat recomputed the sampled rows. */
  readonly witness: Hex | null
  readonly judged: JudgedRound | null
}

export const openCheck = (trigger: Trigger, seenAtMs: number, reached: boolean): RoundCheck => ({
  trigger,
  seenAtMs,
  reached,
  marks: [],
  commitment: null,
  commitmentHash: null,
  contradiction: null,
  abortReason: null,
  busy: null,
  samplingBlock: null,
  refusedOpenings: null,
  witness: null,
  judged: null,
})

const judge = (
  check: RoundCheck,
  verdict: Verdict,
  reason: string,
  detail: string,
  figures: Figures = {},
): RoundCheck => ({
  ...check,
  judged: { verdict, reason, detail, kind: check.trigger.kind, figures },
})

/** A signed commitment with its digest; whether it is bound to this round was checked already. */
export type HashedCommitment = { readonly commitment: Signed<'Commitment'>; readonly commitmentHash: Hex }

/** The check with a second, different commitment kept as proof; null where it contradicts nothing. */
export function contradictedBy(check: RoundCheck, { commitment, commitmentHash }: HashedCommitment): RoundCheck | null {
  if (check.commitmentHash === null || check.commitmentHash === commitmentHash) return null
  if (check.contradiction !== null) return check
  const detail = 'The device signed two different commitments for this round.'
  return judge({ ...check, contradiction: commitment }, 'WRONG', 'TWO_COMMITMENTS', detail)
}

export type Refusal = 'COMMITMENT_LATE' | 'COMMITMENT_CONTRADICTS' | 'COMMITMENT_AFTER_BUSY'

/**
 * Takes a commitment whose signature and binding (epoch, round, device, generation, spec) were checked already.
 * The same commitment again, after a reconnect, changes nothing. A different one is kept as proof.
 * @param ownFault - why this seat cannot hold lateness against the device, or null
 */
export function acceptCommitment(
  check: RoundCheck,
  { receivedAtMs, ...received }: HashedCommitment & { readonly receivedAtMs: number },
  { windowMs, graceMs }: Pick<RoundTiming, 'windowMs' | 'graceMs'>,
  ownFault: string | null = null,
): { check: RoundCheck; refusal: Refusal | null } {
  if (check.commitmentHash === received.commitmentHash) return { check, refusal: null }
  const contradicted = contradictedBy(check, received)
  if (contradicted !== null) return { check: contradicted, refusal: 'COMMITMENT_CONTRADICTS' }
  if (check.busy !== null) return { check, refusal: 'COMMITMENT_AFTER_BUSY' }
  const tookMs = receivedAtMs - check.seenAtMs
  if (tookMs > windowMs + graceMs || check.samplingBlock !== null || check.judged !== null) {
    if (check.judged !== null) return { check, refusal: 'COMMITMENT_LATE' }
    const detail = `The commitment came ${Math.round(tookMs)} ms after the trigger; ${windowMs + graceMs} ms are allowed.`
    const late = ownFault === null ? judge(check, 'TIMEOUT', 'COMMITMENT_LATE', detail) : concludeFault(check, ownFault)
    return { check: late, refusal: 'COMMITMENT_LATE' }
  }
  return { check: { ...check, reached: true, ...received }, refusal: null }
}

/**
 * A mark that came in time is kept, the first of an index; what comes late or twice changes nothing.
 * @param dueMs - after the trigger; @param stoodStillAt - whether this process itself stood still: then what came after that was not late
 */
export function acceptMark(
  check: RoundCheck,
  { index, mark, receivedAtMs, dueMs }: { index: number; mark: Hex; receivedAtMs: number; dueMs: number },
  { graceMs }: Pick<RoundTiming, 'graceMs'>,
  stoodStillAt: (momentMs: number) => boolean = () => false,
): RoundCheck {
  const deadlineMs = check.seenAtMs + dueMs + graceMs
  const isLate = receivedAtMs > deadlineMs && !stoodStillAt(deadlineMs)
  if (isLate || check.commitment !== null || check.judged !== null || (check.marks[index] ?? null) !== null)
    return check
  const marks = Array.from({ length: Math.max(check.marks.length, index + 1) }, (_, at) => check.marks[at] ?? null)
  return { ...check, reached: true, marks: marks.with(index, mark) }
}

export const acceptAbort = (check: RoundCheck, reason: string): RoundCheck =>
  check.commitment !== null || check.judged !== null ? check : { ...check, reached: true, abortReason: reason }

/** What a device signs when its owner has paused it counts once a round, within the grace after the trigger, and before any other word. */
export function acceptBusy(
  check: RoundCheck,
  { busy, receivedAtMs }: { readonly busy: Signed<'Busy'>; readonly receivedAtMs: number },
  { graceMs }: Pick<RoundTiming, 'graceMs'>,
  stoodStillAt: (momentMs: number) => boolean = () => false,
): { check: RoundCheck; refusal: 'BUSY_LATE' | 'BUSY_AFTER_WORK' | null } {
  if (check.busy !== null) return { check, refusal: null }
  const hasSpoken = check.commitment !== null || check.marks.length > 0 || check.abortReason !== null
  if (hasSpoken) return { check, refusal: 'BUSY_AFTER_WORK' }
  const deadlineMs = check.seenAtMs + graceMs
  const isLate = receivedAtMs > deadlineMs && !stoodStillAt(deadlineMs)
  if (isLate || check.samplingBlock !== null || check.judged !== null) return { check, refusal: 'BUSY_LATE' }
  const detail = 'The owner has paused the device, which signed that it leaves this round out.'
  return { check: judge({ ...check, reached: true, busy }, 'BUSY', 'DEVICE_BUSY', detail), refusal: null }
}

/**
 * The sampling block is there: who has not committed is judged, who has is sampled from its hash. A block that a reorg put in its place
 * draws instead, as long as nothing was judged.
 * @param ownFault - why this seat cannot hold a missing commitment against the device, or null
 */
export function closeCommitments(
  check: RoundCheck,
  samplingBlock: BlockHead,
  ownFault: string | null = null,
): RoundCheck {
  if (check.samplingBlock !== null && check.judged !== null) return check
  const closed = { ...check, samplingBlock }
  if (check.judged !== null) return closed
  // A device that says why it could not work is no worse off than one that is silent.
  if (check.commitment === null && ownFault !== null) return concludeFault(closed, ownFault)
  if (check.abortReason !== null)
    return judge(closed, 'UNSUPPORTED', 'DEVICE_ABORTED', `The device signed off from this round: ${check.abortReason}`)
  if (check.commitment === null)
    return check.reached
      ? judge(closed, 'TIMEOUT', 'NO_COMMITMENT', 'The device was offered the job and sent no commitment in time.')
      : judge(closed, 'OFFLINE', 'NO_SESSION', 'No session with the device was open during the round.')
  if (check.commitment.message.rows === 0n)
    return judge(closed, 'VALID', 'NO_WORK', 'The device finished nothing inside the window.')
  return closed
}

/** Everything that was sampled was recomputed and equals what the device committed to. */
export const concludeValid = (check: RoundCheck, figures: Figures, witness: Hex | null = null): RoundCheck =>
  check.judged === null
    ? judge({ ...check, witness }, 'VALID', 'ALL_EQUAL', 'Everything sampled was recomputed and is equal.', figures)
    : check

/** Wrong work is proof against the signed root, whoever found it and whenever: it overrides every other verdict. */
export const concludeWrong = (check: RoundCheck, { step, detail }: { step: FailedStep; detail: string }): RoundCheck =>
  check.judged?.verdict === 'WRONG' ? check : judge(check, 'WRONG', step, detail)

/** Openings that prove nothing either way; the device may answer the same request again until the deadline. */
export const refuseOpenings = (check: RoundCheck, detail: string): RoundCheck => ({ ...check, refusedOpenings: detail })

/** The seat could not do its part: not the device's fault. */
export const concludeFault = (check: RoundCheck, detail: string): RoundCheck =>
  check.judged === null ? judge(check, 'CHECKER_FAULT', 'CHECKER_FAULT', detail) : check

/** The opening deadline has passed. @param ownFault - why this seat cannot hold missing openings against the device, or null */
export function closeOpenings(check: RoundCheck, ownFault: string | null = null): RoundCheck {
  if (check.judged !== null) return check
  if (check.samplingBlock === null)
    return concludeFault(check, 'This seat saw no sampling block before the opening deadline.')
  if (ownFault !== null) return concludeFault(check, ownFault)
  if (check.refusedOpenings === null)
    return judge(check, 'TIMEOUT', 'NO_OPENINGS', 'The device committed and then did not open the sampled rows.')
  const detail = `The openings did not prove the sampled rows: ${check.refusedOpenings}`
  return judge(check, 'TIMEOUT', 'OPENINGS_INVALID', detail)
}

/** The pieces of the openings of one request so far, in order; each is checked against the root before the next one is kept. */
export type Collected = readonly Uint8Array[]

export const nothingCollected: Collected = []

export type Taken =
  | { readonly fault: string }
  | { readonly collected: Collected }
  /** The last one is there. It is checked with all of them, when they are recomputed. */
  | { readonly whole: Uint8Array }

/** A piece that is there already, sent again after a connection broke, changes nothing. @throws CHECKER_PIECE_UNEXPECTED */
export function takePiece(
  job: Pick<Job, 'cut' | 'pieceFault' | 'join'>,
  { sample, units, root }: Pick<VerifyItem, 'units' | 'root' | 'sample'>,
  collected: Collected,
  piece: number,
  payload: Uint8Array,
): Taken {
  const parts = job.cut(sample)
  const held = collected[piece]
  if (held !== undefined && Buffer.compare(held, payload) === 0) return { collected }
  if (piece !== collected.length)
    throw checkerErrors.CHECKER_PIECE_UNEXPECTED({ piece, expected: collected.length, pieces: parts.length })
  if (piece === parts.length - 1) return { whole: [...collected, payload].reduce(job.join, new Uint8Array()) }
  const fault = job.pieceFault({ units, root }, parts[piece]!, payload)
  return fault === null ? { collected: [...collected, payload] } : { fault }
}
