/** Runs the real job once without a network: what a device would show its Checkers, and whether it would pass their check. */
import { bytesToHex, type Hex } from 'viem'
import { classOfModel, peakOperationsPerSecond } from '../devices/class-table.ts'
import type { ProbedDevice } from '../devices/probed-device.ts'
import { capacityOf } from '../epoch/capacity.ts'
import { type Jobs, jobOf, ownKinds } from '../job/jobs.ts'
import { type Soundness, soundnessBits } from '../job/soundness.ts'
import type { Prepared } from '../job/work-core.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import type { Clock } from '../platform/clock.ts'
import { type RoundKindName, slotKinds } from '../protocol/constants.ts'
import type { DeviceRecord } from '../protocol/device-record.ts'
import type { Figures } from '../protocol/verdict.ts'
import { figuresText, grouped } from '../view/figures.ts'
import { soundnessText } from './loaded-bundle.ts'

/** One window of one kind, and the check of a seat on it. */
type KindTest = {
  readonly kind: RoundKindName
  readonly specHash: Hex
  /** Rows or steps. */
  readonly unit: string
  readonly units: number
  readonly figures: Figures
  /** Units of work for each one that a seat recomputes, and how well it is checked. */
  readonly unitsPerSample: number
  readonly soundness: Soundness
  readonly windowMs: number
  /** Of the window: spent in the kernel, and lost after the last batch that counted. */
  readonly kernelMs: number
  readonly lostMs: number
  /** `recomputedOn` is what recomputed the sample. */
  readonly check: {
    readonly ok: boolean
    readonly step: string | null
    readonly detail: string | null
    readonly recomputedOn: string
  }
}

export type SelfTestResult = {
  readonly device: Pick<DeviceRecord, 'model' | 'kind'> & Pick<ProbedDevice, 'localId' | 'deviceClass'>
  /** What computes, and in which form of the model; every form tried with its speed in Mop/s. */
  readonly executionProvider: string
  readonly form: string
  readonly forms: WorkEngine['description']['forms']
  readonly refused: WorkEngine['description']['refused']
  /** Model and memory. */
  readonly buildMs: number
  readonly memory: Prepared['memory']
  readonly tests: readonly KindTest[]
  /** The index that these figures give: what the device is paid by. */
  readonly capacity: number
  /** The class of this model; null where none is known. `share` of its peak, which no job reaches. */
  readonly reference: ReturnType<typeof referenceOf>
}

type Tester = Pick<WorkEngine, 'kinds' | 'close' | 'description'>

export type SelfTestDependencies = {
  /** The device's own engine, as a Provider would start it. */
  readonly startEngine: () => Promise<WorkEngine>
  /** What recomputes: a CPU, as most Checkers have. */
  readonly startVerifier: () => Promise<Tester>
  readonly randomBytes: (size: number) => Uint8Array
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly onStep?: (step: string) => void
}

/** @throws what the execution provider refuses */
export async function selfTestDevice(
  device: ProbedDevice,
  jobs: Jobs,
  { startEngine, startVerifier, randomBytes, clock, onStep = () => undefined }: SelfTestDependencies,
): Promise<SelfTestResult> {
  const random = () => bytesToHex(randomBytes(32))
  const engine = await startEngine()
  const ownDevice = { deviceId: random(), generation: 1 }
  const epochSeed = random()
  let verifier = null as Tester | null
  try {
    onStep('building the model and filling memory')
    const startMs = clock.monotonicMs()
    const prepared = await engine.prepare({ epochSeed, device: ownDevice })
    const buildMs = clock.monotonicMs() - startMs
    const tests: KindTest[] = []
    for (const [kind, { base = kind }] of Object.entries(ownKinds))
      if (((prepared[base] as Partial<Prepared['memory']>).problem ?? null) === null) tests.push(await test(kind))
    const { provider, form, forms, refused } = engine.description
    const { model, kind } = device.record
    const measured = slotKinds.map(kind => tests.find(each => each.kind === kind)?.figures)
    const measures = { tensor: 0, bandwidth: 0, resident: 0, ...Object.assign({}, ...measured) }
    return {
      device: { model, kind, localId: device.localId, deviceClass: device.deviceClass },
      ...{ executionProvider: provider, form, forms, refused, buildMs, memory: prepared.memory, tests },
      capacity: Number(capacityOf(measures)),
      reference: referenceOf(model, measures.tensor),
    }
  } finally {
    if (verifier !== null && verifier !== engine) await verifier.close()
    await engine.close()
  }

  async function test(kind: RoundKindName): Promise<KindTest> {
    const job = jobOf(jobs, kind)
    const { windowMs, samples } = job.spec
    onStep(`working a ${kind} window of ${windowMs / 1000} s`)
    const seed = randomBytes(32)
    const window = await engine.kinds[kind]!.runWindow({ epochSeed, seed, device: ownDevice })
    const { units, root, figures, kernelMs, lostMs } = window
    return {
      ...{ kind, specHash: job.specHash, unit: job.unit, units, figures, windowMs, kernelMs, lostMs },
      unitsPerSample: units / samples,
      soundness: soundnessBits({ samples, guess: job.guess }),
      check: units === 0 ? unchecked : await check(),
    }

    async function check(): Promise<KindTest['check']> {
      const sample = job.sample(units, { secret: random(), root, samplingBlockHash: random() })
      onStep(`recomputing ${sample.length} sampled places`)
      const openings = await engine.kinds[kind]!.open({ handle: window.handle, sample })
      verifier ??= engine.description.provider === 'cpu' ? engine : await startVerifier()
      const items = [{ seed, device: ownDevice, units, root, sample, openings }]
      const [answer] = await verifier.kinds[kind]!.verify({ epochSeed, items })
      const { provider: on, form } = verifier.description
      const recomputedOn = `${on}/${form}`
      return answer!.ok
        ? { ok: true, step: null, detail: null, recomputedOn }
        : { ok: false, step: answer!.step, detail: answer!.detail, recomputedOn }
    }
  }
}

