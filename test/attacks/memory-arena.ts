/**
 * Where the memory job is attacked: real memory of sixteen small groups, the real walk, commitment, openings and verifier. A prover that
 * cheats is a memory whose steps are not what the fill gives; whatever it answers, it answers again when it is asked to open.
 */
import { createHash } from 'node:crypto'
import { bytesToHex } from 'viem'
import { fillKey } from '../../src/core/job/memory/drawn-entries.ts'
import { type Step, walkedBy } from '../../src/core/job/memory/memory.ts'
import { fillMemory, type MemoryBanks } from '../../src/core/job/memory/memory-banks.ts'
import { openSteps } from '../../src/core/job/memory/memory-openings.ts'
import { sampleSteps, stepOfPlace } from '../../src/core/job/memory/memory-sample.ts'
import type { MemorySpec } from '../../src/core/job/memory/memory-spec.ts'
import { reworkMemoryWindow, type WorkedMemoryWindow } from '../../src/core/job/memory/memory-window.ts'
import { openRowChain, type RowChain } from '../../src/core/job/memory/row-chain.ts'
import { type MemoryVerification, verifyMemory } from '../../src/core/job/memory/verify-memory.ts'
import type { PhiloxKey } from '../../src/core/job/philox.ts'
import { hashOf, seats } from './arena.ts'

export const memorySpec: MemorySpec = {
  width: 64,
  layers: 2,
  products: 2,
  leastGroups: 16,
  windowMs: 500,
  markMs: 100,
  samples: 16,
  leastReadMs: 10,
}
export const groups = memorySpec.leastGroups
/** Five marks of forty steps each. */
export const evenMarks = [40, 80, 120, 160, 200]
const epochSeed = hashOf('memory epoch')

export type MemoryArena = { readonly banks: MemoryBanks; readonly chain: RowChain; readonly key: PhiloxKey }
let opened: Promise<MemoryArena> | undefined

/** Filled once for all attacks; it ends with the process. */
export function openMemoryArena(): Promise<MemoryArena> {
  opened ??= (async () => {
    const chain = await openRowChain(memorySpec, epochSeed, { threads: 1 })
    const key = fillKey(memorySpec, { epochSeed, deviceId: hashOf('memory device'), generation: 1 })
    return { banks: await fillMemory({ spec: memorySpec, key, groups }, chain), chain, key }
  })()
  return opened
}

export const jobSeedOf = (seed: number): Uint8Array => createHash('sha256').update(`memory round ${seed}`).digest()

/** Memory whose steps are these. */
export const pretending = (step: Step): MemoryBanks => ({
  ...{ spec: memorySpec, ready: groups, step, ...walkedBy(memorySpec, step) },
  read: () => {},
  shrink: () => {},
})

export const work = (banks: MemoryBanks, seed: number, markSteps: readonly number[] = evenMarks) =>
  reworkMemoryWindow(banks, { seed: jobSeedOf(seed), groups, markSteps })

export type MemoryTrial = {
  readonly answers: readonly MemoryVerification[]
  /** Whether a seat found a wrong coordinate, and another that was sent its opening found it, too. */
  readonly proven: boolean
}

/** The seats' verdicts of a window, each by a sample of its own. `spec`: of the round, where that is a beat. */
export async function judgeMemory(
  { chain, key }: MemoryArena,
  banks: MemoryBanks,
  window: WorkedMemoryWindow,
  seed: number,
  { seatCount = seats, spec = memorySpec }: { readonly seatCount?: number; readonly spec?: MemorySpec } = {},
): Promise<MemoryTrial> {
  const { steps, root } = window
  const committed = { seed: jobSeedOf(seed), key, steps, root }
  const claimOf = async (seat: number) => {
    const secret = hashOf('memory secret', seed, seat)
    const identity = { secret, root: bytesToHex(root), samplingBlockHash: hashOf('memory block', seed) }
    const sample = sampleSteps(spec, steps, identity)
    return { ...committed, sample, openings: await openSteps(banks, window, sample) }
  }
  const claims = await Promise.all(Array.from({ length: seatCount }, (_, seat) => claimOf(seat)))
  const answers = await verifyMemory(spec, claims, chain)
  const found = answers.find(answer => !answer.ok && answer.wrong !== null)
  if (found === undefined || found.ok) return { answers, proven: false }
  const { place, openings } = found.wrong!
  const sample = [stepOfPlace(spec, place)]
  const [forwarded] = await verifyMemory(spec, [{ ...committed, sample, openings }], chain)
  return { answers, proven: !forwarded!.ok && forwarded!.step === 'COORDINATE_WRONG' }
}

/** A number in [0, 1) that always belongs to these. */
export function chanceOf(...of: readonly number[]): number {
  let state = 0x9e3779b9
  for (const value of of) {
    state = Math.imul(state ^ value, 0x85ebca6b)
    state = Math.imul(state ^ (state >>> 15), 0xc2b2ae35)
    state ^= state >>> 13
  }
  state = Math.imul(state ^ (state >>> 16), 0x7feb352d)
  return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32
}
