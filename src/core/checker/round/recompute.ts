/**
 * Recomputes the work of the jobs that epochs name; an engine that has ended is started again, and one that nothing
 * was asked of for a while is ended, since its memory is most of what a Checker takes. What arrives meanwhile waits, and is
 * recomputed together afterwards, one epoch and kind at a time.
 */
import type { Hex } from 'viem'
import { byKind, type Jobs, jobsByHash, windowThatDiffers } from '../../job/jobs.ts'
import type { KindEngine, Verification, VerifyItem } from '../../job/round-kind.ts'
import type { WorkDescription } from '../../job/work-core.ts'
import type { WorkEngine } from '../../job/work-engine.ts'
import { type Clock, timeLimit } from '../../platform/clock.ts'
import { isKaisarError } from '../../platform/errors.ts'
import type { RoundKindName } from '../../protocol/constants.ts'
import type { RoundRules } from '../../protocol/network-parameters.ts'
import type { Verifier } from '../../report/wrong-work.ts'
import { checkerErrors } from '../errors.ts'

export type Recomputer = Verifier & {
  readonly jobs: Jobs
  /** Makes ready what an epoch's rounds need; of one kind, where one is given. */
  prepare(epochSeed: Hex, kind?: RoundKindName): Promise<void>
  close(): Promise<void>
  /** Starts the engine, as the first use of it does. @throws what the execution provider refuses; the signal's reason where that ends it */
  start(stop: AbortSignal): Promise<void>
}

export type Recomputers = ReturnType<typeof createRecomputers>

/** Rounds come hours apart, and within this time what belongs to one is over. */
const restsAfterMs = 20_000

export type RecomputersDependencies = {
  /** `known`: what an engine of the same specification said of itself before, so that nothing is tested again. */
  readonly startEngine: (jobs: Jobs, known: WorkDescription | null, stop?: AbortSignal) => Promise<WorkEngine>
  readonly clock: Pick<Clock, 'sleep'>
  readonly onRestart: (error: unknown) => void
}

export function createRecomputers({ startEngine, clock, onRestart }: RecomputersDependencies) {
  const running = new Map<Hex, Recomputer>()

  function restarting(jobs: Jobs): Recomputer {
    let engine: Promise<WorkEngine> | null = null
    let known: WorkDescription | null = null
    let users = 0
    let ended = false
    let stopResting = () => {}
    const started = (stop?: AbortSignal) => {
      engine ??= startEngine(jobs, known, stop).then(
        own => {
          known = own.description
          return own
        },
        error => {
          engine = null
          throw error
        },
      )
      return engine
    }
    async function rest() {
      stopResting()
      const resting = engine
      engine = null
      await (await resting?.catch(() => null))?.close()
    }
    async function use<R>(work: (engine: WorkEngine) => Promise<R>, stop?: AbortSignal): Promise<R> {
      stopResting()
      users++
      try {
        return await tryTwice(work, stop)
      } finally {
        if (--users === 0 && !ended) stopResting = timeLimit(clock, restsAfterMs, () => void rest().catch(onRestart))
      }
    }
    async function tryTwice<R>(work: (engine: WorkEngine) => Promise<R>, stop?: AbortSignal): Promise<R> {
      const first = started(stop)
      try {
        return await work(await first)
      } catch (error) {
        if (ended || !isKaisarError(error, 'JOB_WORKER_STOPPED')) throw error
        onRestart(error)
        if (engine === first) {
          engine = null
          await (await first).close()
        }
        return work(await started(stop))
      }
    }
    const kinds = byKind(
      (kind): Pick<KindEngine, 'verify'> => ({ verify: request => use(engine => engine.kinds[kind]!.verify(request)) }),
    )
    return {
      jobs,
      kinds,
      start: stop => use(async () => undefined, stop),
      prepare: (epochSeed, kind) =>
        use(async engine => void (await (kind === undefined ? engine : engine.kinds[kind]!).prepare({ epochSeed }))),
      close() {
        ended = true
        return rest()
      },
    }
  }

  async function keepOnly(specHashes: ReadonlySet<Hex>) {
    const ended = [...running].filter(([hash]) => !specHashes.has(hash))
    for (const [hash] of ended) running.delete(hash)
    await Promise.all(ended.map(([, recomputer]) => recomputer.close()))
  }

  return {
    /** The one for these rules. @throws JOB_SPEC_UNKNOWN, CHECKER_WINDOW_DIFFERS */
    of({ specHash, ...rules }: Pick<RoundRules, 'specHash' | 'windowMs' | 'beatWindowMs'>): Recomputer {
      const { jobs } = jobsByHash(specHash)
      const differs = windowThatDiffers(jobs, rules)
      if (differs !== null) throw checkerErrors.CHECKER_WINDOW_DIFFERS(differs)
      const recomputer = running.get(specHash) ?? restarting(jobs)
      running.set(specHash, recomputer)
      return recomputer
    },
    /** Ends those of other specifications. */
    keepOnly,
    close: (): Promise<void> => keepOnly(new Set()),
  }
}

/** Items of one batch: openings of a standard memory round are half a mebibyte each, and what is recomputed for them is twice that. */
const mostTogether = 64

/** The kind of round, and its epoch. */
type RecomputeTask = { readonly kind: RoundKindName; readonly epochSeed: Hex }

/** `take` gets the answer for this item alone. Rejects where this seat cannot recompute. */
export type RecomputeQueue = (
  task: RecomputeTask,
  item: VerifyItem,
  take: (answer: Verification) => void,
) => Promise<void>

export type RecomputeQueueDependencies = {
  readonly engine: Verifier
  /** Around the answers of one batch. */
  readonly together: (takeAnswers: () => void) => void
}

type Waiting = {
  readonly task: RecomputeTask
  readonly item: VerifyItem
  readonly take: (answer: Verification) => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export function createRecomputeQueue({ engine, together }: RecomputeQueueDependencies): RecomputeQueue {
  /** What waits, by kind of round and epoch; the first is served next. */
  const queues = new Map<string, Waiting[]>()
  let running = false

  async function run() {
    running = true
    for (let [next] = queues; next !== undefined; [next] = queues) {
      const [name, queue] = next
      const batch = queue.splice(0, mostTogether)
      // The others have their turn before the rest of it.
      queues.delete(name)
      if (queue.length > 0) queues.set(name, queue)
      const { kind, epochSeed } = batch[0]!.task
      try {
        const answers = await engine.kinds[kind]!.verify({ epochSeed, items: batch.map(({ item }) => item) })
        together(() => {
          for (const [i, { take }] of batch.entries()) take(answers[i]!)
        })
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    running = false
  }

  return (task, item, take) =>
    new Promise((resolve, reject) => {
      const name = `${task.kind} ${task.epochSeed}`
      const queue = queues.get(name) ?? []
      queues.set(name, queue)
      queue.push({ task, item, take, resolve, reject })
      if (!running) void run()
    })
}
