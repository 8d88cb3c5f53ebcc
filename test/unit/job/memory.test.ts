/** The memory job from the fill to the verdict, on the real kernels and a small spec. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fillKey } from '../../../src/core/job/memory/drawn-entries.ts'
import { type Memory, type Step, walkedBy } from '../../../src/core/job/memory/memory.ts'
import { fillMemory, type MemoryBanks } from '../../../src/core/job/memory/memory-banks.ts'
import { openSteps } from '../../../src/core/job/memory/memory-openings.ts'
import { placeOfStep, type SampledStep } from '../../../src/core/job/memory/memory-sample.ts'
import { groupBytes } from '../../../src/core/job/memory/memory-spec.ts'
import {
  reworkMemoryWindow,
  runMemoryWindow,
  type WorkedMemoryWindow,
} from '../../../src/core/job/memory/memory-window.ts'
import { openRowChain, type RowChain } from '../../../src/core/job/memory/row-chain.ts'
import { type Mark, memoryRoot, rootOfMarks } from '../../../src/core/job/memory/state-tree.ts'
import { stepMemories } from '../../../src/core/job/memory/step-code.ts'
import { type MemoryClaim, type MemoryVerification, verifyMemory } from '../../../src/core/job/memory/verify-memory.ts'
import { runs } from '../../helpers/full-runs.ts'
import { smallMemorySpec as spec } from './small-memory-spec.ts'

const epochSeed = `0x${'e1'.repeat(32)}` as const
const deviceId = `0x${'d1'.repeat(32)}` as const
const key = fillKey(spec, { epochSeed, deviceId, generation: 1 })
const seed = new Uint8Array(32).fill(5)
const groups = 6
let chain: RowChain
let banks: MemoryBanks
let window: WorkedMemoryWindow

beforeAll(async () => {
  chain = await openRowChain(spec, epochSeed, { threads: 1 })
  banks = await fillMemory({ spec, key, groups }, chain)
  window = await reworkMemoryWindow(banks, { seed, groups, markSteps: [100, 150, 300] })
})
afterAll(() => chain.release())

const codeOf = (code: string) => expect.objectContaining({ code })
/** A clock that every look moves by so much. */
const ticking = (ms: number) => {
  let nowMs = 0
  return { monotonicMs: () => (nowMs += ms) }
}

describe('the fill', () => {
  it('is the same in one bank and in many, and in one thread or two', async () => {
    const two = await openRowChain(spec, epochSeed, { threads: 2 })
    const many = await fillMemory({ spec, key, groups, bankBytes: 60_000 }, two)
    await two.release()
    const again = await reworkMemoryWindow(many, { seed, groups, markSteps: [100, 150, 300] })
    expect(again.root).toEqual(window.root)
  })

  it('differs by device, by generation and by epoch', async () => {
    const [other, next] = [
      fillKey(spec, { epochSeed, deviceId: epochSeed, generation: 1 }),
      fillKey(spec, { epochSeed, deviceId, generation: 2 }),
    ]
    const epoch = fillKey(spec, { epochSeed: deviceId, deviceId, generation: 1 })
    expect(new Set([key, other, next, epoch].map(String)).size).toBe(4)
    const banks = await fillMemory({ spec, key: other, groups }, chain)
    expect((await reworkMemoryWindow(banks, { seed, groups, markSteps: [1, 1, 1] })).root).not.toEqual(window.root)
  })

  it('refuses fewer groups than the least, and stops when it is told', async () => {
    await expect(fillMemory({ spec, key, groups: 3 }, chain)).rejects.toThrow(codeOf('JOB_MEMORY_TOO_SMALL'))
    const stop = new AbortController()
    const seen: number[] = []
    const onProgress = (filled: number) => {
      seen.push(filled)
      if (filled === 2) stop.abort()
    }
    const filling = fillMemory({ spec, key, groups, signal: stop.signal, onProgress }, chain)
    await expect(filling).rejects.toThrow(codeOf('JOB_FILL_CANCELLED'))
    expect(seen).toEqual([1, 2])
  })

  it('claims the banks that the machine had room for, which are the first of what was wanted', async () => {
    const allocate = stepMemories(spec)
    const roomFor = (banks: number) => (bytes: number) => {
      if (banks-- <= 0) throw new RangeError('could not allocate memory')
      return allocate(bytes)
    }
    const wanted = { spec, key, groups, bankBytes: 32_768 + groupBytes(spec) }
    const fewer = await fillMemory({ ...wanted, allocate: roomFor(4) }, chain)
    expect(fewer.ready).toBe(4)
    const marks = { seed, groups: 4, markSteps: [100, 150, 300] }
    expect((await reworkMemoryWindow(fewer, marks)).root).toEqual((await reworkMemoryWindow(banks, marks)).root)
    const tooSmall = fillMemory({ ...wanted, allocate: roomFor(spec.leastGroups - 1) }, chain)
    await expect(tooSmall).rejects.toThrow(codeOf('JOB_MEMORY_TOO_SMALL'))
  })

  it('claims nothing where the machine has no room for one bank', async () => {
    const asked = { ...spec, width: 8192, layers: 64, products: 1, leastGroups: 1 }
    // One group of 4 GiB and a little more: above what a bank can address.
    const filling = fillMemory({ spec: asked, key, groups: 1 }, { run: async drawn => drawn })
    await expect(filling).rejects.toThrow(codeOf('JOB_MEMORY_TOO_SMALL'))
  })

  it('never lets a group be read that is not there', async () => {
    const own = await fillMemory({ spec, key, groups, bankBytes: 60_000 }, chain)
    const state = new Uint8Array(spec.width)
    for (const group of [-1, groups, 0.5, Number.NaN]) expect(() => own.step(group, state, state)).toThrow(RangeError)
    own.shrink(4)
    expect(own.ready).toBe(4)
    expect(() => own.step(4, state, state)).toThrow(RangeError)
    await expect(reworkMemoryWindow(own, { seed, groups, markSteps: [1, 1, 1] })).rejects.toThrow(
      codeOf('JOB_MEMORY_LOST'),
    )
    // Of a window whose states were all kept nothing is read again; of one with gaps memory is needed.
    const sample = [{ step: 70, coordinate: 0 }]
    expect(await openSteps(own, window, sample)).toEqual(await openSteps(banks, window, sample))
    const sparse = { ...window, stride: 64, kept: window.kept.filter((_, at) => at % 64 === 0) }
    await expect(openSteps(own, sparse, sample)).rejects.toThrow(codeOf('JOB_MEMORY_LOST'))
    expect(await openSteps(banks, sparse, sample)).toEqual(await openSteps(banks, window, sample))
    own.shrink(0)
    await expect(runMemoryWindow(own, { seed, startedAtMs: 0 }, { clock: ticking(7) })).rejects.toThrow(
      codeOf('JOB_MEMORY_LOST'),
    )
  })
})

