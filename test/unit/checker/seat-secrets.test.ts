import { keccak256 } from 'viem'
import { expect, it } from 'vitest'
import { deriveSeatSecrets, secretHash } from '../../../src/core/checker/seat-secrets.ts'

const key = `0x${'11'.repeat(32)}` as const
const otherKey = `0x${'12'.repeat(32)}` as const
const owner = `0x${'aa'.repeat(20)}` as const
const network = { chainId: 31337, consensus: `0x${'bb'.repeat(20)}` as const }
const round = `0x${'cc'.repeat(32)}` as const
const device = `0x${'dd'.repeat(32)}` as const

it('the same key gives the same secrets again', () => {
  const [first, second] = [deriveSeatSecrets(key, network, owner), deriveSeatSecrets(key, network, owner)]
  expect(first.sampling(round, device, 1)).toBe(second.sampling(round, device, 1))
  expect(first.salt(7)).toBe(second.salt(7))
})

it('a secret is never the same for another key, chain, owner, round, device, generation or epoch', () => {
  const seat = deriveSeatSecrets(key, network, owner)
  const secrets = [
    seat.sampling(round, device, 1),
    seat.sampling(device, round, 1),
    seat.sampling(round, device, 2),
    seat.salt(1),
    seat.salt(2),
    deriveSeatSecrets(otherKey, network, owner).salt(1),
    deriveSeatSecrets(key, { ...network, chainId: 1 }, owner).salt(1),
    deriveSeatSecrets(key, { ...network, consensus: owner }, owner).salt(1),
    deriveSeatSecrets(key, network, network.consensus).salt(1),
  ]
  expect(new Set(secrets).size).toBe(secrets.length)
})

it('the hash of a secret is the one that the offer states', () => {
  const secret = deriveSeatSecrets(key, network, owner).salt(3)
  expect(secretHash(secret)).toBe(keccak256(secret))
})
