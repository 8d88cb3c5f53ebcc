/**
 * From everything that a seat saw of an epoch to the words that it commits to: one lane for each device, and the evidence root. Pure
 * but for the reading, so that anybody can recompute a lane from the evidence.
 *
 * Why: docs/why/consensus-and-audits.md
 */
import type { Hex } from 'viem'
import { judgedOf } from '../../epoch/busy.ts'
import { capacityOf, type MeasuredRound, shortfallsOf } from '../../epoch/capacity.ts'
import { encodeRateDown } from '../../epoch/minifloat.ts'
import { emptyLane, type LaneOpening, type OpeningWords, packOpening } from '../../epoch/opening.ts'
import { atOnce, type Sliced } from '../../platform/slices.ts'
import { cohortLanes } from '../../protocol/constants.ts'
import type { Trigger } from '../../protocol/trigger.ts'
import { flagBit, type RoundVerdict } from '../../protocol/verdict.ts'
import {
  type EvidenceLeaf,
  type EvidenceTree,
  type Hash,
  leafOfVerdict,
  slicedEvidenceTree,
} from '../../report/evidence-root.ts'
import type { CheckerJournal, RecordedVerdict } from '../journal.ts'
import type { SeatDevice } from '../round/seat-round.ts'

export type JudgedRound = RoundVerdict & MeasuredRound

export type LaneFacts = {
  /** The epoch's rounds in which this device was checked, faulted ones included. */
  readonly rounds: readonly JudgedRound[]
  /** As the jobs in force say. */
  readonly beatShare: number
  /** The device and environment records were signed for a fresh nonce and agree with the registration and the policy. */
  readonly deviceValid: boolean
  readonly environmentValid: boolean
}

export type Lane = {
  /** Capacity of the mean measures over the rounds judged; a missed round is 0 in them, a busy one is in none. */
  readonly rate: bigint
  /** 0 to 10000. */
  readonly uptime: number
  /** Bits of {@link flagBit}. */
  readonly flags: number
}

export const absentLane: Lane = { rate: 0n, uptime: 0, flags: 0 }

/**
 * The seat's own faults are not the device's: those rounds are left out; too many of them, of any kind, make the seat abstain. A device that
 * was busy in all rounds of a kind has shown nothing: it is judged as one that was away. No round is left out for one with wrong work.
 */
export function laneOf({ rounds, beatShare, deviceValid, environmentValid }: LaneFacts): Lane {
  const judged = judgedOf(rounds, beatShare)
  if (judged === null) return absentLane
  const { measures, uptime } = judged
  const rate = measures === null ? 0n : capacityOf(measures)
  const provenWrong = rounds.some(round => round.verdict === 'WRONG')
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
  /** What this seat says of each device's beats. */
  readonly beats: ReadonlyMap<Hex, readonly NamedBeat[]>
}

type NamedBeat = { readonly round: Hex } & Pick<SeenRound, 'reason' | 'detail'>

/** A device's round of an epoch at this seat, with what it rests on. */
export type SeenRound = JudgedRound & Pick<RecordedVerdict, 'commitmentHash' | 'commitment' | 'witness' | 'evidence'>

/** A round that this seat began and has no verdict for: it stopped in between, which is its own fault. */
const unjudged = ({ kind }: Trigger): SeenRound => ({
  verdict: 'CHECKER_FAULT',
  reason: 'NOT_JUDGED',
  detail: 'This seat was not there to judge the round.',
  ...{ kind, figures: {}, commitmentHash: null, commitment: null, witness: null, evidence: null },
})

/** What this seat says of each of the epoch's rounds of a device, in their order. A beat that verifies and does not count says why. */
export function seenRounds(
  journal: Pick<CheckerJournal, 'verdicts'>,
  { epoch, deviceId, rounds, beatShare }: Omit<CohortRounds, 'devices' | 'maxRounds'> & { readonly deviceId: Hex },
): SeenRound[] {
  const verdicts = new Map(journal.verdicts(epoch, deviceId).map(verdict => [verdict.round, verdict]))
  const seen = rounds.map((round): SeenRound => {
    const verdict = verdicts.get(round.hash)
    // A seat that had not seen all of a slot's blocks may have taken a round for one of another kind: it has not judged it.
    return verdict?.kind === round.kind ? verdict : unjudged(round)
  })
  const shortfalls = shortfallsOf(seen, beatShare)
  return seen.map((round, i) => ({ ...round, ...shortfalls[i] }))
}

export type CohortRounds = {
  readonly epoch: number
  /** The devices of one cohort. */
  readonly devices: readonly SeatDevice[]
  /** The epoch's canonical rounds. */
  readonly rounds: readonly Trigger[]
  readonly maxRounds: number
  readonly beatShare: number
}

type PackRecords = Pick<CheckerJournal, 'verdicts' | 'deviceCheck' | 'confirmedEnvironments'>

/** A slice is one device's rounds, or {@link hashesOfSlice} hashes of the evidence tree. */
export function* slicedCohort(
  journal: PackRecords,
  { epoch, devices, rounds, maxRounds, beatShare }: CohortRounds,
  hash?: Hash,
): Sliced<PackedCohort> {
  const lanes = new Map<number, LaneOpening>()
  const leaves = new Map<string, EvidenceLeaf>()
  const beats = new Map<Hex, NamedBeat[]>()
  for (const { deviceId, lane } of devices) {
    const seen = seenRounds(journal, { epoch, deviceId, rounds, beatShare })
    const check = journal.deviceCheck(epoch, deviceId)
    // An update within the epoch changes the environment: each one has to have been reported, and none else may be committed under.
    const confirmed = journal.confirmedEnvironments(epoch, deviceId)
    const environmentKept = seen.every(
      ({ commitment }) => commitment === null || confirmed.has(commitment.message.environmentHash),
    )
    const facts = {
      ...{ rounds: seen, beatShare },
      deviceValid: check?.deviceValid ?? false,
      environmentValid: (check?.environmentValid ?? false) && environmentKept,
    }
    const judged = laneOf(facts)
    lanes.set(lane, { ...judged, rate: encodeRateDown(judged.rate) })
    const own: NamedBeat[] = []
    for (const [i, { hash: round, ordinal }] of rounds.entries()) {
      const { kind, reason, detail } = seen[i]!
      leaves.set(`${lane} ${ordinal}`, leafOfVerdict(round, seen[i]!))
      if (kind === 'beat') own.push({ round, reason, detail })
    }
    beats.set(deviceId, own)
    yield
  }
  const leafOf = (lane: number, ordinal: number) => leaves.get(`${lane} ${ordinal}`) ?? null
  const evidence = yield* slicedEvidenceTree(maxRounds, leafOf, hash)
  const ordered = Array.from({ length: cohortLanes }, (_, lane) => lanes.get(lane) ?? emptyLane)
  return { words: packOpening({ lanes: ordered, evidenceRoot: evidence.root }), lanes, evidence, maxRounds, beats }
}

/** {@link slicedCohort} without a pause. */
export const packCohort = (journal: PackRecords, cohort: CohortRounds): PackedCohort =>
  atOnce(slicedCohort(journal, cohort))
