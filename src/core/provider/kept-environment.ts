/** Keeps one environment record for all reports and commitments of an epoch, restarts included. */
import type { EnvironmentRecord } from '../protocol/device-record.ts'
import { encodeEnvironmentRecord, environmentRecordSchema } from '../protocol/device-record.ts'

/** The record without what is measured at each start and differs each time, such as which of two equal kernels is faster. */
const withoutMeasurements = (record: EnvironmentRecord): string =>
  encodeEnvironmentRecord({ ...record, diskFreeMiB: null, clockOffsetMs: null, kernels: [] })

/**
 * @param recorded - canonical text that was sent earlier in this epoch, or null
 * @returns the recorded text where only measurements differ, else the text of the record that was read now
 */
export function keptEnvironment(recorded: string | null, now: EnvironmentRecord): string {
  if (recorded !== null) {
    const before = environmentRecordSchema.safeParse(JSON.parse(recorded))
    if (before.success && withoutMeasurements(before.data) === withoutMeasurements(now)) return recorded
  }
  return encodeEnvironmentRecord(now)
}
