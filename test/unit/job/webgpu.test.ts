/** WebGPU over a software Vulkan device (SwiftShader, as a browser package brings it): a second, independent implementation of fp32. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { openKernel } from '../../../src/core/job/kernel.ts'
import type { FormResult } from '../../../src/core/job/kernel-self-test.ts'
import { rowInput } from '../../../src/core/job/row-input.ts'
import { createWeights } from '../../../src/core/job/weights.ts'
import { wgslForms } from '../../../src/core/job/wgsl-shader.ts'
import { epochSeed, smallSpec } from './small-spec.ts'

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

const runChild = (): Promise<{ stdout: string; stderr: string }> =>
  new Promise(resolve => {
    const env = { ...process.env, VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: folder }
    execFile(process.execPath, ['test/unit/job/webgpu-child.ts'], { env, timeout: 280_000 }, (_, stdout, stderr) =>
      resolve({ stdout, stderr }),
    )
  })

describe('WebGPU without a GPU', () => {
  it.skipIf(missing !== null)(
    `computes the digests that the CPU computes, with no fallback to it${missing === null ? '' : ` (skipped: ${missing})`}`,
    async () => {
      unpack(brotliDecompressSync(readFileSync(archive)))
      const { stdout, stderr } = await runChild()
      expect(stdout, stderr).not.toBe('')
      const { digests, alone, shaders, fallback, told } = JSON.parse(stdout)

      const spec = { ...smallSpec, width: 128 }
      const inputs = rowInput(new Uint8Array(32).fill(9), 0, 96)
      const kernel = await openKernel(createWeights(spec, epochSeed), 'u8', {
        provider: 'cpu',
        deviceIndex: 0,
        threads: 1,
      })
      expect(digests).toBe(Buffer.from(await kernel.run(inputs)).toString('hex'))
      expect(alone).toBe(digests.slice(0, 64))
      expect(fallback).toMatch(/^JOB_PROVIDER_UNAVAILABLE .*fallback to CPU EP has been explicitly disabled/)
      const [engine, second] = told
      expect(engine.forms).toMatchObject([
        { form: 'wgsl-8', exact: true },
        { form: 'wgsl-4', exact: true },
        { form: 'fp32', exact: true },
      ])
      const fastest = engine.forms.toSorted((a: FormResult, b: FormResult) => b.rate - a.rate)[0]
      expect(engine.form).toBe(fastest.form)
      expect(second).toBe('JOB_WEBGPU_TAKEN')
      await kernel.release()

      for (const form of wgslForms) {
        const shaderSpec = form === 'wgsl-4' ? spec : { ...smallSpec, width: 64, layers: 1, weights: 1 }
        const options = { provider: 'cpu', deviceIndex: 0, threads: 1, inner: true } as const
        const same = await openKernel(createWeights(shaderSpec, epochSeed), 'u8', options)
        const both = await same.runInner!(inputs)
        const expected = Buffer.from(both.digests).toString('hex')
        expect(shaders[form]).toEqual([
          expected,
          expected.slice(0, 64),
          expected + Buffer.from(both.inner).toString('hex'),
          expect.stringMatching(/^JOB_KERNEL_FAILED /),
        ])
        await same.release()
      }
    },
    300_000,
  )
})
