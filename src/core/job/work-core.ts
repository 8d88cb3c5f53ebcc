/**
 * The work of one device, or the recomputing of one Checker, in the thread that calls it: an engine for each kind of round. Daemons use
 * it behind {@link import('./work-engine.ts').createWorkEngine}, which moves it to a thread of its own.
 */
import type { RoundKindName } from '../protocol/constants.ts'
import { jobErrors } from './errors.ts'
import { chooseExecutionProvider, type ExecutionProvider } from './execution-provider.ts'
import { type Jobs, type Kinds, ownKinds, specOf } from './jobs.ts'
import { fillOnCard } from './memory/card-fill.ts'
import { groupsOnCard } from './memory/groups-to-claim.ts'
import type { MemoryEngineDependencies, MemoryEngineOptions, PreparedMemory } from './memory/memory-engine.ts'
import type { KindEngine, PrepareRequest } from './round-kind.ts'
import { type KernelForm, openKernel } from './tensor/kernel.ts'
import { type FormResult, selfTest } from './tensor/kernel-self-test.ts'
import type { PreparedModel } from './tensor/model-cache.ts'
import type { TensorEngineOptions } from './tensor/tensor-engine.ts'
import type { TensorSpec } from './tensor/tensor-spec.ts'
import { checkReached, type MeantCard, reasonUnreached, unreached } from './webgpu-device.ts'
import { findWebgpu } from './webgpu-package.ts'
import { isWgslForm } from './wgsl-shader.ts'
import { createWindowGate, type WindowGate } from './window-gate.ts'

export type WorkOptions = {
  readonly jobs: Jobs
  /**
   * Default 'auto': CUDA, then WebGPU, then the CPU; where memory rounds use WebGPU beside CUDA, the faster of both. A named one is used
   * or refused, never replaced.
   */
  readonly provider?: ExecutionProvider | 'auto'
  /** CUDA's number of the device among those of this process, in the order of the PCI bus; default 0. */
  readonly deviceIndex?: number
  /** Providers that cannot be pinned to the device, and why: they are refused. */
  readonly notPinned?: Partial<Record<ExecutionProvider, string>>
  /** What WebGPU reaches beside it is refused. Default: whatever it reaches. */
  readonly card?: MeantCard
  /** The form that a self-test of this provider on this host has chosen before; default: it is tested now. */
  readonly form?: KernelForm
  /** Threads of one operator on the CPU; default 0, every core. */
  readonly threads?: number
  /** Most rows of one run; default {@link rowsOfRun}. */
  readonly batchRows?: number
  /** Windows of each kind that can still be opened; default what the kind says. */
  readonly keepWindows?: Readonly<Record<RoundKindName, number>>
  /** Whether `verify` gives the witnesses that it is asked for, which takes memory in every run; default no. */
  readonly witnesses?: boolean
  /** URL of the file of the package `webgpu`, where it is not installed beside kaisar; default: as Node finds it. */
  readonly webgpuModule?: string
  /** Whether another thread of this process has WebGPU, which serves one at a time. Set by the engine. */
  readonly webgpuTaken?: boolean
  /** Bytes of digests kept per window; default 256 MiB, 8 million rows. Rows beyond are computed again when opened. */
  readonly keepBytes?: number
  /** Groups of memory to fill for the device's memory rounds; default the specification's least, and on a card what it has free. */
  readonly memoryGroups?: number
  /** What of a card's memory is free, as far as it is known, and whether a display needs some of it. */
  readonly freeMemory?: { readonly freeBytes: number | null; readonly display: boolean }
}

export type WorkDescription = {
  readonly provider: ExecutionProvider
  readonly form: KernelForm
  /** Where memory rounds are worked: a card's on the card, where WebGPU reaches it; a CPU's in the host's memory. */
  readonly memory: MemoryPlace['place']
  /** Why they are worked nowhere, else null. */
  readonly memoryProblem: string | null
  /** Self-test: every form tried, of every provider that can be used, whether it is exact, and its speed in Mop/s. */
  readonly forms: readonly FormResult[]
  /** Execution providers tried before this one, and why each was refused. */
  readonly refused: readonly {
    readonly provider: ExecutionProvider
    readonly code: string
    readonly message: string
    readonly fix: string
  }[]
}

