import fc from 'fast-check'
import { numberToHex } from 'viem'
import { describe, expect, test } from 'vitest'
import { keeperRank, turnBlocks, turnSeconds } from '../../../src/core/epoch/keeper-times.ts'
import { anyBytes32 } from '../../helpers/arbitraries.ts'

const owner = (i: number) => numberToHex(i + 1, { size: 20 })

describe('keeper turns', () => {
  test('every owner has its own turn, whatever its number of seats, and keepers without a seat come last', () => {
    fc.assert(
      fc.property(anyBytes32, fc.array(fc.nat(8), { minLength: 1, maxLength: 30 }), (seed, list) => {
        const seats = list.map(owner)
        const owners = [...new Set(seats)]
        const ranks = owners.map(each => keeperRank(seed, seats, each)).sort((a, b) => a - b)
        expect(ranks).toEqual(owners.map((_, i) => i))
        expect(keeperRank(seed, seats, owner(99))).toBe(owners.length)
      }),
      { numRuns: 1000 },
    )
  })

  test('the first keeper acts at once, and none acts later than the phase allows', () => {
    expect([0, 1, 2, 3, 9].map(rank => turnSeconds(rank, 3))).toEqual([0, 1, 2, 2, 2])
    expect([0, 1, 2, 3, 9].map(rank => turnSeconds(rank, 0))).toEqual([0, 0, 0, 0, 0])
    expect([0, 1, 2, 3, 9].map(rank => turnSeconds(rank, 3600))).toEqual([0, 60, 120, 180, 180])
  })

  test('every keeper has had a turn at a seed long before the hash is out of reach', () => {
    expect([0, 1, 2, 3, 9].map(turnBlocks)).toEqual([0, 1, 2, 3, 3])
  })
})
