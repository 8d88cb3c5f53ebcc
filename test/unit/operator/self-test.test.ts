import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProbedDevice } from '../../../src/core/devices/probed-device.ts'
import { jobErrors } from '../../../src/core/job/errors.ts'
import type { WorkCore } from '../../../src/core/job/work-core.ts'
import { type SelfTestDependencies, selfTestDevice, selfTestLines } from '../../../src/core/operator/self-test.ts'
import { smallCore, smallSpec } from '../job/small-spec.ts'
import { hash } from './network-fixture.ts'

const probed = (model: string): ProbedDevice =>
  ({ record: { model, kind: 'cpu' }, localId: hash('1'), deviceClass: null, index: null }) as never
let core: WorkCore
beforeAll(async () => {
  core = await smallCore()
})
afterAll(() => core.close())

function run(changes: Partial<WorkCore> = {}, model = 'Example CPU', dependencies: Partial<SelfTestDependencies> = {}) {
  let closed = 0
  const engine = { ...core, ...changes, close: async () => void closed++ }
  return selfTestDevice(probed(model), smallSpec, {
    startEngine: async () => engine,
    startVerifier: async () => {
      throw new Error('a CPU checks itself')
    },
    randomBytes: size => new Uint8Array(randomBytes(size)),
    clock: { monotonicMs: () => performance.now() },
    ...dependencies,
  }).finally(() => expect(closed).toBe(1))
}

describe('selfTestDevice', () => {
  it('works a real window and passes the check of a seat', async () => {
    const steps: string[] = []
    const result = await run({}, undefined, { onStep: step => steps.push(step) })
    expect(result).toMatchObject({ executionProvider: 'cpu', check: { ok: true, step: null }, reference: null })
    expect(result.figures.rows).toBeGreaterThan(0)
    expect(result.figures.rowsPerSample).toBe(result.figures.rows / smallSpec.samples)
    expect(result.forms.map(({ form }) => form).sort()).toEqual(['fp32', 's8', 'u8'])
    expect(result.lostMs).toBeLessThan(smallSpec.windowMs)
    expect(steps).toHaveLength(3)
    const text = selfTestLines(result).join('\n')
    expect(text).toContain('passes: every sampled row')
    expect(text).toContain(`form ${result.form}`)
  })

  it('finds a device that computes wrongly', async () => {
    const wrong: Partial<WorkCore> = {
      open: async request => {
        const openings = await core.open(request)
        // One byte of a digest: what a flipped bit in memory would do.
        return openings.map((byte, i) => (i === openings.length - 1 ? byte ^ 1 : byte))
      },
    }
    const result = await run(wrong)
    expect(result.check).toMatchObject({ ok: false, step: expect.stringMatching(/^(OPENINGS_|ROW_)/) })
    expect(selfTestLines(result).join('\n')).toContain('FAILS at')
  })

  it('lets a CPU check what a card computed, and closes it', async () => {
    let verifiersClosed = 0
    const startVerifier = async () => ({
      verify: core.verify,
      description: core.description,
      close: async () => void verifiersClosed++,
    })
    const description = { ...core.description, provider: 'cuda' as const }
    const result = await run({ description }, 'NVIDIA H100 80GB HBM3', { startVerifier })
    expect(verifiersClosed).toBe(1)
    expect(result).toMatchObject({
      executionProvider: 'cuda',
      check: { ok: true, recomputedOn: `cpu/${core.description.form}` },
      reference: { deviceClass: 'nvidia-h100', peakRate: 67e6, calibrated: false },
    })
    expect(result.reference!.share).toBeCloseTo(result.figures.rate / 67e6, 12)
    expect(selfTestLines(result).join('\n')).toContain('of the fp32 peak of nvidia-h100, 67,000,000 Mop/s')
  })

  it('says of every provider that was refused why, and what to do', async () => {
    const { code, message, fix } = jobErrors.JOB_CUDA_LIBRARIES_MISSING({ library: 'libonnxruntime_providers_cuda.so' })
    const description = { ...core.description, refused: [{ provider: 'cuda' as const, code, message, fix }] }
    const text = selfTestLines(await run({ description })).join('\n')
    expect(text).toContain(`  not used    cuda: ${code}: ${message}\n              fix: ${fix}`)
  })

  it('reports a window in which nothing was finished, without asking for openings', async () => {
    const idle: Partial<WorkCore> = {
      runWindow: async () => ({
        handle: 'w',
        rows: 0,
        root: hash('0'),
        rate: 0,
        durationMs: 60,
        kernelMs: 0,
        lostMs: 60,
      }),
      open: () => Promise.reject(new Error('there is nothing to open')),
    }
    expect((await run(idle)).figures).toMatchObject({ rows: 0, rate: 0 })
  })
})