type PreparedBy = { readonly tensor: PreparedModel; readonly memory: PreparedMemory; readonly beat: PreparedMemory }
/** What the engines of an epoch have made ready, by kind; one that is based on another uses what that has. */
export type Prepared = Readonly<Record<RoundKindName, unknown>> & Omit<PreparedBy, 'beat'>

type Engines = Readonly<Record<RoundKindName, KindEngine>>

export type WorkCore = {
  readonly description: WorkDescription
  readonly kinds: Engines & { readonly [K in keyof PreparedBy]: KindEngine<PreparedBy[K]> }
  /** Makes ready what the rounds of an epoch need, of every kind, one after the other. */
  prepare(request: PrepareRequest): Promise<Prepared>
  close(): Promise<void>
}

export type WorkDependencies = Pick<MemoryEngineDependencies, 'clock' | 'fill'> & {
  readonly open?: typeof openKernel
  readonly kinds?: Kinds
  /** Ends the self-test before its next case or turn, with its reason; later it does nothing. */
  readonly signal?: AbortSignal
}

/** What the engines of a thread are opened with: device and kernel as they were chosen, and what was asked for of each kind's work. */
export type EngineGround = Omit<TensorEngineOptions, 'spec'> &
  Pick<MemoryEngineOptions, 'threads'> &
  Pick<MemoryEngineDependencies, 'clock' | 'fill'> & {
    readonly gate: WindowGate
    readonly open: typeof openKernel
    /** Groups of memory, where a number was asked for. */
    readonly groups?: number
    /** The engine of the kind that this one is based on. */
    readonly base?: KindEngine
  }

/**
 * Where the memory rounds of a device are worked that computes with this provider: on its card where the package `webgpu` is installed,
 * beside CUDA too unless WebGPU might reach another card or is another engine's. The host's memory is never a card's.
 */
export function memoryPlace(
  provider: ExecutionProvider,
  { notPinned, webgpuTaken, webgpuModule }: Pick<WorkOptions, 'notPinned' | 'webgpuTaken' | 'webgpuModule'>,
): MemoryPlace {
  if (provider === 'cpu') return { place: 'host' }
  if (notPinned?.webgpu !== undefined) return { place: 'nowhere', problem: notPinned.webgpu }
  if (webgpuTaken === true) return { place: 'nowhere', problem: 'WebGPU serves one card of a process, and has another' }
  if ((webgpuModule ?? findWebgpu()) === null)
    return { place: 'nowhere', problem: 'the package "webgpu" is not installed' }
  return { place: 'card' }
}

type MemoryPlace =
  | { readonly place: 'card' | 'host'; readonly problem?: undefined }
  | { readonly place: 'nowhere'; readonly problem: string }

/** The same, once WebGPU has shown what it reaches: beside CUDA nothing else asks it before the first fill. */
async function reachedPlace(provider: ExecutionProvider, options: WorkOptions): Promise<MemoryPlace> {
  const given = memoryPlace(provider, options)
  if (given.place !== 'card' || provider === 'webgpu') return given
  const refusal = await unreached(options.card, options.webgpuModule)
  return refusal === null ? given : { place: 'nowhere', problem: reasonUnreached(refusal) }
}

/** Most rows of one run: on a card as many as have 2^25 activations, 384 MiB in fp32 with what a layer makes of them. */
export const rowsOfRun = (provider: ExecutionProvider, { width }: Pick<TensorSpec, 'width'>): number =>
  provider === 'cpu' ? 1024 : Math.min(16_384, Math.floor(2 ** 25 / width))