describe('a window', () => {
  it('has the steps that end inside, each with the mark of its time', async () => {
    const sent: (readonly [Mark, number])[] = []
    const onMark = (mark: Mark, index: number) => sent.push([mark, index])
    const worked = await runMemoryWindow(banks, { seed, startedAtMs: 0, onMark }, { clock: ticking(7) })
    expect(sent.map(([, index]) => index)).toEqual([0, 1])
    expect(worked.marks.slice(0, 2)).toEqual(sent.map(([mark]) => mark))
    expect(worked.marks).toHaveLength(3)
    expect(worked.steps).toBe(worked.marks[2]!.steps)
    expect(worked.steps).toBeLessThanOrEqual(spec.windowMs / 7)
    expect(worked.steps).toBeGreaterThan(10)
    const again = await reworkMemoryWindow(banks, { seed, groups, markSteps: worked.marks.map(({ steps }) => steps) })
    expect(again.root).toEqual(worked.root)
  })

  it('counts no step that ends after it', async () => {
    const worked = await runMemoryWindow(banks, { seed, startedAtMs: 0 }, { clock: ticking(1000) })
    expect(worked.steps).toBe(0)
    expect(worked.root).toEqual(memoryRoot(groups, worked.marks))
  })

  it('asks a card for runs that end in time, one ahead of the one under way, however fast it steps', async () => {
    for (const stepMs of [0.02, 1.7, 40]) {
      // Runs follow each other on the card, each with a part that does not depend on its steps.
      let [nowMs, endsMs, underWay, most] = [0, 0, 0, 0]
      const sizes: number[] = []
      const card: Memory = {
        ...{ spec: { ...spec, windowMs: 3000, markMs: 1000 }, ready: groups, shrink: () => undefined },
        pace: { runsAtOnce: 2, runMs: 25, mostSteps: 4096 },
        walk: () => ({
          run(steps) {
            sizes.push(steps)
            most = Math.max(most, ++underWay)
            endsMs = Math.max(endsMs, nowMs) + 0.3 + steps * stepMs
            const ends = endsMs
            return Promise.resolve().then(() => {
              nowMs = Math.max(nowMs, ends)
              underWay--
              return new Uint8Array(steps * spec.width)
            })
          },
          end: () => undefined,
        }),
      }
      const { steps } = await runMemoryWindow(card, { seed, startedAtMs: 0 }, { clock: { monotonicMs: () => nowMs } })
      expect(most).toBe(2)
      expect(Math.max(...sizes) * stepMs).toBeLessThanOrEqual(Math.max(50, stepMs))
      expect(sizes.length).toBeLessThan(Math.max(200, 2 * (3000 / stepMs)))
      expect(steps * stepMs).toBeGreaterThan(0.95 * 3000)
      expect(steps * stepMs).toBeLessThanOrEqual(3000)
    }
  })

  it('is given up when it is cancelled', async () => {
    const signal = AbortSignal.abort()
    const running = runMemoryWindow(banks, { seed, startedAtMs: 0, signal }, { clock: ticking(1) })
    await expect(running).rejects.toThrow(codeOf('JOB_WINDOW_CANCELLED'))
  })
})

