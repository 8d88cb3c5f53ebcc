/** What of a card's memory is free, as far as its tool says. */
import type { ProbedDevice } from './probed-device.ts'

export type FreeMemory = {
  /** Null where the tool does not say what is used, or how much there is. */
  readonly freeBytes: number | null
  /** Whether a display needs some of it: known by a program that draws, and assumed where a tool lists no programs (AMD's, Intel's). */
  readonly display: boolean
}

export function freeMemory({ record, readings }: Pick<ProbedDevice, 'record' | 'readings'>): FreeMemory {
  const { memoryMiB, vendor } = record
  const { memoryUsedMiB, processes } = readings
  const isKnown = memoryMiB !== null && memoryUsedMiB !== null
  return {
    freeBytes: isKnown ? Math.max(0, memoryMiB - memoryUsedMiB) * 2 ** 20 : null,
    display: vendor !== 'nvidia' || processes.some(({ kind }) => kind?.includes('G') === true),
  }
}
