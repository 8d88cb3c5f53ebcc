import fc from 'fast-check'
import { expect, it } from 'vitest'
import { exactUnits, parseUnits } from '../../../src/core/platform/exact-units.ts'

it.each([
  [0n, '0'],
  [1n, '0.000000000000000001'],
  [10n ** 18n, '1'],
  [1_500_000_000_000_000_000n, '1.5'],
  [-25n * 10n ** 16n, '-0.25'],
])('%s wei are written as %s', (wei, text) => expect(exactUnits(wei)).toBe(text))

it('every written amount reads back the same', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 10n ** 36n - 1n }), wei => {
      expect(parseUnits(exactUnits(wei))).toBe(wei)
    }),
  )
})

it.each(['', '0', '0.0', '-1', '1.', '.5', '1e3', '1,5', ' 1', '0x10', '1.0000000000000000001', '1'.repeat(19)])(
  'the amount %j is refused',
  input => expect(parseUnits(input)).toBeNull(),
)

it('amounts are read in units of other sizes', () => {
  expect(parseUnits('1.5', 9)).toBe(1_500_000_000n)
  expect(parseUnits('1.0000000001', 9)).toBeNull()
})
