import { booleanOf, integerOf, readCell } from '../cell.ts'
import type { SeenFault } from '../observation.ts'
import { type FactNode, factChild, factLeaves, factText } from './fact-tree.ts'

/** Sums the leaves below a section whose own name or whose parent's name fits; null where none is a number. */
export function sumOf(section: FactNode | null, fits: RegExp): number | null {
  if (!section) return null
  let sum: number | null = null
  for (const group of section.children.filter(({ name }) => fits.test(name))) {
    const total = factChild(group, 'total')
    const leaves = total ? [total] : group.children.length > 0 ? group.children : [group]
    for (const { text } of leaves) {
      const value = integerOf(text)
      if (value !== null) sum = (sum ?? 0) + value
    }
  }
  return sum
}

const throttleReasons: readonly (readonly [reason: string, paths: readonly string[]])[] = [
  ['sw_power_cap', ['sw_power_cap']],
  ['hw_slowdown', ['hw_slowdown']],
  ['hw_thermal_slowdown', ['hw_thermal_slowdown', 'hw_slowdown/hw_thermal_slowdown']],
  ['hw_power_brake_slowdown', ['hw_power_brake_slowdown', 'hw_slowdown/hw_power_brake_slowdown']],
  ['sw_thermal_slowdown', ['sw_thermal_slowdown']],
  ['sync_boost', ['sync_boost']],
]
const reasonSections = ['clocks_event_reasons', 'clocks_throttle_reasons'] as const
const reasonPrefixes = ['clocks_event_reason_', 'clocks_throttle_reason_', ''] as const

export function activeThrottleReasons(gpu: FactNode): string[] {
  const section = factChild(gpu, ...reasonSections)
  if (!section) return []
  return throttleReasons
    .filter(([, paths]) =>
      paths.some(path => reasonPrefixes.some(prefix => booleanOf(factText(section, `${prefix}${path}`)) === true)),
    )
    .map(([reason]) => reason)
}

/** Cells that say the reading failed, one fault per kind with the fields it was said of. */
export function failedCells(
  leaves: Iterable<{ readonly path: readonly string[]; readonly text: string }>,
): SeenFault[] {
  const fields = new Map<string, string[]>()
  for (const { path, text } of leaves) {
    // Healthy cards whose firmware cannot tell their addressing mode print an error there.
    if (path[0] === 'addressing_mode') continue
    const cell = readCell(text)
    if (cell.kind === 'failed') fields.set(cell.code, [...(fields.get(cell.code) ?? []), path.join('/')])
  }
  return [...fields].map(([code, names]) => ({
    code,
    detail: `${names.slice(0, 4).join(', ')}${names.length > 4 ? ` and ${names.length - 4} more fields` : ''}`,
  }))
}

/** Every leaf of a card except its MIG instances and processes, for the search for failed cells. */
export function* ownLeaves(gpu: FactNode): Generator<{ readonly path: readonly string[]; readonly text: string }> {
  const own = gpu.children.filter(
    ({ name }) => !['mig_devices', 'mig_device', 'processes', 'accounted_processes'].includes(name),
  )
  for (const child of own) yield* factLeaves(child, [child.name])
}
