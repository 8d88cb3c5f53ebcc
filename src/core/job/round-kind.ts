/**
 * A kind of round: a measure of a device, and how it is proven. Every round is of one kind; trigger, offer, signed commitment, secret
 * sample, openings, verdict and evidence are the same for all. A kind is a folder of this one, in two parts: what everybody needs who
 * judges or shows a round ({@link RoundKind}, pure), and the engine that works and recomputes it in a thread ({@link KindEngine}), which
 * is loaded there alone. jobs.ts lists the kinds.
 *
 * Work is counted in units: rows of the tensor job, steps of the memory job. What a seat samples of them are places, numbers that the
 * kind alone understands.
 *
 * Why: docs/why/rounds.md
 */
import type { Hex } from 'viem'
import type { Figures } from '../protocol/verdict.ts'
import type { SampleIdentity } from './job-seed.ts'
import type { EngineGround } from './work-core.ts'

/** A specification as data, among it the window in milliseconds and how many places one seat samples. */
export type KindSpec = { readonly windowMs: number; readonly samples: number }

export type RoundKind<Spec extends KindSpec = KindSpec> = {
  /** What one unit of work is called. */
  readonly unit: string
  /** The names of its figures with their units of measure; a device that misses a round has 0 of each. */
  readonly figures: Readonly<Record<string, string>>
  /** Chance that one place of work that was not done passes for right. */
  readonly guess: number
  /** @throws JOB_SPEC_INVALID */
  checkSpec(spec: Spec): Spec
  /** Names the specification in offers and commitments. */
  specHash(spec: Spec): Hex
  /** How a report of such a round is written. */
  readonly bundle: BundleForm
  /** At most `samples` distinct places, ascending, of a commitment to so many units. */
  sample(spec: Spec, units: number, identity: SampleIdentity): number[]
  /** How openings travel: in pieces, each of which opens a part of the sample by itself. */
  readonly pieces: Pieces<Spec>
  /** Milliseconds after the trigger at which the mark of this index is made and sent ahead of the commitment; null: there is none. */
  markDueMs(spec: Spec, index: number): number | null
  /** Milliseconds at the end of a window that count nothing where no more of it is worked than these. */
  idleTailMs(spec: Spec): number
  /** The root that a commitment to no units has; null: any. */
  readonly emptyRoot: Hex | null
  /** Windows that a device keeps for opening, no fewer than can be open at once. */
  readonly keptWindows: number
  /** The kind whose specification is a part of this one's, under its name, and whose engine with what that has made ready works this one's rounds. */
  readonly base?: string
  openEngine(spec: Spec, ground: EngineGround): Promise<KindEngine>
}

export type BundleForm = {
  /** Of its evidence bundles, this kind's alone. */
  readonly version: number
  /** Of those from before versions were of a kind, whose specification has version 1: what one seat saw, with proof against the device, with a witness. */
  readonly before?: readonly [plain: number, accused: number, witnessed: number]
  readonly spec: SpecShape
  /** Whether the marks that came in time are written. */
  readonly marks: boolean
}

/** The fields of a specification: whole numbers above zero, and specifications in it. Threads that work load no library of schemas. */
export type SpecShape = { readonly [field: string]: 'number' | SpecShape }

/** Fields that are numbers, all of them. */
export const numbers = <Field extends string>(...fields: readonly Field[]): Record<Field, 'number'> =>
  Object.fromEntries(fields.map(field => [field, 'number'])) as Record<Field, 'number'>

type Pieces<Spec> = {
  /** A sample, ascending, cut into the parts that are asked for and opened one after the other: one at least. */
  cut(spec: Spec, sample: readonly number[]): number[][]
  /** Bytes that every piece begins with, and the openings of the whole sample once. */
  headBytes(spec: Spec): number
  /** Why a piece does not open its part of the sample under the committed root, or null where it does. Nothing is recomputed. */
  fault(
    spec: Spec,
    claim: Pick<VerifyItem, 'units' | 'root'>,
    part: readonly number[],
    piece: Uint8Array,
  ): string | null
}

/** Takes bytes from `offset` on, one part after the other. */
export function readerOf(bytes: Uint8Array, offset: number): (length: number) => Uint8Array {
  let end = offset
  return length => {
    end += length
    return bytes.subarray(end - length, end)
  }
}

/** Places in order, so many at a time; at least one part. */
export const cutEvery = <T>(places: readonly T[], count: number): T[][] =>
  Array.from({ length: Math.max(1, Math.ceil(places.length / count)) }, (_, part) =>
    places.slice(part * count, (part + 1) * count),
  )

export type PrepareRequest = {
  readonly epochSeed: Hex
  /** The device whose windows are worked; without one the engine only recomputes. */
  readonly device?: DeviceOfFill
}

/** The device that memory is filled for. */
export type DeviceOfFill = { readonly deviceId: Hex; readonly generation: number }

