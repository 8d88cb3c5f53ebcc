/**
 * The kinds of round, and the jobs of a network: one specification for each of them. The chain names all of them by one hash, for
 * everybody; an offer and a commitment name that of their own round.
 *
 * Why: docs/why/rounds.md
 */
import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import type { RoundKindName } from '../protocol/constants.ts'
import { type BeatSpec, beatKind, beatOf } from './beat/beat-kind.ts'
import { jobErrors } from './errors.ts'
import type { SampleIdentity } from './job-seed.ts'
import { memoryKind } from './memory/memory-kind.ts'
import { type MemorySpec, memorySpecs } from './memory/memory-spec.ts'
import type { KindSpec, RoundKind, VerifyItem } from './round-kind.ts'
import { tensorKind } from './tensor/tensor-kind.ts'
import { type TensorSpec, tensorSpecs } from './tensor/tensor-spec.ts'

export type Jobs = {
  readonly tensor: TensorSpec
  readonly memory: MemorySpec
  readonly beat: BeatSpec
  /** A beat counts from this share of the bandwidth of the device's own memory rounds, in percent. */
  readonly beatShare: number
}

/** The jobs of a network with these; the window of its beats in milliseconds. */
export const jobsOf = (tensor: TensorSpec, memory: MemorySpec, beatMs: number, beatShare: number): Jobs => ({
  ...{ tensor, memory, beatShare },
  beat: beatOf(memory, beatMs),
})

export const jobSets = {
  // A devnet's devices share two cores with all of it, so that a beat's bandwidth tells how busy these are; cards have theirs to themselves.
  devnet: jobsOf(tensorSpecs.devnet, memorySpecs.devnet, 250, 1),
  standard: jobsOf(tensorSpecs.standard, memorySpecs.standard, 500, 60),
} as const satisfies Record<string, Jobs>
export type JobsName = keyof typeof jobSets

/** Kinds by their names, each after the one that it is based on. */
export type Kinds = Readonly<Record<RoundKindName, RoundKind>>
const own = { tensor: tensorKind, memory: memoryKind, beat: beatKind }
/** The kinds of round that networks have: a fourth is its folder and its name here. */
export const ownKinds: Kinds = own
export const roundKinds = Object.keys(own) as readonly (keyof typeof own)[]

/** What each kind of round has of something. */
export const byKind = <T>(of: (kind: RoundKindName) => T, kinds = ownKinds): Record<RoundKindName, T> =>
  Object.fromEntries(Object.keys(kinds).map(kind => [kind, of(kind)]))

/** A job and what its kind knows of it. */
export type Job = Pick<RoundKind, 'unit' | 'figures' | 'guess' | 'bundle' | 'emptyRoot'> & {
  readonly kind: RoundKindName
  readonly spec: KindSpec
  readonly specHash: Hex
  /** As {@link RoundKind.sample}. */
  sample(units: number, identity: SampleIdentity): number[]
  /** As `cut` and `fault` of {@link RoundKind.pieces}. */
  cut(sample: readonly number[]): number[][]
  pieceFault(claim: Pick<VerifyItem, 'units' | 'root'>, part: readonly number[], piece: Uint8Array): string | null
  /** The openings that the pieces so far make, with the next one. */
  join(openings: Uint8Array, piece: Uint8Array): Uint8Array
  /** As {@link RoundKind.markDueMs}. */
  markDueMs(index: number): number | null
  /** As {@link RoundKind.idleTailMs}. */
  readonly idleTailMs: number
}

/** Specifications are hashed once: every message of a round asks for its job. */
const bound = new WeakMap<KindSpec, Job>()

/** The job of a specification, whoever named it. */
export function jobWith(kind: RoundKindName, spec: KindSpec, kinds = ownKinds): Job {
  const known = bound.get(spec)
  if (known?.kind === kind) return known
  const { unit, figures, guess, bundle, emptyRoot, specHash, sample, markDueMs, idleTailMs, pieces } = kinds[kind]!
  const job: Job = {
    ...{ kind, spec, specHash: specHash(spec), unit, figures, guess, bundle, emptyRoot },
    sample: (units, identity) => sample(spec, units, identity),
    cut: places => pieces.cut(spec, places),
    pieceFault: (claim, part, piece) => pieces.fault(spec, claim, part, piece),
    join(openings, piece) {
      if (openings.length === 0) return piece
      const more = piece.subarray(pieces.headBytes(spec))
      const joined = new Uint8Array(openings.length + more.length)
      joined.set(openings)
      joined.set(more, openings.length)
      return joined
    },
    markDueMs: index => markDueMs(spec, index),
    idleTailMs: idleTailMs(spec),
  }
  bound.set(spec, job)
  return job
}

