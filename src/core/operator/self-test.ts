/** The real job, once, for nobody: what a device would show its Checkers, and whether it would pass their check. */
import { bytesToHex, type Hex } from 'viem'
import { classOfModel, peakOperationsPerSecond } from '../devices/class-table.ts'
import type { ProbedDevice } from '../devices/probed-device.ts'
import { sampleRows } from '../job/job-seed.ts'
import { type JobSpec, specHash, type WindowFigures, windowFigures } from '../job/tensor/tensor-spec.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import type { Clock } from '../platform/clock.ts'
import { grouped } from '../view/figures.ts'
import { soundnessText } from './soundness-text.ts'

export type SelfTestResult = {
  readonly device: {
    readonly model: string
    readonly kind: string
    readonly localId: Hex
    readonly deviceClass: string | null
  }
  readonly spec: JobSpec & { readonly hash: Hex }
  /** What computes, and in which form of the model; every form tried with its speed in Mop/s. */
  readonly executionProvider: string
  readonly form: string
  readonly forms: WorkEngine['description']['forms']
  readonly refused: WorkEngine['description']['refused']
  readonly buildMs: number
  readonly figures: WindowFigures
  /** Of the window: spent in the kernel, and lost after the last batch that counted. */
  readonly kernelMs: number
  readonly lostMs: number
  /** The check of a seat on these rows; `recomputedOn` is what recomputed them. */
  readonly check: {
    readonly ok: boolean
    readonly step: string | null
    readonly detail: string | null
    readonly recomputedOn: string
  }
  /** The class of this model; null where none is known. `share` of its peak, which no job reaches. */
  readonly reference: {
    readonly deviceClass: string
    /** Mop/s of fp32 multiply-add. */
    readonly peakRate: number | null
    readonly share: number | null
    readonly provenance: string
    readonly calibrated: boolean
  } | null
}

export type SelfTestDependencies = {
  /** The device's own engine, as a Provider would start it. */
  readonly startEngine: () => Promise<WorkEngine>
  /** What recomputes: a CPU, as most Checkers have. */
  readonly startVerifier: () => Promise<Pick<WorkEngine, 'verify' | 'close' | 'description'>>
  readonly randomBytes: (size: number) => Uint8Array
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly onStep?: (step: string) => void
}

/** @throws what the execution provider refuses */
export async function selfTestDevice(
  device: ProbedDevice,
  spec: JobSpec,
  { startEngine, startVerifier, randomBytes, clock, onStep = () => undefined }: SelfTestDependencies,
): Promise<SelfTestResult> {
  const random = () => bytesToHex(randomBytes(32))
  const engine = await startEngine()
  try {
    onStep('building the model')
    const epochSeed = random()
    const startMs = clock.monotonicMs()
    await engine.prepare(epochSeed)
    const buildMs = clock.monotonicMs() - startMs
    onStep(`working a window of ${spec.windowMs / 1000} s`)
    const seed = randomBytes(32)
    const window = await engine.runWindow({ epochSeed, seed })
    const { rows, root, handle, kernelMs, lostMs } = window
    const sample = sampleRows(spec, rows, { secret: random(), root, samplingBlockHash: random() })
    let check: SelfTestResult['check'] = { ok: true, step: null, detail: null, recomputedOn: 'nothing: no rows' }
    if (rows > 0) {
      onStep(`recomputing ${sample.length} sampled rows`)
      const openings = await engine.open({ handle, sample })
      const item = { seed, rows, root, sample, openings }
      const verifier = engine.description.provider === 'cpu' ? engine : await startVerifier()
      try {
        const [answer] = await verifier.verify({ epochSeed, items: [item] })
        const { provider: on, form } = verifier.description
        const recomputedOn = `${on}/${form}`
        check = answer!.ok
          ? { ok: true, step: null, detail: null, recomputedOn }
          : { ok: false, step: answer!.step, detail: answer!.detail, recomputedOn }
      } finally {
        if (verifier !== engine) await verifier.close()
      }
    }
    const figures = windowFigures(spec, rows)
    const { provider, form, forms, refused } = engine.description
    const { model, kind } = device.record
    return {
      device: { model, kind, localId: device.localId, deviceClass: device.deviceClass },
      spec: { ...spec, hash: specHash(spec) },
      executionProvider: provider,
      form,
      forms,
      refused,
      buildMs,
      figures,
      kernelMs,
      lostMs,
      check,
      reference: referenceOf(model, figures.rate),
    }
  } finally {
    await engine.close()
  }
}

function referenceOf(model: string, rate: number): SelfTestResult['reference'] {
  const known = classOfModel(model)
  if (known === null) return null
  const peak = peakOperationsPerSecond(known)
  const peakRate = peak === null ? null : peak / 1e6
  return {
    deviceClass: known.id,
    peakRate,
    share: peakRate === null ? null : rate / peakRate,
    provenance: known.provenance,
    calibrated: known.calibrated,
  }
}

/** The result as lines for people. */
export function selfTestLines({ device, spec, executionProvider, form, ...result }: SelfTestResult): string[] {
  const { figures, check, reference, forms, refused } = result
  const tried = forms.map(
    each => `${each.form} ${each.exact ? `${grouped(each.rate)} Mop/s` : `refused: ${each.refusal}`}`,
  )
  return [
    `${device.model}${device.deviceClass === null ? '' : `  (${device.deviceClass})`}`,
    `  check       ${check.ok ? `passes: every sampled row, recomputed on ${check.recomputedOn}, is equal` : `FAILS at ${check.step}: ${check.detail}`}`,
    `  rate        ${grouped(figures.rate)} Mop/s: ${grouped(figures.rows)} rows in a window of ${spec.windowMs / 1000} s`,
    `  reference   ${
      reference === null
        ? 'no class is known for this model; every exact result counts'
        : reference.peakRate === null
          ? `${reference.deviceClass}, whose peak is not known`
          : `${(100 * reference.share!).toFixed(1)}% of the fp32 peak of ${reference.deviceClass}, ${grouped(reference.peakRate)} Mop/s (${reference.provenance}); no job reaches a peak`
    }`,
    `  lost        ${result.lostMs.toFixed(1)} ms of the window (${((100 * result.lostMs) / spec.windowMs).toFixed(2)}%), ${((100 * result.kernelMs) / spec.windowMs).toFixed(1)}% in the kernel`,
    `  soundness   ${soundnessText(figures.soundness, 'one seat')}`,
    `  leverage    ${figures.rowsPerSample.toFixed(1)} rows of work for each row a seat recomputes`,
    `  kernel      ${executionProvider}, form ${form}; model built in ${(result.buildMs / 1000).toFixed(2)} s`,
    `  forms       ${tried.join(' · ')}`,
    ...refused.flatMap(each => [
      `  not used    ${each.provider}: ${each.code}: ${each.message}`,
      `  ${' '.repeat(11)} fix: ${each.fix}`,
    ]),
  ]
}
