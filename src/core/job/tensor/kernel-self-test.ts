/**
 * Which form of the model to run here: the fastest of those that give the exact integers. Each form runs two small models of the
 * spec's own width, one random, one built to reach the largest sums there can be, and is compared with plain integers.
 *
 * Why: docs/why/work-proof.md
 */

import { jobErrors } from '../errors.ts'
import type { ExecutionProvider, SessionOptions } from '../execution-provider.ts'
import type { MonotonicClock } from '../thread-clock.ts'
import { type Kernel, type KernelForm, openKernel } from './kernel.ts'
import { referenceDigests } from './reference-digests.ts'
import { rowInput } from './row-input.ts'
import { operationsPerRow, rowBytes, type TensorSpec } from './tensor-spec.ts'
import { createWeights, type Weights } from './weights.ts'

/** The forms worth trying on each provider. */
const formsOf: Record<ExecutionProvider, readonly KernelForm[]> = {
  cpu: ['u8', 'fp32', 's8'],
  cuda: ['fp32', 's8'],
  webgpu: ['wgsl-matrix', 'wgsl-8', 'wgsl-4', 'fp32'],
}

export type FormResult = {
  readonly provider: ExecutionProvider
  readonly form: KernelForm
  readonly exact: boolean
  /** Integer operations per second in Mop/s; 0 where the form does not run. */
  readonly rate: number
  /** Why it is not used, or null. */
  readonly refusal: string | null
}
/** `rate`: of the form that is used. */
export type SelfTest = { readonly form: KernelForm; readonly rate: number; readonly results: readonly FormResult[] }

const seed = new Uint8Array(32).fill(7)
const epochSeed = `0x${'0'.repeat(64)}` as const
const referenceRows = 4
/** Rows of the batch that is compared, and of the first that is measured. */
const batchRows = 128
/** Of each form, and at least this many turns. */
const measureMs = 30
const leastTurns = 5
/** A batch that took half of this, the best of two turns, is followed by one of twice the rows. */
const growthMs = 6
const growthTurns = 2
/** A form that took this many times as long as another has had its turns. */
const hopeless = 16

/**
 * `mostRows`: of one run, as the windows will use it. `signal`: ends the test between two cases, or turns.
 * @throws JOB_NO_EXACT_KERNEL when no form gives the exact integers; what the provider throws when it cannot start at all; the signal's reason
 */