const sampleOf: readonly SampledStep[] = [
  { step: 0, coordinate: 0 },
  { step: 63, coordinate: 63 },
  { step: 64, coordinate: 1 },
  { step: 99, coordinate: 17 },
  { step: 100, coordinate: 5 },
  { step: 299, coordinate: 40 },
]
const claimOf = async (change: Partial<MemoryClaim> = {}, worked = window): Promise<MemoryClaim> => {
  const { sample = sampleOf } = change
  const { steps, root } = worked
  return { seed, key, steps, root, sample, openings: await openSteps(banks, worked, sample), ...change }
}
const verdict = async (claim: MemoryClaim) => (await verifyMemory(spec, [claim], chain))[0]!
const failed = (answer: MemoryVerification) => (answer.ok ? 'ok' : answer.step)

/** The window of a device that has one coordinate of the state after `at` wrong, and goes on from it. */
async function withWrong(at: number, coordinate: number): Promise<[Memory, WorkedMemoryWindow]> {
  const wrong = { state: new Uint8Array(0), next: new Uint8Array(0) }
  let calls = 0
  const step: Step = (group, x, next) => {
    banks.step(group, x, next)
    if (calls++ === at) wrong.state = Uint8Array.from(x)
    if (Buffer.compare(wrong.state, x) === 0) next[coordinate]! ^= 1
  }
  const lying: Memory = { spec, ready: groups, ...walkedBy(spec, step), shrink: () => {} }
  return [lying, await reworkMemoryWindow(lying, { seed, groups, markSteps: [100, 150, 300] })]
}

