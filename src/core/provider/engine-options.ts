/** How the engine of one device is started: what computes, and pinned to which device of the host. */

import { pinDevice } from '../devices/pin-devices.ts'
import type { ProbedDevice } from '../devices/probed-device.ts'
import type { ExecutionProvider } from '../job/execution-provider.ts'
import type { JobSpec } from '../job/spec.ts'
import type { WorkOptions } from '../job/work-core.ts'

export type EngineChoice = {
  readonly executionProvider: ExecutionProvider | 'auto'
  /** Threads of one operator on the CPU. */
  readonly threads: number
  /** CUDA_VISIBLE_DEVICES: the NVIDIA devices of this process, where not all of them are. */
  readonly cudaVisibleDevices?: string | undefined
}

/** `all`: every device that the probe saw. */
export const engineOptions = (
  { executionProvider, threads, cudaVisibleDevices }: EngineChoice,
  spec: JobSpec,
  device: ProbedDevice,
  all: readonly ProbedDevice[],
): WorkOptions => ({
  spec,
  threads,
  provider: device.record.kind === 'cpu' && executionProvider === 'auto' ? 'cpu' : executionProvider,
  ...pinDevice(device, all, cudaVisibleDevices),
})
