/** How many groups a device should claim. */
import { groupBytes, groupsLimit, type MemorySpec } from './memory-spec.ts'

/** Groups that this much free memory is good for: 80% of it, less what a desktop needs where a display is attached. */
export function groupsFor(spec: MemorySpec, { freeBytes, display }: { freeBytes: number; display: boolean }): number {
  const kept = display ? Math.max(1.5 * 2 ** 30, freeBytes * 0.1) : 0
  return Math.max(0, Math.min(groupsLimit, Math.floor((freeBytes * 0.8 - kept) / groupBytes(spec))))
}

/**
 * Groups that a card is good for. Where the probe does not know what is free, it is taken to be what the adapter lets one buffer hold:
 * little of a large card, and what a small one does not have is refused at the fill.
 */
export const groupsOnCard = (
  spec: MemorySpec,
  { freeBytes, display }: { readonly freeBytes: number | null; readonly display: boolean },
  adapter: { readonly maxBufferSize: number },
): number => groupsFor(spec, { freeBytes: freeBytes ?? adapter.maxBufferSize, display })