const unchecked: KindTest['check'] = { ok: true, step: null, detail: null, recomputedOn: 'nothing: no work' }

function referenceOf(model: string, rate: number) {
  const known = classOfModel(model)
  if (known === null) return null
  const peak = peakOperationsPerSecond(known)
  const peakRate = peak === null ? null : peak / 1e6
  return {
    deviceClass: known.id,
    /** Mop/s of fp32 multiply-add. */
    peakRate,
    share: peakRate === null ? null : rate / peakRate,
    provenance: known.provenance,
    calibrated: known.calibrated,
  }
}

/** The result as lines for people. */
export function selfTestLines({ device, executionProvider, form, memory, tests, ...result }: SelfTestResult): string[] {
  const { reference, forms, refused } = result
  const tried = forms.map(
    each =>
      `${each.provider === executionProvider ? '' : `${each.provider} `}${each.form} ${each.exact ? `${grouped(each.rate)} Mop/s` : `refused: ${each.refusal}`}`,
  )
  return [
    `${device.model}${device.deviceClass === null ? '' : `  (${device.deviceClass})`}`,
    `  capacity    ${grouped(result.capacity)}`,
    ...tests.flatMap(kindLines),
    ...(memory.problem === null ? [] : [`  memory      none: ${memory.problem.message}`]),
    `  reference   ${
      reference === null
        ? 'no class is known for this model; every exact result counts'
        : reference.peakRate === null
          ? `${reference.deviceClass}, whose peak is not known`
          : `${(100 * reference.share!).toFixed(1)}% of the fp32 peak of ${reference.deviceClass}, ${grouped(reference.peakRate)} Mop/s (${reference.provenance}); no job reaches a peak`
    }`,
    `  kernel      ${executionProvider}, form ${form}; model and memory ready in ${(result.buildMs / 1000).toFixed(2)} s`,
    `  forms       ${tried.join(' · ')}`,
    ...refused.flatMap(each => [
      `  not used    ${each.provider}: ${each.code}: ${each.message}`,
      `  ${' '.repeat(11)} fix: ${each.fix}`,
    ]),
  ]
}

function kindLines({ kind, unit, units, figures, check, ...test }: KindTest): string[] {
  const share = (ms: number) => `${((100 * ms) / test.windowMs).toFixed(1)}%`
  return [
    `  ${kind.padEnd(11)} ${figuresText(figures)}: ${grouped(units)} ${unit}s in a window of ${test.windowMs / 1000} s`,
    `    check     ${check.ok ? `passes: everything sampled, recomputed on ${check.recomputedOn}, is equal` : `FAILS at ${check.step}: ${check.detail}`}`,
    `    lost      ${test.lostMs.toFixed(1)} ms of the window (${share(test.lostMs)}), ${share(test.kernelMs)} in the kernel`,
    `    soundness ${soundnessText(test.soundness, 'one seat')}`,
    `    leverage  ${test.unitsPerSample.toFixed(1)} ${unit}s of work for each one a seat recomputes`,
  ]
}
