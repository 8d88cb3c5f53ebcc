/**
 * What each of our devices says of itself to a seat that asks, with attestation evidence where it was registered with it; and the
 * environment that all reports and commitments of an epoch carry, restarts included.
 */
import type { Address, Hex } from 'viem'
import type { Clock } from '../platform/clock.ts'
import {
  type EnvironmentRecord,
  encodeDeviceRecord,
  encodeEnvironmentRecord,
  environmentRecordSchema,
  hashRecordText,
} from '../protocol/device-record.ts'
import type { MessageBody } from '../protocol/messages.ts'
import { nonceLifeMs } from '../protocol/network-parameters.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import type { SignedMessage } from '../protocol/typed-data.ts'
import { providerErrors } from './errors.ts'
import type { OwnDevice } from './own-devices.ts'

/** The records of a device in this run: canonical texts and their hashes. */
type DeviceStatement = Omit<SignedMessage<'DeviceReport'>, 'deviceId' | 'nonce'> &
  Omit<MessageBody<'device.report'>, 'report'>

/**
 * @param seat - the owner of the seat that asks, in lower case
 * @param nonce - the nonce that attestation evidence must carry
 * @returns null for a device that is not ours, or is not a member
 * @throws PROVIDER_ATTESTATION_TOO_SOON, PROVIDER_ATTESTATION_TOO_LATE
 */
export type StatementOf = (seat: Address, deviceId: Hex, nonce: Hex) => Promise<DeviceStatement | null>

export type StatementsDependencies = {
  /** Collects evidence over this nonce, which takes the card's tool seconds; null where there is none. */
  readonly attest: (device: OwnDevice, nonce: Hex) => Promise<{ readonly evidence: string } | null>
  readonly isAttested: (deviceId: Hex) => boolean
  /** Null where the device is not a member. */
  readonly generationOf: (deviceId: Hex) => number | null
  /** Least seconds from the last collection for a seat to the next one for a device whose evidence it had before. */
  readonly intervalSeconds: () => number
  readonly clock: Clock
}

/** Seconds between two collections for a seat: a sixteenth of an epoch, and a minute at most. */
export const collectEverySeconds = (epochSeconds: number): number =>
  Math.min(60, Math.max(1, Math.floor(epochSeconds / 16)))

type Waiting = {
  readonly device: OwnDevice
  readonly nonce: Hex
  readonly sinceMs: number
  readonly settle: PromiseWithResolvers<string | null>
}

/** One seat: the evidence that it waits for, and the evidence that it had since it was last quiet for the interval. */
type Seat = {
  /** Requests that are not begun, by device id. */
  readonly waiting: Map<Hex, Waiting>
  readonly collected: Set<Hex>
  lastMs: number
}

/**
 * Collects evidence for one request at a time, seat after seat in turns, so that a seat that asks for much delays only itself. A seat gets
 * evidence once for each device, and again after it had none from this host for the interval.
 */
export function createStatements(
  {
    devices,
    certificateHash,
    environment,
  }: { readonly devices: readonly OwnDevice[]; readonly certificateHash: Hex; readonly environment: string },
  { attest, isAttested, generationOf, intervalSeconds, clock }: StatementsDependencies,
): StatementOf {
  const environmentHash = hashRecordText(environment)
  /** The seats in the order of their turns. */
  const seats = new Map<Address, Seat>()
  /** The seat for which evidence is being collected. */
  let served: Address | null = null

  const isQuiet = (checker: Address, { waiting, lastMs }: Seat) =>
    checker !== served && waiting.size === 0 && clock.monotonicMs() - lastMs >= 1_000 * intervalSeconds()

  function collect(checker: Address, device: OwnDevice, nonce: Hex): Promise<string | null> {
    const { deviceId } = device
    for (const [other, seat] of seats) if (isQuiet(other, seat)) seats.delete(other)
    const seat = seats.get(checker) ?? { waiting: new Map(), collected: new Set(), lastMs: clock.monotonicMs() }
    const tooSoon = () => providerErrors.PROVIDER_ATTESTATION_TOO_SOON({ checker, deviceId })
    if (seat.collected.has(deviceId)) throw tooSoon()
    // A seat that connected anew asks with another nonce, and no longer waits for the former one.
    seat.waiting.get(deviceId)?.settle.reject(tooSoon())
    const settle = Promise.withResolvers<string | null>()
    seat.waiting.set(deviceId, { device, nonce, sinceMs: clock.monotonicMs(), settle })
    seats.set(checker, seat)
    if (served === null) void serveInTurns()
    return settle.promise
  }

  async function serveInTurns() {
    for (;;) {
      const turn = nextTurn()
      if (turn === null) return
      const [checker, seat, { device, nonce, settle }] = turn
      served = checker
      seat.collected.add(device.deviceId)
      await attest(device, nonce).then(found => settle.resolve(found?.evidence ?? null), settle.reject)
      seat.lastMs = clock.monotonicMs()
      served = null
      // The seat goes behind those that came meanwhile.
      seats.delete(checker)
      seats.set(checker, seat)
    }
  }

  /** The oldest request of the next seat. Requests whose nonce has run out are refused on the way. */
  function nextTurn(): [Address, Seat, Waiting] | null {
    for (const [checker, seat] of seats)
      for (const [deviceId, next] of seat.waiting) {
        seat.waiting.delete(deviceId)
        if (clock.monotonicMs() - next.sinceMs > nonceLifeMs) {
          next.settle.reject(providerErrors.PROVIDER_ATTESTATION_TOO_LATE({ checker, deviceId }))
          continue
        }
        return [checker, seat, next]
      }
    return null
  }

  return async (seat, deviceId, nonce) => {
    const device = devices.find(each => each.deviceId === deviceId)
    const generation = generationOf(deviceId)
    if (device === undefined || generation === null) return null
    const { record, deviceHash } = device.probed
    const attested = isAttested(deviceId)
    const attestation = attested ? await collect(seat, device, nonce) : null
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

/** The record without what is measured at each start and differs each time, such as which of two equal kernels is faster. */
const withoutMeasurements = (record: EnvironmentRecord): string =>
  encodeEnvironmentRecord({ ...record, diskFreeMiB: null, clockOffsetMs: null, kernels: [] })

/**
 * @param recorded - canonical text that was sent earlier in this epoch, or null
 * @returns the recorded text where only measurements differ, else the text of the record that was read now
 */
export function keptEnvironment(recorded: string | null, now: EnvironmentRecord): string {
  if (recorded !== null) {
    const before = environmentRecordSchema.safeParse(JSON.parse(recorded))
    if (before.success && withoutMeasurements(before.data) === withoutMeasurements(now)) return recorded
  }
  return encodeEnvironmentRecord(now)
}
