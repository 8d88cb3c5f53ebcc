import type { Hex } from 'viem'
import { networkErrors } from './errors.ts'

/**
 * The device that a user means: its id, as many of its first digits as name one device only, or the short form that tables show
 * (`0x12ab…34cd`).
 *
 * @throws EXPLORER_DEVICE_UNKNOWN, EXPLORER_DEVICE_AMBIGUOUS
 */
export function findDevice(ids: readonly Hex[], asked: string): Hex {
  const prefix = asked.toLowerCase().startsWith('0x') ? asked.toLowerCase() : `0x${asked.toLowerCase()}`
  const [start = '', ...ends] = prefix.split('…')
  const matches = [...new Set(ids)].filter(id => id.startsWith(start) && ends.every(end => id.endsWith(end)))
  if (matches.length === 0 || start === '0x' || ends.length > 1)
    throw networkErrors.EXPLORER_DEVICE_UNKNOWN({ device: asked })
  if (matches.length > 1) throw networkErrors.EXPLORER_DEVICE_AMBIGUOUS({ device: asked, matches })
  return matches[0]!
}
