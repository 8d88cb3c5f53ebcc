/** Memory rounds as an engine works them: filled for a device, worked, done again after a restart, opened and recomputed. */
import fc from 'fast-check'
import type { Hex } from 'viem'
import { afterEach, describe, expect, it } from 'vitest'
import { jobErrors } from '../../../src/core/job/errors.ts'
import { jobOf } from '../../../src/core/job/jobs.ts'
import { type Memory, type Step, walkedBy } from '../../../src/core/job/memory/memory.ts'
import { fillMemory, type MemoryBanks } from '../../../src/core/job/memory/memory-banks.ts'
import type { MemorySpec } from '../../../src/core/job/memory/memory-spec.ts'
import type { VerifyItem, WindowResult } from '../../../src/core/job/round-kind.ts'
import { createWorkCore, type WorkDependencies, type WorkOptions } from '../../../src/core/job/work-core.ts'
import { createWorkEngine, type WorkEngine } from '../../../src/core/job/work-engine.ts'
import { smallMemorySpec } from './small-memory-spec.ts'
import { epochSeed, smallJobs } from './small-spec.ts'

const word = (byte: string): Hex => `0x${byte.repeat(32)}`
const next = word('e6')
const seed = new Uint8Array(32).fill(5)
const device = { deviceId: word('d1'), generation: 1 }
const sampling = { secret: word('c3'), samplingBlockHash: word('d4') }
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

type Fill = (
  ...given: Parameters<NonNullable<WorkDependencies['fill']>>
) => Promise<Pick<MemoryBanks, keyof Memory | 'step'>>

/** A core in this thread on a clock that steps alone move: each takes so long. */
async function countedCore(stepMs = 5, options: Partial<WorkOptions> = {}, fill: Fill = fillMemory) {
  let nowMs = 0
  const core = await createWorkCore(
    { jobs: smallJobs, provider: 'cpu', form: 'u8', threads: 1, ...options },
    {
      clock: { monotonicMs: () => nowMs },
      async fill(...given) {
        const banks = await fill(...given)
        const step: Step = (...which) => {
          nowMs += stepMs
          banks.step(...which)
        }
        return {
          ...{ ...banks, ...walkedBy(banks.spec, step) },
          get ready() {
            return banks.ready
          },
        }
      },
    },
  )
  closing.push(() => core.close())
  return core
}

const sampleOf = ({ units, root }: Pick<WindowResult, 'units' | 'root'>, spec: MemorySpec = smallMemorySpec) =>
  jobOf({ ...smallJobs, memory: spec }, 'memory').sample(units, { ...sampling, root })

async function opened(
  { kinds: { memory } }: Pick<WorkEngine, 'kinds'>,
  window: Pick<WindowResult, 'handle' | 'units' | 'root'>,
): Promise<VerifyItem> {
  const { handle, units, root } = window
  const sample = sampleOf(window)
  return { seed, device, units, root, sample, openings: await memory.open({ handle, sample }) }
}

