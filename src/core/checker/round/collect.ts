/** The openings of one request as they come: pieces in order, each once, each checked against the root before the next one is kept. Pure. */
import type { Job } from '../../job/jobs.ts'
import type { VerifyItem } from '../../job/round-kind.ts'
import { checkerErrors } from '../errors.ts'

export type Collected = { readonly pieces: number; readonly openings: Uint8Array }

export const nothingCollected: Collected = { pieces: 0, openings: new Uint8Array() }

export type Taken =
  | { readonly fault: string }
  | { readonly collected: Collected }
  /** The last one is there. It is checked with all of them, when they are recomputed. */
  | { readonly whole: Uint8Array }

/** @throws CHECKER_PIECE_UNEXPECTED */
export function takePiece(
  job: Pick<Job, 'cut' | 'pieceFault' | 'join'>,
  { sample, units, root }: Pick<VerifyItem, 'units' | 'root' | 'sample'>,
  { pieces, openings }: Collected,
  piece: number,
  payload: Uint8Array,
): Taken {
  const parts = job.cut(sample)
  if (piece !== pieces) throw checkerErrors.CHECKER_PIECE_UNEXPECTED({ piece, expected: pieces, pieces: parts.length })
  if (piece === parts.length - 1) return { whole: job.join(openings, payload) }
  const fault = job.pieceFault({ units, root }, parts[piece]!, payload)
  return fault === null ? { collected: { pieces: pieces + 1, openings: job.join(openings, payload) } } : { fault }
}