export async function selfTest(
  spec: TensorSpec,
  {
    mostRows,
    signal,
    ...options
  }: SessionOptions & { readonly mostRows: number; readonly signal?: AbortSignal | undefined },
  clock: MonotonicClock,
  open: typeof openKernel = openKernel,
): Promise<SelfTest> {
  const small = { ...spec, layers: Math.min(spec.layers, 2), weights: Math.min(spec.weights, 2) }
  const random = createWeights(small, epochSeed)
  const cases = [
    { weights: extremeWeights(createWeights({ ...spec, layers: 1, weights: 1 }, epochSeed)), inputs: extremeInputs() },
    { weights: random, inputs: rowInput(seed, 0, referenceRows) },
  ].map(({ weights, inputs }) => ({ weights, inputs, expected: referenceDigests(weights, inputs) }))

  const opened: Kernel[] = []
  const failures: unknown[] = []
  try {
    const tested: TestedForm[] = []
    for (const form of formsOf[options.provider]) tested.push({ form, ...(await testForm(form)) })
    const rates = await measure(tested)
    const results = tested.map(({ form, kernel, refusal }): FormResult => {
      return { provider: options.provider, form, exact: kernel !== null, rate: rates.get(form) ?? 0, refusal }
    })
    const best = results.filter(({ exact }) => exact).sort((a, b) => b.rate - a.rate)[0]
    if (best !== undefined) return { form: best.form, rate: best.rate, results }
    if (failures.length === results.length) throw failures[0]
    const tried = results.map(({ form, refusal }) => `${form}: ${refusal}`).join('; ')
    throw jobErrors.JOB_NO_EXACT_KERNEL({ provider: options.provider, tried })
  } finally {
    for (const kernel of opened) await kernel.release()
  }

  /** The form's kernel of the last case, once it was exact in all of them, or why it is not used. */
  async function testForm(form: KernelForm): Promise<Omit<TestedForm, 'form'>> {
    let kernel: Kernel | null = null
    try {
      for (const { weights, inputs, expected } of cases) {
        signal?.throwIfAborted()
        kernel = await open(weights, form, options)
        opened.push(kernel)
        const batch = await kernel.run(repeat(inputs, batchRows))
        if (!equal(await kernel.run(inputs), expected) || !equal(batch, repeat(expected, batchRows)))
          return { kernel: null, refusal: 'its digests differ from plain integers' }
      }
      return { kernel, refusal: null }
    } catch (error) {
      signal?.throwIfAborted()
      return { kernel: null, refusal: refuse(error) }
    }
  }

  function refuse(error: unknown): string {
    failures.push(error)
    return error instanceof Error ? error.message : String(error)
  }

  /**
   * Rate by form in Mop/s. All in turn, and the best run of each: what else the machine does must not choose for us. Batches grow as
   * far as windows use them and the time allows, since in a small one a card shows only how long it takes to begin.
   */
  async function measure(tested: readonly TestedForm[]): Promise<Map<KernelForm, number>> {
    const endMs = clock.monotonicMs() + measureMs * tested.length
    let rows = Math.min(batchRows, mostRows)
    let fastestMs = new Map<KernelForm, number>()
    let turns = 0
    while (tested.some(({ kernel }) => kernel !== null) && (turns < leastTurns || clock.monotonicMs() < endMs)) {
      signal?.throwIfAborted()
      const batch = repeat(rowInput(seed, 0, referenceRows), rows)
      const mostMs = hopeless * Math.min(...fastestMs.values())
      for (const each of tested) if (!(fastestMs.get(each.form)! > mostMs)) await takeTurn(each, batch, fastestMs)
      turns++
      if (turns < growthTurns || rows >= mostRows || 2 * Math.max(...fastestMs.values()) > growthMs) continue
      rows = Math.min(2 * rows, mostRows)
      fastestMs = new Map()
      turns = 0
    }
    const operations = rows * operationsPerRow(small)
    return new Map([...fastestMs].map(([form, ms]) => [form, Math.floor(operations / Math.max(ms, 1e-3) / 1_000)]))
  }

  async function takeTurn(tested: TestedForm, batch: Uint8Array, fastestMs: Map<KernelForm, number>): Promise<void> {
    const { form, kernel } = tested
    if (kernel === null) return
    const startMs = clock.monotonicMs()
    try {
      await kernel.run(batch)
    } catch (error) {
      Object.assign(tested, { kernel: null, refusal: refuse(error) })
      fastestMs.delete(form)
      return
    }
    fastestMs.set(form, Math.min(fastestMs.get(form) ?? Number.POSITIVE_INFINITY, clock.monotonicMs() - startMs))
  }
}

type TestedForm = { readonly form: KernelForm; kernel: Kernel | null; refusal: string | null }

/**
 * Weights that reach the largest sums there can be, with {@link extremeInputs}. E has one −1 in each column, in row 0 for column 0 and
 * in row 1 for the others, so that X_0 is Φ(0) = −64 where that input is 0 and Φ(−1) = 63 where it is 1. Two columns in four of W_0
 * are all 63 or all −63: sums of ±64 · 63 · K, and pairs of ±2 · 127 · 63 as unsigned bytes. The other two are 127 less and odd, so that
 * fp32 rounds them over a step of Φ as soon as they pass 2^24, which is at K = 4162.
 */
export function extremeWeights({ spec, embed, layers: [layer], reduce }: Weights): Weights {
  const { width } = spec
  const extremeEmbed = new Int8Array(embed.length)
  for (let column = 0; column < width; column++) extremeEmbed[(column === 0 ? 0 : width) + column] = -1
  const extremeLayer = new Int8Array(layer!.length)
  for (let row = 0; row < width; row++)
    for (let column = 0; column < width; column++) {
      const entry = column % 4 < 2 || row > 1 ? 63 : [-63, 62][row]!
      extremeLayer[row * width + column] = column % 2 === 0 ? entry : -entry
    }
  return { spec, embed: extremeEmbed, layers: [extremeLayer], reduce }
}

/** Rows for {@link extremeWeights}, as bytes x + 64: X_0 is all −64, all 63, and 63 in column 0 alone. */
export const extremeInputs = (): Uint8Array => {
  const inputs = new Uint8Array(3 * rowBytes).fill(64)
  for (const one of [rowBytes, rowBytes + 1, 2 * rowBytes]) inputs[one] = 65
  return inputs
}

function repeat(rows: Uint8Array, count: number): Uint8Array {
  const repeated = new Uint8Array(count * rowBytes)
  for (let at = 0; at < repeated.length; at += rows.length) repeated.set(rows.subarray(0, repeated.length - at), at)
  return repeated
}

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
