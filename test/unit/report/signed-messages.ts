/** Random well-formed messages of every signed type. */

import fc from 'fast-check'
import type { Hex } from 'viem'
import { type SignedMessage, type SignedType, signedTypes } from '../../../src/core/protocol/typed-data.ts'
import { anyText } from '../../helpers/arbitraries.ts'

export const hexOf = (bytes: number): fc.Arbitrary<Hex> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(value => `0x${Buffer.from(value).toString('hex')}` as Hex)

const field: Record<string, fc.Arbitrary<unknown>> = {
  address: hexOf(20),
  bytes32: hexOf(32),
  uint64: fc.bigInt(0n, 2n ** 64n - 1n),
  uint32: fc.nat(2 ** 32 - 1),
  uint16: fc.nat(2 ** 16 - 1),
  uint8: fc.nat(255),
  string: anyText({ maxLength: 80 }),
}

export const messageOf = <T extends SignedType>(type: T): fc.Arbitrary<SignedMessage<T>> =>
  fc.record(Object.fromEntries(signedTypes[type].map(({ name, type: kind }) => [name, field[kind]!]))) as never

const signedTypeNames = Object.keys(signedTypes) as SignedType[]
export const anyMessage: fc.Arbitrary<{ type: SignedType; message: never }> = fc
  .constantFrom(...signedTypeNames)
  .chain(type => messageOf(type).map(message => ({ type, message: message as never })))

export const network = { chainId: 31337, consensus: '0x00000000000000000000000000000000c0ffee00' } as const
