import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  buildCommitmentTree,
  type CommitmentScope,
  commitmentDepth,
  isCommitted,
  openingLeaf,
  packOpening,
} from '../../../src/core/epoch/opening.ts'
import { anyBytes32, anyOpening } from '../../helpers/arbitraries.ts'

const scope: CommitmentScope = {
  chainId: 31337,
  consensus: `0x${'11'.repeat(20)}`,
  epoch: 7,
  owner: `0x${'22'.repeat(20)}`,
  salt: `0x${'33'.repeat(32)}`,
}
const anyWords = anyOpening.map(packOpening)

describe('commitment tree', () => {
  test('the depth of a commitment tree is the logarithm of the cohorts, rounded up', () => {
    expect([0, 1, 2, 3, 4, 5, 1600].map(commitmentDepth)).toEqual([0, 0, 1, 2, 2, 3, 11])
  })

  test('every opening is proven against the root and the 28 bytes that the chain keeps, and not for another cohort', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(40), { minLength: 1, maxLength: 4 }), anyWords, (cohorts, words) => {
        const depth = commitmentDepth(41)
        const tree = buildCommitmentTree(scope, new Map(cohorts.map(cohort => [cohort, words])), depth)
        for (const cohort of cohorts) {
          const opening = { words, proof: tree.proof(cohort) }
          expect(opening.proof).toHaveLength(depth)
          expect(isCommitted(scope, cohort, opening, { root: tree.root, depth })).toBe(true)
          expect(isCommitted(scope, cohort, opening, { root: tree.root.slice(0, 58) as `0x${string}`, depth })).toBe(
            true,
          )
          expect(isCommitted(scope, cohort ^ 1, opening, { root: tree.root, depth })).toBe(false)
          for (const other of [depth - 1, depth + 1])
            expect(isCommitted(scope, cohort, opening, { root: tree.root, depth: other })).toBe(false)
        }
      }),
      { numRuns: 100 },
    )
  })

  test('a leaf changes with each value that it binds', () => {
    fc.assert(
      fc.property(anyWords, anyBytes32, fc.nat(9), (words, salt, at) => {
        const leaf = openingLeaf(scope, 3, words)
        const flipped = words.map((word, i) => (i === at ? word ^ 1n : word)) as unknown as typeof words
        for (const other of [
          openingLeaf({ ...scope, chainId: 1 }, 3, words),
          openingLeaf({ ...scope, consensus: scope.owner }, 3, words),
          openingLeaf({ ...scope, epoch: 8 }, 3, words),
          openingLeaf({ ...scope, owner: scope.consensus }, 3, words),
          openingLeaf({ ...scope, salt }, 3, words),
          openingLeaf(scope, 4, words),
          openingLeaf(scope, 3, flipped),
        ])
          expect(other).not.toBe(leaf)
      }),
      { numRuns: 200 },
    )
  })

  test('a cohort beyond the tree is refused', () => {
    const words = packOpening({ lanes: [], evidenceRoot: scope.salt })
    expect(() => buildCommitmentTree(scope, new Map([[4, words]]), 2)).toThrow(RangeError)
  })
})
