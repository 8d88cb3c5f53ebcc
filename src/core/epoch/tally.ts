import { allFlags, certainSeats, cohortLanes, committeeSize, quorum } from '../protocol/constants.ts'
import { flagBit } from '../protocol/verdict.ts'
import { emptyLane, hasFlag, type LaneOpening, type Opening } from './opening.ts'

/** The committee's result for one lane. */
export type LaneResult = {
  /** Median, as minifloat lane value. */
  readonly rate: number
  /** Median, 0 to 10000. */
  readonly uptime: number
  /** Bits that a quorum of seats set together with `judged`; 0 in empty lanes. */
  readonly flags: number
}

export type CohortResult = {
  readonly lanes: readonly LaneResult[]
  /** Whether at least {@link certainSeats} judged each lane. Only then can a zero lower the device's standing. */
  readonly certain: readonly boolean[]
  /**
   * For each seat the number of judged lanes in which it agreed: its rate is the median, its uptime is close to the median, and its flags
   * are those of the majority. None where it judges a lane without a member, since an audit may ask about any lane that it judged.
   */
  readonly agreed: readonly number[]
}

/**
 * Makes one result of the committee's openings, lane by lane in plain form; the contract does the same on packed words.
 *
 * A seat that is missing (null), or does not judge a lane, counts there as rate 0, uptime 0 and no flags. So with a bare quorum present, the
 * liars among it can lower a median, never raise it.
 *
 * @param openings - by seat, one entry for each seat of the committee
 * @param occupied - whether each lane has a member in the epoch
 * @param uptimeTolerance - how far from the median an uptime agrees, in 1/10000
 */
export function tally(
  openings: readonly (Opening | null)[],
  occupied: readonly boolean[],
  uptimeTolerance = 0,
): CohortResult {
  if (openings.length !== committeeSize)
    throw new RangeError(`${openings.length} openings; a committee has ${committeeSize} seats`)
  const seats = openings.map(opening =>
    Array.from({ length: cohortLanes }, (_, lane) => judgedPart(opening?.lanes[lane])),
  )
  const lanes = Array.from({ length: cohortLanes }, (_, lane): LaneResult => {
    const said = seats.map(lanesOfSeat => lanesOfSeat[lane]!)
    return {
      rate: committeeMedian(said.map(({ rate }) => rate)),
      uptime: committeeMedian(said.map(({ uptime }) => uptime)),
      flags: occupied[lane] ? majority(said.map(({ flags }) => flags)) : 0,
    }
  })
  const agrees = (said: LaneOpening, { rate, uptime, flags }: LaneResult) =>
    hasFlag(flags, 'judged') &&
    said.rate === rate &&
    said.flags === flags &&
    Math.abs(said.uptime - uptime) <= uptimeTolerance
  return {
    lanes,
    certain: lanes.map(
      (_, lane) =>
        occupied[lane] === true &&
        seats.filter(lanesOfSeat => hasFlag(lanesOfSeat[lane]!.flags, 'judged')).length >= certainSeats,
    ),
    agreed: seats.map(lanesOfSeat =>
      lanesOfSeat.some(({ flags }, lane) => !occupied[lane] && hasFlag(flags, 'judged'))
        ? 0
        : lanesOfSeat.filter((said, lane) => agrees(said, lanes[lane]!)).length,
    ),
  }
}

const judgedPart = (said: LaneOpening = emptyLane): LaneOpening => (hasFlag(said.flags, 'judged') ? said : emptyLane)

const majority = (flags: readonly number[]): number =>
  Object.values(flagBit).reduce(
    (sum, bit) => (flags.filter(value => value & bit).length >= quorum ? sum | bit : sum),
    0,
  )

/** Whether a lane's result earns: a quorum of seats judged it and found device, environment and work valid. */
export const isScored = ({ flags }: LaneResult): boolean => flags === allFlags

/** The median of what the seats of a committee say. A missing value counts as 0: it can lower the median, never raise it. */
export function committeeMedian(values: readonly number[]): number {
  if (values.length > committeeSize)
    throw new RangeError(`${values.length} values; a committee has ${committeeSize} seats`)
  const missing = new Array<number>(committeeSize - values.length).fill(0)
  return [...values, ...missing].sort((a, b) => a - b)[(committeeSize - 1) / 2]!
}
