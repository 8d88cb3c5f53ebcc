import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { jobErrors } from '../../../src/core/job/errors.ts'
import { type Kernel, openKernel } from '../../../src/core/job/tensor/kernel.ts'
import { extremeInputs, extremeWeights, selfTest } from '../../../src/core/job/tensor/kernel-self-test.ts'
import { graphForms } from '../../../src/core/job/tensor/model-graph.ts'
import { middleBits, referenceDigests } from '../../../src/core/job/tensor/reference-digests.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { operationsPerRow, rowBytes, tensorSpecs } from '../../../src/core/job/tensor/tensor-spec.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { threadClock } from '../../../src/core/job/thread-clock.ts'
import { isFull, runs } from '../../helpers/full-runs.ts'
import { epochSeed, smallSpec } from './small-spec.ts'

const kernels: Kernel[] = []
const cpu = (threads: number) => ({ provider: 'cpu', deviceIndex: 0, threads }) as const
const open = async (...args: Parameters<typeof openKernel>) => {
  const kernel = await openKernel(...args)
  kernels.push(kernel)
  return kernel
}
afterAll(() => Promise.all(kernels.map(kernel => kernel.release())))
const seed32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('kernel', () => {
  it('every kernel form gives the digests of plain integers, at one and two threads and every batch size', async () => {
    const weights = createWeights(smallSpec, epochSeed)
    const forms = graphForms.flatMap(form => [1, 2].map(threads => ({ form, threads })))
    const opened = await Promise.all(forms.map(({ form, threads }) => open(weights, form, cpu(threads))))
    await fc.assert(
      fc.asyncProperty(seed32, fc.nat(1e6), fc.integer({ min: 1, max: 40 }), async (seed, first, count) => {
        const inputs = rowInput(seed, first, count)
        const expected = referenceDigests(weights, inputs)
        for (const kernel of opened) expect(await kernel.run(inputs)).toEqual(expected)
      }),
      { numRuns: runs(300) },
    )
  })

  /** Beyond the widest spec there may be, too; `reduce` mixes what the layer gives. */
  const extremes = (width: number) =>
    extremeWeights({
      spec: { ...smallSpec, width, layers: 1, weights: 1 },
      embed: new Int8Array(rowBytes * width),
      layers: [new Int8Array(width * width)],
      reduce: Int8Array.from({ length: width * rowBytes }, (_, i) => ((i * 37) % 127) - 63),
    })

  it(`every kernel form is exact at the widest model, at the largest sums${isFull ? ', and fp32 is not in a wider one' : ''}`, async () => {
    const inputs = extremeInputs()
    const exact = async (width: number) => {
      const weights = extremes(width)
      const expected = referenceDigests(weights, inputs)
      const opened = await Promise.all(graphForms.map(form => openKernel(weights, form, cpu(2))))
      const found: [string, boolean][] = []
      for (const { form, run, release } of opened) {
        found.push([form, Buffer.compare(await run(inputs), expected) === 0])
        await release()
      }
      return Object.fromEntries(found)
    }
    expect(await exact(4161)).toEqual({ fp32: true, u8: true, s8: true })
    // `u8` adds integers to the end; `s8` turns a sum into fp32.
    if (isFull) expect(await exact(4162)).toEqual({ fp32: false, u8: true, s8: false })
  })

  it('every kernel form gives the same inner activations, which no digest reveals and another row does not have', async () => {
    const { spec } = extremes(64)
    const weights = createWeights(spec, epochSeed)
    const inputs = rowInput(new Uint8Array(32).fill(5), 0, 4)
    const given: string[] = []
    for (const form of graphForms) {
      const kernel = await open(weights, form, { ...cpu(1), inner: true })
      const { digests, inner } = await kernel.runInner!(inputs)
      expect(Buffer.compare(digests, await kernel.run(inputs))).toBe(0)
      expect(Buffer.compare(digests, referenceDigests(weights, inputs))).toBe(0)
      expect(inner.length).toBe(4 * spec.width)
      given.push(Buffer.from(inner).toString('hex'))
    }
    expect(new Set(given).size).toBe(1)
    const rows = given[0]!.match(new RegExp(`.{${2 * spec.width}}`, 'g'))!
    expect(new Set(rows).size).toBe(4)
    expect((await open(weights, 'u8', cpu(1))).runInner).toBeUndefined()
  })

  it('the self-test tries the largest sums of both signs, and the largest pairs of unsigned bytes', () => {
    const { spec, embed, layers } = extremes(64)
    const { width } = spec
    const inputs = extremeInputs()
    const sums: number[] = []
    const pairs: number[] = []
    for (let offset = 0; offset < inputs.length; offset += rowBytes) {
      const x = Array.from({ length: width }, (_, column) =>
        middleBits(
          embed.reduce((sum, entry, i) => {
            const input = inputs[offset + Math.floor(i / width)]! - 64
            return i % width === column ? sum + input * entry : sum
          }, 0),
        ),
      )
      for (let column = 0; column < width; column++) {
        const entries = x.map((_, k) => layers[0]![k * width + column]!)
        sums.push(x.reduce((sum, value, k) => sum + value * entries[k]!, 0))
        for (let k = 0; k < width; k += 2) pairs.push((x[k]! + 64) * entries[k]! + (x[k + 1]! + 64) * entries[k + 1]!)
      }
    }
    expect([Math.min(...sums), Math.max(...sums)]).toEqual([-64 * 63 * width, 64 * 63 * width])
    expect([Math.min(...pairs), Math.max(...pairs)]).toEqual([-16_002, 16_002])
    // What the widest fp32 may not lose: an odd number.
    expect(Math.max(...sums.filter(sum => sum % 2 !== 0))).toBe(64 * 63 * width - 127)
  })

  it('a row that runs alone has the digest that it has in a full batch', async () => {
    const weights = createWeights({ ...tensorSpecs.devnet, layers: 2, weights: 2 }, epochSeed)
    const kernel = await open(weights, 'u8', cpu(2))
    const inputs = rowInput(new Uint8Array(32).fill(3), 0, 256)
    const digests = await kernel.run(inputs)
    for (const row of [0, 1, 63, 64, 200, 255])
      expect(await kernel.run(inputs.slice(row * 32, row * 32 + 32))).toEqual(digests.slice(row * 32, row * 32 + 32))
  })

  it('a run that fails gives an error of its own, and the kernel runs on', async () => {
    const kernel = await open(createWeights(smallSpec, epochSeed), 'u8', cpu(1))
    const released = await openKernel(createWeights(smallSpec, epochSeed), 'u8', cpu(1))
    await released.release()
    await expect(released.run(new Uint8Array(32))).rejects.toMatchObject({
      code: 'JOB_KERNEL_FAILED',
      fix: expect.stringContaining('doctor'),
    })
    expect(await kernel.run(new Uint8Array(32))).toHaveLength(32)
  })

  it('the digest takes the middle bits: floor(y / 2^7) mod 128 − 64', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 24), max: 2 ** 24 }), y => {
        const floor = Math.floor(y / 128)
        expect(middleBits(y)).toBe((((floor % 128) + 128) % 128) - 64)
      }),
      { numRuns: runs(1000) },
    )
  })
})

