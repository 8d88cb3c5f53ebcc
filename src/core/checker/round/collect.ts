/** The openings of one request as they come: pieces in order, each once, each checked against the root before the next one is kept. Pure. */
import type { Job } from '../../job/jobs.ts'
import type { VerifyItem } from '../../job/round-kind.ts'
import { checkerErrors } from '../errors.ts'

/** The pieces so far, in order. */
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
  if (piece === parts.length - 1) return { whole: [...collected, payload].reduce(job.join, noBytes) }
  const fault = job.pieceFault({ units, root }, parts[piece]!, payload)
  return fault === null ? { collected: [...collected, payload] } : { fault }
}

const noBytes = new Uint8Array()
