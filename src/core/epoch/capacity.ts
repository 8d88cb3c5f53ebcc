/**
 * What a device is paid by: one index of its three measures, of degree one, so that twice the card is twice the index and neither
 * splitting a card into registrations nor leaving one measure out is worth anything.
 *
 *     capacity = ⌊ ∛( T · M · min(R, τ · M) ) ⌋      T in Gop/s, M in MB/s, R and τ · M in MB, τ = 80 ms
 *
 * Means of the epoch come first and one root at the end, all of it in whole numbers, so that everybody gets the same.
 *
 * Why: docs/why/capacity.md
 */

/** Means over an epoch's rounds, whole numbers. */
export type Measures = {
  /** T: integer operations in products of matrices, Mop/s. */
  readonly tensor: number
  /** M: bytes of memory read, MB/s. */
  readonly bandwidth: number
  /** R: bytes of memory filled, MB. */
  readonly resident: number
}

/** τ: memory counts as far as it is read within this time, in milliseconds. A card's own is; a host's memory behind a bus is not. */
export const readWithinMs = 80n

/**
 * What counts of the memory that one round claims, in MB: no more than was read within τ. Before any mean, since a round that claims
 * much and reads nothing would else lend its claim to the others.
 */
export const residentOf = (resident: number, bandwidth: number): number =>
  Math.min(resident, Math.floor((bandwidth * Number(readWithinMs)) / 1_000))

/** The capacity of these measures, a whole number. */
export function capacityOf({ tensor, bandwidth, resident }: Measures): bigint {
  const kilobytes = 1_000n * BigInt(resident)
  const read = readWithinMs * BigInt(bandwidth)
  const counted = kilobytes < read ? kilobytes : read
  return cubeRootDown((BigInt(tensor) * BigInt(bandwidth) * counted) / 1_000_000n)
}

/** ⌊∛n⌋ by Newton's steps from above. */
export function cubeRootDown(n: bigint): bigint {
  if (n < 0n) throw new RangeError(`negative: ${n}`)
  if (n < 8n) return n === 0n ? 0n : 1n
  let root = 1n << BigInt(Math.ceil(n.toString(2).length / 3))
  for (;;) {
    const next = (2n * root + n / (root * root)) / 3n
    if (next >= root) return root
    root = next
  }
}
