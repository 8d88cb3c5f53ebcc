/**
 * Wire forms of the few primitive values that messages are made of. Hex is lower case so that one value has one encoding.
 */
import type { Address, Hex } from 'viem'
import { z } from 'zod'
import { printable } from '../platform/printable.ts'

const lowerCaseHex = <T extends Hex>(form: RegExp, what: string) =>
  z.custom<T>(value => typeof value === 'string' && form.test(value), `expected ${what} as lower-case hex`)

export const bytes32 = lowerCaseHex<Hex>(/^0x[0-9a-f]{64}$/, '32 bytes')
export const bytes64 = lowerCaseHex<Hex>(/^0x(?:[0-9a-f]{2}){1,64}$/, '1 to 64 bytes')
export const signature65 = lowerCaseHex<Hex>(/^0x[0-9a-f]{130}$/, 'a 65-byte signature')
export const address = lowerCaseHex<Address>(/^0x[0-9a-f]{40}$/, 'an address')
export const uint8 = z.number().int().min(0).max(0xff)
export const uint16 = z.number().int().min(0).max(0xffff)
export const uint32 = z.number().int().min(0).max(0xffff_ffff)
/** A whole number above zero that is exact in JSON. */
export const positive = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER)
/** uint64 travels as a decimal string and is a bigint in code. */
export const uint64 = z
  .string()
  .regex(/^(0|[1-9]\d{0,19})$/, 'expected an unsigned integer as a decimal string')
  .transform(BigInt)
  .refine(value => value <= 0xffff_ffff_ffff_ffffn, 'above 2^64 - 1')

export const zeroBytes32: Hex = `0x${'0'.repeat(64)}`

/**
 * Schema of text that is signed or hashed. Such text must never be altered, so it is refused where it has an unprintable character. One that
 * is too long is not looked at: a frame of it would take a twentieth of a second.
 */
export const plainText = (maxLength: number) =>
  z
    .string()
    .max(maxLength, { abort: true })
    .refine(text => printable(text) === text, 'it has characters that cannot be shown')

/** Schema of text that only people read: an unprintable character becomes a space. */
export const shownText = (maxLength: number) => z.string().max(maxLength).transform(printable)
