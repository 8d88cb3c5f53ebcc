/**
 * `npm run bench -- gpu [--json]`: what this machine's card does with the job, by engine and form, as a share of its dense peaks. On a machine
 * without a card it says so and exits with 3. What is not measured within five minutes is named and left out; a part that ends early for
 * another reason than what the machine lacks is named, and the exit code is 1.
 */
import { execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ExecutionProvider } from '../../src/core/job/execution-provider.ts'
import { jobSets } from '../../src/core/job/jobs.ts'
import type { FormResult } from '../../src/core/job/tensor/kernel-self-test.ts'
import { findWebgpu } from '../../src/core/job/webgpu-package.ts'
import { createWorkEngine } from '../../src/core/job/work-engine.ts'
import { type CardPeak, peakOf } from './card-peaks.ts'
import { endedBy, type GpuRow } from './gpu-row.ts'
import { epochSeed } from './seat.ts'

export const rowNames = ['gpu']
export const isLong = true

const limitMs = 5 * 60_000

export async function* rows(): AsyncGenerator<GpuRow> {
  const card = nvidiaName() ?? adapterName()
  if (card === null) {
    process.exitCode = 3
    yield { name: 'gpu', text: 'This machine has no card that a driver names; nothing was measured.' }
    return
  }
  const peak = peakOf(card)
  yield { name: 'gpu.card', card, ...(peak ?? { peaks: 'not in the table: shares are left out' }) }
  const late = AbortSignal.timeout(limitMs)
  for (const provider of ['cuda', 'webgpu'] as const)
    yield* late.aborted ? leftOut(`gpu.${provider}`) : engine(provider, peak, late)
  yield* late.aborted ? leftOut('gpu.memory') : memory(peak, late)
}

function* leftOut(name: string): Generator<GpuRow> {
  yield { name, text: `Not measured: ${limitMs / 60_000} minutes were over.` }
}

const memoryScript = fileURLToPath(new URL('gpu-memory.ts', import.meta.url))

/**
 * The memory job on the card, in a process of its own: WebGPU serves one thread of a process, and the engine's was another. It says when
 * it is done, since how it ends tells nothing: it kills itself.
 */
export async function* memory(
  peak: CardPeak | null,
  late: AbortSignal,
  command: readonly [string, ...string[]] = [process.execPath, memoryScript],
): AsyncGenerator<GpuRow> {
  const [program, ...words] = command
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'], signal: late, killSignal: 'SIGKILL' })
  const ended = new Promise<string>(resolve => {
    child.once('error', error => resolve(error.message))
    child.once('close', (code, signal) => resolve(signal ?? `code ${code}`))
  })
  let isDone = false
  for await (const line of createInterface({ input: child.stdout })) {
    const row = rowOf(line)
    if (row === null) continue
    isDone = row.name === 'gpu.memory.done'
    yield withShare(row, peak)
  }
  const how = await ended
  if (late.aborted) yield* leftOut('gpu.memory, the rest of it')
  else if (!isDone) yield endedBy('gpu.memory, the rest of it', `its process ended with ${how}`)
}

/** Null for what a driver wrote, or for a row that was cut off. */
function rowOf(line: string): GpuRow | null {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

function withShare(row: GpuRow, peak: CardPeak | null): GpuRow {
  const { name, value, top } = row
  if (peak === null) return row
  if (typeof top === 'number') return { ...row, share: top / peak.int8, of: 'int8' }
  return name === 'gpu.memory.step' ? { ...row, share: Number(value) / peak.bandwidth, of: 'bandwidth' } : row
}

/** Every form of one engine, as the self-test measures them, and the fastest in one window of the standard spec. */
async function* engine(provider: ExecutionProvider, peak: CardPeak | null, late: AbortSignal): AsyncGenerator<GpuRow> {
  try {
    const opened = await createWorkEngine({ jobs: jobSets.standard, provider })
    try {
      for (const form of opened.description.forms)
        yield { name: `gpu.${provider}.${form.form}`, ...figures(form, peak), exact: form.exact, refusal: form.refusal }
      if (late.aborted) return yield* leftOut(`gpu.${provider}.window`)
      const { tensor } = opened.kinds
      await tensor.prepare({ epochSeed })
      const {
        units,
        figures: counted,
        kernelMs,
        durationMs,
      } = await tensor.runWindow({
        epochSeed,
        seed: new Uint8Array(32).fill(5),
      })
      const { form } = opened.description
      yield {
        name: `gpu.${provider}.window`,
        form,
        rows: units,
        ...figures({ form, rate: counted.tensor! }, peak),
        kernel: kernelMs / durationMs,
      }
    } finally {
      await opened.close()
    }
  } catch (error) {
    yield endedBy(`gpu.${provider}`, error)
  }
}

function figures({ form, rate }: Pick<FormResult, 'form' | 'rate'>, peak: CardPeak | null) {
  const value = rate / 1e6
  const of = form === 'fp32' ? 'tf32' : 'int8'
  const shares = peak === null ? {} : { share: value / peak[of], of, ofBf16: value / peak.bf16 }
  return { value, unit: 'Top/s', ...shares }
}

function nvidiaName(): string | null {
  try {
    const names = execFileSync('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'], { stdio: 'pipe' })
    return names.toString('utf8').split('\n')[0]!.trim() || null
  } catch {
    return null
  }
}

/** Asks in a process of its own, since WebGPU serves one thread of a process and the engine's is another. */
const askAdapter = `
const { create } = await import(process.argv[1])
const gpu = create([])
const info = (await gpu.requestAdapter())?.info
process.stdout.write(info === undefined || info.isFallbackAdapter ? '' : info.description || info.device || info.vendor)
`

/** The name of WebGPU's adapter, or null where there is none or a processor stands in for it. */
function adapterName(): string | null {
  const module = findWebgpu()
  if (module === null) return null
  const ask = ['--input-type=module', '--eval', askAdapter, module]
  try {
    return execFileSync(process.execPath, ask, { stdio: 'pipe', timeout: 30_000 }).toString('utf8').trim() || null
  } catch {
    return null
  }
}
