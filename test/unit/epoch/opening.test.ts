import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { packOpening, unpackOpening } from '../../../src/core/epoch/opening.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import { anyOpening } from '../../helpers/arbitraries.ts'

describe('seat opening', () => {
  test('lane i has 16 bits at 16 × (i mod 16) of word i ÷ 16, and its flags 4 bits at 4 × i', () => {
    const lanes = Array.from({ length: 64 }, () => ({ rate: 0, uptime: 0, flags: 0 }))
    lanes[17] = { rate: 0x1234, uptime: 9_999, flags: 0b1011 }
    const words = packOpening({ lanes, evidenceRoot: `0x${'ab'.repeat(32)}` })
    expect(words[1]).toBe(0x1234n << 16n)
    expect(words[5]).toBe(9_999n << 16n)
    expect(words[8]).toBe(0b1011n << 68n)
    expect(words[9]).toBe(BigInt(`0x${'ab'.repeat(32)}`))
    expect(words.filter(word => word !== 0n)).toHaveLength(4)
  })

  test('an opening that is packed and unpacked stays the same, as words and as bytes', () => {
    fc.assert(
      fc.property(anyOpening, opening => {
        const words = packOpening(opening)
        expect(unpackOpening(words)).toEqual(opening)
      }),
      { numRuns: 1000 },
    )
  })

  test('an opening with fewer lanes fills the first ones, and the rest is zero', () => {
    const opening = unpackOpening(packOpening({ lanes: [{ rate: 1, uptime: 2, flags: 3 }], evidenceRoot: zeroBytes32 }))
    expect(opening.lanes[0]).toEqual({ rate: 1, uptime: 2, flags: 3 })
    expect(opening.lanes.slice(1).every(({ rate, uptime, flags }) => rate + uptime + flags === 0)).toBe(true)
  })

  test.each([
    { rate: 0x8000, uptime: 0, flags: 0 },
    { rate: 0, uptime: 10_001, flags: 0 },
    { rate: 0, uptime: 0, flags: 16 },
    { rate: -1, uptime: 0, flags: 0 },
    { rate: 0.5, uptime: 0, flags: 0 },
  ])('a value outside its lane is refused before it is committed: %o', lane => {
    expect(() => packOpening({ lanes: [lane], evidenceRoot: zeroBytes32 })).toThrow(RangeError)
  })

  test('a 65th lane is refused', () => {
    const lanes = Array.from({ length: 65 }, () => ({ rate: 0, uptime: 0, flags: 0 }))
    expect(() => packOpening({ lanes, evidenceRoot: zeroBytes32 })).toThrow(RangeError)
  })
})
