import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { soundnessBits } from '../../../src/core/job/soundness.ts'
import { rowsLimit } from '../../../src/core/job/tensor/digest-tree.ts'
import { openingsBytes, pieceParts } from '../../../src/core/job/tensor/row-openings.ts'
import {
  checkSpec,
  encodeSpec,
  leafRows,
  modelBytes,
  operationsPerRow,
  specHash,
  tensorSpecs,
  windowRate,
} from '../../../src/core/job/tensor/tensor-spec.ts'
import { rowsOfRun } from '../../../src/core/job/work-core.ts'
import { maxPayloadBytes } from '../../../src/core/protocol/messages.ts'

describe('spec', () => {
  it('a specification is text of all its numbers', () => {
    expect(encodeSpec(tensorSpecs.devnet)).toBe(
      'kaisar/spec/v2 width=1024 layers=8 weights=8 rowBytes=32 leafRows=64 windowMs=1000 samples=16',
    )
    expect(encodeSpec({ ...tensorSpecs.devnet, version: 1 })).toMatch(/^kaisar\/spec\/v1 width=1024 /)
  })

  it.each([
    ['a width above the exact limit', { ...tensorSpecs.devnet, width: 4162 }],
    ['no layers', { ...tensorSpecs.devnet, layers: 0 }],
    ['a fraction', { ...tensorSpecs.devnet, samples: 1.5 }],
    ['more matrices than layers', { ...tensorSpecs.devnet, weights: 9 }],
    ['a model that does not fit', { ...tensorSpecs.devnet, width: 4096, layers: 64, weights: 64 }],
    ['more samples than fit sixteen pieces', { ...tensorSpecs.devnet, samples: 1329 }],
    ['more layers than a graph should have', { ...tensorSpecs.devnet, layers: 1025 }],
  ])('a specification with %s is refused', (_, spec) => {
    expect(() => checkSpec(spec)).toThrow(expect.objectContaining({ code: 'JOB_SPEC_INVALID' }))
  })

  it('a specification may have as many samples as fit sixteen pieces, and no more', () => {
    const frame = maxPayloadBytes['job.openings']!
    /** Each in a chunk of its own, of the most rows there may be. */
    const worst = (samples: number) => Array.from({ length: samples }, (_, i) => i * leafRows)
    const { samples } = checkSpec({ ...tensorSpecs.devnet, samples: 16 * 83 })
    const parts = pieceParts(worst(samples))
    expect(parts).toHaveLength(16)
    for (const part of parts) expect(openingsBytes(rowsLimit, part)).toBeLessThanOrEqual(frame)
    expect(openingsBytes(rowsLimit, worst(84))).toBeGreaterThan(frame)
  })

  it('the hash of a specification changes with every number', () => {
    const hashes = Object.entries(tensorSpecs.devnet).map(([key, value]) =>
      specHash({ ...tensorSpecs.devnet, [key]: key === 'weights' ? 4 : 2 * value }),
    )
    expect(new Set([specHash(tensorSpecs.devnet), ...hashes]).size).toBe(6)
  })

  it('a specification gives operations, model bytes and rate', () => {
    expect(operationsPerRow(tensorSpecs.devnet)).toBe(2 * 1024 * 1024 * 8 + 4 * 1024 * 32)
    expect(modelBytes(tensorSpecs.standard)).toBeLessThanOrEqual(512 * 1024 * 1024)
    fc.assert(
      fc.property(fc.nat(2 ** 30), rows => {
        const exact = (BigInt(rows) * BigInt(operationsPerRow(tensorSpecs.devnet))) / 1_000_000n
        expect(BigInt(windowRate(tensorSpecs.devnet, rows))).toBe(exact)
      }),
      { numRuns: 1000 },
    )
  })

  it('a run on a card has the same bytes of activations however wide they are, and few rows on a CPU', () => {
    const rows = (width: number) => rowsOfRun('cuda', { width })
    expect([1024, 2048, 4096, 4161].map(rows)).toEqual([16_384, 16_384, 8_192, 8_064])
    expect(rowsOfRun('cpu', tensorSpecs.standard)).toBe(1_024)
  })

  it('a specification gives its soundness in bits, with and without forwarding', () => {
    const { oneSeat, forwarding, alone } = soundnessBits({ samples: 16 }, 0.25)
    expect(oneSeat).toBeCloseTo(6.64, 2)
    expect(forwarding).toBeCloseTo(33.2, 1)
    // C(5,3) · p³: three of five seats are enough to pass when they keep to themselves.
    expect(alone).toBeCloseTo(16.6, 1)
  })
})
