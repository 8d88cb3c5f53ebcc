import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProbedDevice } from '../../../src/core/devices/probed-device.ts'
import { capacityOf } from '../../../src/core/epoch/capacity.ts'
import { jobErrors } from '../../../src/core/job/errors.ts'
import { jobOf, roundKinds } from '../../../src/core/job/jobs.ts'
import type { WorkCore } from '../../../src/core/job/work-core.ts'
import { type SelfTestDependencies, selfTestDevice, selfTestLines } from '../../../src/core/operator/self-test.ts'
import { smallMemorySpec } from '../job/small-memory-spec.ts'
import { smallCore, smallJobs } from '../job/small-spec.ts'
import { hash } from './network-fixture.ts'

const probed = (model: string): ProbedDevice =>
  ({ record: { model, kind: 'cpu' }, localId: hash('1'), deviceClass: null, index: null }) as never
let core: WorkCore
beforeAll(async () => {
  core = await smallCore()
})
afterAll(() => core.close())

type Engines = { readonly [K in (typeof roundKinds)[number]]?: Partial<WorkCore['kinds'][K]> }

/** The real engine with some of its methods replaced. */
const engineWith = ({ tensor, memory, beat }: Engines): WorkCore => ({
  ...core,
  kinds: {
    tensor: { ...core.kinds.tensor, ...tensor },
    memory: { ...core.kinds.memory, ...memory },
    beat: { ...core.kinds.beat, ...beat },
  },
})

function run(changes: Partial<WorkCore> = {}, model = 'Example CPU', dependencies: Partial<SelfTestDependencies> = {}) {
  let closed = 0
  const engine = { ...core, ...changes, close: async () => void closed++ }
  return selfTestDevice(probed(model), smallJobs, {
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
  it('works a real window of each kind and passes the check of a seat', async () => {
    const steps: string[] = []
    const result = await run({}, undefined, { onStep: step => steps.push(step) })
    expect(result).toMatchObject({ executionProvider: 'cpu', reference: null })
    expect(result.tests.map(({ kind }) => kind)).toEqual(roundKinds)
    for (const { kind, units, unitsPerSample, lostMs, check, specHash, figures } of result.tests) {
      const { spec, figures: named, specHash: own } = jobOf(smallJobs, kind)
      expect(check).toMatchObject({ ok: true, step: null })
      expect(units).toBeGreaterThan(0)
      expect(unitsPerSample).toBe(units / spec.samples)
      expect(lostMs).toBeLessThan(spec.windowMs)
      expect(specHash).toBe(own)
      expect(Object.keys(figures)).toEqual(Object.keys(named))
    }
    expect(result.memory).toMatchObject({ groups: smallMemorySpec.leastGroups, problem: null })
    const [tensor, memory] = result.tests.map(({ figures }) => figures)
    expect(result.capacity).toBe(Number(capacityOf({ ...tensor, ...memory } as never)))
    expect(result.forms.map(({ form }) => form).sort()).toEqual(['fp32', 's8', 'u8'])
    expect(steps).toHaveLength(7)
    const text = selfTestLines(result).join('\n')
    expect(text.match(/passes: everything sampled/g)).toHaveLength(3)
    expect(text).toContain(`form ${result.form}`)
  })

  it('finds a device that computes wrongly, in either kind of round', async () => {
    for (const kind of roundKinds) {
      const { open } = core.kinds[kind]
      const wrong: Engines = {
        [kind]: {
          // One byte at the end: what a flipped bit in memory would do.
          open: async (request: Parameters<typeof open>[0]) =>
            (await open(request)).map((byte, i, all) => (i === all.length - 1 ? byte ^ 1 : byte)),
        },
      }
      const result = await run(engineWith(wrong))
      for (const { kind: tested, check } of result.tests)
        if (tested === kind)
          expect(check).toMatchObject({ ok: false, step: expect.stringMatching(/^(OPENINGS_|ROW_|COORDINATE_)/) })
        else expect(check).toMatchObject({ ok: true })
      expect(
        selfTestLines(result)
          .join('\n')
          .match(/FAILS at/g),
      ).toHaveLength(1)
    }
  })

  it('lets a CPU check what a card computed, and closes it', async () => {
    let verifiersClosed = 0
    let verifiersStarted = 0
    const startVerifier = async () => {
      verifiersStarted++
      return { kinds: core.kinds, description: core.description, close: async () => void verifiersClosed++ }
    }
    const description = { ...core.description, provider: 'cuda' as const }
    const result = await run({ description }, 'NVIDIA H100 80GB HBM3', { startVerifier })
    expect([verifiersStarted, verifiersClosed]).toEqual([1, 1])
    const recomputedOn = `cpu/${core.description.form}`
    expect(result).toMatchObject({
      executionProvider: 'cuda',
      tests: Array(3).fill({ check: { ok: true, recomputedOn } }),
      reference: { deviceClass: 'nvidia-h100', peakRate: 67e6, calibrated: false },
    })
    expect(result.reference!.share).toBeCloseTo(result.tests[0]!.figures.tensor! / 67e6, 12)
    expect(selfTestLines(result).join('\n')).toContain('of the fp32 peak of nvidia-h100, 67,000,000 Mop/s')
  })

  it('says of every provider that was refused why, and what to do', async () => {
    const { code, message, fix } = jobErrors.JOB_CUDA_LIBRARIES_MISSING({ library: 'libonnxruntime_providers_cuda.so' })
    const description = { ...core.description, refused: [{ provider: 'cuda' as const, code, message, fix }] }
    const text = selfTestLines(await run({ description })).join('\n')
    expect(text).toContain(`  not used    cuda: ${code}: ${message}\n              fix: ${fix}`)
  })

  it('reports a window in which nothing was finished, without asking for openings', async () => {
    const open = () => Promise.reject(new Error('there is nothing to open'))
    const runWindow = async () => ({
      ...{ handle: 'w', units: 0, root: hash('0'), figures: { tensor: 0 }, notes: '' },
      ...{ durationMs: 60, kernelMs: 0, lostMs: 60 },
    })
    const { tests, capacity } = await run(engineWith({ tensor: { runWindow, open } }))
    expect(tests[0]).toMatchObject({ kind: 'tensor', units: 0, figures: { tensor: 0 }, check: { ok: true } })
    expect(tests[1]).toMatchObject({ kind: 'memory', check: { ok: true } })
    expect(capacity).toBe(0)
  })

  it('says why no memory is filled, works no memory window then, and gives no capacity', async () => {
    const { code, message } = jobErrors.JOB_MEMORY_TOO_SMALL({ groups: 1, leastGroups: 4, groupBytes: 8192 })
    const memory = { groups: 0, megabytes: 0, fillMs: 0, problem: { code, message } }
    const prepare: WorkCore['prepare'] = async request => ({ ...(await core.prepare(request)), memory })
    const result = await run({ prepare })
    expect(result.tests.map(({ kind }) => kind)).toEqual(['tensor'])
    expect(result.capacity).toBe(0)
    expect(selfTestLines(result)).toContain(`  memory      none: ${message}`)
  })
})
