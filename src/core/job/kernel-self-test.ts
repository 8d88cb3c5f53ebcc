/**
 * Which form of the model to run here: the fastest of those that give the exact integers. Each form runs two small models of the
 * spec's own width, one random, one built to reach the largest sums there can be, and is compared with plain integers.
 */

import { jobErrors } from './errors.ts'
import type { ExecutionProvider, SessionOptions } from './execution-provider.ts'
import { type Kernel, openKernel } from './kernel.ts'
import type { KernelForm } from './model-graph.ts'
import { referenceDigests } from './reference-digests.ts'
import { rowInput } from './row-input.ts'
import { type JobSpec, operationsPerRow, rowBytes } from './spec.ts'
import type { MonotonicClock } from './thread-clock.ts'
import { createWeights, type Weights } from './weights.ts'

/** The forms worth trying on each provider. */
const formsOf: Record<ExecutionProvider, readonly KernelForm[]> = {
  cpu: ['u8', 'fp32', 's8'],
  cuda: ['fp32', 's8'],
  webgpu: ['fp32'],
}

export type FormResult = {
  readonly form: KernelForm
  readonly exact: boolean
  /** Integer operations per second in Mop/s; 0 where the form does not run. */
  readonly rate: number
  /** Why it is not used, or null. */
  readonly refusal: string | null
}
export type SelfTest = { readonly form: KernelForm; readonly results: readonly FormResult[] }

const seed = new Uint8Array(32).fill(7)
const referenceRows = 4
const batchRows = 128
const measureMs = 30

/** @throws JOB_NO_EXACT_KERNEL when no form gives the exact integers; what the provider throws when it cannot start at all. */
export async function selfTest(
  spec: JobSpec,
  options: SessionOptions,
  clock: MonotonicClock,
  open: typeof openKernel = openKernel,
): Promise<SelfTest> {
  const small = { ...spec, layers: Math.min(spec.layers, 2), weights: Math.min(spec.weights, 2) }
  const random = createWeights(small, `0x${'00'.repeat(32)}`)
  const cases = [
    { weights: random, inputs: rowInput(seed, 0, referenceRows) },
    { weights: extremeWeights(random), inputs: new Uint8Array(rowBytes) },
  ].map(({ weights, inputs }) => ({ weights, inputs, expected: referenceDigests(weights, inputs) }))

  const results: FormResult[] = []
  const failures: unknown[] = []
  for (const form of formsOf[options.provider]) results.push(await testForm(form))
  const best = results.filter(({ exact }) => exact).sort((a, b) => b.rate - a.rate)[0]
  if (best === undefined) {
    if (failures.length === results.length) throw failures[0]
    const tried = results.map(({ form, refusal }) => `${form}: ${refusal}`).join('; ')
    throw jobErrors.JOB_NO_EXACT_KERNEL({ provider: options.provider, tried })
  }
  return { form: best.form, results }

  async function testForm(form: KernelForm): Promise<FormResult> {
    let rate = 0
    for (const { weights, inputs, expected } of cases) {
      let kernel: Kernel
      try {
        kernel = await open(weights, form, options)
      } catch (error) {
        failures.push(error)
        return { form, exact: false, rate: 0, refusal: error instanceof Error ? error.message : String(error) }
      }
      try {
        const batch = repeat(inputs, batchRows)
        const wrong =
          !equal(await kernel.run(inputs), expected) || !equal(await kernel.run(batch), repeat(expected, batchRows))
        if (wrong) return { form, exact: false, rate: 0, refusal: 'its digests differ from plain integers' }
        rate ||= await measure(kernel, batch)
      } finally {
        await kernel.release()
      }
    }
    return { form, exact: true, rate, refusal: null }
  }

  async function measure(kernel: Kernel, batch: Uint8Array): Promise<number> {
    let fastestMs = Number.POSITIVE_INFINITY
    const endMs = clock.monotonicMs() + measureMs
    do {
      const startMs = clock.monotonicMs()
      await kernel.run(batch)
      fastestMs = Math.min(fastestMs, clock.monotonicMs() - startMs)
    } while (clock.monotonicMs() < endMs)
    return Math.floor((batchRows * operationsPerRow(small)) / Math.max(fastestMs, 1e-3) / 1_000)
  }
}

/**
 * For the input row of all −64, X_0 is −64 in the even columns and 63 in the odd ones (Φ(0) and Φ(−64 · −255)), and the columns of
 * W_0 are all 63, all −63, or of the sign of X_0: the most extreme sums that any input can reach.
 */
export function extremeWeights({ spec, embed, layers, reduce }: Weights): Weights {
  const { width } = spec
  const extremeEmbed = new Int8Array(embed.length)
  for (let row = 0; row < rowBytes; row++)
    for (let column = 1; column < width; column += 2) extremeEmbed[row * width + column] = row === 0 ? -7 : -8
  const extremeLayer = new Int8Array(layers[0]!.length)
  for (let row = 0; row < width; row++)
    for (let column = 0; column < width; column++)
      extremeLayer[row * width + column] = [63, -63, row % 2 === 0 ? -63 : 63][column % 3]!
  return { spec, embed: extremeEmbed, layers: [extremeLayer, ...layers.slice(1)], reduce }
}

const repeat = (rows: Uint8Array, count: number): Uint8Array =>
  Uint8Array.from({ length: count * rowBytes }, (_, i) => rows[i % rows.length]!)

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
