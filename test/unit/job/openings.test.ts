import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkSample, decodeOpenings, openingsBytes } from '../../../src/core/job/tensor/row-openings.ts'
import { isKaisarError } from '../../../src/core/platform/errors.ts'
import { runs } from '../../helpers/full-runs.ts'
import { commitTo } from './small-spec.ts'

const digestsOf = (rows: number) => Uint8Array.from({ length: rows * 32 }, (_, i) => (i * 11) % 128)
const window = fc
  .integer({ min: 1, max: 600 })
  .chain(rows => fc.record({ rows: fc.constant(rows), sample: fc.uniqueArray(fc.nat(rows - 1), { maxLength: 16 }) }))

const refusal = (act: () => unknown): string | undefined => {
  try {
    act()
    return undefined
  } catch (error) {
    if (isKaisarError(error)) return error.code
    throw error
  }
}

describe('openings', () => {
  it('openings decode to the chunks of the sample, and have exactly the announced length', () => {
    fc.assert(
      fc.property(window, ({ rows, sample }) => {
        const digests = digestsOf(rows)
        const { open, tree } = commitTo(digests)
        const bytes = open(sample)
        expect(bytes.length).toBe(openingsBytes(rows, sample))
        for (const { chunk, digests: found, proof } of decodeOpenings(bytes, rows, sample)) {
          expect(Buffer.from(found)).toEqual(Buffer.from(digests.subarray(chunk * 2048, (chunk + 1) * 2048)))
          expect(proof.map(hash => Buffer.from(hash))).toEqual(tree.proof(chunk))
        }
      }),
      { numRuns: runs(1000) },
    )
  })

  it('openings are read the same from a buffer whose neighbours hold other bytes', () => {
    const bytes = commitTo(digestsOf(70)).open([3, 69])
    for (let at = 0; at < 4; at++) {
      const pool = Buffer.alloc(bytes.length + 9, 255)
      pool.set(bytes, at)
      expect(refusal(() => decodeOpenings(pool.subarray(at, at + bytes.length), 70, [3, 69]))).toBeUndefined()
    }
  })

  it.each([
    ['nothing', () => new Uint8Array()],
    ['an unknown version', (bytes: Uint8Array) => bytes.map((byte, i) => (i === 0 ? 2 : byte))],
    ['one byte less', (bytes: Uint8Array) => bytes.slice(0, -1)],
    ['one byte more', (bytes: Uint8Array) => Uint8Array.of(...bytes, 0)],
    ['a digest byte above 127', (bytes: Uint8Array) => bytes.map((byte, i) => (i === 7 ? 128 : byte))],
  ])('openings are refused when they are %s', (_, change) => {
    const bytes = change(commitTo(digestsOf(200)).open([3, 150]))
    expect(refusal(() => decodeOpenings(bytes, 200, [3, 150]))).toBe('JOB_OPENINGS_MALFORMED')
  })

  it('openings of any bytes fail with their own code alone', () => {
    fc.assert(
      fc.property(window, fc.uint8Array({ maxLength: 4096 }), fc.boolean(), ({ rows, sample }, noise, prefixed) => {
        const bytes = prefixed ? Uint8Array.of(1, ...noise) : noise
        expect([undefined, 'JOB_OPENINGS_MALFORMED']).toContain(refusal(() => decodeOpenings(bytes, rows, sample)))
      }),
      { numRuns: runs(1000) },
    )
  })

  it.each([
    ['more rows than the spec allows', [0, 1, 2], 10, 2],
    ['a row twice', [1, 1], 10, 4],
    ['a row beyond the count', [10], 10, 4],
    ['a negative row', [-1], 10, 4],
    ['a fraction', [0.5], 10, 4],
  ])('openings are not given for %s', (_, sample, rows, limit) => {
    expect(refusal(() => checkSample(sample, rows, limit))).toBe('JOB_SAMPLE_INVALID')
  })
})
