/** A row of gpu.bench.ts and its child process, and how one that ended before its part was over says so. */
import { isKaisarError } from '../../src/core/platform/errors.ts'

export type GpuRow = { readonly name: string; readonly [key: string]: unknown }

/** What a machine may lack: that is an answer, and no fault of a part. */
const lacks = new Set([
  ...['JOB_PROVIDER_UNAVAILABLE', 'JOB_CUDA_LIBRARIES_MISSING', 'JOB_CUDA_LIBRARY_NOT_FOUND', 'JOB_DEVICE_NOT_PINNED'],
  ...['JOB_ADAPTER_NOT_THE_CARD', 'JOB_MEMORY_NOT_ON_CARD', 'JOB_MEMORY_TOO_SMALL'],
])

/** The row of a part that an error ended; but for what a machine lacks it makes the bench exit with 1. */
export function endedBy(name: string, error: unknown): GpuRow {
  if (!isKaisarError(error)) return { name, ok: false, text: `Ended early: ${error}` }
  const { code, message } = error
  return { name, refused: code, message, ...(!lacks.has(code) && { ok: false }) }
}
