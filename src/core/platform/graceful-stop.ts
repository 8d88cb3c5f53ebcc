import { once } from 'node:events'

/** Ends a long run: the first signal asks it to take no more work and to finish what is open, the second ends it now. */
export type GracefulStop = ReturnType<typeof createGracefulStop>

const sameSignalMs = 500

type SignalSource = {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
}

/**
 * One Ctrl-C may arrive twice, from the terminal and from a wrapper that forwards it (npx, timeout), so a signal within half a second
 * of another counts as the same one.
 *
 * @param options.drainMs - how long a run may drain after the first signal; default 30,000
 * @param dependencies.exitNow - ends the process: on the second signal, and when draining takes too long
 */
export function createGracefulStop(
  options: { drainMs?: number },
  dependencies: {
    signals: SignalSource
    exitNow: (reason: 'second-signal' | 'drain-timeout') => void
    nowMs?: () => number
  },
) {
  const controller = new AbortController()
  const nowMs = dependencies.nowMs ?? (() => performance.now())
  let timer: NodeJS.Timeout | undefined
  let firstMs = 0
  const listener = () => {
    if (controller.signal.aborted) {
      if (nowMs() - firstMs >= sameSignalMs) dependencies.exitNow('second-signal')
      return
    }
    firstMs = nowMs()
    timer = setTimeout(() => dependencies.exitNow('drain-timeout'), options.drainMs ?? 30_000)
    timer.unref()
    controller.abort()
  }
  dependencies.signals.on('SIGINT', listener)
  dependencies.signals.on('SIGTERM', listener)
  return {
    /** Aborted by the first signal. */
    signal: controller.signal,
    /** Stops listening; call when the run is over. */
    dispose: (): void => {
      clearTimeout(timer)
      dependencies.signals.off('SIGINT', listener)
      dependencies.signals.off('SIGTERM', listener)
    },
  }
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}
