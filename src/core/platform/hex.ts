/**
 * Converts bytes to hexadecimal text and back without loading viem, for work threads. Node keeps small buffers in one memory: a view of
 * the caller's own would first move that out of V8's heap, which takes three times as long.
 */
import type { Hex } from 'viem'

/** Lower case. */
export const bytesToHex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`

/** @throws RangeError when it is not hexadecimal text of `size` bytes */
export function hexToBytes(hex: Hex, size: number): Uint8Array {
  // What is not hexadecimal ends the reading of it.
  const bytes = new Uint8Array(Buffer.from(hex.slice(2), 'hex'))
  if (hex.length !== 2 + 2 * size || !hex.startsWith('0x') || bytes.length !== size)
    throw new RangeError(`${hex} is not ${size} bytes`)
  return bytes
}
