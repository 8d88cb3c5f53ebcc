import type { EnvironmentRecord } from '../../src/core/protocol/device-record.ts'

/** What a host says of itself, where a test does not care what. */
export const environmentRecord: EnvironmentRecord = {
  version: 1,
  kaisar: '0.1.0',
  os: 'Debian GNU/Linux 12',
  kernel: '6.1',
  architecture: 'x64',
  virtualisation: null,
  container: null,
  node: '24.21.0',
  onnxRuntime: '1.30.0',
  executionProviders: ['cpu'],
  kernels: ['cpu/u8'],
  memoryMiB: 24_105,
  diskFreeMiB: 10_000,
  clockOffsetMs: 12,
}
