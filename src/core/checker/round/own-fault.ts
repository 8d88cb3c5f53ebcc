/** What kept a seat from being there for a device: its own fault, not the device's. */
import { type RoundRules, timingOf } from '../../protocol/network-parameters.ts'
import type { RoundCheck } from './check.ts'
import type { RoundJudgeDependencies } from './judge.ts'
import type { RoundEntry } from './seat-round.ts'

export function createOwnFaults(
  rules: RoundRules,
  { isArriving, stoodStillAt }: Required<Pick<RoundJudgeDependencies, 'isArriving' | 'stoodStillAt'>>,
) {
  const standstill = (deadlineMs: number) =>
    stoodStillAt(deadlineMs) ? 'This seat’s process stood still over the deadline.' : null
  const waitsMs = ({ trigger }: RoundCheck) => timingOf(rules, trigger.kind).windowMs + rules.graceMs
  const commitmentDeadlineMs = (check: RoundCheck) => check.seenAtMs + waitsMs(check)
  return {
    /** Why nothing that was due at this moment is late, monotonic ms; null where it is. */
    standstill,
    commitmentDeadlineMs,
    /** Why a missing commitment is no silence of the device; null where it is one. */
    ofCommitment({ check, device }: Pick<RoundEntry, 'check' | 'device'>, samplingSeenAtMs: number): string | null {
      if (samplingSeenAtMs - check.seenAtMs < waitsMs(check))
        return 'This seat saw the trigger too late to wait for a commitment.'
      if (!check.reached && isArriving(device.operator))
        return 'This seat had just started, and the device had not found it yet.'
      return standstill(commitmentDeadlineMs(check))
    },
  }
}
