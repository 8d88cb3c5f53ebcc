import type { Clock } from '../../platform/clock.ts'
import type { RoundJudge } from '../round/judge.ts'

/**
 * Waits until nothing is under way, for at most `drainMs`; rounds that are still open then are recorded as this seat's own fault.
 */
export async function drain(
  { drainMs }: { readonly drainMs: number },
  {
    clock,
    judges,
    settled,
  }: {
    readonly clock: Clock
    readonly judges: readonly Pick<RoundJudge, 'idle' | 'stop'>[]
    /** Resolves when no deadline of an epoch is being worked for. */
    readonly settled: Promise<void>
  },
): Promise<void> {
  const over = new AbortController()
  const idle = Promise.all([settled, ...judges.map(judge => judge.idle())])
  await Promise.race([idle, clock.sleep(drainMs, over.signal).catch(() => undefined)])
  over.abort()
  await Promise.all(judges.map(judge => judge.stop()))
}
