import { describe, expect, it } from 'vitest'
import { judgeDeviceReport, type Registration } from '../../../src/core/checker/device-check.ts'
import { createRecordPolicy } from '../../../src/core/checker/record-policy.ts'
import {
  type DeviceRecord,
  deviceHash,
  deviceIdOf,
  encodeDeviceRecord,
  encodeEnvironmentRecord,
  environmentHash,
  localId,
} from '../../../src/core/protocol/device-record.ts'
import type { MessageBody } from '../../../src/core/protocol/messages.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import type { SignedMessage } from '../../../src/core/protocol/typed-data.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { environmentRecord as environment } from '../../helpers/environment.ts'

const network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` as const }
const signer = createSigner({ privateKey: `0x${'11'.repeat(32)}`, network })
const stranger = createSigner({ privateKey: `0x${'12'.repeat(32)}`, network })
const nonce = `0x${'aa'.repeat(32)}` as const
const certificateHash = `0x${'ce'.repeat(32)}` as const
const cpu: DeviceRecord = {
  version: 1,
  kind: 'cpu',
  vendor: 'cpu',
  model: 'Some CPU',
  identity: 'CPU-1',
  identitySource: 'machine-id',
  pciBusId: null,
  pciDeviceId: null,
  memoryMiB: 16384,
  driver: null,
  firmware: null,
  cores: 8,
  isa: ['avx2'],
  part: null,
}
const h100: DeviceRecord = {
  ...cpu,
  kind: 'gpu',
  vendor: 'nvidia',
  model: 'NVIDIA H100 80GB HBM3',
  memoryMiB: 81559,
  driver: '590.48.01',
  cores: null,
  isa: [],
}

type Overrides = {
  message?: Partial<SignedMessage<'DeviceReport'>>
  body?: Partial<MessageBody<'device.report'>>
  by?: typeof signer
  device?: DeviceRecord
  attestedIdentity?: `0x${string}`
  rate?: number
  /** The device that the attested identity is exclusive to. */
  owner?: `0x${string}` | null
  peer?: `0x${string}`
  /** Under which the device is registered. */
  id?: `0x${string}`
}

async function judge({
  message = {},
  body = {},
  by = signer,
  device = cpu,
  attestedIdentity = zeroBytes32,
  rate,
  owner = null,
  peer = certificateHash,
  id = deviceIdOf(signer.address, localId(device)),
}: Overrides = {}) {
  const registration: Registration = {
    deviceId: id,
    generation: 1,
    operator: signer.address,
    deviceHash: deviceHash(device),
    certificateHash,
    attestedIdentity,
  }
  const report = await signMessage(by, 'DeviceReport', {
    deviceId: registration.deviceId,
    generation: 1,
    nonce,
    deviceHash: deviceHash(device),
    environmentHash: environmentHash(environment),
    certificateHash,
    attestationHash: zeroBytes32,
    ...message,
  })
  const texts = {
    device: encodeDeviceRecord(device),
    environment: encodeEnvironmentRecord(environment),
    attestation: null,
  }
  return judgeDeviceReport(
    { network, registration, nonce, peerCertificateHash: peer, body: { report, ...texts, ...body } },
    { policy: createRecordPolicy(network, { measuredRate: () => rate ?? null, identityOwner: async () => owner }) },
  )
}

describe('a device report', () => {
  it('a device report that matches the registration, signed for this nonce, sets both flags', async () => {
    expect(await judge()).toMatchObject({ deviceValid: true, environmentValid: true, findings: [] })
  })

  it.each<[string, Overrides, string]>([
    ['another nonce', { message: { nonce: zeroBytes32 } }, 'REPORT_STALE'],
    ['another signer', { by: stranger }, 'REPORT_UNSIGNED'],
    ['another generation', { message: { generation: 2 } }, 'REPORT_OTHER_DEVICE'],
    ['another device', { message: { deviceId: zeroBytes32 } }, 'REPORT_OTHER_DEVICE'],
    ['changed hardware', { message: { deviceHash: zeroBytes32 } }, 'DEVICE_CHANGED'],
    ['another certificate', { message: { certificateHash: zeroBytes32 } }, 'CERTIFICATE_CHANGED'],
    ['a session of another certificate', { peer: nonce }, 'CERTIFICATE_OTHER_SESSION'],
    ['an altered device record', { body: { device: encodeDeviceRecord(h100) } }, 'DEVICE_RECORD_ALTERED'],
    ['no device record', { body: { device: 'x' } }, 'DEVICE_RECORD_UNKNOWN'],
    ['the id of other hardware', { id: nonce, message: { deviceId: nonce } }, 'DEVICE_ID_OTHER'],
    ['attestation that was not signed', { body: { attestation: '[]' } }, 'ATTESTATION_ALTERED'],
    ['no attestation where it was registered', { attestedIdentity: nonce }, 'ATTESTATION_MISSING'],
  ])('a device report with %s loses the device flag, with the reason', async (_, overrides, code) => {
    const { deviceValid, findings } = await judge(overrides)
    expect(deviceValid).toBe(false)
    expect(findings.map(finding => finding.code)).toContain(code)
  })

  it('a report of a card that belongs to another device loses the device flag, and of its own device does not', async () => {
    const codesFor = async (owner: `0x${string}` | null) =>
      (await judge({ attestedIdentity: nonce, owner })).findings.map(({ code, clears }) => `${code} ${clears}`)
    expect(await codesFor(stranger.address)).toContain('IDENTITY_TAKEN device')
    const own = deviceIdOf(signer.address, localId(cpu))
    for (const owner of [null, own]) expect((await codesFor(owner)).join()).not.toContain('IDENTITY_TAKEN')
    // Who claims no identity is not asked about one.
    expect(await judge({ owner: stranger.address })).toMatchObject({ deviceValid: true, findings: [] })
  })

  it('a report with an altered environment loses the environment flag alone', async () => {
    const altered = encodeEnvironmentRecord({ ...environment, os: 'other' })
    expect(await judge({ body: { environment: altered } })).toMatchObject({
      deviceValid: true,
      environmentValid: false,
    })
  })

  it('a report of a card that its work contradicts is told as a contradiction, and keeps both flags', async () => {
    const claimed = await judge({ device: h100, rate: 80_000 })
    expect(claimed).toMatchObject({ deviceValid: true, environmentValid: true })
    expect(claimed.findings.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['CLAIM_WORK', 'CLAIM_WORKS_ON_CPU']),
    )
    expect(claimed.findings.every(({ clears }) => clears === null)).toBe(true)
  })

  it('a report of a memory size that the card never had is told as a contradiction', async () => {
    const { findings } = await judge({ device: { ...h100, memoryMiB: 4096 } })
    expect(findings.map(({ code }) => code)).toContain('CLAIM_MEMORY')
  })
})
