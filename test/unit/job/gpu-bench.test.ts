/** The bench of cards where there is none: how its parts end, and its memory part on a software Vulkan device. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { jobErrors } from '../../../src/core/job/errors.ts'
import { groupBytes } from '../../../src/core/job/memory/memory-spec.ts'
import { peakOf } from '../../bench/card-peaks.ts'
import { memory } from '../../bench/gpu.bench.ts'
import { endedBy, type GpuRow } from '../../bench/gpu-row.ts'
import { printedOnSwiftshader, skipReason, swiftshaderMissing } from '../../helpers/swiftshader.ts'
import { installWebgpuPackage } from '../../helpers/webgpu-package.ts'
import { smallMemorySpec } from './small-memory-spec.ts'

const step = { name: 'gpu.memory.step', value: 600, unit: 'GB/s' }
const done = { name: 'gpu.memory.done', value: 1, unit: 's' }
const says = (...rows: object[]) => rows.map(row => `console.log(${JSON.stringify(JSON.stringify(row))})`)
/** A process that does this in the place of the memory part. */
const scriptOf = (...statements: string[]) => [process.execPath, '--eval', statements.join('\n')] as const
const kill = 'process.kill(process.pid, "SIGKILL")'
const rest = 'gpu.memory, the rest of it'

async function rowsOf(command: readonly [string, ...string[]], late = new AbortController()) {
  const rows: GpuRow[] = []
  for await (const row of memory(null, late.signal, command)) {
    rows.push(row)
    if (row.name === 'last before the end') late.abort()
  }
  return rows
}

describe('the memory part of the bench of cards', () => {
  it('that is done has its rows, however its process ends', async () => {
    expect(await rowsOf(scriptOf(...says(step, done), kill))).toEqual([step, done])
    const peak = peakOf('NVIDIA H200')!
    const shared = await memory(peak, new AbortController().signal, scriptOf(...says(step))).next()
    expect(shared.value).toEqual({ ...step, share: step.value / peak.bandwidth, of: 'bandwidth' })
  })

  it('that ends before is named, with how it ended, after what it measured', async () => {
    const cut = 'process.stdout.write("{\\"name\\":\\"gpu.mem")'
    expect(await rowsOf(scriptOf(...says(step), cut, kill))).toEqual([
      step,
      { name: rest, ok: false, text: 'Ended early: its process ended with SIGKILL' },
    ])
    expect(await rowsOf(scriptOf('process.exit(7)'))).toMatchObject([{ ok: false, text: /with code 7$/ }])
    expect(await rowsOf(scriptOf('process.exit(0)'))).toMatchObject([{ ok: false, text: /with code 0$/ }])
    expect(await rowsOf(['/nowhere/gpu'])).toMatchObject([{ ok: false, text: /ENOENT/ }])
  })

  it('that takes too long is left out, which is no fault', async () => {
    const rows = await rowsOf(scriptOf(...says({ name: 'last before the end' }), 'setInterval(() => {}, 1e6)'))
    expect(rows.slice(1)).toEqual([{ name: rest, text: 'Not measured: 5 minutes were over.' }])
  })

  it('that ends before makes the bench exit with 1', async () => {
    const rows = await rowsOf(scriptOf(kill))
    const script = `
      const { printRows } = await import('./scripts/print-rows.mjs')
      await printRows(${JSON.stringify(rows)}, { json: true })
    `
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
    const { code, stdout } = await run.catch(error => error)
    expect(JSON.parse(stdout)).toMatchObject({ name: rest, ok: false })
    expect(code).toBe(1)
  })

  it('tells what the machine lacks from what went wrong', () => {
    const lacking = jobErrors.JOB_PROVIDER_UNAVAILABLE({ provider: 'webgpu', reason: 'no adapter' })
    expect(endedBy('gpu.webgpu', lacking)).toEqual({
      ...{ name: 'gpu.webgpu', refused: lacking.code, message: lacking.message },
    })
    const stopped = jobErrors.JOB_WORKER_STOPPED({ reason: 'its thread ended with code 1' })
    expect(endedBy('gpu.cuda', stopped)).toMatchObject({ refused: 'JOB_WORKER_STOPPED', ok: false })
    expect(endedBy('gpu.cuda', new Error('lost'))).toEqual({
      ...{ name: 'gpu.cuda', ok: false, text: 'Ended early: Error: lost' },
    })
  })

  it('says so where WebGPU is not what it needs', async () => {
    const none =
      'data:text/javascript,export const create=()=>({wgslLanguageFeatures:new Set()});export const globals={}'
    const rows = await rowsOf([process.execPath, 'test/bench/gpu-memory.ts', 'devnet', none])
    expect(rows).toMatchObject([{ name: 'gpu.memory', refused: 'JOB_PROVIDER_UNAVAILABLE' }, { name: done.name }])
    expect(rows[0]).not.toHaveProperty('ok')
  })

  it.skipIf(swiftshaderMissing !== null)(
    `fills, steps, opens and compares on a software Vulkan device${skipReason}`,
    async () => {
      // As few shaders as there can be: a processor takes seconds to compile them.
      const spec = { ...smallMemorySpec, layers: 1, products: 1, windowMs: 1_000, markMs: 1_000 }
      const [groups, form] = [16, 'wgsl-4']
      const words = ['test/bench/gpu-memory.ts', JSON.stringify(spec), installWebgpuPackage(), `${groups}`, form]
      const lines = (await printedOnSwiftshader(words)).trim().split('\n')
      const rows: Record<string, unknown>[] = lines.map(line => JSON.parse(line))
      expect(rows).toMatchObject([
        { name: `gpu.memory.fill.${form}`, groups, wanted: groups, bytes: groups * groupBytes(spec) },
        { name: 'gpu.memory.step', unit: 'GB/s' },
        { name: 'gpu.memory.openings', exact: true, ok: true },
        { name: 'gpu.memory.exact', groups: spec.leastGroups, steps: 16 * spec.leastGroups, exact: true, ok: true },
        { name: done.name },
      ])
      const { value, baseline, ratio, steps, least, most } = rows[1] as Record<string, number>
      // How many a busy processor ends in a second is for nobody to say.
      expect([least, most]).toEqual([steps, steps])
      expect(value).toBe((steps! * groupBytes(spec)) / spec.windowMs / 1e6)
      expect(ratio).toBe(value! / baseline!)
      expect(rows[2]!.samples).toBe(Math.min(steps!, spec.samples))
    },
    300_000,
  )
})