describe('memory of a device', () => {
  it('is filled when an epoch is prepared, worked in marks, opened, and recomputed by an engine that fills none', async () => {
    const core = await countedCore()
    const { memory } = await core.prepare({ epochSeed, device })
    expect(memory).toMatchObject({ groups: smallMemorySpec.leastGroups, problem: null })
    const marks: [number, Hex][] = []
    const window = await core.kinds.memory.runWindow(
      { epochSeed, device, seed },
      { onMark: (index, mark) => marks.push([index, mark]) },
    )
    // The last mark is the commitment's own.
    expect(marks.map(([index]) => index)).toEqual([0, 1])
    expect(window.units).toBeGreaterThan(50)
    expect(window.units).toBeLessThanOrEqual(smallMemorySpec.windowMs / 5)

    const seat = await countedCore()
    const { memory: none } = await seat.prepare({ epochSeed })
    expect(none).toEqual({ groups: 0, megabytes: 0, fillMs: 0, problem: null })
    const item = await opened(core, window)
    const witnessOf: Hex = `0x${'ab'.repeat(52)}`
    const received = marks.map(([, mark]) => mark)
    const [answer] = await seat.kinds.memory.verify({ epochSeed, items: [{ ...item, marks: received, witnessOf }] })
    expect(answer).toEqual({
      ...{ ok: true, checked: smallMemorySpec.samples, figures: window.figures },
      witness: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    })
  })

  it('is worked to the end that the seats count to where the trigger was seen late, and counts without the marks that were due before', async () => {
    const core = await countedCore()
    await core.prepare({ epochSeed, device })
    const whole = await core.kinds.memory.runWindow({ epochSeed, device, seed })
    const marks: (Hex | null)[] = []
    const began = whole.units * 5
    const late = await core.kinds.memory.runWindow(
      { epochSeed, device, seed, startedAtMs: began - smallMemorySpec.markMs },
      { onMark: (index, mark) => void marks.push(index === 0 ? null : mark) },
    )
    const lost = smallMemorySpec.markMs / 5
    expect(late.units).toBeGreaterThan(whole.units - lost - 5)
    expect(late.units).toBeLessThanOrEqual(whole.units - lost)
    const [answer] = await core.kinds.memory.verify({ epochSeed, items: [{ ...(await opened(core, late)), marks }] })
    expect(answer).toMatchObject({ ok: true, figures: late.figures })
    expect(late.figures.bandwidth).toBeGreaterThan(0.6 * whole.figures.bandwidth!)
  })

  it('is given back and filled again: nothing is worked or opened meanwhile, and the work is the same after', async () => {
    const banks: MemoryBanks[] = []
    let pool: readonly unknown[] | undefined
    const core = await countedCore(5, {}, async (...given) => {
      ;[{ pool }] = given
      const filled = await fillMemory(...given)
      banks.push(filled)
      return filled
    })
    const { memory } = core.kinds
    await core.prepare({ epochSeed, device })
    const first = await memory.runWindow({ epochSeed, device, seed })
    await memory.free()
    await core.kinds.tensor.free()
    expect(banks.map(({ ready }) => ready)).toEqual([0])
    expect(pool, 'what was filled is held nowhere').toEqual([])
    await expect(memory.runWindow({ epochSeed, device, seed })).rejects.toMatchObject({ code: 'JOB_MEMORY_LOST' })
    await expect(memory.open({ handle: first.handle, sample: [0] })).rejects.toMatchObject({
      code: 'JOB_WINDOW_UNKNOWN',
    })
    expect(banks, 'a window of a device that is paused fills nothing').toHaveLength(1)
    await core.prepare({ epochSeed, device })
    expect(banks).toHaveLength(2)
    expect((await memory.runWindow({ epochSeed, device, seed })).root).toBe(first.root)
  })

  it('that is given back while it is filled is not filled any more', async () => {
    const core = await countedCore()
    const filling = core.kinds.memory.prepare({ epochSeed, device })
    await core.kinds.memory.free()
    expect((await filling).problem).toMatchObject({ code: 'JOB_FILL_CANCELLED' })
  })

  it('fills the next epoch into the banks of the last, with the same work as in new ones', async () => {
    const fresh = await countedCore()
    const pools: (readonly unknown[])[] = []
    const reusing = await countedCore(5, {}, (options, chain) => {
      pools.push([...(options.pool ?? [])])
      return fillMemory(options, chain)
    })
    await reusing.prepare({ epochSeed, device })
    await reusing.prepare({ epochSeed: next, device })
    expect(pools.map(({ length }) => length)).toEqual([0, 1])
    await fresh.prepare({ epochSeed: next, device })
    const roots = await Promise.all(
      [reusing, fresh].map(async each => (await each.kinds.memory.runWindow({ epochSeed: next, device, seed })).root),
    )
    expect(roots[0]).toBe(roots[1])
  })

  it('is filled for the next epoch though a window of the last one still runs, and stays so', async () => {
    const core = await countedCore()
    await core.prepare({ epochSeed, device })
    const running = core.kinds.memory.runWindow({ epochSeed, device, seed })
    const filling = core.kinds.memory.prepare({ epochSeed: next, device })
    expect((await running).units).toBeGreaterThan(50)
    expect(await filling).toMatchObject({ groups: smallMemorySpec.leastGroups, problem: null })
    const later = await core.kinds.memory.runWindow({ epochSeed: next, device, seed })
    expect(later.units).toBeGreaterThan(50)
  })

  it('is not worked by an engine that was prepared for no device, and neither are its rounds done again', async () => {
    const core = await countedCore()
    await core.prepare({ epochSeed })
    const { memory } = core.kinds
    const lost = { code: 'JOB_MEMORY_LOST' }
    await expect(memory.runWindow({ epochSeed, seed })).rejects.toMatchObject(lost)
    await expect(memory.runWindow({ epochSeed, seed, device })).rejects.toMatchObject(lost)
    await expect(
      memory.rework({ epochSeed, seed, units: 3, notes: '{"groups":4,"marks":[1,2,3]}' }),
    ).rejects.toMatchObject(lost)
    // Tensor rounds need none.
    expect((await core.kinds.tensor.rework({ epochSeed, seed, units: 3, notes: '' })).root).toMatch(/^0x/)
  })

  it('gives the same root again from what was noted, in another process', async () => {
    const core = await countedCore()
    await core.prepare({ epochSeed, device })
    const window = await core.kinds.memory.runWindow({ epochSeed, device, seed })
    const restarted = await countedCore()
    const { units, notes, root } = window
    const again = await restarted.kinds.memory.rework({ epochSeed, device, seed, units, notes })
    expect(again.root).toBe(root)
    const items = [await opened(restarted, { ...again, units })]
    expect(items).toEqual([await opened(core, window)])
    expect(await restarted.kinds.memory.verify({ epochSeed, items })).toMatchObject([{ ok: true }])
    // Of another generation it is another memory.
    const other = { ...device, generation: 2 }
    expect((await restarted.kinds.memory.rework({ epochSeed, device: other, seed, units, notes })).root).not.toBe(root)
  })

  it('is dropped when another epoch is filled: none of the old one is worked any more, and what was worked is opened from its states', async () => {
    const core = await countedCore()
    await core.prepare({ epochSeed, device })
    const { memory } = core.kinds
    const old = await memory.runWindow({ epochSeed, device, seed })
    await core.prepare({ epochSeed: next, device })
    const still = [await opened(core, old)]
    expect(await memory.verify({ epochSeed, items: still })).toMatchObject([{ ok: true }])
    await expect(memory.runWindow({ epochSeed, device, seed })).rejects.toMatchObject({ code: 'JOB_MEMORY_LOST' })
    const fresh = await memory.runWindow({ epochSeed: next, device, seed })
    expect(fresh.root).not.toBe(old.root)
    const items = [await opened(core, fresh)]
    expect(await memory.verify({ epochSeed: next, items })).toMatchObject([{ ok: true }])
  })

  it('is dropped by a new generation of the device, whose windows wait for memory of their own', async () => {
    const fills: number[] = []
    const core = await countedCore(5, {}, (options, chain) => {
      fills.push(options.groups)
      return fillMemory(options, chain)
    })
    await core.prepare({ epochSeed, device })
    const renewed = { ...device, generation: 2 }
    const early = core.kinds.memory.runWindow({ epochSeed, device: renewed, seed })
    await expect(early).rejects.toMatchObject({ code: 'JOB_MEMORY_LOST' })
    // A window that is refused begins no fill, and takes nothing from the memory that is there.
    expect(fills).toHaveLength(1)
    expect((await core.kinds.memory.runWindow({ epochSeed, device, seed })).units).toBeGreaterThan(0)
    await core.prepare({ epochSeed, device: renewed })
    expect((await core.kinds.memory.runWindow({ epochSeed, device: renewed, seed })).units).toBeGreaterThan(0)
    expect(fills).toHaveLength(2)
  })

  it('is filled once for an epoch, however often it is asked for', async () => {
    let fills = 0
    const core = await countedCore(5, {}, (options, chain) => {
      fills++
      return fillMemory(options, chain)
    })
    await Promise.all([core.prepare({ epochSeed, device }), core.prepare({ epochSeed, device })])
    await core.prepare({ epochSeed, device })
    expect(fills).toBe(1)
  })

  it('is not claimed before it is ready: a window that begins while it is filled is refused', async () => {
    const hold = Promise.withResolvers<void>()
    const core = await countedCore(5, {}, async (options, chain) => {
      await hold.promise
      return fillMemory(options, chain)
    })
    const preparing = core.prepare({ epochSeed, device })
    await core.kinds.tensor.prepare({ epochSeed })
    const early = core.kinds.memory.runWindow({ epochSeed, device, seed })
    await expect(early).rejects.toMatchObject({ code: 'JOB_MEMORY_LOST' })
    hold.resolve()
    expect((await preparing).memory.problem).toBeNull()
    expect((await core.kinds.memory.runWindow({ epochSeed, device, seed })).units).toBeGreaterThan(0)
  })

  it('that is too small is a problem that is said, and tensor rounds are worked all the same', async () => {
    for (const [options, fill] of [
      [{ memoryGroups: smallMemorySpec.leastGroups - 1 }, fillMemory],
      [{}, () => Promise.reject(jobErrors.JOB_MEMORY_TOO_SMALL({ groups: 1, leastGroups: 4, groupBytes: 8192 }))],
    ] as const) {
      const core = await countedCore(5, options, fill)
      const { memory, tensor } = await core.prepare({ epochSeed, device })
      expect(memory).toMatchObject({ groups: 0, problem: { code: 'JOB_MEMORY_TOO_SMALL' } })
      expect(tensor.modelHash).toMatch(/^0x/)
      await expect(core.kinds.memory.runWindow({ epochSeed, device, seed })).rejects.toMatchObject({
        code: 'JOB_MEMORY_LOST',
      })
      expect((await core.kinds.tensor.rework({ epochSeed, seed, units: 9, notes: '' })).root).toMatch(/^0x/)
    }
  })

  it('of more groups than the least is claimed as a whole, and is more memory', async () => {
    const [least, more] = [await countedCore(), await countedCore(5, { memoryGroups: 200 })]
    const claims = []
    for (const core of [least, more]) {
      await core.prepare({ epochSeed, device })
      const window = await core.kinds.memory.runWindow({ epochSeed, device, seed })
      const items = [await opened(core, window)]
      expect(await least.kinds.memory.verify({ epochSeed, items })).toMatchObject([
        { ok: true, figures: window.figures },
      ])
      claims.push(window.figures.resident)
    }
    // Groups of 8192 bytes: 200 of them are 1.6 MB, and four are none.
    expect(claims).toEqual([0, 1])
  })
})

