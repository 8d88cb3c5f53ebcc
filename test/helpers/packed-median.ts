/**
 * The median of a committee as PackedMedian.sol computes it. The 16-bit lanes of a word (values below 2^15) are compared at once: with the free top
 * bit set, a lane's subtraction cannot borrow from its neighbour, and the bit that remains says which of the two is larger.
 */
const topBits = BigInt(`0x${'8000'.repeat(16)}`)

/** Lane-wise `[larger, smaller]`. */
export function compareExchange(a: bigint, b: bigint): [bigint, bigint] {
  const larger = ((a | topBits) - b) & topBits
  const changed = (a ^ b) & (larger - (larger >> 15n))
  return [b ^ changed, a ^ changed]
}

/** Knuth's selection network of seven exchanges for the median of five, as (lower, upper) positions. */
const network = [
  [0, 1],
  [3, 4],
  [0, 3],
  [1, 4],
  [1, 2],
  [2, 3],
  [1, 2],
] as const

/** Lane-wise median of five packed words. */
export function medianPacked(five: readonly [bigint, bigint, bigint, bigint, bigint]): bigint {
  const words: [bigint, bigint, bigint, bigint, bigint] = [...five]
  for (const [lower, upper] of network) [words[upper], words[lower]] = compareExchange(words[lower], words[upper])
  return words[2]
}
