/** Openings in pieces: of either kind, cut by the sample alone, each checked by itself, and joined to what would be sent whole. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Job, jobWith } from '../../../src/core/job/jobs.ts'
import { fillKey } from '../../../src/core/job/memory/drawn-entries.ts'
import { fillMemory } from '../../../src/core/job/memory/memory-banks.ts'
import { openSteps } from '../../../src/core/job/memory/memory-openings.ts'
import { stepOfPlace } from '../../../src/core/job/memory/memory-sample.ts'
import { memorySpecs } from '../../../src/core/job/memory/memory-spec.ts'
import { reworkMemoryWindow } from '../../../src/core/job/memory/memory-window.ts'
import { openRowChain, type RowChain } from '../../../src/core/job/memory/row-chain.ts'
import { bytesToHex } from '../../../src/core/platform/hex.ts'
import { pieceBytes } from '../../../src/core/protocol/pieces.ts'
import { runs } from '../../helpers/full-runs.ts'
import { smallMemorySpec } from './small-memory-spec.ts'
import { commitTo, epochSeed, smallSpec } from './small-spec.ts'

type Opened = {
  readonly job: Job
  readonly claim: { readonly units: number; readonly root: `0x${string}` }
  readonly sample: readonly number[]
  readonly open: (sample: readonly number[]) => Promise<Uint8Array>
}
const secret = { secret: `0x${'01'.repeat(32)}`, samplingBlockHash: `0x${'02'.repeat(32)}` } as const
let chain: RowChain
const opened: Record<string, Opened> = {}

beforeAll(async () => {
  const rows = 64 * 200
  const tensor = jobWith('tensor', { ...smallSpec, samples: 150 } as never)
  const { tree, open } = commitTo(Uint8Array.from({ length: rows * 32 }, (_, i) => (i * 11) % 128))
  const ofRows = { units: rows, root: bytesToHex(tree.root) }
  const sampledRows = tensor.sample(rows, { ...secret, root: ofRows.root })
  opened.tensor = { job: tensor, claim: ofRows, sample: sampledRows, open: async sample => open(sample) }

  const spec = { ...smallMemorySpec, samples: 256 }
  const memory = jobWith('memory', spec as never)
  chain = await openRowChain(spec, epochSeed, { threads: 1 })
  const key = fillKey(spec, { epochSeed, deviceId: epochSeed, generation: 1 })
  const banks = await fillMemory({ spec, key, groups: 6 }, chain)
  const seed = new Uint8Array(32).fill(5)
  const window = await reworkMemoryWindow(banks, { seed, groups: 6, markSteps: [100, 150, 300] })
  const ofSteps = { units: window.steps, root: bytesToHex(window.root) }
  const places = memory.sample(window.steps, { ...secret, root: ofSteps.root })
  const openPlaces = (sample: readonly number[]) =>
    openSteps(
      banks,
      window,
      sample.map(place => stepOfPlace(spec, place)),
    )
  opened.memory = { job: memory, claim: ofSteps, sample: places, open: openPlaces }
})
afterAll(() => chain.release())

describe.each(['tensor', 'memory'])('openings of a %s round', kind => {
  const piecesOf = async ({ job, sample, open }: Opened) => Promise.all(job.cut(sample).map(open))

  it('are cut into pieces of at most 256 KiB, each of which opens its part, and joined to the whole', async () => {
    const { job, claim, sample, open } = opened[kind]!
    const parts = job.cut(sample)
    const pieces = await piecesOf(opened[kind]!)
    expect(parts.flat()).toEqual(sample)
    expect(pieces.length).toBeGreaterThan(1)
    for (const [at, piece] of pieces.entries()) {
      expect(piece.length).toBeLessThanOrEqual(pieceBytes)
      expect(job.pieceFault(claim, parts[at]!, piece)).toBeNull()
    }
    const joined = pieces.reduce((before, piece) => job.join(before, piece), new Uint8Array())
    expect(Buffer.compare(joined, await open(sample))).toBe(0)
  })

  it('are refused where they are of another part, of another commitment, or of more units', async () => {
    const { job, claim, sample } = opened[kind]!
    const parts = job.cut(sample)
    const pieces = await piecesOf(opened[kind]!)
    expect(job.pieceFault(claim, parts[0]!, pieces[1]!)).not.toBeNull()
    expect(job.pieceFault(claim, parts[1]!, pieces[0]!)).not.toBeNull()
    expect(job.pieceFault({ ...claim, root: epochSeed }, parts[0]!, pieces[0]!)).toContain('not lead')
    expect(job.pieceFault({ ...claim, units: claim.units - 1 }, parts[0]!, pieces[0]!)).not.toBeNull()
    expect(job.pieceFault({ ...claim, units: 2 ** 41 }, parts[0]!, pieces[0]!)).not.toBeNull()
  })

  it('of any bytes never throw, and no changed byte is taken', async () => {
    const { job, claim, sample } = opened[kind]!
    const parts = job.cut(sample)
    const part = parts.at(-1)!
    const piece = (await piecesOf(opened[kind]!)).at(-1)!
    const damaged = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc
        .tuple(fc.nat(piece.length - 1), fc.integer({ min: 1, max: 255 }))
        .map(([at, change]) => piece.with(at, piece[at]! ^ change)),
      fc.nat(piece.length - 1).map(length => piece.slice(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 50 }).map(more => Uint8Array.of(...piece, ...more)),
    )
    fc.assert(
      fc.property(damaged, bytes => {
        expect(job.pieceFault(claim, part, bytes)).not.toBeNull()
      }),
      { numRuns: runs(300) },
    )
  })
})

it('a sample of nothing is one piece, and rows of one chunk stay together', () => {
  expect(opened.tensor!.job.cut([])).toEqual([[]])
  expect(opened.memory!.job.cut([])).toEqual([[]])
  const rows = Array.from({ length: 100 }, (_, chunk) => [64 * chunk, 64 * chunk + 63]).flat()
  expect(opened.tensor!.job.cut(rows).map(({ length }) => length)).toEqual([166, 34])
})

it('a standard memory round is opened in three pieces', () => {
  const job = jobWith('memory', memorySpecs.standard)
  const sample = Array.from({ length: 64 }, (_, step) => step * 4096)
  expect(job.cut(sample).map(({ length }) => length)).toEqual([25, 25, 14])
})
