import fc from 'fast-check'
import { concat, type Hex, keccak256, numberToHex, pad } from 'viem'
import { describe, expect, test } from 'vitest'
import { anyBytes32 } from '../../helpers/arbitraries.ts'
import { drawCommittee } from '../../helpers/draw-committee.ts'

const owner = (i: number) => numberToHex(i + 1, { size: 20 })

describe('assignment', () => {
  test('a committee has five different owners of the list, the same ones for the same seed', () => {
    const seats = fc.array(fc.nat(11), { minLength: 5, maxLength: 60 }).map(owners => owners.map(owner))
    fc.assert(
      fc.property(seats, anyBytes32, fc.nat(2000), (list, seed, cohort) => {
        const committee = drawCommittee(list, seed, cohort)
        if (new Set(list).size < 5) {
          expect(committee).toBeNull()
          return
        }
        expect(new Set(committee).size).toBe(5)
        expect(committee!.every(member => list.includes(member))).toBe(true)
        expect(drawCommittee(list, seed, cohort)).toEqual(committee)
      }),
      { numRuns: 1000 },
    )
  })

  test('an owner is drawn first in proportion to its seats', () => {
    const list = [
      ...Array.from({ length: 50 }, () => owner(0)),
      ...Array.from({ length: 50 }, (_, i) => owner(1 + (i % 10))),
    ]
    let first = 0
    for (let cohort = 0; cohort < 1000; cohort++)
      if (drawCommittee(list, numberToHex(7, { size: 32 }), cohort)![0] === owner(0)) first++
    expect(first).toBeGreaterThan(440)
    expect(first).toBeLessThan(560)
  })

  // The same is in contracts/test/attacks/CommitteeDraw.t.sol. The list's length has divisors, so that strides come back to where they began.
  test('draws are those of the contract', () => {
    const list = [1, 1, 1, 1, 2, 2, 2, 3, 4, 5, 6, 6].map(number => numberToHex(number, { size: 20 }))
    let all: Hex = `0x${'00'.repeat(32)}`
    for (let draw = 0; draw < 500; draw++) {
      const seed = numberToHex(draw, { size: 32 })
      const drawn = drawCommittee(list, keccak256(seed), draw % 7)!
      all = keccak256(concat([all, ...drawn.map(member => pad(member))]))
    }
    expect(all).toBe('0x8e7dd8ec1b9468b9d452a4011f4dba89e622db8c81685c8be8442738fe9b6d30')
  })

  test('a single seat behind many of one owner is drawn no more often than others', () => {
    const [large, single] = [
      Array.from({ length: 6 }, (_, i) => owner(i)),
      Array.from({ length: 6 }, (_, i) => owner(50 + i)),
    ]
    const list = large.flatMap((one, i) => [...Array.from({ length: 16 }, () => one), single[i]!])
    let captured = 0
    for (let cohort = 0; cohort < 2_000; cohort++) {
      const committee = drawCommittee(list, numberToHex(7, { size: 32 }), cohort)!
      if (committee.filter(member => single.includes(member)).length >= 3) captured++
    }
    // 0.2% where draws are in proportion; 2.4% if each went on to the next seat.
    expect(captured).toBeLessThan(16)
  })
})
