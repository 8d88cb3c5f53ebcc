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
  test('leave room for the base fee to double', () => {
    expect(nextFee({ baseFeePerGas: 10n * gwei, tipPerGas: gwei }, [], 100n * gwei)).toEqual({
      maxFeePerGas: 21n * gwei,
      maxPriorityFeePerGas: gwei,
    })
  })

  test('a replacement raises both by a fifth, as nodes want, and never passes the cap', () => {
    fc.assert(
      fc.property(market, fc.array(anyFee, { maxLength: 4 }), wei, (now, offered, cap) => {
        const fee = nextFee(now, offered, cap)
        if (fee === null) return
        expect(fee.maxFeePerGas <= cap).toBe(true)
        expect(fee.maxPriorityFeePerGas <= fee.maxFeePerGas).toBe(true)
        for (const before of offered) {
          expect(fee.maxFeePerGas * 100n >= before.maxFeePerGas * 120n).toBe(true)
          expect(fee.maxPriorityFeePerGas * 100n >= before.maxPriorityFeePerGas * 120n).toBe(true)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('nothing is offered that the next block would not take at the cap', () => {
    expect(nextFee({ baseFeePerGas: 11n, tipPerGas: 1n }, [], 10n)).toBeNull()
    expect(
      nextFee({ baseFeePerGas: 1n, tipPerGas: 1n }, [{ maxFeePerGas: 9n, maxPriorityFeePerGas: 1n }], 10n),
    ).toBeNull()
  })

  test('of all that were signed for one nonce the dearest counts, and no other', () => {
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
