/** Which code accounts have, by its keccak256: the chain gives 32 bytes for each in one call, where the code itself is some hundred kilobytes. */
import type { Address, Hex } from 'viem'
import { zeroBytes32 } from '../protocol/primitives.ts'

/** keccak256 of no bytes, which is what an account without code has; one that does not exist has zero. */
const ofNoCode = '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'

const opcodes = { push1: '60', push2: '61', push20: '73', extcodehash: '3f', mstore: '52', return: 'f3' } as const
const wordBytes = 32
const place = (word: number) => opcodes.push2 + (word * wordBytes).toString(16).padStart(4, '0')

/**
 * The data of a call without a receiver that answers with a word for each account, behind one of zeros: a chain refuses code that begins
 * with EF (EIP-3541), and takes the answer to such a call for code.
 */
export function codeHashesData(accounts: readonly Address[]): Hex {
  const store = (account: Address, i: number) =>
    opcodes.push20 + account.slice(2).toLowerCase() + opcodes.extcodehash + place(i + 1) + opcodes.mstore
  const end = `${place(accounts.length + 1)}${opcodes.push1}00${opcodes.return}`
  return `0x${accounts.map(store).join('')}${end}`
}

/** The code hash of each of `count` accounts, null for one without code, in an answer to {@link codeHashesData}; null for other answers. */
export function codeHashesOf(answer: unknown, count: number): (Hex | null)[] | null {
  if (typeof answer !== 'string' || !/^0x([0-9a-f]{64})+$/i.test(answer)) return null
  const [, ...words] = answer.slice(2).toLowerCase().match(/.{64}/g)!
  if (words.length !== count) return null
  return words.map((word): Hex | null => {
    const hash: Hex = `0x${word}`
    return hash === ofNoCode || hash === zeroBytes32 ? null : hash
  })
}
