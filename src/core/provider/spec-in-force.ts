import { type JobSpec, specByHash } from '../job/spec.ts'
import type { RoundRules } from '../protocol/network-parameters.ts'
import { providerErrors } from './errors.ts'

type Named = Pick<RoundRules, 'specHash' | 'windowMs'>

/**
 * The spec that an epoch's rules name.
 * @throws JOB_SPEC_UNKNOWN, PROVIDER_WINDOW_DIFFERS
 */
export function specInForce({ specHash, windowMs }: Named): JobSpec {
  const { name, spec } = specByHash(specHash)
  // A rate is rows ÷ the spec's window. Work over another time would give a rate that cannot be compared with others.
  if (windowMs !== spec.windowMs)
    throw providerErrors.PROVIDER_WINDOW_DIFFERS({ spec: name, windowMs, specWindowMs: spec.windowMs })
  return spec
}

/** Whether the engines of some rules can be kept for other rules. */
export const isSameWork = (one: Named, other: Named): boolean =>
  one.specHash === other.specHash && one.windowMs === other.windowMs
