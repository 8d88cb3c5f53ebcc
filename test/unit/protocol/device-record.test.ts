import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../../src/core/protocol/canonical-json.ts'
import {
  type DeviceRecord,
  deviceHash,
  encodeDeviceRecord,
  hardwareHash,
  hashRecordText,
  localId,
} from '../../../src/core/protocol/device-record.ts'

const record: DeviceRecord = {
  version: 1,
  kind: 'gpu',
  vendor: 'nvidia',
  model: 'Example GPU',
  identity: 'GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  identitySource: 'uuid',
  pciBusId: '0000:01:00.0',
  pciDeviceId: '10de:0001',
  memoryMiB: 1024,
  driver: '500.1',
  firmware: '1.2',
  cores: null,
  isa: [],
  part: null,
}

describe('canonicalJson', () => {
  it('a value has one canonical text, which JSON reads back', () => {
    const leaf = fc.oneof(fc.string(), fc.maxSafeInteger(), fc.boolean(), fc.constant(null))
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(leaf, fc.array(leaf))), value => {
        const reversed = Object.fromEntries(Object.entries(value).reverse())
        expect(canonicalJson(reversed)).toBe(canonicalJson(value))
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
  it.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, undefined, 1n])('canonicalJson refuses %s', value => {
    expect(() => canonicalJson({ value })).toThrow(TypeError)
  })
})

describe('device record hashes', () => {
  it('the hash of a record is that of its canonical text, whatever the order of fields', () => {
    const shuffled = Object.fromEntries(Object.entries(record).reverse()) as DeviceRecord
    expect(deviceHash(shuffled)).toBe(deviceHash(record))
    expect(hashRecordText(encodeDeviceRecord(record))).toBe(deviceHash(record))
  })
  it('the hash of a record covers every field', () => {
    const changed: Partial<DeviceRecord>[] = [
      { model: 'Other' },
      { identity: 'GPU-x' },
      { pciBusId: null },
      { memoryMiB: 2048 },
      { driver: '500.2' },
      { isa: ['avx2'] },
      { part: { of: null, profile: '1g.10gb', gpuInstance: 1, computeInstance: 0 } },
    ]
    for (const change of changed) expect(deviceHash({ ...record, ...change })).not.toBe(deviceHash(record))
  })
  it('local id and hardware hash stay the same over a driver update, and the local id follows the identity alone', () => {
    const updated = { ...record, driver: '999.9', firmware: '9' }
    expect(hardwareHash(updated)).toBe(hardwareHash(record))
    expect(localId(updated)).toBe(localId(record))
    expect(localId({ identity: 'GPU-other' })).not.toBe(localId(record))
  })
})
