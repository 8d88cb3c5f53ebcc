/**
 * The verifier: are these openings what was committed, and are the sampled rows what the job computes? Rows are recomputed with
 * the same graph and compared byte for byte; there is no tolerance. Many devices are recomputed in one batch, with the same answer
 * as each alone. Nothing a Provider sends can make it throw.
 */
import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import { isKaisarError } from '../../platform/errors.ts'
import { type FailedVerification, unproven } from '../round-kind.ts'
import { rowsLimit } from './digest-tree.ts'
import type { Kernel } from './kernel.ts'
import { rowInputAt } from './row-input.ts'
import {
  checkSample,
  chunkOutsideRoot,
  decodeOpenings,
  type OpenedChunk,
  openedDigest,
  openingsOfRow,
} from './row-openings.ts'
import { rowBytes } from './tensor-spec.ts'

export type OpeningsClaim = {
  /** Job seed, 32 bytes. */
  readonly seed: Uint8Array
  /** Committed row count and root (32 bytes). */
  readonly rows: number
  readonly root: Uint8Array
  /** The sampled rows, ascending. */
  readonly sample: readonly number[]
  /** As received. */
  readonly openings: Uint8Array
  /** Whose witness is asked for: the seat's address ‖ the commitment's hash, 52 bytes as hex. */
  readonly witnessOf?: Hex
}

/** `checked`: rows that were recomputed. `witness`, where it was asked for: {@link witnessTag}. A place is a row. */
export type RowVerification =
  | { readonly ok: true; readonly checked: number; readonly witness?: Hex }
  | FailedVerification

/**
 * What only who recomputed the rows can say, and each seat by itself:
 *
 *   witness = SHA-256(tag ‖ seat ‖ commitment hash ‖ inner activations of the sampled rows, ascending)
 *
 * The activations are those of the last layer, K bytes x + 64 a row: the digest is made of them and does not give them away.
 */
const witnessTag = 'kaisar/witness/v1'

/** Digests [m, 32] of the inputs [m, 32]. */
export type ComputeDigests = (inputs: Uint8Array) => Promise<Uint8Array>

type Checked = { readonly claim: OpeningsClaim; readonly opened: readonly OpenedChunk[] }

/** One answer per claim, in order. `batchRows` bounds the rows that are recomputed at once. */
export async function verifyOpenings(
  claims: readonly OpeningsClaim[],
  compute: ComputeDigests,
  {
    sampleLimit,
    batchRows,
    computeInner,
  }: {
    readonly sampleLimit: number
    readonly batchRows: number
    /** Computes with inner activations; needed where witnesses are asked for. */
    readonly computeInner?: Kernel['runInner']
  },
): Promise<RowVerification[]> {
  const checked = claims.map(claim => checkAgainstRoot(claim, sampleLimit))
  const toRecompute = checked.filter((entry): entry is Checked => 'opened' in entry)
  const recomputed = await recompute(toRecompute, { compute, computeInner }, batchRows)
  return checked.map(entry => ('opened' in entry ? compareRows(entry, recomputed.get(entry)!) : entry))
}

/** What openings are checked against before anything is recomputed. */
type RootClaim = Pick<OpeningsClaim, 'rows' | 'root' | 'sample' | 'openings'>

/** Why openings do not lead to the committed root, or null where they do. */
export function openingsFault(claim: RootClaim, sampleLimit: number): string | null {
  const checked = checkAgainstRoot(claim, sampleLimit)
  return 'detail' in checked ? checked.detail : null
}

function checkAgainstRoot<C extends RootClaim>(
  claim: C,
  sampleLimit: number,
): { readonly claim: C; readonly opened: readonly OpenedChunk[] } | FailedVerification {
  const { rows, root, sample, openings } = claim
  if (!Number.isSafeInteger(rows) || rows < 0 || rows > rowsLimit)
    return unproven('COMMITMENT_INVALID', `The commitment claims ${rows} rows; at most ${rowsLimit} are possible.`)
  if (rows === 0 && root.some(byte => byte !== 0))
    return unproven('COMMITMENT_INVALID', 'The commitment claims no rows and has a root.')
  try {
    checkSample(sample, rows, sampleLimit)
    const opened = decodeOpenings(openings, rows, sample)
    const stray = chunkOutsideRoot(opened, rows, root)
    if (stray === null) return { claim, opened }
    return unproven('OPENINGS_NOT_IN_ROOT', `The proof of chunk ${stray} does not lead to the committed root.`)
  } catch (error) {
    if (!isKaisarError(error)) throw error
    return unproven('OPENINGS_MALFORMED', error.message)
  }
}

type Recomputed = { readonly digests: Uint8Array; readonly witness: Hex | null }

/** Recomputes the sampled rows of all claims, `batchRows` at a time. */
async function recompute(
  entries: readonly Checked[],
  { compute, computeInner }: { readonly compute: ComputeDigests; readonly computeInner: Kernel['runInner'] },
  batchRows: number,
): Promise<Map<Checked, Recomputed>> {
  const inputs = Buffer.concat(entries.map(({ claim }) => rowInputAt(claim.seed, claim.sample)))
  const digests = new Uint8Array(inputs.length)
  const hashes = entries.map(({ claim: { witnessOf } }) =>
    witnessOf === undefined || computeInner === undefined
      ? null
      : createHash('sha256').update(witnessTag).update(witnessOf.slice(2), 'hex'),
  )
  for (let offset = 0; offset < inputs.length; offset += batchRows * rowBytes) {
    const batch = inputs.subarray(offset, offset + batchRows * rowBytes)
    if (computeInner === undefined) digests.set(await compute(batch), offset)
    else {
      const computed = await computeInner(batch)
      digests.set(computed.digests, offset)
      const rows = batch.length / rowBytes
      hashInner(offset / rowBytes, rows, computed.inner)
    }
  }
  /** The rows of a claim that are in this batch are hashed at once: they lie one behind the other. */
  function hashInner(firstRow: number, rows: number, inner: Uint8Array) {
    const width = inner.length / rows
    let first = 0
    for (const [i, { claim }] of entries.entries()) {
      const end = first + claim.sample.length
      const from = Math.max(first, firstRow)
      const to = Math.min(end, firstRow + rows)
      if (from < to) hashes[i]?.update(inner.subarray((from - firstRow) * width, (to - firstRow) * width))
      first = end
    }
  }

  let offset = 0
  return new Map(
    entries.map((entry, i) => {
      const length = entry.claim.sample.length * rowBytes
      const own = digests.subarray(offset, offset + length)
      offset += length
      const hash = hashes[i]
      return [entry, { digests: own, witness: hash ? `0x${hash.digest('hex')}` : null }]
    }),
  )
}

function compareRows({ claim, opened }: Checked, { digests, witness }: Recomputed): RowVerification {
  const wrong = claim.sample.findIndex((row, index) => {
    const expected = digests.subarray(index * rowBytes, (index + 1) * rowBytes)
    return Buffer.compare(openedDigest(opened, row), expected) !== 0
  })
  if (wrong < 0) return { ok: true, checked: claim.sample.length, ...(witness !== null && { witness }) }
  const row = claim.sample[wrong]!
  return {
    ok: false,
    step: 'ROW_WRONG',
    detail: `Row ${row} was recomputed and differs from the committed digest.`,
    wrong: { place: row, openings: openingsOfRow(opened, row) },
  }
}
