/** The environment that a Provider's reports and commitments of an epoch carry: one for all of it, restarts included. */
import type { EnvironmentRecord } from '../protocol/device-record.ts'
import { encodeEnvironmentRecord, environmentRecordSchema } from '../protocol/device-record.ts'

/** Measured at each start, and different each time; the fastest of two equal kernels, too. */
const withoutMeasurements = (record: EnvironmentRecord): string =>
  encodeEnvironmentRecord({ ...record, diskFreeMiB: null, clockOffsetMs: null, kernels: [] })

/**
 * @param recorded - canonical text that was said in this epoch before, or null
 * @returns the recorded text where only measurements differ, else the text of what was read now
 */
export function keptEnvironment(recorded: string | null, now: EnvironmentRecord): string {
  if (recorded !== null) {
    const before = environmentRecordSchema.safeParse(JSON.parse(recorded))
    if (before.success && withoutMeasurements(before.data) === withoutMeasurements(now)) return recorded
  }
  return encodeEnvironmentRecord(now)
}
