/** Heartbeats: at random times every operator is asked for a sign of life; answered ÷ asked is the uptime of its devices. */
import { type Address, bytesToHex, type Hex } from 'viem'
import type { Clock } from '../platform/clock.ts'
import type { MessageHandler } from '../transport/session.ts'
import type { CheckerJournal } from './journal.ts'
import type { SeatDevice, Send } from './round-judge.ts'

export type PresenceOptions = {
  /** Mean time between two heartbeats, in ms; each wait is uniform between half and one and a half of it. */
  readonly intervalMs: number
  /** An answer later than this is none. */
  readonly timeoutMs: number
}

export type PresenceDependencies = {
  readonly journal: CheckerJournal
  readonly clock: Clock
  /** Bytes nobody can guess. */
  readonly randomBytes: (size: number) => Uint8Array
  /** The devices judged now, with their epoch; null between epochs. */
  readonly duty: () => { readonly epoch: number; readonly devices: readonly SeatDevice[] } | null
  readonly sendTo: (operator: Address) => Send | null
  /** Whether this seat has started so lately that the operator may not have found it yet: then it is not asked; default never. */
  readonly isArriving?: (operator: Address) => boolean
}

export type Presence = {
  /** Set on every session. */
  readonly onReply: MessageHandler<'heartbeat.reply'>
  /** Asks until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

export function createPresence({ intervalMs, timeoutMs }: PresenceOptions, deps: PresenceDependencies): Presence {
  const { journal, clock, randomBytes, duty, sendTo, isArriving = () => false } = deps
  const waiting = new Map<Hex, () => void>()

  /** Whether the operator answered a fresh nonce in time. A closed session is no answer. */
  async function ask(operator: Address, stop: AbortSignal): Promise<boolean> {
    const send = sendTo(operator)
    if (send === null) return false
    const nonce = bytesToHex(randomBytes(32))
    const given = new AbortController()
    const answered = new Promise<true>(resolve => waiting.set(nonce, () => resolve(true)))
    const expired = clock.sleep(timeoutMs, AbortSignal.any([given.signal, stop])).then(
      () => false,
      () => false,
    )
    try {
      await send('heartbeat', { nonce })
      return await Promise.race([answered, expired])
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
    const operators = new Map<Address, Hex[]>()
    for (const { operator, deviceId } of now.devices.filter(device => !isArriving(device.operator)))
      operators.set(operator, [...(operators.get(operator) ?? []), deviceId])
    await Promise.all(
      [...operators].map(async ([operator, deviceIds]) => {
        const answered = await ask(operator, stop)
        // What we did not wait for is not the device's silence.
        if (answered || !stop.aborted) journal.countHeartbeat(now.epoch, deviceIds, answered)
      }),
    )
  }

  return {
    onReply: ({ nonce }) => waiting.get(nonce)?.(),
    async run(signal) {
      while (!signal.aborted) {
        const [fraction] = new Uint32Array(randomBytes(4).slice().buffer)
        await clock.sleep(intervalMs * (0.5 + fraction! / 2 ** 32), signal).catch(() => undefined)
        if (!signal.aborted) await askEverybody(signal)
      }
    },
  }
}
