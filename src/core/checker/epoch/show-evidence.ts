/** What a seat shows to anybody who asks by device and epoch: read-only, and little work whoever asks. */
import type { Hex } from 'viem'
import { encodeSeatEvidence } from '../../report/seat-evidence.ts'
import { createTokenBucket } from '../../transport/token-bucket.ts'
import type { SeatEpoch } from './seat-epoch.ts'

/** Answers at a path of the form `/evidence/<epoch>/<device id>`; null where there is nothing to show there. */
export type ShowEvidence = (path: string) => Uint8Array | null

/** Answers kept, the oldest of which make way. */
const keptAnswers = 256
/** Answers made: the first of each cohort builds its tree again, which takes tens of milliseconds. */
const making = { perSecond: 2, burst: 64 }

/** @param seatOf - of an epoch that the seat still has; @param now - in milliseconds */
export function createShowEvidence({
  seatOf,
  now,
}: {
  readonly seatOf: (epoch: number) => Pick<SeatEpoch, 'shows' | 'evidenceOf'> | null
  readonly now: () => number
}): ShowEvidence {
  const answers = new Map<string, Uint8Array>()
  const bucket = createTokenBucket(making, now)
  return path => {
    const known = answers.get(path)
    if (known !== undefined) return known
    const [, epoch, deviceId] = /^\/evidence\/(0|[1-9]\d{0,8})\/(0x[0-9a-f]{64})$/.exec(path) ?? []
    if (epoch === undefined || deviceId === undefined) return null
    const seat = seatOf(Number(epoch))
    // What is not there costs nobody a turn.
    if (seat?.shows(deviceId as Hex) !== true || !bucket.take()) return null
    const evidence = seat.evidenceOf(deviceId as Hex)
    if (evidence === null) return null
    const answer = encodeSeatEvidence(evidence)
    answers.set(path, answer)
    if (answers.size > keptAnswers) answers.delete(answers.keys().next().value!)
    return answer
  }
}
