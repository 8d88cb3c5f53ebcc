/** Which steps and coordinates a seat asks for: known to nobody before the commitment. */
import { createHash } from 'node:crypto'
import { hexToBytes } from '../../platform/hex.ts'
import type { SampleIdentity } from '../job-seed.ts'
import { keystream } from '../keystream.ts'
import { type MemorySpec, stepsLimit } from './memory-spec.ts'

/** Step `step` leads from state `step` to the next, of which this coordinate is recomputed. */
export type SampledStep = { readonly step: number; readonly coordinate: number }

/** Step and coordinate as one number, step · K + coordinate; and back. */
export const placeOfStep = ({ width }: Pick<MemorySpec, 'width'>, { step, coordinate }: SampledStep): number =>
  step * width + coordinate
export const stepOfPlace = ({ width }: Pick<MemorySpec, 'width'>, place: number): SampledStep => ({
  step: Math.floor(place / width),
  coordinate: place % width,
})

/**
 * min(t, steps) distinct steps in ascending order, each with a coordinate. Words of 8 bytes, big-endian, are read from the keystream of
 * SHA-256('kaisar/memory-sample/v1' ‖ secret ‖ root ‖ sampling block hash); one that would bias the draw is skipped, and so is one
 * whose step was drawn before. The word modulo steps · K is step · K + coordinate.
 */
export function sampleSteps(
  { samples, width }: Pick<MemorySpec, 'samples' | 'width'>,
  steps: number,
  { secret, root, samplingBlockHash }: SampleIdentity,
): SampledStep[] {
  // No window has so many: the verifier refuses the claim, and nothing is drawn for it.
  if (steps > stepsLimit) return []
  const seed = createHash('sha256').update('kaisar/memory-sample/v1')
  for (const part of [secret, root, samplingBlockHash]) seed.update(hexToBytes(part, 32))
  const key = seed.digest()
  const bound = BigInt(steps) * BigInt(width)
  const wanted = Math.min(samples, steps)
  const drawn = new Map<number, number>()
  const wordsPerRead = 2 * samples
  for (let read = 0; drawn.size < wanted; read++) {
    const words = Buffer.from(keystream(key, (read * wordsPerRead) / 2, wordsPerRead * 8))
    for (let offset = 0; offset < words.length && drawn.size < wanted; offset += 8) {
      const word = words.readBigUInt64BE(offset)
      if (word >= (1n << 64n) - ((1n << 64n) % bound)) continue
      const place = Number(word % bound)
      const step = Math.floor(place / width)
      if (!drawn.has(step)) drawn.set(step, place % width)
    }
  }
  return [...drawn].map(([step, coordinate]) => ({ step, coordinate })).sort((a, b) => a.step - b.step)
}
