/**
 * What a seat shows to anybody who asks by device and epoch: read-only, and little work whoever asks. An answer is made of what was
 * recorded with the commitment, in some milliseconds, and only one in a turn of the event loop: however many are asked for at once, what
 * the seat's rounds wait for has its turn between them.
 *
 * Why: docs/why/evidence.md
 */
import { setImmediate } from 'node:timers/promises'
import type { Hex } from 'viem'
import { encodeSeatEvidence } from '../../report/seat-evidence.ts'
import { createTokenBucket } from '../../transport/token-bucket.ts'
import type { SeatEpoch } from './seat-epoch.ts'

/** Answers at a path of the form `/evidence/<epoch>/<device id>`; null where there is nothing to show there. */
export type ShowEvidence = (path: string) => Promise<Uint8Array | null>

/** Answers kept, the oldest of which make way. */
const keptAnswers = 64
/** Answers made, for all who ask together. */
const making = { perSecond: 8, burst: 16 }

export type ShowEvidenceDependencies = {
  /** Of an epoch that the seat still has. */
  readonly seatOf: (epoch: number) => Pick<SeatEpoch, 'shows' | 'evidenceOf'> | null
  /** In milliseconds. */
  readonly now: () => number
  /** Lets everything else have its turn; default: that of the event loop. */
  readonly giveWay?: () => Promise<unknown>
}

export function createShowEvidence({
  seatOf,
  now,
  giveWay = () => setImmediate(),
}: ShowEvidenceDependencies): ShowEvidence {
  const answers = new Map<string, Promise<Uint8Array | null>>()
  const bucket = createTokenBucket(making, now)
  let last: Promise<unknown> = Promise.resolve()

  async function answerAfter(earlier: Promise<unknown>, make: () => Uint8Array | null) {
    await earlier.catch(() => undefined)
    await giveWay()
    return make()
  }

  return async path => {
    const known = answers.get(path)
    if (known !== undefined) return known
    const [, epoch, deviceId] = /^\/evidence\/(0|[1-9]\d{0,8})\/(0x[0-9a-f]{64})$/.exec(path) ?? []
    if (epoch === undefined || deviceId === undefined) return null
    const seat = seatOf(Number(epoch))
    // What is not there costs nobody a turn.
    if (seat?.shows(deviceId as Hex) !== true || !bucket.take()) return null
    const answer = answerAfter(last, () => {
      const evidence = seat.evidenceOf(deviceId as Hex)
      return evidence === null ? null : encodeSeatEvidence(evidence)
    })
    last = answer
    answers.set(path, answer)
    if (answers.size > keptAnswers) answers.delete(answers.keys().next().value!)
    try {
      return await answer
    } catch (error) {
      // The store may answer the next time.
      answers.delete(path)
      throw error
    }
  }
}
