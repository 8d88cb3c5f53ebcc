/**
 * From everything that a seat saw of an epoch to the words that it commits to: one lane for each device, and the evidence root. Pure
 * but for the reading, so that anybody can recompute a lane from the evidence.
 *
 * Why: docs/why/consensus-and-audits.md
 */
import { encodeRateDown } from '../../epoch/minifloat.ts'
import { type LaneOpening, type OpeningWords, packOpening } from '../../epoch/opening.ts'
import { cohortLanes } from '../../protocol/constants.ts'
import { zeroBytes32 } from '../../protocol/primitives.ts'
import type { Trigger } from '../../protocol/trigger.ts'
import { flagBit, type RoundVerdict } from '../../protocol/verdict.ts'
import { buildEvidenceTree, type EvidenceLeaf, type EvidenceTree, reasonWord } from '../../report/evidence-root.ts'
import type { CheckerJournal, RecordedVerdict } from '../journal.ts'
import type { SeatDevice } from '../round/seat-round.ts'

export type JudgedRound = RoundVerdict & {
  /** Rate in Mop/s; 0 unless `VALID`. */
  readonly rate: number
}

export type LaneFacts = {
  /** The epoch's rounds in which this device was checked, faulted ones included. */
  readonly rounds: readonly JudgedRound[]
  readonly heartbeatsAsked: number
  readonly heartbeatsAnswered: number
  /** The device and environment records were signed for a fresh nonce and agree with the registration and the policy. */
  readonly deviceValid: boolean
  readonly environmentValid: boolean
}

export type Lane = {
  /** Mean rate over the rounds judged, in Mop/s; a missed round is 0. */
  readonly rate: number
  /** 0 to 10000. */
  readonly uptime: number
  /** Bits of {@link flagBit}. */
  readonly flags: number
}

export const absentLane: Lane = { rate: 0, uptime: 0, flags: 0 }

/** The seat's own faults are not the device's: those rounds are left out; too many of them, or never having asked for a sign of life, make the seat abstain. */
export function laneOf({
  rounds,
  heartbeatsAsked,
  heartbeatsAnswered,
  deviceValid,
  environmentValid,
}: LaneFacts): Lane {
  const judged = rounds.filter(round => round.verdict !== 'CHECKER_FAULT')
  if (rounds.length === 0 || judged.length * 2 < rounds.length || heartbeatsAsked === 0) return absentLane
  const rate = judged.reduce((sum, round) => sum + round.rate, 0) / judged.length
  const uptime = Math.floor((10_000 * heartbeatsAnswered) / heartbeatsAsked)
  const provenWrong = judged.some(round => round.verdict === 'WRONG')
  const flags =
    flagBit.judged |
    (deviceValid ? flagBit.device : 0) |
    (environmentValid ? flagBit.environment : 0) |
    (provenWrong ? 0 : flagBit.work)
  return { rate, uptime, flags }
}

export type PackedCohort = {
  readonly words: OpeningWords
  /** By lane; missing where the lane is empty. */
  readonly lanes: ReadonlyMap<number, LaneOpening>
  readonly evidence: EvidenceTree
  readonly maxRounds: number
}

/** A round that this seat began and has no verdict for: it stopped in between, which is its own fault. */
const unjudged: JudgedRound = {
  verdict: 'CHECKER_FAULT',
  reason: 'NOT_JUDGED',
  detail: 'This seat was not there to judge the round.',
  rate: 0,
}

const toLaneOpening = ({ rate, uptime, flags }: Lane): LaneOpening => ({
  rate: encodeRateDown(BigInt(Math.floor(rate))),
  uptime,
  flags,
})

/**
 * @param devices - those of one cohort
 * @param rounds - the epoch's canonical rounds
 */
export function packCohort(
  journal: Pick<CheckerJournal, 'verdicts' | 'heartbeats' | 'deviceCheck' | 'confirmedEnvironments'>,
  {
    epoch,
    devices,
    rounds,
    maxRounds,
  }: {
    readonly epoch: number
    readonly devices: readonly SeatDevice[]
    readonly rounds: readonly Trigger[]
    readonly maxRounds: number
  },
): PackedCohort {
  const lanes = new Map<number, LaneOpening>()
  const leaves = new Map<string, EvidenceLeaf>()
  for (const { deviceId, lane } of devices) {
    const verdicts = new Map(journal.verdicts(epoch, deviceId).map(verdict => [verdict.round, verdict]))
    const check = journal.deviceCheck(epoch, deviceId)
    const { asked, answered } = journal.heartbeats(epoch, deviceId)
    const judged = rounds.map(({ hash }) => verdicts.get(hash) ?? unjudged)
    // An update within the epoch changes the environment: each one has to have been reported, and none else may be committed under.
    const confirmed = journal.confirmedEnvironments(epoch, deviceId)
    const environmentKept = [...verdicts.values()].every(
      ({ commitment }) => commitment === null || confirmed.has(commitment.message.environmentHash),
    )
    const facts = {
      rounds: judged,
      heartbeatsAsked: asked,
      heartbeatsAnswered: answered,
      deviceValid: check?.deviceValid ?? false,
      environmentValid: (check?.environmentValid ?? false) && environmentKept,
    }
    lanes.set(lane, toLaneOpening(laneOf(facts)))
    for (const { hash, ordinal } of rounds) leaves.set(`${lane} ${ordinal}`, leafOf(hash, verdicts.get(hash)))
  }
  const evidence = buildEvidenceTree(maxRounds, (lane, ordinal) => leaves.get(`${lane} ${ordinal}`) ?? null)
  const ordered = Array.from({ length: cohortLanes }, (_, lane) => lanes.get(lane) ?? { rate: 0, uptime: 0, flags: 0 })
  return { words: packOpening({ lanes: ordered, evidenceRoot: evidence.root }), lanes, evidence, maxRounds }
}

/** A leaf claims work only where the seat counted a rate for it: then an audit asks for the signed commitment. */
function leafOf(round: Trigger['hash'], verdict: RecordedVerdict | undefined): EvidenceLeaf {
  const { reason, rate } = verdict ?? unjudged
  const commitmentHash = rate > 0 ? (verdict?.commitmentHash ?? zeroBytes32) : zeroBytes32
  // Why it claims work is always the same: that every row is equal. In its place the leaf says what only who recomputed them knows.
  const witness = rate > 0 ? (verdict?.witness ?? null) : null
  return { round, commitmentHash, reason: witness ?? reasonWord(reason) }
}
