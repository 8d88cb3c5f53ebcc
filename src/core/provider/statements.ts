/** What each of our devices says of itself to a seat that asks, with attestation evidence where it was registered with it. */
import type { Address, Hex } from 'viem'
import type { Clock } from '../platform/clock.ts'
import type { EnvironmentRecord } from '../protocol/device-record.ts'
import {
  encodeDeviceRecord,
  encodeEnvironmentRecord,
  environmentRecordSchema,
  hashRecordText,
} from '../protocol/device-record.ts'
import { nonceLifeMs } from '../protocol/network-parameters.ts'
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
 * @throws PROVIDER_ATTESTATION_TOO_SOON, PROVIDER_ATTESTATION_TOO_LATE
 */
export type StatementOf = (seat: Address, deviceId: Hex, nonce: Hex) => Promise<DeviceStatement | null>

export type StatementsDependencies = {
  /** Evidence over this nonce; null where there is none. Takes a card's tool seconds. */
  readonly attest: (device: OwnDevice, nonce: Hex) => Promise<{ readonly evidence: string } | null>
  readonly isAttested: (deviceId: Hex) => boolean
  /** Null where the device is no member. */
  readonly generationOf: (deviceId: Hex) => number | null
  /** Least seconds from the last collection for a seat to the next one about a device that it had evidence of before. */
  readonly intervalSeconds: () => number
  readonly clock: Clock
}

type Waiting = {
  readonly device: OwnDevice
  readonly nonce: Hex
  readonly sinceMs: number
  readonly settle: PromiseWithResolvers<string | null>
}

/** What a seat is owed, and had since it was last quiet for the interval. */
type Seat = {
  /** By device id: what is not begun. */
  readonly waiting: Map<Hex, Waiting>
  readonly collected: Set<Hex>
  lastMs: number
}

/**
 * Evidence is collected once at a time, seat after seat in turns, so that a seat that asks for much waits for itself. A seat has it once of
 * each device, and again when it had none of this host for the interval.
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
  /** In the order of their turns. */
  const seats = new Map<Address, Seat>()
  /** Whose evidence is being collected. */
  let served: Address | null = null

  const isQuiet = (checker: Address, { waiting, lastMs }: Seat) =>
    checker !== served && waiting.size === 0 && clock.monotonicMs() - lastMs >= 1_000 * intervalSeconds()

  function collect(checker: Address, device: OwnDevice, nonce: Hex): Promise<string | null> {
    const { deviceId } = device
    for (const [other, seat] of seats) if (isQuiet(other, seat)) seats.delete(other)
    const seat = seats.get(checker) ?? { waiting: new Map(), collected: new Set(), lastMs: clock.monotonicMs() }
    const tooSoon = () => providerErrors.PROVIDER_ATTESTATION_TOO_SOON({ checker, deviceId })
    if (seat.collected.has(deviceId)) throw tooSoon()
    // A seat that connected anew asks with another nonce; nobody waits for the former one any more.
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
      // Behind whoever came meanwhile.
      seats.delete(checker)
      seats.set(checker, seat)
    }
  }

  /** What the next seat has waited for longest; what no seat would take any more is refused. */
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

/** Measured at each start, and different each time; the fastest of two equal kernels, too. */
const withoutMeasurements = (record: EnvironmentRecord): string =>
  encodeEnvironmentRecord({ ...record, diskFreeMiB: null, clockOffsetMs: null, kernels: [] })

/**
 * @param recorded - canonical text that was said in this epoch before, or null
 * @returns the recorded text where only measurements differ, else the text of what was read now
 */
export function keptEnvironment(recorded: string | null, now: EnvironmentRecord): string {
  if (recorded !== null) {
    const before = environmentRecordSchema.safeParse(JSON.parse(recorded))
    if (before.success && withoutMeasurements(before.data) === withoutMeasurements(now)) return recorded
  }
  return encodeEnvironmentRecord(now)
}
