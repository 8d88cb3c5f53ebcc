import fc from 'fast-check'
import { concat, encodeAbiParameters, type Hex, keccak256, stringToHex } from 'viem'
import { describe, expect, it } from 'vitest'
import {
  buildEvidenceTree,
  type EvidenceLeaf,
  evidenceDepth,
  evidenceRootFromProof,
  hashEvidenceLeaf,
  noRound,
  reasonWord,
} from '../../../src/core/report/evidence-root.ts'
import { hexOf } from './signed-messages.ts'

const leaf: fc.Arbitrary<EvidenceLeaf> = fc.record({
  round: hexOf(32),
  commitmentHash: hexOf(32),
  reason: fc.constantFrom('ROWS_EQUAL', 'NO_COMMITMENT', '').map(reasonWord),
})
const leaves = fc.integer({ min: 1, max: 12 }).chain(maxRounds =>
  fc.record({
    maxRounds: fc.constant(maxRounds),
    given: fc.array(fc.record({ lane: fc.nat(63), ordinal: fc.nat(maxRounds - 1), leaf }), { maxLength: 20 }),
  }),
)

/** The rule once more with viem's encoders, recursively. */
const naiveRoot = (hashes: Hex[]): Hex =>
  hashes.length === 1
    ? hashes[0]!
    : naiveRoot(
        Array.from({ length: hashes.length / 2 }, (_, i) => keccak256(concat([hashes[2 * i]!, hashes[2 * i + 1]!]))),
      )

describe('evidence root', () => {
  it('the evidence root is the keccak tree over abi-encoded leaves, padded with zero leaves', () => {
    fc.assert(
      fc.property(leaves, ({ maxRounds, given }) => {
        const at = (lane: number, ordinal: number) =>
          given.find(entry => entry.lane === lane && entry.ordinal === ordinal)?.leaf ?? null
        const tree = buildEvidenceTree(maxRounds, at)
        const hashes = Array.from({ length: 2 ** evidenceDepth(maxRounds) }, (_, number): Hex => {
          if (number >= 64 * maxRounds) return `0x${'00'.repeat(32)}`
          const { round, commitmentHash, reason } = at(Math.floor(number / maxRounds), number % maxRounds) ?? noRound
          const word = { type: 'bytes32' } as const
          return keccak256(encodeAbiParameters([word, word, word], [round, commitmentHash, reason]))
        })
        expect(tree.root).toBe(naiveRoot(hashes))
      }),
      { numRuns: 30 },
    )
  })

  it('each leaf is proven at its number and nowhere else', () => {
    const tree = buildEvidenceTree(5, (lane, ordinal) =>
      (lane + ordinal) % 3 === 0
        ? { ...noRound, round: hashEvidenceLeaf(noRound), reason: reasonWord(`R${lane}`) }
        : null,
    )
    fc.assert(
      fc.property(fc.nat(63), fc.nat(4), fc.nat(319), (lane, ordinal, elsewhere) => {
        const number = lane * 5 + ordinal
        const proof = tree.proof(lane, ordinal)
        expect(evidenceRootFromProof(tree.leaf(lane, ordinal), number, proof)).toBe(tree.root)
        expect(evidenceRootFromProof({ ...tree.leaf(lane, ordinal), round: tree.root }, number, proof)).not.toBe(
          tree.root,
        )
        const claimed = evidenceRootFromProof(tree.leaf(lane, ordinal), elsewhere, proof)
        if (tree.leaf(Math.floor(elsewhere / 5), elsewhere % 5) !== tree.leaf(lane, ordinal))
          expect(claimed).not.toBe(tree.root)
      }),
      { numRuns: 300 },
    )
  })

  it('a reason is written as left-aligned ASCII, and refused where it does not fit', () => {
    expect(reasonWord('ROWS_EQUAL')).toBe(stringToHex('ROWS_EQUAL', { size: 32 }))
    for (const act of [
      () => reasonWord('é'),
      () => reasonWord('x'.repeat(33)),
      () => buildEvidenceTree(0, () => null),
      () => buildEvidenceTree(1, () => null).proof(64, 0),
    ])
      expect(act).toThrow(expect.objectContaining({ code: 'REPORT_EVIDENCE_INVALID' }))
  })
})
