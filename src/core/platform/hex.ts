/** Converts bytes to hexadecimal text and back without loading viem, for work threads. */
import type { Hex } from 'viem'

/** Lower case. */
export const bytesToHex = (bytes: Uint8Array): Hex =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`

/** @throws RangeError when it is not hexadecimal text of `size` bytes */
export function hexToBytes(hex: Hex, size: number): Uint8Array {
  if (hex.length !== 2 + 2 * size || !/^0x[0-9a-fA-F]*$/.test(hex)) throw new RangeError(`${hex} is not ${size} bytes`)
  return new Uint8Array(Buffer.from(hex.slice(2), 'hex'))
}