describe('the verdict', () => {
  it('is ok for what the memory gives, alone and in a batch, whole and in pieces', async () => {
    expect(await verdict(await claimOf())).toEqual({
      ok: true,
      checked: 6,
      groups,
      marks: window.marks.map(mark => ({ ...mark, top: Buffer.from(mark.top) })),
    })
    const samples = [sampleOf.slice(0, 2), sampleOf.slice(2), [], sampleOf]
    const pieces = await Promise.all(samples.map(sample => claimOf({ sample })))
    for (const batchRows of [1, 3, 1024])
      expect((await verifyMemory(spec, pieces, chain, { batchRows })).map(failed)).toEqual(['ok', 'ok', 'ok', 'ok'])
  })

  it('names the step and the coordinate that are wrong, with an opening that proves it to anybody', async () => {
    const [lying, worked] = await withWrong(99, 17)
    const place = placeOfStep(spec, { step: 99, coordinate: 17 })
    const answer = await verdict(await claimOf({ openings: await openSteps(lying, worked, sampleOf) }, worked))
    expect(answer).toMatchObject({ ok: false, step: 'COORDINATE_WRONG', wrong: { place } })
    const { openings } = (answer as Extract<MemoryVerification, { ok: false }>).wrong!
    const forwarded = await claimOf({ sample: [{ step: 99, coordinate: 17 }], openings }, worked)
    expect(await verdict(forwarded)).toMatchObject({ step: 'COORDINATE_WRONG', wrong: { place } })
    // Another coordinate of the same step is right, and other steps are.
    expect(failed(await verdict({ ...forwarded, sample: [{ step: 99, coordinate: 18 }] }))).toBe('ok')
  })

  /** An honest opening that says so many groups; `root`: the one that such a device would commit to. */
  const saying = async (count: number) => {
    const openings = Uint8Array.from((await claimOf()).openings)
    new DataView(openings.buffer).setUint32(1, count)
    return { openings, root: memoryRoot(count, window.marks) }
  }

  it.each([
    ['fewer groups than the least', 3],
    ['no groups', 0],
    ['more groups than are possible', 2 ** 21],
  ])('refuses %s, in the root and in the openings', async (_, count) => {
    const { openings, root } = await saying(count)
    expect(failed(await verdict({ ...(await claimOf()), openings, root }))).toBe('COMMITMENT_INVALID')
    // Said in the openings alone, they are not those of the root.
    expect(failed(await verdict({ ...(await claimOf()), openings }))).toBe('OPENINGS_NOT_IN_ROOT')
  })

  it('counts the groups that the root names, whatever is filled: five of the six give another order', async () => {
    const { openings, root } = await saying(5)
    expect(failed(await verdict({ ...(await claimOf()), openings, root }))).toBe('COORDINATE_WRONG')
    const five = await reworkMemoryWindow(banks, { seed, groups: 5, markSteps: [100, 150, 300] })
    expect(await verdict(await claimOf({}, five))).toMatchObject({ ok: true, groups: 5 })
  })

  it.each<[string, Partial<MemoryClaim>, string]>([
    ['more steps than are possible', { steps: 2 ** 33 }, 'COMMITMENT_INVALID'],
    [
      'a step that was not made',
      { sample: [{ step: 300, coordinate: 0 }], openings: new Uint8Array(9) },
      'OPENINGS_MALFORMED',
    ],
    ['another root', { root: new Uint8Array(32) }, 'OPENINGS_NOT_IN_ROOT'],
    ['fewer steps than the marks say', { steps: 299, sample: sampleOf.slice(0, 2) }, 'OPENINGS_MALFORMED'],
    ['nothing', { openings: new Uint8Array(0) }, 'OPENINGS_MALFORMED'],
    ['another version', { openings: Uint8Array.of(2) }, 'OPENINGS_MALFORMED'],
    ['marks that are cut', { openings: Uint8Array.of(1, ...new Array(60).fill(0)) }, 'OPENINGS_MALFORMED'],
    ['the fill of another device', { key: [1, 2] }, 'COORDINATE_WRONG'],
    ['the order of another round', { seed: new Uint8Array(32).fill(6) }, 'COORDINATE_WRONG'],
  ])('refuses %s', async (_, change, code) => {
    expect(failed(await verdict({ ...(await claimOf()), ...change }))).toBe(code)
  })

  it('refuses openings of other steps, in another order, and states out of range', async () => {
    const other = await claimOf({
      sample: [
        { step: 7, coordinate: 3 },
        { step: 70, coordinate: 3 },
      ],
    })
    expect(
      failed(
        await verdict({
          ...other,
          sample: [
            { step: 8, coordinate: 3 },
            { step: 70, coordinate: 3 },
          ],
        }),
      ),
    ).toBe('OPENINGS_NOT_IN_ROOT')
    expect(failed(await verdict({ ...other, sample: other.sample.toReversed() }))).toBe('OPENINGS_MALFORMED')
    const above = Uint8Array.from(other.openings)
    above[1 + 4 + 3 * 40 + 5]! |= 128
    expect(await verdict({ ...other, openings: above })).toMatchObject({
      step: 'OPENINGS_MALFORMED',
      detail: expect.stringContaining('state 7'),
    })
  })

  it('gives each seat a witness of its own, which needs the rows', async () => {
    const witnessOf = (byte: string) => `0x${byte.repeat(52)}` as const
    const claims = [
      await claimOf({ witnessOf: witnessOf('01') }),
      await claimOf({ witnessOf: witnessOf('02') }),
      await claimOf({ witnessOf: witnessOf('01') }),
    ]
    const witnesses = (await verifyMemory(spec, claims, chain)).map(answer => answer.ok && answer.witness)
    expect(witnesses[0]).toMatch(/^0x[0-9a-f]{64}$/)
    expect(witnesses[1]).not.toBe(witnesses[0])
    expect(witnesses[2]).toBe(witnesses[0])
  })

  it('never throws for what a Provider sends, and takes no changed byte', async () => {
    const honest = await claimOf()
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 3000 }),
          fc
            .tuple(fc.nat(honest.openings.length - 1), fc.integer({ min: 1, max: 255 }))
            .map(([at, change]) => honest.openings.with(at, honest.openings[at]! ^ change)),
          fc.nat(honest.openings.length - 1).map(length => honest.openings.slice(0, length)),
          fc.uint8Array({ minLength: 1, maxLength: 50 }).map(more => Uint8Array.from([...honest.openings, ...more])),
        ),
        async openings => {
          expect((await verdict({ ...honest, openings })).ok).toBe(false)
        },
      ),
      { numRuns: runs(300) },
    )
  })

  it('never throws for what a commitment says, with marks that lead to its root', async () => {
    const anyNumber = fc.oneof(fc.nat(2 ** 31), fc.double(), fc.maxSafeInteger())
    const anyGroups = fc.oneof(fc.nat(2 ** 32 - 1), fc.constantFrom(3, 4, groups, 2 ** 20, 2 ** 20 + 1))
    const anyMarks = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 3, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(anyNumber, anyGroups, anyMarks, async (steps, count, markSteps) => {
        const marks = Buffer.alloc(120)
        for (const [k, value] of markSteps.entries()) marks.writeBigUInt64BE(value, 40 * k)
        const openings = Uint8Array.of(1, 0, 0, 0, 0, ...marks)
        new DataView(openings.buffer).setUint32(1, count)
        const claim = { ...(await claimOf()), steps, root: rootOfMarks(count, marks), openings }
        expect((await verdict(claim)).ok).toBe(false)
      }),
      { numRuns: runs(200) },
    )
  })
})