/** @throws JOB_SPEC_INVALID, JOB_PROVIDER_UNAVAILABLE, JOB_CUDA_LIBRARIES_MISSING, JOB_WEBGPU_TAKEN, JOB_DEVICE_NOT_PINNED, JOB_ADAPTER_NOT_THE_CARD, JOB_NO_EXACT_KERNEL, the signal's reason */
export async function createWorkCore(
  options: WorkOptions,
  { clock, open = openKernel, fill, kinds = ownKinds, signal }: WorkDependencies,
): Promise<WorkCore> {
  const { deviceIndex = 0, threads = 0, webgpuModule, card } = options
  const { keepWindows = {}, keepBytes = 256 * 1024 * 1024, witnesses = false } = options
  for (const [name, { checkSpec }] of Object.entries(kinds)) checkSpec(specOf(options.jobs, name))
  const spec = options.jobs.tensor
  const attempt = async (provider: ExecutionProvider) => {
    signal?.throwIfAborted()
    const problem = options.notPinned?.[provider]
    if (problem !== undefined) throw jobErrors.JOB_DEVICE_NOT_PINNED({ provider, problem })
    if (provider === 'webgpu' && options.webgpuTaken) throw jobErrors.JOB_WEBGPU_TAKEN()
    if (provider === 'webgpu' && card !== undefined) await checkReached(card, webgpuModule)
    const session = { provider, deviceIndex, threads, webgpuModule, card }
    const batchRows = options.batchRows ?? rowsOfRun(provider, spec)
    const { form } = options
    const tested = form === undefined ? selfTest(spec, { ...session, mostRows: batchRows, signal }, clock, open) : null
    return { session, batchRows, test: (await tested) ?? { form: form!, rate: 0, results: [] } }
  }
  const choice = await chooseExecutionProvider(options.provider ?? 'auto', attempt, {
    rateOf: ({ test }) => test.rate,
    // What WebGPU does to this process it does for memory rounds as well.
    compare: memoryPlace('cuda', options).place === 'card',
  })
  const { session, batchRows, test } = choice.result
  const { memoryGroups, freeMemory = { freeBytes: null, display: true } } = options
  const fillCard: WorkDependencies['fill'] = epochFill =>
    fillOnCard(
      {
        ...{ ...epochFill, webgpuModule, card, ...(isWgslForm(test.form) && { form: test.form }) },
        groups: memoryGroups ?? (limits => groupsOnCard(epochFill.spec, freeMemory, limits)),
      },
      { clock },
    )
  const { place, problem } = await reachedPlace(choice.provider, options)
  const fillNothing: WorkDependencies['fill'] = async () => {
    throw jobErrors.JOB_MEMORY_NOT_ON_CARD({ reason: problem! })
  }
  const ground = {
    ...{ session, form: test.form, batchRows, keepBytes, threads, witnesses, clock, open, gate: createWindowGate() },
    batchesAtOnce: choice.provider === 'cpu' ? 1 : 2,
    fill: fill ?? { card: fillCard, host: undefined, nowhere: fillNothing }[place],
    ...(memoryGroups !== undefined && { groups: memoryGroups }),
  }
  const engines: Record<RoundKindName, KindEngine> = {}
  for (const [name, { base = '', keptWindows, openEngine }] of Object.entries(kinds)) {
    const own = { keepWindows: keepWindows[name] ?? keptWindows, base: engines[base] }
    engines[name] = await openEngine(specOf(options.jobs, name), { ...ground, ...own })
  }
  const bases = Object.entries(engines).filter(([name]) => kinds[name]!.base === undefined)

  return {
    description: {
      provider: choice.provider,
      form: test.form,
      memory: place,
      memoryProblem: problem ?? null,
      forms: choice.usable.flatMap(({ result }) => result.test.results),
      refused: choice.refused.map(({ provider, error: { code, message, fix } }) => ({ provider, code, message, fix })),
    },
    kinds: engines as WorkCore['kinds'],
    async prepare(request) {
      const prepared: Record<RoundKindName, unknown> = {}
      for (const [name, engine] of bases) prepared[name] = await engine.prepare(request)
      return prepared as Prepared
    },
    async close() {
      await Promise.all(bases.map(([, engine]) => engine.close()))
    },
  }
}
