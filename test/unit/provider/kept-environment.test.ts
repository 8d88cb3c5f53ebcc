import { expect, it } from 'vitest'
import { encodeEnvironmentRecord } from '../../../src/core/protocol/device-record.ts'
import { keptEnvironment } from '../../../src/core/provider/statements.ts'
import { environmentRecord as record } from '../../helpers/environment.ts'

it('the environment record stays the same in all of an epoch, although measurements differ at each start', () => {
  const said = encodeEnvironmentRecord(record)
  expect(keptEnvironment(said, { ...record, diskFreeMiB: 9_000, clockOffsetMs: -40, kernels: ['cpu/fp32'] })).toBe(said)
})

it('the environment record is the present one where the host itself has changed, or none was recorded', () => {
  const said = encodeEnvironmentRecord(record)
  const updated = { ...record, kaisar: '0.2.0' }
  expect(keptEnvironment(said, updated)).toBe(encodeEnvironmentRecord(updated))
  expect(keptEnvironment(null, record)).toBe(said)
  expect(keptEnvironment('{}', record)).toBe(said)
})
