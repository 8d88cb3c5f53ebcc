import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Fee, mostWei, nextFee } from '../../../../src/core/chain/tx/fees.ts'

const gwei = 1_000_000_000n
const wei = fc.bigInt({ min: 0n, max: 10_000n * gwei })
const market = fc.record({ baseFeePerGas: wei, tipPerGas: wei })
const anyFee: fc.Arbitrary<Fee> = fc
  .tuple(wei, wei)
  .map(([tip, more]) => ({ maxFeePerGas: tip + more, maxPriorityFeePerGas: tip }))

describe('fees', () => {
  test('a fee leaves room for the base fee to double', () => {
    const caps = { feePerGas: 100n * gwei, tipPerGas: 4n * gwei }
    expect(nextFee({ baseFeePerGas: 10n * gwei, tipPerGas: gwei }, [], caps)).toEqual({
      maxFeePerGas: 21n * gwei,
      maxPriorityFeePerGas: gwei,
    })
  })

  test('a replacement raises both fees by a fifth, as nodes want, and never passes the cap', () => {
    fc.assert(
      fc.property(market, fc.array(anyFee, { maxLength: 4 }), wei, wei, (now, offered, cap, tipCap) => {
        const fee = nextFee(now, offered, { feePerGas: cap, tipPerGas: tipCap })
        if (fee === null) return
        expect(fee.maxFeePerGas <= cap).toBe(true)
        expect(fee.maxPriorityFeePerGas <= fee.maxFeePerGas).toBe(true)
        expect(fee.maxPriorityFeePerGas <= tipCap).toBe(true)
        for (const before of offered) {
          expect(fee.maxFeePerGas * 100n >= before.maxFeePerGas * 120n).toBe(true)
          expect(fee.maxPriorityFeePerGas * 100n >= before.maxPriorityFeePerGas * 120n).toBe(true)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('no fee is offered that the next block would not take at the cap', () => {
    const caps = { feePerGas: 10n, tipPerGas: 100n }
    expect(nextFee({ baseFeePerGas: 11n, tipPerGas: 1n }, [], caps)).toBeNull()
    expect(
      nextFee({ baseFeePerGas: 1n, tipPerGas: 1n }, [{ maxFeePerGas: 9n, maxPriorityFeePerGas: 1n }], caps),
    ).toBeNull()
  })

  test('the first attempt offers up to a quarter of the tip’s cap, and replacements up to all of it', () => {
    const caps = { feePerGas: 200n * gwei, tipPerGas: 10n * gwei }
    const forged = { baseFeePerGas: gwei, tipPerGas: 10_000n * gwei }
    const offered: Fee[] = []
    for (let fee = nextFee(forged, offered, caps); fee !== null; fee = nextFee(forged, offered, caps)) offered.push(fee)
    expect(offered[0]).toEqual({ maxFeePerGas: 2n * gwei + 25n * 10n ** 8n, maxPriorityFeePerGas: 25n * 10n ** 8n })
    expect(offered).toHaveLength(1 + 7)
    expect(offered.at(-1)!.maxPriorityFeePerGas).toBeLessThanOrEqual(10n * gwei)
  })

  test('of all attempts at one nonce only the dearest counts as cost', () => {
    const signed = fc.record({ nonce: fc.nat(3), gas: wei, maxFeePerGas: wei })
    fc.assert(
      fc.property(fc.array(signed, { maxLength: 8 }), attempts => {
        const dearestOf = (nonce: number) =>
          attempts
            .filter(attempt => attempt.nonce === nonce)
            .map(({ gas, maxFeePerGas }) => gas * maxFeePerGas)
            .sort((a, b) => (a < b ? 1 : -1))[0] ?? 0n
        expect(mostWei(attempts)).toBe([0, 1, 2, 3].map(dearestOf).reduce((a, b) => a + b))
      }),
      { numRuns: 1000 },
    )
  })
})
