/** Rows to recompute: what arrives while others are recomputed is recomputed together afterwards, one epoch's model at a time. */
import type { Hex } from 'viem'
import type { Verification } from '../job/verify-openings.ts'
import type { VerifyItem } from '../job/work-core.ts'
import type { WorkEngine } from '../job/work-engine.ts'

/** The answer for this item alone. Rejects where this seat cannot recompute. */
export type RecomputeQueue = (epochSeed: Hex, item: VerifyItem) => Promise<Verification>

type Waiting = {
  readonly epochSeed: Hex
  readonly item: VerifyItem
  readonly resolve: (answer: Verification) => void
  readonly reject: (error: unknown) => void
}

export function createRecomputeQueue(engine: Pick<WorkEngine, 'verify'>): RecomputeQueue {
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
        for (const [i, { resolve }] of batch.entries()) resolve(answers[i]!)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    running = false
  }

  return (epochSeed, item) =>
    new Promise((resolve, reject) => {
      waiting.push({ epochSeed, item, resolve, reject })
      if (!running) void run()
    })
}
