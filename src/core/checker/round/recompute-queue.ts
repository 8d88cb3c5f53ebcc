/** Rows to recompute: what arrives while others are recomputed is recomputed together afterwards, one epoch's model at a time. */
import type { Hex } from 'viem'
import type { Verification } from '../../job/verify-openings.ts'
import type { VerifyItem } from '../../job/work-core.ts'
import type { WorkEngine } from '../../job/work-engine.ts'

/** `take` gets the answer for this item alone. Rejects where this seat cannot recompute. */
export type RecomputeQueue = (epochSeed: Hex, item: VerifyItem, take: (answer: Verification) => void) => Promise<void>

export type RecomputeQueueDependencies = {
  readonly engine: Pick<WorkEngine, 'verify'>
  /** Around the answers of one batch. */
  readonly together: (takeAnswers: () => void) => void
}

type Waiting = {
  readonly epochSeed: Hex
  readonly item: VerifyItem
  readonly take: (answer: Verification) => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export function createRecomputeQueue({ engine, together }: RecomputeQueueDependencies): RecomputeQueue {
  let waiting: Waiting[] = []
  let running = false

  async function run() {
    running = true
    while (waiting.length > 0) {
      const { epochSeed } = waiting[0]!
      const batch = waiting.filter(each => each.epochSeed === epochSeed)
      waiting = waiting.filter(each => each.epochSeed !== epochSeed)
      try {
        const answers = await engine.verify({ epochSeed, items: batch.map(({ item }) => item) })
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

  return (epochSeed, item, take) =>
    new Promise((resolve, reject) => {
      waiting.push({ epochSeed, item, take, resolve, reject })
      if (!running) void run()
    })
}
