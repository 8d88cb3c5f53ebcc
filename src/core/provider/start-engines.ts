/** Starts the engines of our devices, and logs which execution provider each of them uses. */
import type { ExecutionProvider } from '../job/execution-provider.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import type { Logger } from '../platform/log.ts'
import { providerErrors } from './errors.ts'
import type { OwnDevice } from './own-devices.ts'

/**
 * Starts one engine per device, in order, and logs each execution provider that was refused for one.
 * @param executionProvider - the operator's choice; only an explicit `cpu` lets the CPU do a card's work
 * @throws PROVIDER_CPU_FALLBACK, and as `startEngine` does; then no engine is left running
 */
export async function startEngines(
  { executionProvider }: { readonly executionProvider: ExecutionProvider | 'auto' },
  devices: readonly OwnDevice[],
  { startEngine, log }: { readonly startEngine: (device: OwnDevice) => Promise<WorkEngine>; readonly log: Logger },
): Promise<WorkEngine[]> {
  const outcomes = await Promise.allSettled(devices.map(startEngine))
  const engines = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  try {
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    for (const [i, { description }] of engines.entries()) {
      const { deviceId, probed } = devices[i]!
      for (const { provider, code, message, fix } of description.refused)
        log.warn({ device: deviceId, provider, code, fix }, message)
      const { kind, model } = probed.record
      if (kind !== 'cpu' && description.provider === 'cpu' && executionProvider !== 'cpu')
        throw providerErrors.PROVIDER_CPU_FALLBACK({ model, refused: description.refused.map(({ code }) => code) })
    }
    return engines
  } catch (error) {
    await Promise.all(engines.map(engine => engine.close()))
    throw error
  }
}
