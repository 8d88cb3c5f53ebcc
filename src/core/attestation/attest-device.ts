import type { Address, Hex } from 'viem'
import type { ProbedDevice } from '../devices/gpu-probe.ts'
import type { RunTool } from '../devices/run-tool.ts'
import { deviceIdOf } from '../protocol/device-record.ts'
import { attestationNonce } from './attestation-nonce.ts'
import { collectEvidence } from './collect-evidence.ts'
import { isSwitchEvidence } from './read-evidence.ts'
import { type AttestationResult, verifyEvidence } from './verify-evidence.ts'

export type AttestOptions = {
  readonly chainId: number
  readonly provider: Address
  /** The Checker's nonce, 32 bytes. */
  readonly challenge: Hex
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
  dependencies: { readonly run: RunTool },
): Promise<DeviceAttestation> {
  const { chainId, provider, challenge, device, position, cards } = options
  const deviceId = deviceIdOf(provider, device.localId)
  const nonce = attestationNonce({ chainId, provider, deviceId, challenge })
  const { json, devices } = await collectEvidence(nonce, dependencies)
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
