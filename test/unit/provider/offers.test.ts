import fc from 'fast-check'
import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import { createOffers } from '../../../src/core/provider/round-work.ts'

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const seat = (n: number): Hex => `0x${n.toString(16).padStart(40, '0')}`
const offer = (checker: number, round: number, secret = 1, epoch = 5n) => ({
  epoch,
  round: hash(round),
  deviceId: hash(7),
  generation: 1,
  specHash: hash(8),
  secretHash: hash(secret),
  checker: seat(checker),
})
const about = (round: number) => ({ round: hash(round), deviceId: hash(7) })

it('the first offer of a seat for a round is kept', () => {
  const offers = createOffers(() => false)
  offers.take(offer(1, 1, 1))
  offers.take(offer(1, 1, 2))
  expect(offers.of(seat(1), about(1))?.secretHash).toBe(hash(1))
})

it('the offers of one seat are kept, however many rounds another one invents', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10_000), { maxLength: 60 }), flood => {
      const offers = createOffers(round => round === hash(3))
      offers.take(offer(1, 1))
      offers.take(offer(2, 3, 1))
      for (const round of flood) offers.take(offer(2, round, 9))
      expect(offers.of(seat(1), about(1))).toBeDefined()
      // Nor can it promise another secret for a round that is committed to.
      expect(offers.of(seat(2), about(3))?.secretHash).toBe(hash(1))
    }),
    { numRuns: 1000 },
  )
})

it('no more offers are kept than rounds can be open, and those of earlier epochs are forgotten', () => {
  const offers = createOffers(() => false)
  for (let round = 0; round < 5000; round++) offers.take(offer(1, round))
  const held = Array.from({ length: 5000 }, (_, round) => offers.of(seat(1), about(round))).filter(Boolean)
  expect(held).toHaveLength(40)
  offers.take(offer(1, 9000, 1, 6n))
  offers.forgetBefore(6n)
  expect(offers.of(seat(1), about(4999))).toBeUndefined()
  expect(offers.of(seat(1), about(9000))).toBeDefined()
})
