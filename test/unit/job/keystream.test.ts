import fc from 'fast-check'
import { hexToBytes } from 'viem'
import { describe, expect, it } from 'vitest'
import { keystream, keystreamAt } from '../../../src/core/job/keystream.ts'
import { rowInput, rowInputAt } from '../../../src/core/job/tensor/row-input.ts'

const seed32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('keystream', () => {
  it('the keystream is AES-128-CTR: NIST SP 800-38A, F.5.1', () => {
    const seed = hexToBytes('0x2b7e151628aed2a6abf7158809cf4f3cf0f1f2f3f4f5f6f7f8f9fafbfcfdfeff')
    const plain = '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51'
    const cipher = '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff'
    const expected = Buffer.from(cipher, 'hex').map((byte, i) => byte ^ Buffer.from(plain, 'hex')[i]!)
    expect(Buffer.from(keystream(seed, 0, 32))).toEqual(expected)
  })

  it('the keystream is read at any position without the ones before, also where the counter wraps', () => {
    fc.assert(
      fc.property(seed32, fc.nat(50), fc.nat(200), fc.boolean(), (seed, first, length, wrap) => {
        if (wrap) seed.fill(0xff, 16)
        const whole = keystream(seed, 0, first * 16 + length)
        expect(keystream(seed, first, length)).toEqual(whole.slice(first * 16))
      }),
      { numRuns: 1000 },
    )
  })

  it('the keystream is read at scattered positions with one cipher', () => {
    fc.assert(
      fc.property(seed32, fc.array(fc.nat(2 ** 41), { maxLength: 8 }), (seed, blocks) => {
        const expected = Buffer.concat(blocks.map(block => keystream(seed, block, 32)))
        expect(Buffer.from(keystreamAt(seed, blocks, 2))).toEqual(expected)
      }),
      { numRuns: 1000 },
    )
  })

  it('rows have bytes below 128, read as a range and one by one alike', () => {
    fc.assert(
      fc.property(seed32, fc.nat(2 ** 40), fc.integer({ min: 1, max: 9 }), (seed, first, count) => {
        const rows = Array.from({ length: count }, (_, i) => first + i)
        const range = rowInput(seed, first, count)
        expect(range.every(byte => byte < 128)).toBe(true)
        expect(Buffer.from(rowInputAt(seed, rows))).toEqual(Buffer.from(range))
      }),
      { numRuns: 1000 },
    )
  })
})
