/** Philox once more, by other means than what ships: in BigInt, and in double precision where a model has millions of blocks. */
import { createHash } from 'node:crypto'

const word = 2n ** 32n

/** Ten rounds as the paper writes them, in numbers without a size. */
export function block(key: readonly number[], counter: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint]
  for (let round = 0n; round < 10n; round++) {
    const k = [0x9e3779b9n, 0xbb67ae85n].map((weyl, i) => (BigInt(key[i]!) + round * weyl) % word)
    const [p0, p1] = [c0 * 0xd2511f53n, c2 * 0xcd9e8d57n]
    ;[c0, c1, c2, c3] = [(p1 / word) ^ c1 ^ k[0]!, p1 % word, (p0 / word) ^ c3 ^ k[1]!, p0 % word]
  }
  return [c0, c1, c2, c3].map(Number)
}

/** Entry `position` of a line. */
export function drawn(key: readonly number[], position: number, line: number, item: number, tag: number): number {
  const value = block(key, [Math.floor(position / 16), line, item, tag])[Math.floor((position % 16) / 4)]!
  return Math.floor(value / 256 ** (position % 4)) % 256
}

const weightOf = (byte: number): number => (byte % 128 === 0 ? 0 : (byte % 128) - 64)

/** Entry [k, column] of a matrix of weights. */
export const weight = (key: readonly number[], matrix: number, k: number, column: number): number =>
  weightOf(drawn(key, k, column, matrix, 1))

export function keyOf(...parts: (string | Uint8Array)[]): number[] {
  const digest = createHash('sha256')
    .update(Buffer.concat(parts.map(part => Buffer.from(part))))
    .digest()
  return [0, 4].map(at => digest[at]! + 256 * digest[at + 1]! + 65536 * digest[at + 2]! + 16777216 * digest[at + 3]!)
}

/** A whole matrix of weights, row-major. A product of 32 by 16 bits is exact in a double. */
export function plainMatrix(key: readonly number[], matrix: number, rows: number, columns: number): Int8Array {
  const entries = new Int8Array(rows * columns)
  const keys = Array.from({ length: 10 }, (_, round) => [
    (key[0]! + round * 0x9e3779b9) % 2 ** 32,
    (key[1]! + round * 0xbb67ae85) % 2 ** 32,
  ])
  for (let column = 0; column < columns; column++)
    for (let first = 0; first < rows; first += 16) {
      let [c0, c1, c2, c3] = [first / 16, column, matrix, 1]
      for (const [k0, k1] of keys) {
        const [upper0, lower0] = [c0 * 0xd251, c0 * 0x1f53]
        const [upper1, lower1] = [c2 * 0xcd9e, c2 * 0x8d57]
        c0 = (Math.floor((upper1 + Math.floor(lower1 / 65536)) / 65536) ^ c1 ^ k0!) >>> 0
        c2 = (Math.floor((upper0 + Math.floor(lower0 / 65536)) / 65536) ^ c3 ^ k1!) >>> 0
        c1 = ((upper1 & 65535) * 65536 + lower1) >>> 0
        c3 = ((upper0 & 65535) * 65536 + lower0) >>> 0
      }
      const count = Math.min(16, rows - first)
      for (let n = 0; n < count; n++) {
        const value = n < 4 ? c0 : n < 8 ? c1 : n < 12 ? c2 : c3
        entries[(first + n) * columns + column] = weightOf((value >>> (8 * (n % 4))) & 255)
      }
    }
  return entries
}
