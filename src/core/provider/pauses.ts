/** The pauses of a Provider's devices: recorded before anybody hears of them, held through restarts, ended by time or by word. */
import type { Hex } from 'viem'
import type { Clock } from '../platform/clock.ts'
import { providerErrors } from './errors.ts'
import { holdsAt, nextEnd, type Pause, type PauseJournal, pauseAfter } from './pause.ts'
import type { ProviderEvent } from './provider-event.ts'

/** A device as an owner is told of it. */
export type DeviceState = {
  readonly deviceId: Hex
  /** `finishing`: it is paused from the end of the round on that it is in. */
  readonly state: 'working' | 'finishing' | 'paused'
  /** ISO 8601; null where it is not paused. */
  readonly since: string | null
  /** Null where it is not paused, or is until it is resumed. */
  readonly until: string | null
  /** What was not done as it was asked for, in a sentence. */
  readonly note: string | null
}

export type Pauses = ReturnType<typeof createPauses>

export type PausesDependencies = {
  readonly journal: PauseJournal
  readonly clock: Clock
  /** Least seconds of a pause. */
  readonly leastSeconds: () => number
  /** Whether a device is in a round that is not over. */
  readonly isInRound: (deviceId: Hex) => boolean
  /** Whether a pause has freed what is not ready again yet. */
  readonly isFreed: (deviceId: Hex) => boolean
  readonly emit: (event: ProviderEvent) => void
  /** A pause of this device has begun, changed or ended. */
  readonly onChange: (deviceId: Hex) => void
}

export function createPauses(
  { deviceIds }: { readonly deviceIds: readonly Hex[] },
  { journal, clock, leastSeconds, isInRound, isFreed, emit, onChange }: PausesDependencies,
) {
  const own = new Map<Hex, Pause>(
    journal.pauses().flatMap(pause => (deviceIds.includes(pause.deviceId) ? [[pause.deviceId, pause]] : [])),
  )
  let changed = new AbortController()
  const pauseOf = (deviceId: Hex): Pause | null => {
    const pause = own.get(deviceId)
    return pause !== undefined && holdsAt(pause, clock.now()) ? pause : null
  }

  function devicesNamed(device: string | null): readonly Hex[] {
    const named = deviceIds.filter(id => device === null || id.startsWith(device.toLowerCase()))
    if (named.length === 0 || (device !== null && named.length > 1))
      throw providerErrors.PAUSE_DEVICE_UNKNOWN({ device: device ?? '', devices: deviceIds })
    return named
  }

  function stateOf(deviceId: Hex, note: string | null = null): DeviceState {
    const pause = pauseOf(deviceId)
    if (pause === null) {
      const why = note ?? (isFreed(deviceId) ? refilling : null)
      return { deviceId, state: 'working', since: null, until: null, note: why }
    }
    const state = isInRound(deviceId) ? 'finishing' : 'paused'
    const until = pause.until === null ? null : isoTime(pause.until)
    return { deviceId, state, since: isoTime(pause.since), until, note }
  }

  function tell(deviceId: Hex, state: 'paused' | 'resumed' | 'ended') {
    emit({ type: 'pause.changed', deviceId, state, until: stateOf(deviceId).until })
    onChange(deviceId)
    changed.abort()
  }

  function end(deviceId: Hex, state: 'resumed' | 'ended') {
    journal.endPause(deviceId)
    if (own.delete(deviceId)) tell(deviceId, state)
  }

  /** False where the disk does not take it: they are over all the same, and what follows from that is tried again. */
  function endAll(over: readonly Pause[]): boolean {
    try {
      for (const { deviceId } of over) end(deviceId, 'ended')
      return true
    } catch {
      return false
    }
  }

  return {
    isPaused: (deviceId: Hex): boolean => pauseOf(deviceId) !== null,
    /**
     * @param device - an id, or its first digits; null: all devices
     * @param forSeconds - null: until it is resumed
     * @throws PAUSE_DEVICE_UNKNOWN
     */
    pause(device: string | null, forSeconds: number | null): DeviceState[] {
      const least = leastSeconds()
      return devicesNamed(device).map(deviceId => {
        const asked = {
          deviceId,
          now: clock.now(),
          forMs: forSeconds === null ? null : 1_000 * forSeconds,
          leastMs: 1_000 * least,
        }
        const { pause, extended } = pauseAfter(own.get(deviceId) ?? null, asked)
        journal.keepPause(pause)
        own.set(deviceId, pause)
        tell(deviceId, 'paused')
        const note = `It lasts ${least} s at least, the mean time between two looks at whether a device is there: a shorter one would be seen by chance alone.`
        return stateOf(deviceId, extended ? note : null)
      })
    },
    /** @throws PAUSE_DEVICE_UNKNOWN */
    resume(device: string | null): DeviceState[] {
      return devicesNamed(device).map(deviceId => {
        const wasPaused = pauseOf(deviceId) !== null
        end(deviceId, 'resumed')
        return stateOf(deviceId, wasPaused ? null : 'It was not paused.')
      })
    },
    states: (): DeviceState[] => deviceIds.map(deviceId => stateOf(deviceId)),
    /** Ends pauses when their time is over, until the signal aborts. */
    async run(stop: AbortSignal): Promise<void> {
      // Those that an earlier run was told of: who looks at this one hears of them too.
      for (const deviceId of own.keys()) if (pauseOf(deviceId) !== null) tell(deviceId, 'paused')
      while (!stop.aborted) {
        changed = new AbortController()
        const now = clock.now()
        const over = [...own.values()].filter(pause => !holdsAt(pause, now))
        const at = endAll(over) ? nextEnd([...own.values()]) : now + retryMs
        const woken = AbortSignal.any([stop, changed.signal])
        const waitMs = at === null ? lookAgainMs : Math.min(lookAgainMs, Math.max(0, at - now))
        await clock.sleep(waitMs, woken).catch(() => undefined)
      }
    },
  }
}

const refilling = 'It makes model and memory ready again, and leaves rounds out as busy until they are.'
const retryMs = 1_000
/** A pause ends by the wall clock, and waits by one that stands still while the machine sleeps, and that no correction sets. */
const lookAgainMs = 60_000
const isoTime = (ms: number): string => new Date(ms).toISOString()
