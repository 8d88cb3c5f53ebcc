/**
 * What a Checker thinks of well-formed records. Contradictions are told and change nothing: a probe is a claim that never earns and
 * never costs. Attestation decides only for a device that was registered with it.
 */
import type { Address, Hex } from 'viem'
import { readEvidenceJson } from '../attestation/read-evidence.ts'
import { attestationNonce, verifyEvidence } from '../attestation/verify-evidence.ts'
import { classOfModel, memoryFits } from '../devices/class-table.ts'
import { contradictMeasuredWork } from '../devices/cross-check.ts'
import { judgeDriver } from '../devices/driver-policy.ts'
import type { DeviceRecord, EnvironmentRecord } from '../protocol/device-record.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import type { DeviceFinding, RecordPolicy, RecordPolicyDependencies } from './device-check.ts'

export const createRecordPolicy =
  (
    { chainId }: { readonly chainId: number },
    { measuredRate, identityOwner }: RecordPolicyDependencies,
  ): RecordPolicy =>
  async ({ device, environment, attestation, nonce, registration }) => {
    const { deviceId, operator, attestedIdentity } = registration
    const claims = [...claimFindings(device, environment), ...workFindings(device, measuredRate(deviceId))]
    if (attestedIdentity === zeroBytes32) return claims
    const binding = { chainId, provider: operator, deviceId, challenge: nonce }
    return [
      ...identityFindings(deviceId, await identityOwner(attestedIdentity)),
      ...claims,
      ...attestationFindings(device, attestation, binding, attestedIdentity),
    ]
  }

const note = (code: string, detail: string): DeviceFinding => ({ code, detail, clears: null })

function claimFindings(
  { vendor, model, driver, memoryMiB }: DeviceRecord,
  { os, executionProviders }: EnvironmentRecord,
) {
  const findings: DeviceFinding[] = []
  if (vendor === 'cpu') return findings
  if (classOfModel(model) === null)
    findings.push(note('CLAIM_MODEL_UNKNOWN', `model: ${model} is not in the class table`))
  if (memoryMiB !== null && memoryFits(model, memoryMiB) === false)
    findings.push(note('CLAIM_MEMORY', `memoryMiB: ${model} was never made with ${memoryMiB} MiB`))
  if (driver !== null) {
    const platform = { os: /linux/i.test(os) ? 'linux' : /windows/i.test(os) ? 'windows' : 'unknown' } as const
    const { impossible, newerThanKnown, unusable } = judgeDriver(vendor, driver, platform)
    if (impossible !== null) findings.push(note('CLAIM_DRIVER', `driver: ${impossible}`))
    if (newerThanKnown)
      findings.push(note('DRIVER_NEWER_THAN_KNOWN', `driver: ${driver} is newer than this release knows`))
    if (unusable) findings.push(note('DRIVER_TOO_OLD', `driver: ${driver} is too old for every execution provider`))
  }
  if (executionProviders.every(provider => provider === 'cpu'))
    findings.push(note('CLAIM_WORKS_ON_CPU', `executionProviders: a ${model} is claimed and only the CPU computes`))
  return findings
}

function workFindings({ identity, model }: DeviceRecord, rate: number | null): DeviceFinding[] {
  const fault = rate === null ? null : contradictMeasuredWork({ identity, model }, rate * 1e6)
  return fault === null ? [] : [note('CLAIM_WORK', fault.detail ?? fault.meaning)]
}

/** One card is one device: what was registered with an identity before another one's claim to it was confirmed earns nothing any more. */
const identityFindings = (deviceId: Hex, owner: Hex | null): DeviceFinding[] =>
  owner === null || owner === deviceId
    ? []
    : [{ code: 'IDENTITY_TAKEN', detail: `The attested identity is exclusive to device ${owner}.`, clears: 'device' }]

function attestationFindings(
  { model, driver, firmware }: DeviceRecord,
  evidence: string | null,
  binding: { readonly chainId: number; readonly provider: Address; readonly deviceId: Hex; readonly challenge: Hex },
  registered: Hex,
): DeviceFinding[] {
  const refuse = (code: string, detail: string): DeviceFinding[] => [{ code, detail, clears: 'device' }]
  if (evidence === null)
    return refuse('ATTESTATION_MISSING', 'The device is registered as attested and sent no evidence.')
  const [card] = readable(evidence)
  if (card === undefined || card instanceof Error)
    return refuse(
      'ATTESTATION_UNREADABLE',
      `The attestation evidence cannot be read: ${card?.message ?? 'it is empty'}.`,
    )
  const reported = { model, driver, vbios: firmware }
  const result = verifyEvidence(card, { nonce: attestationNonce(binding), requireFresh: true, reported })
  if (!result.valid)
    return refuse('ATTESTATION_INVALID', `Attestation failed at ${result.failedStep}: ${result.reason}`)
  return result.identity?.spkiSha256 === registered
    ? []
    : refuse('ATTESTATION_OTHER_CARD', 'The evidence is of another card than the registered one.')
}

function readable(evidence: string): ReturnType<typeof readEvidenceJson> {
  try {
    return readEvidenceJson(evidence)
  } catch (error) {
    return [error as Error]
  }
}
