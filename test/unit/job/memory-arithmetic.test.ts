/** What the memory job computes with: Philox in runs of counters, the generated step, the credit of marks, the specs. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deviceRecord, freeMemory, probedDevice } from '../../../src/core/devices/probed-device.ts'
import { stepOrder } from '../../../src/core/job/memory/drawn-entries.ts'
import { groupsFor, groupsOnCard } from '../../../src/core/job/memory/groups-to-claim.ts'
import { idleTailMs, marksInTime, memoryCredit } from '../../../src/core/job/memory/memory-credit.ts'
import { sampleSteps } from '../../../src/core/job/memory/memory-sample.ts'
import { checkMemorySpec, groupBytes, memorySpecHash, memorySpecs } from '../../../src/core/job/memory/memory-spec.ts'
import { stepMemories, stepModuleBytes } from '../../../src/core/job/memory/step-code.ts'
import { coordinateOf } from '../../../src/core/job/memory/verify-memory.ts'
import { type PhiloxCounter, type PhiloxKey, philox } from '../../../src/core/job/philox.ts'
import { seededRandom } from '../../helpers/seeded-random.ts'
import { smallMemorySpec } from './small-memory-spec.ts'

const u32 = fc.nat({ max: 0xffff_ffff })

describe('Philox', () => {
  it('counts one word up from block to block, past its end, and writes where it is told', () => {
    fc.assert(
      fc.property(
        fc.tuple(u32, u32),
        fc.tuple(u32, u32, u32, u32),
        fc.constantFrom('block', 'line'),
        fc.nat(9),
        (key, counter, along, at) => {
          const run = new Uint32Array(4 * 5 + at).fill(7)
          philox(key as PhiloxKey, counter as PhiloxCounter, { blocks: 5, along, words: run, at })
          expect([...run.subarray(0, at)]).toEqual(new Array(at).fill(7))
          for (let i = 0; i < 5; i++) {
            const one = new Uint32Array(4)
            const moved = counter.map((word, n) => (n === (along === 'block' ? 0 : 1) ? (word + i) >>> 0 : word))
            philox(key as PhiloxKey, moved as unknown as PhiloxCounter, { blocks: 1, words: one })
            expect([...run.subarray(at + 4 * i, at + 4 * i + 4)]).toEqual([...one])
          }
        },
      ),
    )
  })

  it('orders the groups evenly, each step by itself', () => {
    const order = stepOrder(new Uint8Array(32).fill(9), 100)
    const visits = new Array<number>(100).fill(0)
    for (let step = 0; step < 100_000; step++) visits[order.groupOf(step)]!++
    const chiSquare = visits.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
    expect(chiSquare).toBeLessThan(160)
    expect([5, 2047, 5].map(order.groupOf)).toEqual(
      [5, 2047, 5].map(stepOrder(new Uint8Array(32).fill(9), 100).groupOf),
    )
  })
})

describe('the step in WebAssembly', () => {
  it.each([
    [64, 2],
    [192, 3],
    [1024, 1],
    [4096, 4],
  ])('gives the exact integers at K = %i, d = %i, at the largest sums, too', (width, layers) => {
    const bytes = width * layers
    const { bytes: memory, code } = stepMemories({ width, layers })(65_536 + 8 * bytes)
    const random = seededRandom(width)
    for (let at = 65_536; at < memory.length; at++) memory[at] = random() * 256
    memory.fill(128, 65_536, 65_536 + bytes)
    memory.fill(127, 65_536 + bytes, 65_536 + 2 * bytes)
    for (const state of [
      new Uint8Array(width).fill(127),
      new Uint8Array(width),
      Uint8Array.from({ length: width }, () => random() * 128),
    ]) {
      memory.set(state)
      memory.fill(255, 16_384, 16_384 + 8)
      code.rows(65_536, 0, 16_384, 0, 7)
      const rows = [0, 1, 2, 3, 4, 5, 6].map(row => memory.slice(65_536 + row * bytes, 65_536 + (row + 1) * bytes))
      expect([...memory.subarray(16_384, 16_384 + 8)]).toEqual([...rows.map(row => coordinateOf(row, state)), 255])
    }
  })

  it('is the same module everywhere', () => {
    const digest = createHash('sha256').update(stepModuleBytes(memorySpecs.standard)).digest('hex')
    expect(digest).toMatchInlineSnapshot(`"5f96f3fd3134f2a71cf9f238f9238e7250b20b728ad4e019d9c9a1ac17ee2690"`)
  })
})

describe('the specs', () => {
  it('are named by hashes of their own', () => {
    expect(memorySpecHash(memorySpecs.devnet)).toMatchInlineSnapshot(
      `"0x7951d03a5a779daeafa1d02cfcbabd902bbab44cab3e810b2a5cb59c5ae44595"`,
    )
    expect(memorySpecHash(memorySpecs.standard)).toMatchInlineSnapshot(
      `"0xfbc6b9462257701a158072302bbe57c8ca1c2d2b4389a2b1205267ab4f589fa2"`,
    )
    expect(groupBytes(memorySpecs.devnet)).toBe(2 ** 18)
    expect(groupBytes(memorySpecs.standard)).toBe(2 ** 26)
  })

  it.each([
    ['width', 100],
    ['width', 16_384],
    ['layers', 0],
    ['products', 65],
    ['leastGroups', 2 ** 21],
    ['markMs', 333],
    ['samples', 257],
    ['leastReadMs', 0.5],
  ])('refuse %s %d', (name, value) => {
    expect(() => checkMemorySpec({ ...memorySpecs.standard, [name]: value })).toThrow(
      expect.objectContaining({ code: 'JOB_SPEC_INVALID' }),
    )
  })

  it('refuse samples whose openings might take more than sixteen pieces, to the last that fits', () => {
    const sampling = (samples: number) => () => checkMemorySpec({ ...memorySpecs.standard, width: 8192, samples })
    // 2 × (8192 + 32 × 32) bytes a sample, beside 405 of groups and marks: fourteen a piece.
    expect(sampling(16 * 14)).not.toThrow()
    expect(sampling(16 * 14 + 1)).toThrow(expect.objectContaining({ code: 'JOB_SPEC_INVALID' }))
  })

  it('refuse more marks than have numbers', () => {
    const marked = (windowMs: number) => () => checkMemorySpec({ ...memorySpecs.standard, windowMs, markMs: 1 })
    expect(marked(256)).not.toThrow()
    expect(marked(257)).toThrow(expect.objectContaining({ code: 'JOB_SPEC_INVALID' }))
  })

  it('take 80% of free memory, and less where a display is attached', () => {
    const freeBytes = 10 * 2 ** 30
    expect(groupsFor(memorySpecs.standard, { freeBytes, display: false })).toBe(128)
    expect(groupsFor(memorySpecs.standard, { freeBytes, display: true })).toBe(104)
    expect(groupsFor(memorySpecs.standard, { freeBytes: 2 ** 30, display: true })).toBe(0)
  })

  it.each<[string, 'nvidia' | 'amd', number | null, number | null, readonly string[], number]>([
    ['a card that computes alone', 'nvidia', 24_576, 1_024, ['C'], 294],
    ['one with a display', 'nvidia', 24_576, 1_024, ['C', 'G'], 257],
    ['one that draws and computes in one program', 'nvidia', 24_576, 1_024, ['C+G'], 257],
    ['one whose tool lists no programs', 'amd', 24_576, 1_024, [], 257],
    ['one that another daemon has filled before', 'nvidia', 24_576, 1_024 + 294 * 64, ['C', 'C'], 59],
    ['one that uses more than it has', 'nvidia', 1_024, 2_048, [], 0],
    ['one of which only the size is known', 'nvidia', 24_576, null, [], 51],
    ['one of which nothing is known', 'nvidia', null, null, [], 51],
  ])('are so many on %s', (_, vendor, memoryMiB, memoryUsedMiB, kinds, groups) => {
    const record = deviceRecord({
      ...{ kind: 'gpu', vendor, model: 'card', memoryMiB },
      ...{ identity: 'GPU-1', identitySource: 'uuid' },
    })
    const processes = kinds.map(kind => ({ pid: 1, name: null, kind, memoryMiB: null }))
    const probed = probedDevice(record, { readings: { memoryUsedMiB, processes } })
    expect(groupsOnCard(memorySpecs.standard, freeMemory(probed), { maxBufferSize: 2 ** 32 })).toBe(groups)
  })
})

describe('credit', () => {
  const spec = { ...memorySpecs.standard, leastReadMs: 1 }
  const marksOf = (gains: readonly number[]) =>
    gains.map((_, k) => ({ steps: gains.slice(0, k + 1).reduce((a, b) => a + b, 0) }))
  const counted = (gains: readonly number[], inTime?: readonly boolean[]) =>
    memoryCredit(spec, { groups: 64, marks: marksOf(gains), ...(inTime && { inTime }) }).countedSteps

  it('counts every step of even seconds, and at most 1.25 of the second least of one', () => {
    expect(counted(new Array(10).fill(100))).toBe(1000)
    expect(counted([...new Array(9).fill(100), 900])).toBe(1025)
    // Seconds that vary by a tenth to either side count whole, and those that vary by a fifth nearly so.
    expect(counted([90, 95, 100, 105, 110, 100, 100, 100, 100, 100])).toBe(1000)
    expect(counted([80, 90, 100, 110, 120, 100, 100, 100, 100, 100])).toBe(992)
    expect(counted([80, 80, ...new Array(8).fill(120)])).toBe(960)
    // One second may be lost, wherever; whose memory is there for a part of the window has nothing in two.
    for (let lost = 0; lost < 10; lost++) expect(counted(new Array(10).fill(100).with(lost, 0))).toBe(900)
    expect(counted([0, 0, ...new Array(8).fill(900)])).toBe(0)
    // Of one or two marks none is more than the least lets it be.
    expect([counted([500]), counted([100, 500]), counted([0, 500]), counted([0, 100, 500])]).toEqual([500, 225, 0, 225])
  })

  it.each([
    [10, 8_000],
    [3, 1_000],
    [2, 1_000],
    [1, 0],
  ])(
    'of a window of %i s that is worked at its end alone counts nothing up to %i ms, and something beyond',
    (seconds, tailMs) => {
      const round = { ...spec, windowMs: seconds * 1_000 }
      expect(idleTailMs(round)).toBe(tailMs)
      for (let worked = 1; worked <= seconds; worked++) {
        const marks = marksOf(Array.from({ length: seconds }, (_, second) => (second < seconds - worked ? 0 : 100)))
        const { countedSteps } = memoryCredit(round, { groups: 64, marks })
        expect(countedSteps).toBe(worked * 1_000 > tailMs ? worked * 100 : 0)
      }
    },
  )

  it('counts nothing for a second without its mark', () => {
    const inTime = new Array(10).fill(true).with(3, false)
    expect(counted(new Array(10).fill(100), inTime)).toBe(900)
    const top = new Uint8Array(32)
    const committed = [
      { steps: 5, top },
      { steps: 9, top },
      { steps: 12, top },
    ]
    expect(
      marksInTime(committed, [
        { steps: 5, top },
        { steps: 8, top },
      ]),
    ).toEqual([true, false, false])
    expect(marksInTime(committed, [{ steps: 5, top: top.map(() => 1) }, undefined, committed[2]])).toEqual([
      false,
      false,
      true,
    ])
  })

  it('pays no more than reading all of memory each τ₀, in MB/s and MB', () => {
    const marks = marksOf(new Array(10).fill(1000))
    const many = { groups: 640, marks }
    expect(memoryCredit(memorySpecs.standard, many)).toEqual({
      bandwidth: 67_108,
      resident: 42_949,
      countedSteps: 10_000,
    })
    // 64 groups of 2^26 bytes each 10 ms would be 429 GB/s.
    const hundredfold = { groups: 64, marks: marks.map(({ steps }) => ({ steps: 100 * steps })) }
    expect(memoryCredit(memorySpecs.standard, hundredfold).bandwidth).toBe(429_496)
  })
})

describe('the sample', () => {
  const hash = (byte: number): `0x${string}` => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`
  const identity = { secret: hash(1), root: hash(2), samplingBlockHash: hash(3) }

  it('has distinct steps in order and coordinates of a state, all steps where there are few', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.nat(255), (steps, byte) => {
        const sample = sampleSteps(smallMemorySpec, steps, { ...identity, secret: hash(byte) })
        expect(sample).toHaveLength(Math.min(steps, smallMemorySpec.samples))
        sample.forEach(({ step, coordinate }, index) => {
          expect(step).toBeGreaterThan(sample[index - 1]?.step ?? -1)
          expect(step).toBeLessThan(steps)
          expect(coordinate).toBeGreaterThanOrEqual(0)
          expect(coordinate).toBeLessThan(64)
        })
      }),
    )
  })

  it('depends on secret, root and sampling block', () => {
    const base = JSON.stringify(sampleSteps(smallMemorySpec, 10_000, identity))
    for (const name of ['secret', 'root', 'samplingBlockHash'])
      expect(JSON.stringify(sampleSteps(smallMemorySpec, 10_000, { ...identity, [name]: hash(9) }))).not.toBe(base)
  })
})
