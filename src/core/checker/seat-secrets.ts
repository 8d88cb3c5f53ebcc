/**
 * The secrets of a seat, all derived from its key: a Checker that loses its disk after it committed can still sample,
 * open and reveal. Nothing here can be turned back into the key.
 */
import { createHmac, createSecretKey } from 'node:crypto'
import { type Address, type Hex, numberToHex } from 'viem'
import { hexToBytes } from '../platform/hex.ts'
import { keccak256 } from '../platform/keccak.ts'
import type { Network } from '../protocol/typed-data.ts'

export type SeatSecrets = ReturnType<typeof deriveSeatSecrets>

export function deriveSeatSecrets(privateKey: Hex, { chainId, consensus }: Network, owner: Address) {
  /** HMACs under one key, which is made ready once. */
  const under = (secret: Hex) => {
    const key = createSecretKey(hexToBytes(secret, 32))
    return (label: string, ...parts: Hex[]): Hex => {
      const hmac = createHmac('sha256', key).update(label)
      for (const part of parts) hmac.update(part.slice(2), 'hex')
      return `0x${hmac.digest('hex')}`
    }
  }
  const root = under(privateKey)('kaisar/seat/v1', numberToHex(chainId, { size: 32 }), consensus, owner)
  const derive = under(root)
  return {
    /** 32 bytes that choose the samples of one device in one round; its keccak256 is in the job offer. */
    sampling: (round: Hex, deviceId: Hex, generation: number): Hex =>
      derive('sampling', round, deviceId, numberToHex(generation, { size: 4 })),
    /** 32 bytes that blind an epoch's commitment. */
    salt: (epoch: number): Hex => derive('salt', numberToHex(epoch, { size: 8 })),
  }
}

/** What an offer says about a secret before it is revealed. */
export const secretHash = (secret: Hex): Hex => keccak256(secret)
