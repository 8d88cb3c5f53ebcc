import fc from 'fast-check'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { createBlockFinder, requireSamplingBlock } from '../../../src/core/provider/sampling-block.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const seat: Hex = `0x${'1'.repeat(40)}`
const rules = { samplingSeconds: 2, openingsMs: 3500, graceMs: 500 }
const refused = (problem: string) =>
  expect.objectContaining({ code: 'REPORT_SAMPLE_REFUSED', message: expect.stringContaining(problem) })

/** Blocks `[number, parent, timestamp]`, as a seat and a Provider may see them. */
const blocksOf = (...blocks: [number, number, number][]) =>
  new Map(
    blocks.map(([number, parent, timestamp]) => [
      hash(number),
      { hash: hash(number), parentHash: hash(parent), timestamp },
    ]),
  )

function check(blocks: ReturnType<typeof blocksOf>, samplingBlock: number) {
  const clock = createManualClock()
  const about = { seat, round: hash(1), seenAtMs: 0, samplingBlock: hash(samplingBlock) }
  const findBlock = createBlockFinder({ seen: at => blocks.get(at) ?? null, read: async () => null }, clock)
  const checked = requireSamplingBlock(about, rules, { clock, findBlock })
  checked.catch(() => undefined)
  return { clock, checked }
}

describe('requireSamplingBlock', () => {
  const chain = () =>
    blocksOf([1, 0, 100], [2, 1, 101], [3, 2, 102], [4, 3, 103], [13, 2, 103], [20, 0, 101], [21, 20, 102])

  it('the first block that is late enough is accepted, on our branch and on another one with the trigger', async () => {
    await check(chain(), 3).checked
    await check(chain(), 13).checked
  })

  it.each([
    [2, 'too early'],
    [4, 'an earlier block draws'],
    [21, 'without the trigger'],
  ])('block %i is refused: %s', async (block, problem) => {
    const { clock, checked } = check(blocksOf([0, 99, 99], ...rows(chain())), block)
    const outcome = expect(checked).rejects.toThrow(refused(problem))
    await clock.advance(10_000)
    await outcome
  })

  it('a block that is not seen yet is waited for, and no longer than openings are answered', async () => {
    const blocks = chain()
    blocks.delete(hash(3))
    const early = check(blocks, 3)
    const never = check(blocks, 77)
    await early.clock.advance(1000)
    for (const [at, block] of chain()) blocks.set(at, block)
    await early.clock.advance(1000)
    await early.checked
    const outcome = expect(never.checked).rejects.toThrow(refused('was not seen in time'))
    await never.clock.advance(4001)
    await outcome
  })

  it('a request that comes after the openings were due is refused', async () => {
    const clock = createManualClock()
    await clock.advance(4001)
    const about = { seat, round: hash(1), seenAtMs: 0, samplingBlock: hash(3) }
    const findBlock = createBlockFinder({ seen: () => null, read: async at => chain().get(at) ?? null }, clock)
    await expect(requireSamplingBlock(about, rules, { clock, findBlock })).rejects.toThrow(refused('were due'))
    await requireSamplingBlock({ ...about, seenAtMs: 1 }, rules, { clock, findBlock })
  })

  it('one block of each branch is accepted and no other, whatever the chain looks like', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ back: fc.nat(3), seconds: fc.nat(2) }), { minLength: 1, maxLength: 12 }),
        async steps => {
          // Block 1 triggers; each further block is the child of one of the four before it.
          const blocks = blocksOf([1, 0, 100], [0, 99, 98])
          const draws = new Map<number, boolean>()
          const before = new Map<number, boolean>([[1, true]])
          for (const [i, { back, seconds }] of steps.entries()) {
            const [number, parent] = [i + 2, Math.max(1, i + 1 - back)]
            const timestamp = blocks.get(hash(parent))!.timestamp + seconds
            blocks.set(hash(number), { hash: hash(number), parentHash: hash(parent), timestamp })
            const open = before.get(parent)!
            before.set(number, open && timestamp < 102)
            draws.set(number, open && timestamp >= 102)
          }
          for (const [number, drawn] of draws) {
            const taken = await check(blocks, number).checked.then(
              () => true,
              () => false,
            )
            expect(taken).toBe(drawn)
          }
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('createBlockFinder', () => {
  const other: Hex = `0x${'2'.repeat(40)}`
  /** No block is ever there; counts the reads. */
  function open() {
    const clock = createManualClock()
    const read: Hex[] = []
    const source = {
      seen: () => null,
      async read(at: Hex) {
        read.push(at)
        return null
      },
    }
    const find = createBlockFinder(source, clock)
    return { clock, read, find }
  }

  it('a block is looked for once, however often seats ask for it, and a second passes between two looks', async () => {
    const { clock, read, find } = open()
    const found = Array.from({ length: 1_500 }, (_, i) => find(i % 2 === 0 ? seat : other, hash(7), 30_000))
    await clock.advance(0)
    expect(read).toEqual([hash(7)])
    await clock.advance(31_000)
    expect(new Set(await Promise.all(found))).toEqual(new Set([null]))
    expect(read.length).toBeLessThan(2 * (30 + 8) + 1)
  })

  it('four blocks are looked for at once for each seat, at no cost to the others', async () => {
    const { clock, read, find } = open()
    const sought = Array.from({ length: 1_500 }, (_, i) => find(seat, hash(1_000 + i), 30_000))
    const outcomes = Promise.allSettled(sought)
    const honest = find(other, hash(7), 30_000)
    await clock.advance(31_000)
    expect((await outcomes).filter(({ status }) => status === 'rejected')).toHaveLength(1_496)
    await honest
    expect(read.filter(at => at !== hash(7)).length).toBeLessThan(30 + 8 + 1)
    expect(read.filter(at => at === hash(7)).length).toBeGreaterThan(30)
    // What is over makes room.
    await expect(Promise.race([find(seat, hash(8), 0), 'waits'])).resolves.toBe('waits')
  })
})

function rows(blocks: ReturnType<typeof blocksOf>): [number, number, number][] {
  return [...blocks.values()].map(block => [Number(block.hash), Number(block.parentHash), block.timestamp])
}
