import type { Hex } from 'viem'
import { explorerErrors } from './errors.ts'

/**
 * The device that a user means: its id, or as many of its first digits as name one device only.
 *
 * @throws EXPLORER_DEVICE_UNKNOWN, EXPLORER_DEVICE_AMBIGUOUS
 */
export function findDevice(ids: readonly Hex[], asked: string): Hex {
  const prefix = asked.toLowerCase().startsWith('0x') ? asked.toLowerCase() : `0x${asked.toLowerCase()}`
  const matches = [...new Set(ids)].filter(id => id.startsWith(prefix))
  if (matches.length === 0 || prefix === '0x') throw explorerErrors.EXPLORER_DEVICE_UNKNOWN({ device: asked })
  if (matches.length > 1) throw explorerErrors.EXPLORER_DEVICE_AMBIGUOUS({ device: asked, matches })
  return matches[0]!
}
