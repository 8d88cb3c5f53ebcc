/**
 * What one seat says of one device for one epoch, from everything it saw: the lane that goes into its opening.
 * Pure, so that anybody can recompute a lane from the evidence.
 */
import { flagBit, type RoundVerdict } from '../../protocol/verdict.ts'

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
