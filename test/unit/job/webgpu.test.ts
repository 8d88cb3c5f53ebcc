/** WebGPU over a software Vulkan device (SwiftShader, as a browser package brings it): a second, independent implementation of fp32. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { openKernel } from '../../../src/core/job/tensor/kernel.ts'
import type { SelfTest } from '../../../src/core/job/tensor/kernel-self-test.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import type { TensorSpec } from '../../../src/core/job/tensor/tensor-spec.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { type WgslForm, wgslForms } from '../../../src/core/job/tensor/wgsl-shader.ts'
import { createWorkEngine } from '../../../src/core/job/work-engine.ts'
import { installWebgpuPackage } from '../../helpers/webgpu-package.ts'
import { epochSeed, smallJobs, smallSpec } from './small-spec.ts'
import { alone, childRows, childSeed, childSpecs } from './webgpu-models.ts'

const archive = 'node_modules/@sparticuz/chromium/bin/swiftshader.tar.br'
const missing =
  process.platform !== 'linux' || process.arch !== 'x64'
    ? 'it is built for Linux on x64'
    : existsSync(archive)
      ? null
      : `${archive} is not installed`
const folder = mkdtempSync(join(tmpdir(), 'kaisar-swiftshader-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Unpacks a tar of plain files: a header of 512 bytes (name at 0, size in octal at 124), then the file, padded to 512. */
function unpack(tar: Buffer): void {
  for (let at = 0; tar[at]; ) {
    const name = tar.toString('utf8', at, at + 100).replace(/\0.*$/s, '')
    const size = Number.parseInt(tar.toString('utf8', at + 124, at + 136), 8)
    writeFileSync(join(folder, name), tar.subarray(at + 512, at + 512 + size), { mode: 0o755 })
    at += 512 + Math.ceil(size / 512) * 512
  }
}

type ChildAnswer = {
  readonly digests: readonly string[]
  readonly shaders: Record<WgslForm, readonly string[]>
  readonly tested: SelfTest
  readonly fallback: string
  readonly engines: readonly string[]
}

const runChild = (webgpuModule: string): Promise<ChildAnswer> =>
  new Promise((resolve, reject) => {
    const env = { ...process.env, VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: folder }
    const words = ['test/unit/job/webgpu-child.ts', webgpuModule]
    // It ends itself by a signal; its answer counts.
    execFile(process.execPath, words, { env, timeout: 280_000 }, (_, stdout, stderr) => {
      if (stdout === '') reject(new Error(`the child computed nothing: ${stderr}`))
      else resolve(JSON.parse(stdout))
    })
  })

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
  it.skipIf(missing !== null)(
    `computes the digests that the CPU computes, with no fallback to it${missing === null ? '' : ` (skipped: ${missing})`}`,
    async () => {
      unpack(brotliDecompressSync(readFileSync(archive)))
      const { digests, shaders, tested, fallback, engines } = await runChild(installWebgpuPackage())

      const expected = await onCpu(smallSpec)
      const first = (all: string) => all.slice(0, 2 * alone(inputs).length)
      expect(digests).toEqual([expected.digests, first(expected.digests)])
      expect(fallback).toMatch(/^JOB_PROVIDER_UNAVAILABLE .*fallback to CPU EP has been explicitly disabled/)
      for (const form of wgslForms) {
        const same = await onCpu(childSpecs[form])
        const released = expect.stringMatching(/^JOB_KERNEL_FAILED /)
        expect(shaders[form]).toEqual([same.digests, first(same.digests), same.withInner, released])
      }
      expect(tested.results).toMatchObject([
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