describe('self-test', () => {
  const onCpu = { ...cpu(1), mostRows: 1024 }

  it('the self-test chooses the fastest exact form and reports every one', async () => {
    const { form, results } = await selfTest(smallSpec, onCpu, threadClock)
    const exact = results.filter(result => result.exact)
    expect(results.map(result => result.form)).toEqual(['u8', 'fp32', 's8'])
    expect(exact.length).toBeGreaterThan(0)
    expect(form).toBe(exact.reduce((best, result) => (result.rate > best.rate ? result : best)).form)
  })

  it('the self-test passes over a form that is wrong by one, and fails when none is right', async () => {
    const broken =
      (wrong: string): typeof openKernel =>
      async (weights, form, options) => {
        const kernel = await openKernel(weights, form, options)
        if (!wrong.includes(form)) return kernel
        return {
          ...kernel,
          run: async inputs => (await kernel.run(inputs)).map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
        }
      }
    const { form, results } = await selfTest(smallSpec, onCpu, threadClock, broken('u8'))
    expect(form).not.toBe('u8')
    expect(results[0]).toMatchObject({ form: 'u8', exact: false, refusal: expect.stringContaining('plain integers') })
    await expect(selfTest(smallSpec, onCpu, threadClock, broken('u8 fp32 s8'))).rejects.toMatchObject({
      code: 'JOB_NO_EXACT_KERNEL',
      fix: expect.stringContaining('driver'),
    })
  })

  it.each([1, 4, 9])(
    'a self-test that is given up after run %i runs nothing more and releases every kernel',
    async last => {
      const stop = new AbortController()
      let [opened, runs] = [0, 0]
      const counted: typeof openKernel = async (...parameters) => {
        const kernel = await openKernel(...parameters)
        opened++
        return {
          ...kernel,
          async run(inputs) {
            if (++runs === last) stop.abort(new Error('asked to stop'))
            return kernel.run(inputs)
          },
          async release() {
            opened--
            await kernel.release()
          },
        }
      }
      await expect(selfTest(smallSpec, { ...onCpu, signal: stop.signal }, threadClock, counted)).rejects.toThrow(
        'asked to stop',
      )
      // The two runs of a case are compared together.
      expect([opened, runs]).toEqual([0, last + (last % 2)])
    },
  )

  it('the self-test refuses a form whose run fails, and goes on with the others', async () => {
    const failing =
      (broken: readonly string[], fromRows: number): typeof openKernel =>
      async (weights, form, options) => {
        const kernel = await openKernel(weights, form, options)
        const run = (inputs: Uint8Array) =>
          broken.includes(form) && inputs.length >= fromRows * rowBytes
            ? Promise.reject(jobErrors.JOB_KERNEL_FAILED({ provider: options.provider, reason: 'out of memory' }))
            : kernel.run(inputs)
        return { ...kernel, run }
      }
    const counted = () => {
      let nowMs = 0
      return { monotonicMs: () => nowMs++ }
    }
    // At once, or only in the first batch that is as large as a window's.
    for (const fromRows of [1, 256]) {
      const { form, results } = await selfTest(smallSpec, onCpu, counted(), failing(['u8'], fromRows))
      expect(form).not.toBe('u8')
      expect(results[0]).toMatchObject({
        form: 'u8',
        exact: false,
        rate: 0,
        refusal: expect.stringContaining('out of memory'),
      })
      const all = selfTest(smallSpec, onCpu, counted(), failing(['u8', 'fp32', 's8'], fromRows))
      await expect(all).rejects.toMatchObject({ code: 'JOB_KERNEL_FAILED' })
    }
  })

  /** A card whose time is counted: what a run costs before it begins, and for each row. */
  const measuredOn = async (costMs: Record<string, { run: number; row: number }>, mostRows: number) => {
    let nowMs = 0
    const runs: { form: string; rows: number }[] = []
    const open: typeof openKernel = async (weights, form, options) => {
      const kernel = await openKernel(weights, form, { ...options, provider: 'cpu' })
      const run = async (inputs: Uint8Array) => {
        const rows = inputs.length / rowBytes
        runs.push({ form, rows })
        nowMs += costMs[form]!.run + rows * costMs[form]!.row
        return rows > 128 ? inputs : kernel.run(inputs)
      }
      return { ...kernel, run }
    }
    const options = { provider: 'cuda', deviceIndex: 0, threads: 1, mostRows } as const
    const { form, results } = await selfTest(smallSpec, options, { monotonicMs: () => nowMs }, open)
    return { form, rates: results.map(({ rate }) => rate), runs, tookMs: nowMs }
  }

  it('the self-test measures a card with the batch of its windows, where the time to begin counts for nothing', async () => {
    const card = { fp32: { run: 0.1, row: 1e-4 }, s8: { run: 0.3, row: 5e-5 } }
    const small = await measuredOn(card, 128)
    expect(small.form).toBe('fp32')
    const real = await measuredOn(card, 16_384)
    expect(real.form).toBe('s8')
    expect(Math.max(...real.runs.map(({ rows }) => rows))).toBe(16_384)
    // 16,384 rows in 0.3 + 0.8192 ms.
    expect(real.rates[1]).toBe(Math.floor((16_384 * operationsPerRow({ ...smallSpec, layers: 2 })) / 1.1192 / 1_000))
  })

  it('the self-test takes no longer on a slow device than its small batches do', async () => {
    const slow = { fp32: { run: 0, row: 0.05 }, s8: { run: 0, row: 0.1 } }
    const { runs, tookMs } = await measuredOn(slow, 16_384)
    expect(Math.max(...runs.map(({ rows }) => rows))).toBe(128)
    // Of both forms, 2 cases and 5 turns in batches of 128, and 3 + 4 rows that are compared alone.
    expect(tookMs).toBeCloseTo((7 * 128 + 7) * 0.15, 6)
  })

  it('the self-test measures a form once that takes more than sixteen times as long as another', async () => {
    const cost = (times: number) => ({ fp32: { run: 0, row: 0.05 }, s8: { run: 0, row: 0.05 * times } })
    const batches = async (times: number) => {
      const { form, rates, runs } = await measuredOn(cost(times), 128)
      expect(form).toBe('fp32')
      expect(rates[1]).toBeGreaterThan(0)
      return runs.filter(run => run.form === 's8' && run.rows === 128).length
    }
    // Two cases, and five turns or one.
    expect(await batches(15)).toBe(7)
    expect(await batches(17)).toBe(3)
  })
})
