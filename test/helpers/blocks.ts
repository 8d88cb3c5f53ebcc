import { concat, type Hex, keccak256, numberToHex } from 'viem'
import type { SeenBlock } from '../../src/core/chain/block-tree.ts'

/** A made-up chain: `fork` gives other hashes at the same heights. */
export const chainOf = (
  timestamps: readonly number[],
  options: { readonly fork?: number; readonly parent?: SeenBlock | null } = {},
): SeenBlock[] => {
  const { fork = 0, parent = null } = options
  const blocks: SeenBlock[] = []
  for (const timestamp of timestamps) {
    const before = blocks.at(-1) ?? parent
    const number = (before?.number ?? 0n) + 1n
    const parentHash: Hex = before?.hash ?? numberToHex(0, { size: 32 })
    const hash = keccak256(concat([parentHash, numberToHex(fork, { size: 32 }), numberToHex(timestamp, { size: 32 })]))
    blocks.push({ number, hash, parentHash, timestamp, seenAtMs: timestamp * 1000 })
  }
  return blocks
}
