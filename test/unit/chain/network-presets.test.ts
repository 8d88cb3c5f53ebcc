import { expect, test } from 'vitest'
import { devnetParameters, productionParameters } from '../../../src/core/chain/network-presets.ts'
import { turnBlocks } from '../../../src/core/epoch/keeper-times.ts'

const specHash = `0x${'5c'.repeat(32)}` as const

test.each([
  ['devnet', devnetParameters(specHash), 1],
  ['longer devnet', devnetParameters(specHash, 160), 1],
  ['production', productionParameters(specHash), 2],
] as const)('the slots of a %s network leave room for its seed', (_, { timeline, rounds }, blockSeconds) => {
  // The epoch's first block, then the pin, the pinned block and the roll.
  const soonest = 3 * blockSeconds
  const turn = turnBlocks(3) * blockSeconds
  const { eligibleFromSeconds, cutoffSeconds, openingsMs, slots } = rounds
  expect(soonest).toBeLessThan(eligibleFromSeconds)
  // Where all keepers before the last in turn are away, at the pin and at the roll, the first slot still has its round.
  expect(soonest + 2 * (turn + blockSeconds)).toBeLessThan(cutoffSeconds)
  expect(cutoffSeconds + openingsMs / 1_000).toBeLessThanOrEqual(timeline.epochSeconds / slots)
})
