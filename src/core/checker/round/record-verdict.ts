/** Keeps a verdict with what it rests on: evidence, contradiction and verdict in one transaction. */
import type { CrashPoint } from '../../platform/crash-point.ts'
import type { JudgedRound } from '../epoch/lane.ts'
import type { CheckerJournal } from '../journal.ts'
import type { EvidenceStore } from './evidence-store.ts'
import { type RoundEvidence, roundEvidence } from './round-evidence.ts'
import type { SeatDevice, SeatRound } from './seat-round.ts'

export type ConcludedRound = Pick<RoundEvidence, 'offer' | 'request' | 'openings' | 'check' | 'forwardedRow'> & {
  readonly round: SeatRound
  readonly device: SeatDevice
  readonly judged: JudgedRound
}

/** @returns whether the verdict is new and stands. @throws as store and disk do; it may be called again */
export function recordVerdict(
  { network, spec }: Pick<RoundEvidence, 'network' | 'spec'>,
  { round, device, judged, ...known }: ConcludedRound,
  {
    journal,
    evidence,
    crashPoint = () => {},
  }: {
    readonly journal: CheckerJournal
    readonly evidence: EvidenceStore
    readonly crashPoint?: ((name: CrashPoint) => void) | undefined
  },
): boolean {
  const { epoch, epochSeed, trigger } = round
  const { deviceId, generation } = device
  const { commitment, commitmentHash, contradiction, witness } = known.check
  const reported = journal.deviceCheck(epoch, deviceId)
  const bundle = roundEvidence({ network, spec, epochSeed, ...known, reported })
  const about = { round: trigger.hash, deviceId, epoch, generation, commitmentHash, commitment }
  return journal.transaction(() => {
    const kept = bundle === null ? null : evidence.keep(bundle)
    if (bundle !== null) crashPoint('checker.evidence-kept')
    if (commitment !== null && contradiction !== null) journal.recordContradiction(commitment, contradiction)
    return journal.recordVerdict({ ...judged, ...about, evidence: kept, witness })
  })
}
