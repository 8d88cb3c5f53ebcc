import fc from 'fast-check'
import { numberToHex } from 'viem'
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
})
