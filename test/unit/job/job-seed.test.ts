import fc from 'fast-check'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { jobSeed, sampleRows } from '../../../src/core/job/job-seed.ts'
import { runs } from '../../helpers/full-runs.ts'

const bytes32 = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map(bytes => `0x${Buffer.from(bytes).toString('hex')}` as Hex)
const identity = fc.record({
  chainId: fc.nat(2 ** 31),
  round: bytes32,
  deviceId: bytes32,
  generation: fc.nat(2 ** 32 - 1),
  specHash: bytes32,
})
const sampleIdentity = fc.record({ secret: bytes32, root: bytes32, samplingBlockHash: bytes32 })

describe('jobSeed', () => {
  it('the job seed changes with every field', () => {
    fc.assert(
      fc.property(identity, identity, (a, b) => {
        const seed = Buffer.from(jobSeed(a)).toString('hex')
        for (const key of Object.keys(a) as (keyof typeof a)[])
          if (a[key] !== b[key]) expect(Buffer.from(jobSeed({ ...a, [key]: b[key] })).toString('hex')).not.toBe(seed)
      }),
      { numRuns: runs(1000) },
    )
  })

  it('a short hash is refused and not padded', () => {
    const zero = `0x${'00'.repeat(32)}` as Hex
    expect(() => jobSeed({ chainId: 1, round: `${zero}00`, deviceId: zero, generation: 0, specHash: zero })).toThrow()
  })
})

describe('sampleRows', () => {
  it('min(t, rows) distinct rows are drawn, in ascending order', () => {
    fc.assert(
      fc.property(sampleIdentity, fc.nat(3000), fc.integer({ min: 1, max: 64 }), (id, rows, samples) => {
        const sample = sampleRows({ samples }, rows, id)
        expect(sample).toHaveLength(Math.min(samples, rows))
        expect(sample.every((row, i) => row >= 0 && row < rows && (i === 0 || row > sample[i - 1]!))).toBe(true)
      }),
      { numRuns: runs(1000) },
    )
  })

  it('the sample depends on the secret, the root and the sampling block', () => {
    fc.assert(
      fc.property(sampleIdentity, sampleIdentity, (a, b) => {
        const drawn = sampleRows({ samples: 16 }, 2 ** 30, a)
        for (const key of Object.keys(a) as (keyof typeof a)[])
          expect(sampleRows({ samples: 16 }, 2 ** 30, { ...a, [key]: b[key] })).not.toEqual(drawn)
      }),
      { numRuns: runs(1000), examples: [] },
    )
  })

  it('every row is drawn equally often (chi-squared, 50 rows, 40,000 draws)', () => {
    const counts = new Array<number>(50).fill(0)
    for (let n = 0; n < 10_000; n++) {
      const secret = `0x${n.toString(16).padStart(64, '0')}` as Hex
      for (const row of sampleRows({ samples: 4 }, 50, { secret, root: secret, samplingBlockHash: secret }))
        counts[row]!++
    }
    const chiSquared = counts.reduce((sum, count) => sum + (count - 800) ** 2 / 800, 0)
    // 49 degrees of freedom: above 85.4 once in a thousand. The draw is deterministic, so this never flickers.
    expect(chiSquared).toBeLessThan(85.4)
  })
})
