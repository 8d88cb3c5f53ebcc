/** Chooses how the engine of one device is started: the execution provider, and the device of the host that it is pinned to. */
import type { ProbedDevice } from '../gpu/gpu-probe.ts'
import { pinDevice } from '../gpu/pin-devices.ts'
import type { ExecutionProvider } from '../job/execution-provider.ts'
import type { JobSpec } from '../job/spec.ts'
import type { WorkOptions } from '../job/work-core.ts'

export type EngineChoice = {
  readonly executionProvider: ExecutionProvider | 'auto'
  /** Threads of one operator on the CPU. */
  readonly threads: number
  /** CUDA_VISIBLE_DEVICES: the NVIDIA devices of this process, where it has only some of them. */
  readonly cudaVisibleDevices?: string | undefined
}

/** @param all - every device that the probe saw */
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
