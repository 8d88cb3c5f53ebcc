/** WebGPU over a software Vulkan device (SwiftShader, as a browser package brings it): a second, independent implementation of fp32. */
import { describe, expect, it } from 'vitest'
import { openKernel } from '../../../src/core/job/tensor/kernel.ts'
import type { SelfTest } from '../../../src/core/job/tensor/kernel-self-test.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { rowBytes, type TensorSpec } from '../../../src/core/job/tensor/tensor-spec.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { createWorkEngine } from '../../../src/core/job/work-engine.ts'
import { runOnSwiftshader, skipReason, swiftshaderMissing } from '../../helpers/swiftshader.ts'
import { installWebgpuPackage } from '../../helpers/webgpu-package.ts'
import type { Held } from './card-retention.ts'
import { epochSeed, smallJobs, smallSpec } from './small-spec.ts'
import { alone, childRows, childSeed, childSpecs } from './webgpu-models.ts'

type ChildAnswer = {
  readonly digests: readonly string[]
  readonly shaders: Record<keyof typeof childSpecs, readonly string[]>
  readonly computed: Held
  readonly tested: SelfTest
  readonly fallback: string
  readonly engines: readonly string[]
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const inputs = rowInput(childSeed, 0, childRows)

/** Digests, and digests with inner activations, as the CPU computes them. */
async function onCpu(spec: TensorSpec): Promise<{ digests: string; withInner: string }> {
  const options = { provider: 'cpu', deviceIndex: 0, threads: 1, inner: true } as const
  const kernel = await openKernel(createWeights(spec, epochSeed), 'u8', options)
  const { digests, inner } = await kernel.runInner!(inputs)
  await kernel.release()
  return { digests: hex(digests), withInner: hex(digests) + hex(inner) }
}

async function rootOnCpu(): Promise<string> {
  const engine = await createWorkEngine({ jobs: smallJobs, provider: 'cpu', threads: 1, form: 'u8' })
  const { root } = await engine.kinds.tensor.rework({ epochSeed, seed: childSeed, units: childRows, notes: '' })
  await engine.close()
  return root
}

describe('WebGPU without a GPU', () => {
  it.skipIf(swiftshaderMissing !== null)(
    `computes the digests that the CPU computes, with no fallback to it${skipReason}`,
    async () => {
      const words = ['--expose-gc', 'test/unit/job/webgpu-child.ts', installWebgpuPackage()]
      const { digests, shaders, computed, tested, fallback, engines } = await runOnSwiftshader<ChildAnswer>(words)

      const expected = await onCpu(smallSpec)
      const first = (all: string) => all.slice(0, 2 * alone(inputs).length)
      expect(digests).toEqual([expected.digests, first(expected.digests)])
      expect(fallback).toMatch(/^JOB_PROVIDER_UNAVAILABLE .*fallback to CPU EP has been explicitly disabled/)
      for (const form of ['wgsl-4', 'wgsl-8'] as const) {
        const same = await onCpu(childSpecs[form])
        const released = expect.stringMatching(/^JOB_KERNEL_FAILED /)
        expect(shaders[form]).toEqual([same.digests, first(same.digests), same.withInner, released])
      }
      expect(computed.given).toBe(10 * childRows * rowBytes)
      expect(computed.held).toBeLessThan(computed.given / 2)
      expect(tested.results).toMatchObject([
        { form: 'wgsl-matrix', exact: false, refusal: expect.stringMatching(/no subgroup matrices/) },
        { form: 'wgsl-8', exact: true },
        { form: 'wgsl-4', exact: true },
        { form: 'fp32', exact: true },
      ])
      const fastest = tested.results.toSorted((a, b) => b.rate - a.rate)[0]!
      expect(tested.form).toBe(fastest.form)
      expect(engines).toEqual([await rootOnCpu(), 'JOB_WEBGPU_TAKEN'])
    },
    300_000,
  )
})
