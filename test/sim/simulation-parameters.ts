import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import { specHash, tensorSpecs } from '../../src/core/job/tensor/tensor-spec.ts'
import type { RoundRules, Timeline } from '../../src/core/protocol/network-parameters.ts'

type Phases = Pick<Timeline, 'commitSeconds' | 'openSeconds' | 'revealSeconds' | 'finalizeSeconds'>

/** A devnet's parameters with other phases and other rounds. */
export function simulationParameters(
  epochSeconds: number,
  { phases, rounds }: { readonly phases: Phases; readonly rounds: Partial<RoundRules> },
) {
  const preset = devnetParameters(specHash(tensorSpecs.devnet), epochSeconds)
  return { timeline: { ...preset.timeline, ...phases }, rounds: { ...preset.rounds, ...rounds } }
}
