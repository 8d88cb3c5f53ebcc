import fc from 'fast-check'
import { numberToHex } from 'viem'
import { describe, expect, test } from 'vitest'
import { createBlockTree, type SeenBlock } from '../../../src/core/chain/block-tree.ts'

const block = (id: number, parent: number, number: number, seenAtMs = id): SeenBlock => ({
  number: BigInt(number),
  hash: numberToHex(id, { size: 32 }),
  parentHash: numberToHex(parent, { size: 32 }),
  timestamp: number,
  seenAtMs,
})
const ids = (blocks: readonly SeenBlock[]) => blocks.map(({ hash }) => Number(hash))

describe('block tree', () => {
  test('the block tree grows, and replaces a branch', () => {
    const tree = createBlockTree({ keep: 10 })
    expect(ids(tree.extend([block(1, 0, 1), block(2, 1, 2), block(3, 2, 3)]).added)).toEqual([1, 2, 3])
    const change = tree.extend([block(12, 1, 2), block(13, 12, 3), block(14, 13, 4)])
    expect([ids(change.removed), ids(change.added)]).toEqual([
      [3, 2],
      [12, 13, 14],
    ])
    expect(ids(tree.blocks())).toEqual([1, 12, 13, 14])
    expect(tree.tip?.number).toBe(4n)
  })

  test('a block that comes back keeps the time of its first sight', () => {
    const tree = createBlockTree({ keep: 10 })
    tree.extend([block(1, 0, 1), block(2, 1, 2, 50)])
    tree.extend([block(3, 1, 2)])
    expect(tree.extend([block(2, 1, 2, 99), block(4, 2, 3)]).added[0]?.seenAtMs).toBe(50)
  })

  test('a branch that joins no kept block replaces everything', () => {
    const tree = createBlockTree({ keep: 10 })
    tree.extend([block(1, 0, 1), block(2, 1, 2)])
    expect(ids(tree.extend([block(90, 89, 90)]).removed)).toEqual([2, 1])
    expect(ids(tree.blocks())).toEqual([90])
  })

  test('the block tree always holds one chain of bounded size, and its changes add up to that chain', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 5 })), { maxLength: 30 }), steps => {
        const tree = createBlockTree({ keep: 8 })
        let nextId = 1
        let replayed: number[] = []
        for (const [depth, length] of steps) {
          const kept = tree.blocks()
          let parent = kept.at(Math.max(0, kept.length - 1 - depth))
          const branch: SeenBlock[] = []
          for (let i = 0; i < length; i++) {
            const id = nextId++
            branch.push(block(id, parent === undefined ? 0 : Number(parent.hash), Number(parent?.number ?? 0n) + 1))
            parent = branch.at(-1)
          }
          const { removed, added } = tree.extend(branch)
          const tail = replayed.slice(replayed.length - removed.length).reverse()
          expect(ids(removed)).toEqual(tail)
          replayed = [...replayed.slice(0, replayed.length - removed.length), ...ids(added)]
          const now = tree.blocks()
          expect(now.length).toBeLessThanOrEqual(8)
          expect(ids(now)).toEqual(replayed.slice(-now.length))
          for (let i = 1; i < now.length; i++) expect(now[i]!.parentHash).toBe(now[i - 1]!.hash)
          for (const { hash } of now) expect(tree.has(hash)).toBe(true)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
