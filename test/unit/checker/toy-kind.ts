/**
 * A fourth kind of round, as a folder of its own would have it: what a device finishes is squares of numbers that the seed draws. Its
 * root is the hash of a list, the hash of each square; openings are that list, and the squares that were sampled.
 */
import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import { jobErrors } from '../../../src/core/job/errors.ts'
import { sampleRows } from '../../../src/core/job/job-seed.ts'
import {
  createKeptWindows,
  cutEvery,
  type KindEngine,
  type KindSpec,
  numbers,
  type RoundKind,
  unproven,
  type Verification,
  type VerifyItem,
} from '../../../src/core/job/round-kind.ts'

export type ToySpec = KindSpec & { readonly squares: number }

const digest = (data: string | Uint8Array) => createHash('sha256').update(data).digest()
const hex = (bytes: Buffer): Hex => `0x${bytes.toString('hex')}`
const hashBytes = 32
const squareBytes = 8

const numberAt = (seed: Uint8Array, place: number) =>
  BigInt(digest(Buffer.concat([seed, Buffer.from(`${place}`)])).readUInt32BE())
const encode = (square: bigint) => {
  const bytes = Buffer.alloc(squareBytes)
  bytes.writeBigUInt64BE(square)
  return bytes
}

/** The squares of this sample, by place; a text where they are not those of the root. */
function opened(
  { squares }: ToySpec,
  { root, sample, openings }: Pick<VerifyItem, 'root' | 'sample' | 'openings'>,
): string | ReadonlyMap<number, Buffer> {
  const bytes = Buffer.from(openings)
  const list = bytes.subarray(0, squares * hashBytes)
  if (bytes.length !== list.length + sample.length * squareBytes) return 'their length is not that of the sample'
  if (hex(digest(list)) !== root) return 'the list is of another root'
  const found = new Map(
    sample.map((place, at) => [place, bytes.subarray(list.length + at * squareBytes).subarray(0, squareBytes)]),
  )
  for (const [place, square] of found)
    if (!digest(square).equals(list.subarray(place * hashBytes).subarray(0, hashBytes)))
      return `square ${place} is not the one in the list`
  return found
}

/** @param spoil - places that are worked wrong */
export const toyKindOf = (spoil: (place: number) => boolean = () => false): RoundKind<ToySpec> => ({
  unit: 'square',
  figures: { squares: 'squares/s' },
  guess: 0,
  checkSpec(spec) {
    if (spec.samples > spec.squares) throw jobErrors.JOB_SPEC_INVALID({ problem: 'more samples than squares' })
    return spec
  },
  specHash: spec => hex(digest(JSON.stringify(spec))),
  bundle: { version: 8, spec: numbers('windowMs', 'samples', 'squares'), marks: false },
  sample: sampleRows,
  pieces: {
    cut: (_, sample) => cutEvery(sample, 2),
    headBytes: ({ squares }) => squares * hashBytes,
    fault(spec, { root }, sample, openings) {
      const found = opened(spec, { root, sample, openings })
      return typeof found === 'string' ? found : null
    },
  },
  markDueMs: () => null,
  idleTailMs: () => 0,
  emptyRoot: null,
  keptWindows: 2,
  openEngine: async (spec, { clock, keepWindows }) => openToyEngine(spec, { clock, keepWindows, spoil }),
})

type Clock = { monotonicMs(): number }

function openToyEngine(
  spec: ToySpec,
  of: { readonly clock: Clock; readonly keepWindows: number; readonly spoil: (place: number) => boolean },
): KindEngine {
  const windows = createKeptWindows<{ readonly list: Buffer; readonly squares: readonly Buffer[] }>(of.keepWindows)
  function work(seed: Uint8Array) {
    const squares = Array.from({ length: spec.squares }, (_, place) =>
      encode(numberAt(seed, place) ** 2n + (of.spoil(place) ? 1n : 0n)),
    )
    const list = Buffer.concat(squares.map(digest))
    return { handle: windows.keep({ list, squares }), root: hex(digest(list)) }
  }
  function verify({ seed, root, units, sample, openings, witnessOf }: VerifyItem): Verification {
    if (units !== spec.squares) return unproven('COMMITMENT_INVALID', `${units} squares are no window`)
    const found = opened(spec, { root, sample, openings })
    if (typeof found === 'string') return unproven('OPENINGS_NOT_IN_ROOT', found)
    for (const [place, square] of found)
      if (!square.equals(encode(numberAt(seed, place) ** 2n))) {
        const alone = Buffer.concat([openings.subarray(0, spec.squares * hashBytes), square])
        const wrong = { place, openings: Uint8Array.from(alone) }
        return { ok: false, step: 'ROW_WRONG', detail: `Square ${place} is wrong.`, wrong }
      }
    const witness = witnessOf === undefined ? {} : { witness: hex(digest(`${witnessOf} ${root}`)) }
    return { ok: true, checked: sample.length, figures: { squares: units }, ...witness }
  }
  return {
    prepare: async () => null,
    free: async () => undefined,
    async runWindow({ seed, startedAtMs = of.clock.monotonicMs() }) {
      const durationMs = of.clock.monotonicMs() - startedAtMs
      const notDone = { durationMs, kernelMs: durationMs, lostMs: 0, notes: '' }
      return { ...work(seed), units: spec.squares, figures: { squares: spec.squares }, ...notDone }
    },
    rework: async ({ seed }) => work(seed),
    async open({ handle, sample }) {
      const kept = windows.of(handle)
      if (kept === undefined) throw jobErrors.JOB_WINDOW_UNKNOWN({ handle })
      return Uint8Array.from(Buffer.concat([kept.list, ...sample.map(place => kept.squares[place]!)]))
    },
    verify: async ({ items }) => items.map(verify),
    release: async handle => windows.forget(handle),
    close: async () => windows.clear(),
  }
}
