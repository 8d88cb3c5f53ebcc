import { expect, it } from 'vitest'
import { type EnvironmentRecord, encodeEnvironmentRecord } from '../../../src/core/protocol/device-record.ts'
import { keptEnvironment } from '../../../src/core/provider/kept-environment.ts'

const record: EnvironmentRecord = {
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

it('says the same in all of an epoch, though measurements differ at each start', () => {
  const said = encodeEnvironmentRecord(record)
  expect(keptEnvironment(said, { ...record, diskFreeMiB: 9_000, clockOffsetMs: -40, kernels: ['cpu/fp32'] })).toBe(said)
})

it('says what is true where the host itself has changed, or nothing was said', () => {
  const said = encodeEnvironmentRecord(record)
  const updated = { ...record, kaisar: '0.2.0' }
  expect(keptEnvironment(said, updated)).toBe(encodeEnvironmentRecord(updated))
  expect(keptEnvironment(null, record)).toBe(said)
  expect(keptEnvironment('{}', record)).toBe(said)
})
