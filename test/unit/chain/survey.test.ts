import { describe, expect, test } from 'vitest'
import { type ChainSurvey, judgeSurvey } from '../../../src/core/chain/survey.ts'

/** A chain on which everything runs, with these times between its blocks. */
function surveyWith(gaps: readonly number[]): ChainSurvey {
  const elapsed = gaps.reduce((sum, gap) => sum + gap, 0)
  return {
    chainId: 1,
    client: null,
    opcodes: { push0: true, mcopy: true, tstore: true },
    fullSizeCode: true,
    blockNumber: 'own',
    ownBlockHash: true,
    longHistory: true,
    ethereumHeaders: true,
    readsAtHash: true,
    baseFee: true,
    gasLimit: 30_000_000n,
    blocks: { count: gaps.length, meanSeconds: elapsed / gaps.length, longestSeconds: Math.max(...gaps), gaps },
    behindMs: 0,
  }
}

const blockTime = (gaps: readonly number[]) =>
  judgeSurvey(surveyWith(gaps)).findings.find(({ check }) => check === 'block time')!
const repeat = (times: number, gaps: readonly number[]) => Array.from({ length: times }, () => gaps).flat()
/** Times between events that come at random, this many seconds apart in the mean; spread evenly over their distribution. */
const atRandom = (mean: number) => Array.from({ length: 64 }, (_, i) => Math.round(-mean * Math.log((i + 0.5) / 64)))

describe('the time between blocks', () => {
  test.each<[string, number[]]>([
    ['a block a second', repeat(64, [1])],
    ['four blocks a second', repeat(16, [0, 0, 0, 1])],
    ['a block every minute', repeat(64, [60])],
    ['slots of twelve seconds, one in eight of them missed', repeat(8, [12, 12, 12, 24, 12, 12, 12, 12])],
    ['a chain that stood still once, for an hour', [...repeat(40, [2]), 3600, ...repeat(23, [2])]],
    ['many users, whose transactions leave no long gap', atRandom(1)],
  ])('is no fault and no note: %s', (_, gaps) => {
    expect(blockTime(gaps)).toMatchObject({ level: 'ok' })
    expect(blockTime(gaps).code).toBeUndefined()
  })

  test.each<[string, number[]]>([
    ['few users, at random', atRandom(60)],
    ['bursts, and nothing for a quarter of an hour', repeat(4, [...repeat(15, [0]), 900])],
    ['an exchange of a call and an answer, now and then', repeat(16, [1, 1, 30, 120])],
  ])('is a note with a code where blocks come on demand: %s', (_, gaps) => {
    expect(blockTime(gaps)).toMatchObject({ level: 'note', code: 'BLOCKS_ON_DEMAND' })
    expect(judgeSurvey(surveyWith(gaps)).isFit).toBe(true)
  })

  test('needs eight blocks to be judged', () => {
    expect(blockTime([1, 90, 1, 200])).toMatchObject({ level: 'note', text: expect.stringContaining('too few') })
    expect(blockTime([1, 90, 1, 200]).code).toBeUndefined()
  })
})
