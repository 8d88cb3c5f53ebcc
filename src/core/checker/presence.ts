/**
 * Heartbeats: at random times every operator is asked for a sign of life; answered ÷ asked is the uptime of its devices.
 *
 * Why: docs/why/rounds.md
 */
import { type Address, bytesToHex, type Hex } from 'viem'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { heartbeatSeconds } from '../protocol/network-parameters.ts'
import type { MessageHandler } from '../transport/session.ts'
import type { CheckerJournal } from './journal.ts'
import { createPendingRecords } from './round/record.ts'
import type { SeatDevice, Send } from './round/seat-round.ts'

/** The devices judged now, in which epoch, and how long that lasts. */
type PresenceDuty = {
  readonly epoch: number
  readonly epochSeconds: number
  readonly devices: readonly SeatDevice[]
}

export type PresenceDependencies = {
  readonly journal: CheckerJournal
  readonly clock: Clock
  readonly log: Logger
  /** Bytes nobody can guess. */
  readonly randomBytes: (size: number) => Uint8Array
  /** Null between epochs. */
  readonly duty: () => PresenceDuty | null
  readonly sendTo: (operator: Address) => Send | null
  /** Whether this seat has started so lately that the operator may not have found it yet: then it is not asked; default never. */
  readonly isArriving?: (operator: Address) => boolean
  /** Whether this process itself stood still at a moment, monotonic ms: then a silence may be ours; default never. */
  readonly stoodStillAt?: (momentMs: number) => boolean
}

export type Presence = {
  /** Set on every session. */
  readonly onReply: MessageHandler<'heartbeat.reply'>
  /** Asks until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

/** What arrived in time may still wait for its handler's turn. */
const handlingMs = 100
/** Longest wait for an answer, and for a duty. */
const mostTimeoutMs = 5_000
const dutyMs = 1_000

/** Mean time between two heartbeats in ms (each wait is uniform between half and one and a half of it), and after which an answer is none. */
function paceOf(duty: PresenceDuty | null) {
  const intervalMs = duty === null ? dutyMs : 1_000 * heartbeatSeconds(duty.epochSeconds)
  return { intervalMs, timeoutMs: Math.min(mostTimeoutMs, 2 * intervalMs) }
}

export function createPresence(deps: PresenceDependencies): Presence {
  const { journal, clock, log, randomBytes, duty, sendTo } = deps
  const { isArriving = () => false, stoodStillAt = () => false } = deps
  const records = createPendingRecords({ log, transaction: journal.transaction })
  const waiting = new Map<Hex, (receivedAtMs: number) => void>()

  /** Whether the operator answered a fresh nonce in time; null where we cannot know. A closed session is no answer. */
  async function ask(operator: Address, timeoutMs: number, stop: AbortSignal): Promise<boolean | null> {
    const send = sendTo(operator)
    if (send === null) return false
    const nonce = bytesToHex(randomBytes(32))
    const given = new AbortController()
    const dueMs = clock.monotonicMs() + timeoutMs
    const answered = new Promise<boolean>(resolve => waiting.set(nonce, at => resolve(at <= dueMs)))
    const expired = clock.sleep(timeoutMs + handlingMs, AbortSignal.any([given.signal, stop])).then(
      () => false,
      () => false,
    )
    try {
      await send('heartbeat', { nonce })
      const isInTime = await Promise.race([answered, expired])
      // What we did not wait for, or could not read, is not the device's silence.
      return isInTime || !(stop.aborted || stoodStillAt(dueMs)) ? isInTime : null
    } catch {
      return false
    } finally {
      waiting.delete(nonce)
      given.abort()
    }
  }

  async function askEverybody(stop: AbortSignal) {
    const now = duty()
    if (now === null) return
    const here = now.devices.filter(device => !isArriving(device.operator))
    await Promise.all(
      [...Map.groupBy(here, ({ operator }) => operator)].map(async ([operator, devices]) => {
        const deviceIds = devices.map(({ deviceId }) => deviceId)
        const answered = await ask(operator, paceOf(now).timeoutMs, stop)
        if (answered === null) return
        records.write(() => {
          journal.countHeartbeat(now.epoch, deviceIds, answered)
          return undefined
        })
      }),
    )
  }

  return {
    onReply: ({ nonce }, _, receivedAtMs) => waiting.get(nonce)?.(receivedAtMs),
    async run(signal) {
      while (!signal.aborted) {
        const [fraction] = new Uint32Array(randomBytes(4).slice().buffer)
        await clock.sleep(paceOf(duty()).intervalMs * (0.5 + fraction! / 2 ** 32), signal).catch(() => undefined)
        if (!signal.aborted) await askEverybody(signal)
      }
    },
  }
}
