import fc from 'fast-check'
import { numberToHex } from 'viem'
import { describe, expect, it } from 'vitest'
import type { SeenBlock } from '../../../src/core/chain/block-tree.ts'
import { createForkChoice } from '../../../src/core/chain/fork-choice.ts'

const options = { keepBlocks: 32 }
/** Block `id` at this height; the ids of the honest chain are its heights. */
const block = (id: number, parent: number, number: number, seenAtMs = 0): SeenBlock => ({
  number: BigInt(number),
  hash: numberToHex(id, { size: 32 }),
  parentHash: numberToHex(parent, { size: 32 }),
  timestamp: number,
  seenAtMs,
})
const honest = (number: number, seenAtMs = 0) => block(number, number - 1, number, seenAtMs)
const idOf = (chain: readonly SeenBlock[]) => (chain.length === 0 ? null : Number(chain.at(-1)!.hash))

const three = new Set(['a', 'b', 'c'])

describe('of three endpoints', () => {
  it('the head that two of three endpoints show is followed, whatever the third one shows', () => {
    const choice = createForkChoice(options)
    for (const name of ['a', 'b', 'c']) choice.show(name, [honest(10)])
    choice.show('c', [block(911, 10, 11)])
    choice.show('a', [honest(11)])
    choice.show('b', [honest(11)])
    expect(idOf(choice.choose(3))).toBe(11)
    choice.show('c', [block(912, 911, 12), block(913, 912, 13)])
    expect(idOf(choice.choose(3))).toBe(11)
    expect(choice.astray(three)).toEqual(['c'])
  })

  it('a head that one of three endpoints shows waits for another one, and counts from its first sight', () => {
    const choice = createForkChoice(options)
    for (const name of ['a', 'b', 'c']) choice.show(name, [honest(10)])
    choice.show('c', [honest(11, 100)])
    expect(idOf(choice.choose(3))).toBe(10)
    choice.show('b', [honest(11, 900)])
    expect(choice.choose(3).at(-1)).toEqual(honest(11, 100))
  })

  it('an endpoint that is behind is not astray and delays nothing', () => {
    const choice = createForkChoice(options)
    for (const name of ['a', 'b', 'c']) choice.show(name, [honest(10)])
    for (const name of ['a', 'b']) choice.show(name, [honest(11), honest(12)])
    expect(idOf(choice.choose(3))).toBe(12)
    expect(choice.astray(three)).toEqual([])
  })

  it('no head is followed before two endpoints agree, and a forgotten endpoint does not count', () => {
    const choice = createForkChoice(options)
    choice.show('a', [honest(10)])
    expect(choice.choose(3)).toEqual([])
    choice.show('b', [honest(10)])
    expect(idOf(choice.choose(3))).toBe(10)
    choice.forget('b')
    expect(choice.choose(3)).toEqual([])
  })
})

describe('of two endpoints', () => {
  it('of two endpoints that differ neither is followed, and neither is astray', () => {
    const choice = createForkChoice(options)
    for (const name of ['honest', 'liar']) choice.show(name, [honest(10)])
    choice.show('liar', [block(911, 10, 11), block(912, 911, 12)])
    choice.show('honest', [honest(11)])
    expect(idOf(choice.choose(2))).toBe(10)
    expect(choice.astray(new Set(['honest', 'liar']))).toEqual([])
  })
})

describe('one endpoint', () => {
  it('a single endpoint is followed wherever it goes, also back', () => {
    const choice = createForkChoice(options)
    choice.show('a', [honest(10), honest(11)])
    expect(idOf(choice.choose(1))).toBe(11)
    choice.show('a', [block(911, 10, 11)])
    expect(idOf(choice.choose(1))).toBe(911)
  })
})

it('one liar among three endpoints never moves the supported head away from what the honest two show', () => {
  const step = fc.record({
    who: fc.constantFrom('a', 'b', 'liar'),
    depth: fc.nat(4),
    length: fc.integer({ min: 1, max: 4 }),
    passMs: fc.nat(2_000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const choice = createForkChoice(options)
      for (const name of ['a', 'b', 'liar']) choice.show(name, [honest(10)])
      const heights = { a: 10, b: 10 }
      let forged = 1_000
      let nowMs = 0
      for (const { who, depth, length, passMs } of steps) {
        nowMs += passMs
        if (who === 'liar') {
          const base = Math.max(10, Math.min(heights.a, heights.b) - depth)
          const ids = Array.from({ length }, () => forged++)
          choice.show(
            who,
            ids.map((id, i) => block(id, i === 0 ? base : ids[i - 1]!, base + 1 + i, nowMs)),
          )
        } else {
          heights[who]++
          choice.show(who, [honest(heights[who], nowMs)])
        }
        const followed = choice.choose(3)
        const common = Math.min(heights.a, heights.b)
        // Every block up to the one that both honest endpoints show is theirs.
        for (const { number, hash } of followed) if (Number(number) <= common) expect(Number(hash)).toBe(Number(number))
        expect(Number(followed.at(-1)!.number)).toBe(common)
        expect(choice.astray(new Set(['a', 'b', 'liar'])).filter(name => name !== 'liar')).toEqual([])
      }
    }),
  )
})
