/**
 * The device job: who are you, for a fresh nonce. What comes back is compared with the registration; the records themselves are
 * claims, so what is decided here is whether they are the registered ones, well-formed and allowed, never what they are worth.
 */
import type { Address, Hex } from 'viem'
import {
  type DeviceRecord,
  deviceRecordSchema,
  type EnvironmentRecord,
  environmentRecordSchema,
  hashRecordText,
} from '../protocol/device-record.ts'
import type { MessageBody } from '../protocol/messages.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { printable } from '../protocol/text.ts'
import type { Network } from '../protocol/typed-data.ts'
import { isSignedBy } from '../report/signer.ts'

export type DeviceFinding = {
  readonly code: string
  readonly detail: string
  /** Which flag it clears; null: worth noting only. */
  readonly clears: 'device' | 'environment' | null
}

/** What the chain says about the device. */
export type Registration = {
  readonly deviceId: Hex
  readonly generation: number
  readonly operator: Address
  readonly deviceHash: Hex
  readonly certificateHash: Hex
  /** Zero where the card was registered without attestation. */
  readonly attestedIdentity: Hex
}

/** Further judgement of well-formed records: driver policy, contradictions, attestation. */
export type RecordPolicy = (records: {
  readonly device: DeviceRecord
  readonly environment: EnvironmentRecord
  readonly attestation: string | null
  readonly nonce: Hex
  readonly registration: Registration
}) => Promise<readonly DeviceFinding[]>

export type DeviceJudgement = {
  readonly deviceValid: boolean
  readonly environmentValid: boolean
  readonly environmentHash: Hex
  readonly findings: readonly DeviceFinding[]
}

/**
 * @param peerCertificateHash - of the TLS session the report came over; zero bytes where it carried none
 */
export async function judgeDeviceReport(
  {
    network,
    registration,
    nonce,
    peerCertificateHash,
    body,
  }: {
    readonly network: Network
    readonly registration: Registration
    readonly nonce: Hex
    readonly peerCertificateHash: Hex
    readonly body: MessageBody<'device.report'>
  },
  { policy }: { readonly policy: RecordPolicy },
): Promise<DeviceJudgement> {
  const { message } = body.report
  const { environmentHash } = message
  const findings: DeviceFinding[] = []
  const find = (clears: DeviceFinding['clears'], code: string, detail: string) =>
    findings.push({ code, detail, clears })

  if (!isSignedBy(network, 'DeviceReport', body.report, registration.operator))
    find('device', 'REPORT_UNSIGNED', 'The report is not signed by the registered operator.')
  if (message.nonce !== nonce)
    find('device', 'REPORT_STALE', 'The report answers another nonce than the one asked with.')
  if (message.deviceId !== registration.deviceId || message.generation !== registration.generation)
    find('device', 'REPORT_OTHER_DEVICE', 'The report is about another device or generation than the registered one.')
  if (message.deviceHash !== registration.deviceHash)
    find('device', 'DEVICE_CHANGED', 'The device record is not the registered one; register its new generation.')
  if (message.certificateHash !== registration.certificateHash)
    find('device', 'CERTIFICATE_CHANGED', 'The device certificate is not the registered one.')
  if (peerCertificateHash !== zeroBytes32 && peerCertificateHash !== registration.certificateHash)
    find(
      'device',
      'CERTIFICATE_OTHER_SESSION',
      'The session is authenticated by another certificate than the registered one.',
    )
  if (hashRecordText(body.device) !== message.deviceHash)
    find('device', 'DEVICE_RECORD_ALTERED', 'The device record is not the one that was signed.')
  if (hashRecordText(body.environment) !== environmentHash)
    find('environment', 'ENVIRONMENT_RECORD_ALTERED', 'The environment record is not the one that was signed.')
  if ((body.attestation === null ? zeroBytes32 : hashRecordText(body.attestation)) !== message.attestationHash)
    find('device', 'ATTESTATION_ALTERED', 'The attestation evidence is not the one that was signed.')

  const device = deviceRecordSchema.safeParse(parseJson(body.device))
  const environment = environmentRecordSchema.safeParse(parseJson(body.environment))
  if (!device.success) find('device', 'DEVICE_RECORD_UNKNOWN', 'The device record is not of a form this release knows.')
  if (!environment.success)
    find('environment', 'ENVIRONMENT_RECORD_UNKNOWN', 'The environment record is not of a form this release knows.')
  if (device.success && environment.success)
    findings.push(
      ...(await policy({
        device: device.data,
        environment: environment.data,
        attestation: body.attestation,
        nonce,
        registration,
      })),
    )
  // What a parser says of text that it cannot read quotes it.
  for (const [i, finding] of findings.entries())
    findings[i] = { ...finding, detail: printable(finding.detail).slice(0, 1_024) }
  const cleared = (flag: 'device' | 'environment') => findings.some(finding => finding.clears === flag)
  return {
    deviceValid: !cleared('device'),
    environmentValid: !cleared('environment') && !findings.some(({ code }) => code === 'REPORT_UNSIGNED'),
    environmentHash,
    findings,
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