describe('what a seat counts of a memory window', () => {
  /** Ten marks, as on the standard specification, of three hundred steps each. */
  const spec: MemorySpec = { ...smallMemorySpec, windowMs: 300, markMs: 30 }

  async function worked() {
    const core = await countedCore(0.1, { jobs: { ...smallJobs, memory: spec }, memoryGroups: 20 })
    await core.prepare({ epochSeed, device })
    const marks: Hex[] = []
    const window = await core.kinds.memory.runWindow(
      { epochSeed, device, seed },
      { onMark: (_, mark) => marks.push(mark) },
    )
    const { handle, units, root, figures } = window
    const sample = sampleOf(window, spec)
    const item = { seed, device, units, root, sample, openings: await core.kinds.memory.open({ handle, sample }) }
    const count = async (received: readonly (Hex | null)[]) => {
      const [answer] = await core.kinds.memory.verify({ epochSeed, items: [{ ...item, marks: received }] })
      if (!answer!.ok) throw new Error(answer!.detail)
      return answer!.figures
    }
    return { core, marks, figures, count, item }
  }

  it('is less by a tenth where one mark was late or missing, and nothing where two were, and the memory is the same', async () => {
    const { marks, figures, count } = await worked()
    expect(marks).toHaveLength(9)
    expect(await count(marks)).toEqual(figures)
    const without = (missing: number[]) => marks.map((mark, at) => (missing.includes(at) ? null : mark))
    for (const missing of [[0], [4], [8], [0, 1]]) {
      const { bandwidth, resident } = await count(without(missing))
      const left = missing.length === 1 ? 0.9 : 0
      expect(Math.abs(bandwidth! / figures.bandwidth! - left)).toBeLessThan(0.05)
      expect(resident).toBe(figures.resident)
    }
  })

  it('is the same whether a late mark stands as missing or the list of marks ends before it', async () => {
    const { marks, count } = await worked()
    for (const kept of [0, 1, 5, 8]) {
      const short = marks.slice(0, kept)
      const padded = marks.map((mark, at) => (at < kept ? mark : null))
      expect(await count(short)).toEqual(await count(padded))
    }
    // The commitment's own mark is in time whenever the commitment is.
    expect((await count(marks.slice(0, 8))).bandwidth).toBeGreaterThan(0)
  })

  it('knows no mark by another index than its own, whatever else was sent', async () => {
    const { marks, figures, count } = await worked()
    expect((await count([null, ...marks])).bandwidth).toBe(0)
    expect((await count([...marks.slice(1), ...marks.slice(0, 1)])).bandwidth).toBe(0)
    expect(await count([...marks, ...marks])).toEqual(figures)
    const anyMarks = fc.array(fc.constantFrom<Hex | null>(...marks, null, '0x', word('01')), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(anyMarks, async received => {
        const { bandwidth, resident } = await count(received)
        expect(bandwidth).toBeLessThanOrEqual(figures.bandwidth!)
        expect(resident).toBe(figures.resident)
      }),
      { numRuns: 50 },
    )
  })

  it('is nothing where one coordinate is wrong, and the place alone proves it to others', async () => {
    const lying = await countedCore(5, {}, async (options, chain) => {
      const banks = await fillMemory(options, chain)
      const step: Step = (group, x, to) => {
        banks.step(group, x, to)
        to.set(to.map(byte => byte ^ 1))
      }
      return { ...banks, step, ready: banks.ready }
    })
    await lying.prepare({ epochSeed, device })
    const item = await opened(lying, await lying.kinds.memory.runWindow({ epochSeed, device, seed }))
    const seat = await countedCore()
    const [answer] = await seat.kinds.memory.verify({ epochSeed, items: [item] })
    expect(answer).toMatchObject({ ok: false, step: 'COORDINATE_WRONG', wrong: { place: item.sample[0] } })
    if (answer!.ok) return
    const { place, openings } = answer!.wrong!
    const forwarded = { ...item, sample: [place], openings }
    expect(await seat.kinds.memory.verify({ epochSeed, items: [forwarded] })).toMatchObject([
      { ok: false, step: 'COORDINATE_WRONG', wrong: { place } },
    ])
  })

  it('is answered for every number that a device or a seat can send, without a throw', async () => {
    const { core, item } = await worked()
    const number = fc.oneof(fc.nat(400), fc.maxSafeInteger(), fc.constantFrom(2 ** 33, 2 ** 64, Number.NaN, 0.5))
    await fc.assert(
      fc.asyncProperty(number, fc.array(number, { minLength: 1, maxLength: 9 }), async (units, sample) => {
        const [answer] = await core.kinds.memory.verify({ epochSeed, items: [{ ...item, units, sample }] })
        expect(answer!.ok).toBe(false)
      }),
      { numRuns: 100 },
    )
  })
})

