import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jobErrors } from '../../../src/core/job/errors.ts'
import { jobSeed, sampleRows } from '../../../src/core/job/job-seed.ts'
import { jobSets } from '../../../src/core/job/jobs.ts'
import type { WindowRequest } from '../../../src/core/job/round-kind.ts'
import { openKernel } from '../../../src/core/job/tensor/kernel.ts'
import { specHash, windowRate } from '../../../src/core/job/tensor/tensor-spec.ts'
import { threadClock } from '../../../src/core/job/thread-clock.ts'
import { createWorkCore, type WorkCore } from '../../../src/core/job/work-core.ts'
import { createWorkEngine, type WorkEngine } from '../../../src/core/job/work-engine.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { isKaisarError } from '../../../src/core/platform/errors.ts'
import { epochSeed, smallCore, smallJobs, smallSpec } from './small-spec.ts'

const word = (byte: string) => `0x${byte.repeat(32)}` as const
const identity = {
  chainId: 31337,
  round: word('a1'),
  deviceId: word('b2'),
  generation: 1,
  specHash: specHash(smallSpec),
}
const seed = jobSeed(identity)
const device = { deviceId: identity.deviceId, generation: identity.generation }
/** Without the self-test of every form. */
const oneForm = { jobs: smallJobs, provider: 'cpu', threads: 1, form: 'u8' } as const
const sampling = { secret: word('c3'), samplingBlockHash: word('d4') }

