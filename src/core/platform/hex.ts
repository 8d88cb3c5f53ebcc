/** Converts bytes to hexadecimal text and back without loading viem, for work threads. */
import type { Hex } from 'viem'

/** Lower case. */
export const bytesToHex = (bytes: Uint8Array): Hex =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`

/** @throws RangeError when it is not hexadecimal text of `size` bytes */
export function hexToBytes(hex: Hex, size: number): Uint8Array {
  // What is not hexadecimal ends the reading of it.
  const bytes = new Uint8Array(size)
  const isWhole = hex.length === 2 + 2 * size && hex.startsWith('0x')
  if (!isWhole || Buffer.from(bytes.buffer).write(hex.slice(2), 'hex') !== size)
    throw new RangeError(`${hex} is not ${size} bytes`)
  return bytes
}
