import { createKeccak } from 'hash-wasm'
import { keccak256 as ofViem, toHex } from 'viem'
import { expect, it } from 'vitest'
import { createKeccak256 } from '../../../src/core/platform/keccak.ts'

/** Lengths around that of a block, 136 bytes, and that of the buffer that bytes are handed over in. */
const inputs = [0, 1, 20, 32, 64, 135, 136, 137, 271, 272, 273, 16_383, 16_384, 16_385, 40_000].map(length =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + length) % 256),
)

function hashing() {
  let compilations = 0
  const compiled = createKeccak(256)
  const keccak256 = createKeccak256(() => {
    compilations++
    return compiled
  })
  return { keccak256, compiled, compilations: () => compilations }
}

it('hashes bytes, views of them and text as viem does, before it is compiled and after', async () => {
  const { keccak256, compiled, compilations } = hashing()
  const check = () => {
    for (const bytes of inputs) {
      const hash = ofViem(bytes)
      expect(keccak256(bytes)).toBe(hash)
      expect(keccak256(toHex(bytes))).toBe(hash)
      expect(toHex(keccak256(bytes, 'bytes'))).toBe(hash)
      expect(keccak256(Buffer.concat([Buffer.of(9), bytes, Buffer.of(9)]).subarray(1, 1 + bytes.length))).toBe(hash)
    }
    for (const text of ['0xabc', '0x12zz', '0x1'] as const) expect(keccak256(text)).toBe(ofViem(text))
  }
  check()
  expect(compilations()).toBe(0)
  for (let i = 0; i < 100; i++) keccak256('0x')
  expect(compilations()).toBe(1)
  await compiled
  check()
  // Each has memory of its own.
  const [first, second] = [1, 2].map(byte => keccak256(Uint8Array.of(byte), 'bytes'))
  expect(toHex(first!)).toBe(ofViem('0x01'))
  expect(toHex(second!)).toBe(ofViem('0x02'))
  expect(compilations()).toBe(1)
})

it('goes on in JavaScript where WebAssembly is not to be had', async () => {
  const keccak256 = createKeccak256(() => Promise.reject(new Error('no WebAssembly')))
  for (let i = 0; i < 300; i++) keccak256('0x')
  await Promise.resolve()
  expect(keccak256('0x61')).toBe(ofViem('0x61'))
})
