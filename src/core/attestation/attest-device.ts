import type { Hex } from 'viem'
import type { Host } from '../devices/host.ts'
import { findJsonDocuments } from '../devices/json-documents.ts'
import type { ProbedDevice } from '../devices/probed-device.ts'
import { deviceIdOf } from '../protocol/device-record.ts'
import { attestationErrors } from './errors.ts'
import { type Evidence, isSwitchEvidence, readEvidenceJson } from './read-evidence.ts'
import { type AttestationBinding, type AttestationResult, attestationNonce, verifyEvidence } from './verify-evidence.ts'

export type AttestOptions = Omit<AttestationBinding, 'deviceId'> & {
  readonly device: ProbedDevice
  /** Position of the device among this host's NVIDIA cards, and how many there are. */
  readonly position: number
  readonly cards: number
}

export type DeviceAttestation = {
  readonly device: string
  readonly deviceId: Hex
  readonly nonce: string
  /** NVIDIA's serialised evidence of this card: what `DeviceReport.attestation` carries. */
  readonly evidence: string
  readonly result: AttestationResult
}

/** Collects one card's evidence over the nonce bound to network, provider, device and challenge, and verifies it as a Checker would. */
export async function attestDevice(
  options: AttestOptions,
  { host }: { readonly host: Pick<Host, 'run'> },
): Promise<DeviceAttestation> {
  const { chainId, provider, challenge, device, position, cards } = options
  const deviceId = deviceIdOf(provider, device.localId)
  const nonce = attestationNonce({ chainId, provider, deviceId, challenge })
  const { json, devices } = await collectEvidence(nonce, host)
  // The collector answers for every card in the driver's order and does not say which is which; switches come among them.
  const gpus = devices.flatMap((each, i) => (each instanceof Error || !isSwitchEvidence(each) ? [i] : []))
  const at = (gpus.length === cards ? gpus[position] : gpus[0]) ?? 0
  const evidence = devices[at]!
  if (evidence instanceof Error) throw evidence
  const { model, driver, firmware } = device.record
  const result = verifyEvidence(evidence, { nonce, requireFresh: true, reported: { model, driver, vbios: firmware } })
  const list: unknown = JSON.parse(json)
  return {
    device: device.record.identity,
    deviceId,
    nonce: nonce.toString('hex'),
    evidence: JSON.stringify([Array.isArray(list) ? list[at] : list]),
    result,
  }
}

/** NVIDIA's collector (attestation-sdk); the card signs over the nonce. */
const collector = 'nvattest'

/**
 * Asks NVIDIA's collector for the evidence of every card over one nonce (32 bytes). Returns it as printed and as read.
 *
 * @throws ATTESTATION_COLLECTOR_MISSING, ATTESTATION_COLLECTOR_FAILED
 */
async function collectEvidence(
  nonce: Buffer,
  { run }: Pick<Host, 'run'>,
): Promise<{ readonly json: string; readonly devices: readonly (Evidence | Error)[] }> {
  const output = await run(collector, ['collect-evidence', '--device', 'gpu', '--nonce', nonce.toString('hex')], {
    timeoutMs: 120_000,
    maxBytes: 4 * 1024 * 1024,
  })
  if (output.failure === 'missing' || output.failure === 'not-executable')
    throw attestationErrors.ATTESTATION_COLLECTOR_MISSING({ tool: collector })
  const holdsEvidence = (value: unknown): boolean => JSON.stringify(value).includes('"evidence"')
  const value = findJsonDocuments(output.stdout).values.find(holdsEvidence)
  if (value === undefined) {
    const said =
      output.failure ??
      (`${output.stderr}\n${output.stdout}`.trim().split('\n')[0]?.slice(0, 200) || `exit code ${output.exitCode}`)
    throw attestationErrors.ATTESTATION_COLLECTOR_FAILED({ tool: collector, said })
  }
  const json = JSON.stringify(value)
  return { json, devices: readEvidenceJson(json) }
}
