import { describe, expect, it } from 'vitest'
import { openKernel } from '../../../src/core/job/tensor/kernel.ts'
import { rowBytes } from '../../../src/core/job/tensor/tensor-spec.ts'
import { createWorkCore } from '../../../src/core/job/work-core.ts'
import { epochSeed, smallJobs, smallSpec } from './small-spec.ts'

const next = `0x${'e6'.repeat(32)}` as const
const seed = new Uint8Array(32).fill(5)
const windowMs = 1_000
const loadMs = 400

/** A core whose time is counted: a row takes 0.1 ms, and loading a model takes the thread for {@link loadMs}. */
async function countedCore() {
  let nowMs = 0
  const loads: number[] = []
  const open: typeof openKernel = async (weights, form, options) => {
    const kernel = await openKernel(weights, form, options)
    if (weights.spec.layers === smallSpec.layers) {
      loads.push(nowMs)
      nowMs += loadMs
    }
    return {
      ...kernel,
      async run(inputs) {
        const digests = await kernel.run(inputs)
        nowMs += (inputs.length / rowBytes) * 0.1
        return digests
      },
    }
  }
  const options = { jobs: smallJobs, provider: 'cpu', threads: 1 } as const
  const core = await createWorkCore(options, { clock: { monotonicMs: () => nowMs }, open })
  const { tensor } = core.kinds
  const run = () => tensor.runWindow({ epochSeed, seed, durationMs: windowMs })
  return { core, tensor, run, loads }
}

describe('work core', () => {
  it('a window loses nothing to a model that is asked for while it runs, or just before', async () => {
    const { core, tensor, run, loads } = await countedCore()
    await tensor.prepare({ epochSeed })
    await run()
    const alone = await run()
    const during = run()
    const prepared = tensor.prepare({ epochSeed: next })
    const disturbed = await during
    expect(disturbed.lostMs).toBeLessThan(0.02 * windowMs)
    expect(disturbed.units).toBeGreaterThan(0.98 * alone.units)
    await prepared
    expect(loads).toHaveLength(2)

    const before = tensor.prepare({ epochSeed: `0x${'e7'.repeat(32)}` })
    expect((await run()).units).toBeGreaterThan(0.98 * alone.units)
    await before
    expect(loads).toHaveLength(3)
    await core.close()
  })

  it('a model that another window needs is built at once', async () => {
    const { core, tensor, run, loads } = await countedCore()
    await tensor.prepare({ epochSeed })
    const first = run()
    const prepared = tensor.prepare({ epochSeed: next })
    const second = tensor.runWindow({ epochSeed: next, seed, durationMs: 10 * windowMs })
    const [one, two] = await Promise.all([first, second, prepared])
    expect(loads).toHaveLength(2)
    expect(two.units).toBeGreaterThan(one.units)
    await core.close()
  })
})
