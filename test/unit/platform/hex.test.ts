import { bytesToHex as viemBytesToHex, hexToBytes as viemHexToBytes } from 'viem'
import { expect, it } from 'vitest'
import { bytesToHex, hexToBytes } from '../../../src/core/platform/hex.ts'

const bytes = Uint8Array.from({ length: 32 }, (_, i) => i * 8)

it('bytes are written and read as viem does', () => {
  expect(bytesToHex(bytes)).toBe(viemBytesToHex(bytes))
  expect(hexToBytes(bytesToHex(bytes), 32)).toEqual(viemHexToBytes(bytesToHex(bytes)))
  expect(hexToBytes('0xAbCd', 2)).toEqual(Uint8Array.of(0xab, 0xcd))
})

it('the bytes of a view are written, and no bytes around it', () => {
  expect(bytesToHex(bytes.subarray(1, 3))).toBe('0x0810')
})

it.each(['0x', '0x0', '0xabc', '0xabcdef', '0xzzzz', 'abcd00'] as const)('%s is refused as two bytes', text => {
  expect(() => hexToBytes(text as `0x${string}`, 2)).toThrow(RangeError)
})
