/** Which steps and coordinates a seat asks for: known to nobody before the commitment. */
import { drawBelow, type SampleIdentity, sampleSeed } from '../job-seed.ts'
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
 * min(t, steps) distinct steps in ascending order, each with a coordinate, drawn by 'kaisar/memory-sample/v1' as numbers below steps · K, which
 * are step · K + coordinate; one whose step was drawn before is skipped.
 */
export function sampleSteps(
  { samples, width }: Pick<MemorySpec, 'samples' | 'width'>,
  steps: number,
  identity: SampleIdentity,
): SampledStep[] {
  // No window has so many: the verifier refuses the claim, and nothing is drawn for it.
  if (steps === 0 || steps > stepsLimit) return []
  const drawn = new Map<number, SampledStep>()
  const seed = sampleSeed('kaisar/memory-sample/v1', identity)
  const draws = drawBelow(BigInt(steps) * BigInt(width), seed, 2 * samples)
  while (drawn.size < Math.min(samples, steps)) {
    const sampled = stepOfPlace({ width }, draws.next().value)
    if (!drawn.has(sampled.step)) drawn.set(sampled.step, sampled)
  }
  return [...drawn.values()].sort((a, b) => a.step - b.step)
}