describe('behind a thread', () => {
  it('is the same memory, and its marks come while the window runs', async () => {
    const engine = await createWorkEngine({ jobs: smallJobs, provider: 'cpu', form: 'u8', threads: 1 })
    closing.push(() => engine.close())
    const { memory } = engine.kinds
    expect((await engine.prepare({ epochSeed, device })).memory).toMatchObject({ groups: 4, problem: null })
    const order: (number | string)[] = []
    const marks: Hex[] = []
    const window = await memory.runWindow(
      { epochSeed, device, seed },
      {
        onMark: (index, mark) => {
          order.push(index)
          marks.push(mark)
        },
      },
    )
    order.push('window')
    expect(order).toEqual([0, 1, 'window'])
    const item = await opened(engine, window)
    const items = [item, { ...item, device: { ...device, generation: 2 } }].map(each => ({ ...each, marks }))
    expect(await memory.verify({ epochSeed, items })).toMatchObject([
      { ok: true, figures: window.figures },
      { ok: false, step: 'COORDINATE_WRONG' },
    ])
    const { units, notes, root } = window
    expect((await memory.rework({ epochSeed, device, seed, units, notes })).root).toBe(root)
    await memory.release(window.handle)
    await expect(memory.open({ handle: window.handle, sample: [] })).rejects.toMatchObject({
      code: 'JOB_WINDOW_UNKNOWN',
    })
  })

  it('says by its code what it refuses, and gives up a window that is cancelled', async () => {
    const engine = await createWorkEngine({ jobs: smallJobs, provider: 'cpu', form: 'u8', threads: 1, memoryGroups: 3 })
    closing.push(() => engine.close())
    const { memory, tensor } = engine.kinds
    expect((await engine.prepare({ epochSeed, device })).memory.problem).toMatchObject({ code: 'JOB_MEMORY_TOO_SMALL' })
    await expect(memory.runWindow({ epochSeed, device, seed })).rejects.toMatchObject({ code: 'JOB_MEMORY_LOST' })
    expect((await tensor.rework({ epochSeed, seed, units: 9, notes: '' })).root).toMatch(/^0x/)
    await expect(memory.runWindow({ epochSeed, device, seed }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'JOB_WINDOW_CANCELLED',
    })
  })
})
