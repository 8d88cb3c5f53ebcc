import { cardFaults } from './card-faults.ts'
import { claimFaults } from './claim-faults.ts'
import { type FaultDefinition, fixFor } from './fault-definition.ts'
import { hostFaults } from './host-faults.ts'
import { memoryFaults } from './memory-faults.ts'
import type { Vendor } from './observation.ts'
import type { Contradiction, Fault } from './probed-device.ts'
import { toolFaults } from './tool-faults.ts'

/** Every fault that a probe can report. Codes are stable: scripts and operators rely on them. */
export const faultTable = {
  ...toolFaults,
  ...cardFaults,
  ...memoryFaults,
  ...claimFaults,
  ...hostFaults,
} as const satisfies Record<string, FaultDefinition>

export type FaultCode = keyof typeof faultTable

const isFaultCode = (code: string): code is FaultCode => Object.hasOwn(faultTable, code)

export const faultDefinition = (code: string): FaultDefinition =>
  isFaultCode(code) ? faultTable[code] : faultTable.GPU_HEALTH_WARNING

export function makeFault(
  code: FaultCode,
  about: {
    readonly device?: string | null
    readonly detail?: string | null
    readonly contradiction?: Contradiction | null
    readonly critical?: boolean
    /** Whose card it is, where that is known: it decides the fix. */
    readonly vendor?: Vendor | null
    /** What the vendor's tool calls the card: its number, or its PCI address. */
    readonly place?: string | null
  } = {},
): Fault {
  const { meaning, fix, critical } = faultTable[code]
  return {
    code,
    device: about.device ?? null,
    vendor: about.vendor ?? null,
    meaning,
    fix: fixFor(fix, about.vendor ?? null).replaceAll('<card>', about.place ?? '<card>'),
    critical: about.critical ?? critical,
    detail: about.detail ?? null,
    contradiction: about.contradiction ?? null,
  }
}

export const faultFromText = (code: string, about: Parameters<typeof makeFault>[1]): Fault =>
  makeFault(isFaultCode(code) ? code : 'GPU_HEALTH_WARNING', about)
