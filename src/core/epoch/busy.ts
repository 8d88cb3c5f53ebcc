/**
 * What a pause costs, in this one place: presence, and nothing else. Rounds in which a device was busy are in no mean; its presence is what
 * its capacity would have been, had it missed them, as a part of the capacity that it showed in the others. So at full uptime a busy round
 * is paid what a missed one is, whatever its kind, and a device gains nothing by choosing between the two.
 *
 * Why: docs/why/busy.md
 */
import { fullUptime } from '../protocol/constants.ts'
import { cubeRootDown, type MeasuredRound, type Measures, measuresOf, productOf, uptimeOf } from './capacity.ts'

/** The rounds as they were, had the device missed those in which it was busy. */
const asMissed = (rounds: readonly MeasuredRound[]): MeasuredRound[] =>
  rounds.map(round => (round.verdict === 'BUSY' ? { ...round, verdict: 'TIMEOUT' } : round))

/** In 1/10000, rounded down; full without a busy round, 0 where it was busy in all of a kind. */
export function presenceOf(rounds: readonly MeasuredRound[], beatShare: number): number {
  if (!rounds.some(({ verdict }) => verdict === 'BUSY')) return fullUptime
  const shown = measuresOf(rounds, beatShare)
  const missed = measuresOf(asMissed(rounds), beatShare)
  if (shown === null || missed === null) return 0
  const product = productOf(shown)
  // The root of the quotient, not the quotient of roots that were rounded.
  return product === 0n ? 0 : Number(cubeRootDown((BigInt(fullUptime) ** 3n * productOf(missed)) / product))
}

/**
 * The uptime of a lane in 1/10000: beats that count of those judged, or the presence, whichever is less, since a pause costs once. A beat in
 * a pause counts nothing. Null where a seat judged too few.
 */
export function laneUptimeOf(rounds: readonly MeasuredRound[], beatShare: number): number | null {
  const uptime = uptimeOf(rounds, beatShare)
  return uptime === null ? null : Math.min(uptime, presenceOf(rounds, beatShare))
}

/**
 * What a lane says of these rounds; null where the seat judged too few to say anything. Measures are null where the device was busy in all
 * rounds of a kind: it has shown nothing. No round is left out for a device with wrong work.
 */
export function judgedOf(
  rounds: readonly MeasuredRound[],
  beatShare: number,
): { readonly measures: Measures | null; readonly uptime: number } | null {
  const counted = rounds.some(({ verdict }) => verdict === 'WRONG') ? asMissed(rounds) : rounds
  const uptime = laneUptimeOf(counted, beatShare)
  const isJudged = uptime !== null && measuresOf(asMissed(rounds), beatShare) !== null
  return isJudged ? { measures: measuresOf(counted, beatShare), uptime } : null
}