export type WindowRequest = PrepareRequest & {
  /** Job seed, 32 bytes. */
  readonly seed: Uint8Array
  /** When the trigger was seen, on the caller's monotonic clock; default now. */
  readonly startedAtMs?: number
  /** Default the spec's window. */
  readonly durationMs?: number
}

export type WindowOptions = {
  readonly signal?: AbortSignal
  /** A mark is there, which is to be sent at once: what was done by now, in the kind's own encoding. */
  readonly onMark?: (index: number, mark: Hex) => void
}

export type WindowResult = {
  /** Names the work for {@link KindEngine.open}. */
  readonly handle: string
  readonly units: number
  readonly root: Hex
  /** As a seat will count it, where every mark comes in time. */
  readonly figures: Figures
  readonly durationMs: number
  readonly kernelMs: number
  /** From the end of the last unit that counts to the end of the window. */
  readonly lostMs: number
  /** What {@link KindEngine.rework} needs beside the commitment; text of the kind's own. */
  readonly notes: string
}

/** Work that was committed to before, by a process that has lost it. */
type ReworkRequest = PrepareRequest & {
  readonly seed: Uint8Array
  readonly units: number
  readonly notes: string
}

export type OpenRequest = {
  readonly handle: string
  readonly sample: readonly number[]
  /** On the caller's monotonic clock: a window that ends later is not waited for. Default: every one is. */
  readonly dueMs?: number
}

/** A claim about one device's window. */
export type VerifyItem = {
  /** Job seed, 32 bytes. */
  readonly seed: Uint8Array
  readonly device: DeviceOfFill
  /** As committed to. */
  readonly units: number
  readonly root: Hex
  /** Places, ascending. */
  readonly sample: readonly number[]
  /** As received. */
  readonly openings: Uint8Array
  /** Whose witness is asked for: the seat's address ‖ the commitment's hash, 52 bytes as hex. */
  readonly witnessOf?: Hex
  /** By index, the marks that came in time; default: all of those that were committed to. */
  readonly marks?: readonly (Hex | null)[]
}

export type Verification =
  | {
      readonly ok: true
      /** Places that were recomputed. */
      readonly checked: number
      readonly figures: Figures
      /** Where it was asked for: what only who recomputed the sample can say, and each seat by itself. */
      readonly witness?: Hex
    }
  | {
      readonly ok: false
      /** What failed. Only with `wrong` is it proof against the device; else it proves nothing either way. */
      readonly step: FailedStep
      readonly detail: string
      /** The first wrong place and its openings alone, which prove it to anybody. */
      readonly wrong: { readonly place: number; readonly openings: Uint8Array } | null
    }

export type FailedVerification = Extract<Verification, { ok: false }>

/** What failed and is no proof against the device. */
export const unproven = (step: FailedStep, detail: string): FailedVerification => ({
  ...{ ok: false, step, detail, wrong: null },
})

const failedSteps = [
  'COMMITMENT_INVALID',
  'OPENINGS_MALFORMED',
  'OPENINGS_NOT_IN_ROOT',
  'ROW_WRONG',
  'COORDINATE_WRONG',
] as const
export type FailedStep = (typeof failedSteps)[number]

/** The work of one device, or the recomputing of one Checker, of one kind. */
export type KindEngine<Prepared = unknown> = {
  /** Makes ready what the rounds of an epoch need, giving way to windows that run meanwhile. */
  prepare(request: PrepareRequest): Promise<Prepared>
  /** @throws JOB_WINDOW_CANCELLED, and as kernels and memory do */
  runWindow(request: WindowRequest, options?: WindowOptions): Promise<WindowResult>
  /** The same work again, so that it can be opened: the same root. */
  rework(request: ReworkRequest): Promise<Pick<WindowResult, 'handle' | 'root'>>
  /** Encoded openings of these places, computed while no window runs. @throws JOB_WINDOW_UNKNOWN, JOB_SAMPLE_INVALID */
  open(request: OpenRequest): Promise<Uint8Array>
  /** One answer per item, in order; never throws for what an item holds. */
  verify(request: { readonly epochSeed: Hex; readonly items: readonly VerifyItem[] }): Promise<Verification[]>
  /** Forgets a window's work. */
  release(handle: string): Promise<void>
  /** Gives back what was made ready, once no window runs, and with it what could still be opened; it can be made ready again. */
  free(): Promise<void>
  close(): Promise<void>
}

/** The newest windows of an engine, by handle: the oldest is forgotten when there are more than `most`. */
export function createKeptWindows<W>(most: number) {
  const windows = new Map<string, W>()
  let count = 0
  return {
    keep(window: W): string {
      const handle = `window-${++count}`
      windows.set(handle, window)
      for (const oldest of [...windows.keys()].slice(0, -most)) windows.delete(oldest)
      return handle
    },
    of: (handle: string): W | undefined => windows.get(handle),
    forget: (handle: string): void => void windows.delete(handle),
    clear: (): void => windows.clear(),
  }
}
