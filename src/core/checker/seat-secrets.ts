/**
 * The secrets of a seat, all derived from its key: a Checker that loses its disk after it committed can still sample,
 * open and reveal. Nothing here can be turned back into the key.
 */
import { createHmac } from 'node:crypto'
import { type Address, concat, type Hex, hexToBytes, keccak256, numberToHex } from 'viem'
import type { Network } from '../protocol/typed-data.ts'

export type SeatSecrets = {
  /** 32 bytes that choose the samples of one device in one round; its keccak256 is in the job offer. */
  sampling(round: Hex, deviceId: Hex, generation: number): Hex
  /** 32 bytes that blind an epoch's commitment. */
  salt(epoch: number): Hex
}

export function deriveSeatSecrets(privateKey: Hex, { chainId, consensus }: Network, owner: Address): SeatSecrets {
  const derive = (key: Uint8Array, label: string, ...parts: Hex[]): Hex =>
    `0x${createHmac('sha256', key)
      .update(label)
      .update(hexToBytes(concat(parts)))
      .digest('hex')}`
  const scope: Hex[] = [numberToHex(chainId, { size: 32 }), consensus, owner]
  const root = hexToBytes(derive(hexToBytes(privateKey), 'kaisar/seat/v1', ...scope))
  return {
    sampling: (round, deviceId, generation) =>
      derive(root, 'sampling', round, deviceId, numberToHex(generation, { size: 4 })),
    salt: epoch => derive(root, 'salt', numberToHex(epoch, { size: 8 })),
  }
}

/** What an offer says about a secret before it is revealed. */
export const secretHash = (secret: Hex): Hex => keccak256(secret)
