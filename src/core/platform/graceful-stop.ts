/**
 * How a long run ends: the first signal asks it to stop taking work and to drain, the second ends it now.
 */
export type GracefulStop = {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal
  /** Stops listening; call when the run is over. */
  dispose(): void
}

type SignalSource = {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown
}

/**
 * @param options.drainMs - how long a run may drain after the first signal; default 30,000
 * @param dependencies.exitNow - ends the process: on the second signal, and when draining takes too long
 */
export function createGracefulStop(
  options: { drainMs?: number },
  dependencies: { signals: SignalSource; exitNow: (reason: 'second-signal' | 'drain-timeout') => void },
): GracefulStop {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const listener = () => {
    if (controller.signal.aborted) return dependencies.exitNow('second-signal')
    timer = setTimeout(() => dependencies.exitNow('drain-timeout'), options.drainMs ?? 30_000)
    timer.unref()
    controller.abort()
  }
  dependencies.signals.on('SIGINT', listener)
  dependencies.signals.on('SIGTERM', listener)
  return {
    signal: controller.signal,
    dispose: () => {
      clearTimeout(timer)
      dependencies.signals.off('SIGINT', listener)
      dependencies.signals.off('SIGTERM', listener)
    },
  }
}
