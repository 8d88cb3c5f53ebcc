import type { FleetStatus } from './fleet-status.ts'
import type { FaultChange } from './webhook.ts'

/** Faults by what they are and of what; the texts may change while a fault lasts. */
export type KnownFaults = ReadonlyMap<string, Omit<FaultChange, 'change'>>

export function faultsOf({ faults, devices }: Pick<FleetStatus, 'faults' | 'devices'>): KnownFaults {
  const all = [
    ...faults.map(fault => ({ ...fault, operator: null })),
    ...devices.flatMap(({ operator, faults }) => faults.map(fault => ({ ...fault, operator }))),
  ]
  // Hosts have one code, and the address in the text; what follows it may change while a host is away.
  const host = /^The Provider at (\S+) /
  const key = ({ code, device, message }: (typeof all)[number]) => `${code} ${device ?? host.exec(message)?.[1] ?? ''}`
  return new Map(all.map(fault => [key(fault), fault]))
}

/** What came and what went, in this order. */
export const faultChanges = (before: KnownFaults, now: KnownFaults): FaultChange[] => [
  ...[...now].filter(([key]) => !before.has(key)).map(([, fault]) => ({ change: 'appeared' as const, ...fault })),
  ...[...before].filter(([key]) => !now.has(key)).map(([, fault]) => ({ change: 'cleared' as const, ...fault })),
]