/** Jobs of which one is this, with that of the kind it is based on; the others do not matter to whoever asks. */
export function jobsWith(kind: RoundKindName, spec: KindSpec, kinds = ownKinds): Jobs {
  const { base } = kinds[kind]!
  return { ...jobSets.devnet, ...(base !== undefined && { [base]: specOf(spec, base) }), [kind]: spec }
}

/** The specification of a kind. */
export const specOf = (of: object, kind: RoundKindName): KindSpec => (of as Readonly<Record<string, KindSpec>>)[kind]!

/** The job of rounds of this kind. */
export const jobOf = (jobs: Jobs, kind: RoundKindName, kinds = ownKinds): Job =>
  jobWith(kind, specOf(jobs, kind), kinds)

/** The job that an offer or a commitment names, or null where it is none of these. */
export const jobBySpecHash = (jobs: Jobs, specHash: Hex, kinds = ownKinds): Job | null =>
  Object.values(byKind(kind => jobOf(jobs, kind, kinds), kinds)).find(job => job.specHash === specHash.toLowerCase()) ??
  null

/** SHA-256 of 'kaisar/jobs/v1', the name and specification hash of each kind, and the share of beats: the bytes32 by which the chain names them. */
export function jobsHash(jobs: Jobs): Hex {
  const each = roundKinds.map(kind => `${kind}=${jobOf(jobs, kind).specHash}`)
  return `0x${createHash('sha256')
    .update(`kaisar/jobs/v1 ${each.join(' ')} beatShare=${jobs.beatShare}`)
    .digest('hex')}`
}

const known = new Map<string, { readonly name: JobsName; readonly jobs: Jobs }>(
  (Object.keys(jobSets) as JobsName[]).map(name => [jobsHash(jobSets[name]), { name, jobs: jobSets[name] }]),
)

/** The jobs that the chain names. @throws JOB_SPEC_UNKNOWN when this release does not know them. */
export function jobsByHash(hash: Hex): { readonly name: JobsName; readonly jobs: Jobs } {
  const found = known.get(hash.toLowerCase())
  if (found === undefined) throw jobErrors.JOB_SPEC_UNKNOWN({ specHash: hash })
  return found
}

/** The window of a slot's rounds, which is the network's. */
export const windowMsOf = ({ tensor }: Jobs): number => tensor.windowMs

/**
 * The first window, in milliseconds, that the chain's rules and the jobs they name give otherwise; null where they agree. A figure is work
 * ÷ the job's window: work over another time would give one that cannot be compared with others.
 */
export function windowThatDiffers(
  jobs: Jobs,
  rules: { readonly windowMs: number; readonly beatWindowMs: number },
): { readonly windowMs: number; readonly specWindowMs: number } | null {
  const both = [
    { windowMs: rules.windowMs, specWindowMs: windowMsOf(jobs) },
    { windowMs: rules.beatWindowMs, specWindowMs: jobs.beat.windowMs },
  ]
  return both.find(({ windowMs, specWindowMs }) => windowMs !== specWindowMs) ?? null
}

/** By specification hash. Records and bundles may be from before weights were drawn by columns. */
const named = new Map<string, { readonly name: JobsName; readonly kind: RoundKindName }>(
  (Object.keys(jobSets) as JobsName[]).flatMap(name => {
    const before: TensorSpec = { ...jobSets[name].tensor, version: 1 }
    const jobs = [jobWith('tensor', before), ...roundKinds.map(kind => jobOf(jobSets[name], kind))]
    return jobs.map(({ specHash, kind }) => [specHash, { name, kind }] as const)
  }),
)

/** The kind of round that this specification is for, or null where this release does not know it. */
export const kindOfSpec = (specHash: Hex): RoundKindName | null => named.get(specHash.toLowerCase())?.kind ?? null

/** The name of the set that this specification belongs to, or null. */
export const nameOfSpec = (specHash: Hex): JobsName | null => named.get(specHash.toLowerCase())?.name ?? null