describe('work engine', () => {
  let engine: WorkEngine
  beforeAll(async () => {
    engine = await createWorkEngine({
      jobs: smallJobs,
      provider: 'cpu',
      threads: 1,
      keepWindows: { tensor: 2, memory: 2, beat: 2 },
    })
  })
  afterAll(() => engine.close())

  const work = async (deviceSeed = seed, by = engine, when: Partial<WindowRequest> = {}) => {
    // Longer than the window of the spec: on a busy machine the thread may not finish one batch in that.
    const window = await by.kinds.tensor.runWindow({ epochSeed, seed: deviceSeed, durationMs: 500, ...when })
    const sample = sampleRows(smallSpec, window.units, { ...sampling, root: window.root })
    return { ...window, sample, item: { seed: deviceSeed, device, units: window.units, root: window.root, sample } }
  }

  it('the work engine names its execution provider and kernel, and the speed of every form', () => {
    expect(engine.description).toMatchObject({ provider: 'cpu', refused: [] })
    expect(engine.description.forms.find(({ form }) => form === engine.description.form)).toMatchObject({ exact: true })
  })

  it('the verifier of a window accepts it, and no other does for another device', async () => {
    const { handle, item, units, figures, lostMs, kernelMs, durationMs } = await work()
    expect(figures).toEqual({ tensor: windowRate(smallSpec, units) })
    expect(kernelMs + lostMs).toBeLessThanOrEqual(durationMs)
    const openings = await engine.kinds.tensor.open({ handle, sample: item.sample })
    const other = jobSeed({ ...identity, generation: 2 })
    const items = [
      { ...item, openings },
      { ...item, openings, seed: other },
    ]
    expect(await engine.kinds.tensor.verify({ epochSeed, items })).toMatchObject([
      { ok: true },
      { ok: false, step: 'ROW_WRONG' },
    ])
  })

  it('the window is counted from the sight of the trigger, on the platform’s clock', async () => {
    const seenAtMs = systemClock.monotonicMs()
    const window = await engine.kinds.tensor.runWindow({ epochSeed, seed, startedAtMs: seenAtMs - 40, durationMs: 100 })
    expect(window.units).toBeGreaterThan(0)
    expect(window.kernelMs).toBeLessThanOrEqual(60)
    expect(
      (await engine.kinds.tensor.runWindow({ epochSeed, seed, startedAtMs: seenAtMs - 1_000, durationMs: 100 })).units,
    ).toBe(0)
  })

  it('the seal of a model is the same in another engine, and another one for another epoch', async () => {
    const core = await createWorkCore(
      { jobs: smallJobs, provider: 'cpu', threads: 2, form: 'u8' },
      { clock: threadClock },
    )
    const [here, there, next] = [
      await engine.kinds.tensor.prepare({ epochSeed }),
      await core.kinds.tensor.prepare({ epochSeed }),
      await core.kinds.tensor.prepare({ epochSeed: word('99') }),
    ]
    expect(here.modelHash).toBe(there.modelHash)
    expect(next.modelHash).not.toBe(here.modelHash)
    await core.close()
  })

  it('only the last windows are opened, and requests that a seat may not make are refused', async () => {
    const first = await work()
    const second = await work()
    const third = await work()
    const codes = await Promise.all(
      [
        engine.kinds.tensor.open({ handle: first.handle, sample: first.sample }),
        engine.kinds.tensor.open({ handle: third.handle, sample: [third.units] }),
        engine.kinds.tensor.open({
          handle: third.handle,
          sample: Array.from({ length: smallSpec.samples + 1 }, (_, i) => i),
        }),
        engine.kinds.tensor
          .release(second.handle)
          .then(() => engine.kinds.tensor.open({ handle: second.handle, sample: [] })),
      ].map(opened =>
        opened.then(
          () => 'opened',
          error => `${error.name} ${error.code}: ${error.fix.length > 0}`,
        ),
      ),
    )
    expect(codes).toEqual([
      'KaisarError JOB_WINDOW_UNKNOWN: true',
      'KaisarError JOB_SAMPLE_INVALID: true',
      'KaisarError JOB_SAMPLE_INVALID: true',
      'KaisarError JOB_WINDOW_UNKNOWN: true',
    ])
  })

  it('rows for which there was no memory are computed again, and give the same openings', async () => {
    const core = await createWorkCore({ ...oneForm, keepBytes: 2048 }, { clock: threadClock })
    const { handle, item } = await work(seed, core)
    const openings = await core.kinds.tensor.open({ handle, sample: item.sample })
    expect(await engine.kinds.tensor.verify({ epochSeed, items: [{ ...item, openings }] })).toEqual([
      { ok: true, checked: item.sample.length, figures: { tensor: windowRate(smallSpec, item.units) } },
    ])
    await core.close()
  })

  it('a window whose device is lost ends with a coded error, and the next one is worked', async () => {
    let lost = false
    const open: typeof openKernel = async (...parameters) => {
      const kernel = await openKernel(...parameters)
      const run = (inputs: Uint8Array) => (lost ? Promise.reject(deviceLost) : kernel.run(inputs))
      return { ...kernel, run }
    }
    const deviceLost = jobErrors.JOB_KERNEL_FAILED({ provider: 'cuda', reason: 'GPU has fallen off the bus' })
    const core = await createWorkCore(oneForm, { clock: threadClock, open })
    await core.kinds.tensor.prepare({ epochSeed })
    lost = true
    await expect(core.kinds.tensor.runWindow({ epochSeed, seed })).rejects.toMatchObject({ code: 'JOB_KERNEL_FAILED' })
    lost = false
    expect((await core.kinds.tensor.runWindow({ epochSeed, seed })).units).toBeGreaterThan(0)
    await core.close()
  })

  it('models of at most two epochs are kept, and one in use until it is done', async () => {
    const core = await smallCore()
    const seeds = ['01', '02', '03', '04'].map(word)
    const windows = await Promise.all(
      seeds.map(each => core.kinds.tensor.runWindow({ epochSeed: each, seed, durationMs: 1_000 })),
    )
    expect(new Set(windows.map(({ root }) => root)).size).toBe(4)
    await core.close()
  })

  it('the same window is worked on several devices of one host at once', async () => {
    const second = await createWorkEngine(oneForm)
    await second.kinds.tensor.prepare({ epochSeed })
    const other = jobSeed({ ...identity, deviceId: word('b3') })
    const trigger = { startedAtMs: systemClock.monotonicMs(), durationMs: 1_000 }
    const [one, two] = await Promise.all([work(seed, engine, trigger), work(other, second, trigger)])
    // By one clock both close a second after the trigger: had one waited for the other to close, it would have no rows.
    expect(Math.max(one.lostMs, two.lostMs)).toBeLessThan(500)
    expect(Math.min(one.units, two.units)).toBeGreaterThan(0)
    const items = [
      { ...one.item, openings: await engine.kinds.tensor.open({ handle: one.handle, sample: one.sample }) },
      { ...two.item, openings: await second.kinds.tensor.open({ handle: two.handle, sample: two.sample }) },
    ]
    expect(await engine.kinds.tensor.verify({ epochSeed, items })).toMatchObject([{ ok: true }, { ok: true }])
    await second.close()
  })

  it('a window that is cancelled is given up, before it runs and while it runs', async () => {
    const before = engine.kinds.tensor.runWindow(
      { epochSeed, seed, durationMs: 60_000 },
      { signal: AbortSignal.abort() },
    )
    await expect(before).rejects.toMatchObject({ code: 'JOB_WINDOW_CANCELLED' })
    const cancellation = new AbortController()
    const running = engine.kinds.tensor.runWindow(
      { epochSeed, seed, durationMs: 60_000 },
      { signal: cancellation.signal },
    )
    await engine.kinds.tensor.prepare({ epochSeed })
    cancellation.abort()
    await expect(running).rejects.toMatchObject({ code: 'JOB_WINDOW_CANCELLED' })
  })

  it('the event loop stays free while a window runs in the engine’s thread', async () => {
    const options = { ...oneForm, jobs: jobSets.devnet }
    const [there, here] = [await createWorkEngine(options), await createWorkCore(options, { clock: threadClock })]
    /** How often this thread could have answered meanwhile. */
    const turns = async ({ kinds }: WorkCore) => {
      const { prepare, runWindow, open, verify } = kinds.tensor
      await prepare({ epochSeed })
      let count = 0
      let turn = setImmediate(function next() {
        count++
        turn = setImmediate(next)
      })
      const { handle, units, root } = await runWindow({ epochSeed, seed, durationMs: 300 })
      const sample = sampleRows(jobSets.devnet.tensor, units, { ...sampling, root })
      const openings = await open({ handle, sample })
      await verify({ epochSeed, items: [{ seed, device, units, root, sample, openings }] })
      clearImmediate(turn)
      return count
    }
    const [behind, within] = [await turns(there), await turns(here)]
    expect(behind).toBeGreaterThan(10 * within)
    await Promise.all([there.close(), here.close()])
  })

  it.runIf(process.platform === 'linux')(
    'in a process of its own gives the same, outlives the signals of a terminal, and says so when it is gone',
    async () => {
      const own = () => createWorkEngine(oneForm, { ownProcess: true })
      const children = () =>
        readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
      const before = new Set(children())
      const verifier = await own()
      const [pid] = children().filter(child => !before.has(child))
      const { handle, units, root } = await engine.kinds.tensor.runWindow({ epochSeed, seed })
      const sample = sampleRows(smallSpec, units, { ...sampling, root })
      const items = [
        { seed, device, units, root, sample, openings: await engine.kinds.tensor.open({ handle, sample }) },
      ]
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid!, signal)
      expect(await verifier.kinds.tensor.verify({ epochSeed, items })).toEqual(
        await engine.kinds.tensor.verify({ epochSeed, items }),
      )
      process.kill(pid!, 'SIGKILL')
      await expect(verifier.kinds.tensor.verify({ epochSeed, items })).rejects.toMatchObject({
        code: 'JOB_WORKER_STOPPED',
      })
      await verifier.close()
      const another = await own()
      await another.close()
      expect(children().filter(child => !before.has(child))).toEqual([])
    },
  )

  it('an execution provider that is missing is refused with the fix, and never replaced', async () => {
    /** The provider that was opened (where this machine has it), or the refusal's code and exit. */
    const outcome = async (provider: 'cuda' | 'webgpu') => {
      try {
        const opened = await createWorkEngine({ jobs: smallJobs, provider })
        await opened.close()
        return opened.description.provider
      } catch (error) {
        return isKaisarError(error) && `${error.code} ${error.exit} ${error.fix.length > 0}`
      }
    }
    const cuda = `node_modules/onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/libonnxruntime_providers_cuda.so`
    // With the provider installed, what is missing depends on the machine; without it, that is what is said.
    const refusals = existsSync(cuda)
      ? 'JOB_CUDA_LIBRARY_NOT_FOUND|JOB_PROVIDER_UNAVAILABLE'
      : 'JOB_CUDA_LIBRARIES_MISSING'
    expect(await outcome('cuda')).toMatch(new RegExp(`^(cuda|(${refusals}) 3 true)$`))
    expect(await outcome('webgpu')).toMatch(/^(webgpu|JOB_PROVIDER_UNAVAILABLE 3 true)$/)
    // Set before the thread starts, so that CUDA numbers the cards as they were pinned.
    expect(process.env.CUDA_DEVICE_ORDER).toBe('PCI_BUS_ID')
    await expect(
      createWorkEngine({ jobs: { ...smallJobs, tensor: { ...smallSpec, width: 5000 } } }),
    ).rejects.toMatchObject({
      code: 'JOB_SPEC_INVALID',
    })
  })

  it('an execution provider that cannot be pinned to the device is refused before it is tried', async () => {
    const notPinned = { cuda: 'it is no NVIDIA device', webgpu: 'this host has 2 cards' }
    const pinned = await createWorkCore({ jobs: smallJobs, threads: 1, notPinned }, { clock: threadClock })
    expect(pinned.description.provider).toBe('cpu')
    expect(pinned.description.refused.map(({ provider, code }) => [provider, code])).toEqual([
      ['cuda', 'JOB_DEVICE_NOT_PINNED'],
      ['webgpu', 'JOB_DEVICE_NOT_PINNED'],
    ])
    await pinned.close()
    await expect(createWorkEngine({ jobs: smallJobs, provider: 'cuda', notPinned })).rejects.toMatchObject({
      code: 'JOB_DEVICE_NOT_PINNED',
      message: expect.stringContaining('it is no NVIDIA device'),
      fix: expect.stringContaining('CUDA_VISIBLE_DEVICES'),
    })
  })

  it.each([
    ['thread', false],
    ['process of its own', true],
  ])(
    'a start that is given up ends with the signal’s reason, and nothing of it stays: in a %s',
    async (_, ownProcess) => {
      const reason = new Error('asked to stop')
      const before = createWorkEngine(oneForm, { ownProcess, signal: AbortSignal.abort(reason) })
      await expect(before).rejects.toBe(reason)
      const given = new AbortController()
      const starting = createWorkEngine(
        { jobs: smallJobs, provider: 'cpu', threads: 1 },
        { ownProcess, signal: given.signal },
      )
      given.abort(reason)
      await expect(starting).rejects.toBe(reason)
      // Once it has started, a signal gives up nothing.
      const kept = new AbortController()
      const started = await createWorkEngine(oneForm, { ownProcess, signal: kept.signal })
      kept.abort(reason)
      expect((await started.kinds.tensor.prepare({ epochSeed })).epochSeed).toBe(epochSeed)
      await started.close()
    },
  )

  it('a closed engine answers with a coded error, and may be closed twice', async () => {
    const closed = await createWorkEngine(oneForm)
    await closed.close()
    await closed.close()
    await expect(closed.prepare({ epochSeed })).rejects.toMatchObject({ code: 'JOB_WORKER_STOPPED' })
  })
})
