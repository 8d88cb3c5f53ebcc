/**
 * From everything that a seat saw of an epoch to the words that it commits to: one lane for each device, and the evidence root. Pure
 * but for the reading, so that anybody can recompute a lane from the evidence.
 *
 * Why: docs/why/consensus-and-audits.md
 */
import { capacityOf, type Measures, residentOf } from '../../epoch/capacity.ts'
import { encodeRateDown } from '../../epoch/minifloat.ts'
import { type LaneOpening, type OpeningWords, packOpening } from '../../epoch/opening.ts'
import type { Figures } from '../../job/round-kind.ts'
import { cohortLanes, type RoundKindName, roundKinds } from '../../protocol/constants.ts'
import { zeroBytes32 } from '../../protocol/primitives.ts'
import type { Trigger } from '../../protocol/trigger.ts'
import { flagBit, type RoundVerdict } from '../../protocol/verdict.ts'
import { buildEvidenceTree, type EvidenceLeaf, type EvidenceTree, reasonWord } from '../../report/evidence-root.ts'
import type { CheckerJournal, RecordedVerdict } from '../journal.ts'
import type { SeatDevice } from '../round/seat-round.ts'

export type JudgedRound = RoundVerdict & {
  readonly kind: RoundKindName
  /** What the round is worth, by its kind; none unless `VALID`. */
  readonly figures: Figures
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
  /** Capacity of the mean measures over the rounds judged; a missed round is 0 in them. */
  readonly rate: bigint
  /** 0 to 10000. */
  readonly uptime: number
  /** Bits of {@link flagBit}. */
  readonly flags: number
}

export const absentLane: Lane = { rate: 0n, uptime: 0, flags: 0 }

/** Means over the rounds that this seat judged, by the names of the kinds' figures; null where it judged fewer than half of a kind's. */
export function measuresOf(rounds: readonly Pick<JudgedRound, 'kind' | 'verdict' | 'figures'>[]): Measures | null {
  const means: Record<string, number> = {}
  for (const kind of roundKinds) {
    const own = rounds.filter(round => round.kind === kind)
    const judged = own.filter(({ verdict }) => verdict !== 'CHECKER_FAULT')
    if (own.length === 0 || judged.length * 2 < own.length) return null
    for (const name of new Set(judged.flatMap(({ figures }) => Object.keys(figures))))
      means[name] = Math.floor(judged.reduce((sum, { figures }) => sum + countedOf(figures, name), 0) / judged.length)
  }
  return { tensor: 0, bandwidth: 0, resident: 0, ...means }
}

const countedOf = (figures: Figures, name: string): number =>
  name === 'resident' ? residentOf(figures.resident ?? 0, figures.bandwidth ?? 0) : (figures[name] ?? 0)

/** The seat's own faults are not the device's: those rounds are left out; too many of them, or never having asked for a sign of life, make the seat abstain. */
export function laneOf({
  rounds,
  heartbeatsAsked,
  heartbeatsAnswered,
  deviceValid,
  environmentValid,
}: LaneFacts): Lane {
  const measures = measuresOf(rounds)
  if (measures === null || heartbeatsAsked === 0) return absentLane
  const rate = capacityOf(measures)
  const uptime = Math.floor((10_000 * heartbeatsAnswered) / heartbeatsAsked)
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
}

/** A round that this seat began and has no verdict for: it stopped in between, which is its own fault. */
const unjudged = ({ kind }: Trigger): JudgedRound => ({
  verdict: 'CHECKER_FAULT',
  reason: 'NOT_JUDGED',
  detail: 'This seat was not there to judge the round.',
  ...{ kind, figures: {} },
})

const toLaneOpening = ({ rate, uptime, flags }: Lane): LaneOpening => ({
  rate: encodeRateDown(rate),
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
    const kindOf = new Map(rounds.map(({ hash, kind }) => [hash, kind]))
    // A seat that had not seen all of a slot's blocks may have taken a round for one of another kind: it has not judged it.
    const own = journal.verdicts(epoch, deviceId).filter(({ round, kind }) => kind === kindOf.get(round))
    const verdicts = new Map(own.map(verdict => [verdict.round, verdict]))
    const check = journal.deviceCheck(epoch, deviceId)
    const { asked, answered } = journal.heartbeats(epoch, deviceId)
    const judged = rounds.map(round => verdicts.get(round.hash) ?? unjudged(round))
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
    for (const round of rounds) leaves.set(`${lane} ${round.ordinal}`, leafOf(round, verdicts.get(round.hash)))
  }
  const evidence = buildEvidenceTree(maxRounds, (lane, ordinal) => leaves.get(`${lane} ${ordinal}`) ?? null)
  const ordered = Array.from({ length: cohortLanes }, (_, lane) => lanes.get(lane) ?? { rate: 0, uptime: 0, flags: 0 })
  return { words: packOpening({ lanes: ordered, evidenceRoot: evidence.root }), lanes, evidence, maxRounds }
}

/** A leaf claims work only where the seat counted something for it: then an audit asks for the signed commitment. */
function leafOf(round: Trigger, verdict: RecordedVerdict | undefined): EvidenceLeaf {
  const { reason, figures } = verdict ?? unjudged(round)
  const claims = Object.values(figures).some(figure => figure > 0)
  const commitmentHash = claims ? (verdict?.commitmentHash ?? zeroBytes32) : zeroBytes32
  // Why it claims work is always the same: that all is equal. In its place the leaf says what only who recomputed it knows.
  const witness = claims ? (verdict?.witness ?? null) : null
  return { round: round.hash, commitmentHash, reason: witness ?? reasonWord(reason) }
}
