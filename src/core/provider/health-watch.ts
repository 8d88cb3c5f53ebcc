/** Probes the devices at an interval while the Provider runs, and says which of them cannot work now, with the reason. */
import { compareProbes, type DeviceEvent } from '../devices/compare-probes.ts'
import { criticalFaults, type GpuProbe, type ProbeResult } from '../devices/probed-device.ts'
import type { Clock } from '../platform/clock.ts'

export type HealthWatch = ReturnType<typeof createHealthWatch>

export function createHealthWatch(
  { intervalMs, first }: { readonly intervalMs: number; readonly first: ProbeResult },
  dependencies: {
    readonly probe: GpuProbe
    readonly clock: Clock
    readonly onEvent: (event: DeviceEvent) => void
    /** Called when a probe failed; the next one comes after the interval. */
    readonly onTrouble?: (error: unknown) => void
  },
) {
  const { probe, clock, onEvent, onTrouble = () => {} } = dependencies
  const stopped = new Map<string, string>()
  let previous = first

  async function look() {
    const now = await probe.probe()
    for (const event of compareProbes(previous, now)) {
      const isBack = event.type === 'recovered' || event.type === 'card-added'
      if (event.abort) stopped.set(event.device, `${event.reason}: ${event.detail}`)
      else if (isBack && criticalFaults(now, event.device).length === 0) stopped.delete(event.device)
      onEvent(event)
    }
    previous = now
  }

  return {
    /** The reason why this device (by hardware identity) cannot work now, as `CODE: sentence`; null when it can. */
    stopReason: (identity: string): string | null => stopped.get(identity) ?? null,
    /** Probes at this interval until the signal aborts. */
    async run(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        await clock.sleep(intervalMs, signal).catch(() => undefined)
        if (!signal.aborted) await look().catch(onTrouble)
      }
    },
  }
}
