/** What each of our devices says of itself to a seat that asks, with attestation evidence where it was registered with it. */
import type { Address, Hex } from 'viem'
import type { Clock } from '../platform/clock.ts'
import { encodeDeviceRecord, hashRecordText } from '../protocol/device-record.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { providerErrors } from './errors.ts'
import type { OwnDevice } from './own-devices.ts'

/** What a device says of itself in this run: canonical texts and their hashes. */
type DeviceStatement = {
  readonly generation: number
  readonly deviceHash: Hex
  readonly environmentHash: Hex
  readonly certificateHash: Hex
  readonly attestationHash: Hex
  readonly device: string
  readonly environment: string
  readonly attestation: string | null
}

/**
 * @param seat - who asks, lower case
 * @param nonce - what attestation evidence must carry
 * @returns null for a device that is not ours, or not a member
 * @throws PROVIDER_ATTESTATION_TOO_SOON
 */
export type StatementOf = (seat: Address, deviceId: Hex, nonce: Hex) => Promise<DeviceStatement | null>

export type StatementsDependencies = {
  /** Evidence over this nonce; null where there is none. Takes a card's tool seconds. */
  readonly attest: (device: OwnDevice, nonce: Hex) => Promise<{ readonly evidence: string } | null>
  readonly isAttested: (deviceId: Hex) => boolean
  /** Null where the device is no member. */
  readonly generationOf: (deviceId: Hex) => number | null
  /** Least seconds between two collections for one seat about one device. */
  readonly intervalSeconds: () => number
  readonly clock: Clock
}

/** Evidence is collected once at a time, whoever asks, and for a seat once in the interval about each device. */
export function createStatements(
  {
    devices,
    certificateHash,
    environment,
  }: { readonly devices: readonly OwnDevice[]; readonly certificateHash: Hex; readonly environment: string },
  { attest, isAttested, generationOf, intervalSeconds, clock }: StatementsDependencies,
): StatementOf {
  const environmentHash = hashRecordText(environment)
  /** When each seat last had evidence of a device collected; those of before the interval are forgotten. */
  const askedAtMs = new Map<string, number>()
  let last: Promise<unknown> = Promise.resolve()

  function takeTurn(checker: Address, deviceId: Hex) {
    const nowMs = clock.monotonicMs()
    const key = `${checker} ${deviceId}`
    for (const [other, atMs] of askedAtMs) if (nowMs - atMs >= 1_000 * intervalSeconds()) askedAtMs.delete(other)
    if (askedAtMs.has(key)) throw providerErrors.PROVIDER_ATTESTATION_TOO_SOON({ checker, deviceId })
    askedAtMs.set(key, nowMs)
  }

  function collect(device: OwnDevice, nonce: Hex): Promise<string | null> {
    const collected = last.then(() => attest(device, nonce))
    last = collected.catch(() => undefined)
    return collected.then(found => found?.evidence ?? null)
  }

  return async (seat, deviceId, nonce) => {
    const device = devices.find(each => each.deviceId === deviceId)
    const generation = generationOf(deviceId)
    if (device === undefined || generation === null) return null
    const { record, deviceHash } = device.probed
    const attested = isAttested(deviceId)
    if (attested) takeTurn(seat, deviceId)
    const attestation = attested ? await collect(device, nonce) : null
    return {
      generation,
      deviceHash,
      environmentHash,
      certificateHash,
      attestationHash: attestation === null ? zeroBytes32 : hashRecordText(attestation),
      device: encodeDeviceRecord(record),
      environment,
      attestation,
    }
  }
}
