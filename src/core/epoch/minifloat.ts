/**
 * Rates on chain: a monotone 15-bit minifloat (5-bit exponent, 10-bit mantissa, gradual underflow), so that comparing lanes
 * compares rates. Exact up to 2047; above that it keeps 11 significant bits, which is at most 0.1% too low.
 */
import { maxRateLane } from '../protocol/constants.ts'

const mantissaBits = 10n
const mantissaSpan = 1n << mantissaBits

/** The largest rate that a lane can carry: 2047 × 2^30; a lane’s rate is a capacity. */
export const maxRate = decodeRate(maxRateLane)

/** Lane value → rate. */
export function decodeRate(lane: number): bigint {
  if (!Number.isInteger(lane) || lane < 0 || lane > maxRateLane) throw new RangeError(`not a rate lane: ${lane}`)
  const exponent = BigInt(lane) >> mantissaBits
  const mantissa = BigInt(lane) & (mantissaSpan - 1n)
  return exponent === 0n ? mantissa : (mantissaSpan + mantissa) << (exponent - 1n)
}

/** Rate → the largest lane value that does not exceed it; rates above {@link maxRate} are cut to it. */
export function encodeRateDown(rate: bigint): number {
  if (rate < 0n) throw new RangeError(`negative rate: ${rate}`)
  if (rate >= maxRate) return maxRateLane
  if (rate < mantissaSpan) return Number(rate)
  const shift = BigInt(rate.toString(2).length) - mantissaBits - 1n
  return Number(((shift + 1n) << mantissaBits) | ((rate >> shift) - mantissaSpan))
}
