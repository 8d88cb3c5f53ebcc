import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reworkWindow, runWindow } from '../../../src/core/job/tensor/tensor-engine.ts'
import { runs } from '../../helpers/full-runs.ts'

/** A card whose time is counted, not measured: `rowMs` a row and `runMs` a run, with jitter from a seeded sequence. */
function simulatedCard({ rowMs, runMs, jitter = 0 }: { rowMs: number; runMs: number; jitter?: number }) {
  let nowMs = 1_000
  let state = 1
  const runs: number[] = []
  return {
    runs,
    clock: { monotonicMs: () => nowMs },
    async compute(inputs: Uint8Array) {
      const rows = inputs.length / 32
      runs.push(rows)
      state = (state * 48_271) % 2_147_483_647
      nowMs += (runMs + rows * rowMs) * (1 + jitter * (state / 2_147_483_647))
      return inputs
    },
  }
}
const options = { seed: new Uint8Array(32), deadlineMs: 2_000, batchRows: 4096, rowMs: 0, keepBytes: 1e9 }

describe('runWindow', () => {
  it('a window loses less than 2% on any card, from 500 to 100,000 rows a second', async () => {
    const card = fc.record({
      rowMs: fc.double({ min: -2, max: 0.3, noNaN: true }).map(exponent => 10 ** exponent),
      runMs: fc.double({ min: 0, max: 1, noNaN: true }),
      jitter: fc.double({ min: 0, max: 0.1, noNaN: true }),
    })
    await fc.assert(
      fc.asyncProperty(card, async parameters => {
        const { clock, compute } = simulatedCard(parameters)
        const { lostMs, usedMs, tree } = await runWindow({ ...options, batchRows: 50_000 }, { clock, compute })
        expect(lostMs).toBeLessThan(20)
        expect(usedMs + lostMs).toBeCloseTo(1_000, 6)
        expect(tree.rows).toBeGreaterThan(0)
      }),
      { numRuns: runs(300) },
    )
  })

  it('the batch that ends inside the window counts, and the one that does not is dropped', async () => {
    let nowMs = 0
    const took = [400, 400, 400]
    const sizes: number[] = []
    const compute = async (inputs: Uint8Array) => {
      sizes.push(inputs.length / 32)
      nowMs += took.shift()!
      return inputs
    }
    // The card says 0.001 ms a row and stalls: three batches are begun, the third ends at 1200.
    const { tree, lostMs } = await runWindow(
      { ...options, deadlineMs: 1_000, rowMs: 1e-3, batchRows: 64 },
      { clock: { monotonicMs: () => nowMs }, compute },
    )
    expect(tree.rows).toBe(sizes.slice(0, 2).reduce((sum, rows) => sum + rows, 0))
    expect(lostMs).toBe(200)
  })

  it('a window has no rows when it is over before it begins, or a row takes longer than it', async () => {
    const late = simulatedCard({ rowMs: 1, runMs: 0 })
    expect((await runWindow({ ...options, deadlineMs: 999 }, late)).tree).toMatchObject({
      rows: 0,
      root: Buffer.alloc(32),
    })
    expect(late.runs).toEqual([])
    const slow = simulatedCard({ rowMs: 2_000, runMs: 0 })
    expect((await runWindow({ ...options, rowMs: 2_000 }, slow)).tree.rows).toBe(0)
  })

  it('a window never runs more rows at once than it may', async () => {
    const card = simulatedCard({ rowMs: 1e-2, runMs: 0.01 })
    await runWindow({ ...options, batchRows: 100 }, card)
    expect(Math.max(...card.runs)).toBeLessThanOrEqual(100)
  })

  it('a window stops at once when it is cancelled', async () => {
    const cancellation = new AbortController()
    const card = simulatedCard({ rowMs: 0.01, runMs: 0.1 })
    const compute = async (inputs: Uint8Array) => {
      if (card.runs.length === 3) cancellation.abort()
      return card.compute(inputs)
    }
    const running = runWindow({ ...options, signal: cancellation.signal }, { clock: card.clock, compute })
    await expect(running).rejects.toMatchObject({ code: 'JOB_WINDOW_CANCELLED' })
    expect(card.runs.length).toBe(4)
  })

  /** A card that computes beside the thread, one batch after the other: the most that were under way, and what it was given. */
  function cardBeside(stop: (runs: number) => void = () => undefined) {
    let nowMs = 0
    let together = 0
    const seen = { most: 0, runs: 0 }
    return {
      seen,
      clock: { monotonicMs: () => nowMs },
      async compute(inputs: Uint8Array) {
        seen.most = Math.max(seen.most, ++together)
        stop(++seen.runs)
        await new Promise(resolve => setImmediate(resolve))
        nowMs += inputs.length / 32
        together--
        return inputs.map(byte => byte ^ 1)
      },
    }
  }
  const ofCard = { seed: new Uint8Array(32).fill(9), deadlineMs: 20_000, batchRows: 150, rowMs: 1, keepBytes: 1e6 }

  it('a card has two batches under way, and its window the rows and digests of one worked in order', async () => {
    const card = cardBeside()
    const { tree, collector } = await runWindow({ ...ofCard, batchesAtOnce: 2 }, card)
    expect(card.seen.most).toBe(2)
    expect(tree.rows).toBeGreaterThan(0.98 * 20_000)
    const again = await reworkWindow({ ...ofCard, rows: tree.rows }, cardBeside())
    expect(again.tree.root).toEqual(tree.root)
    expect(again.collector.digests(3)).toEqual(collector.digests(3))
  })

  it('a window that is cancelled, or whose card fails, ends when nothing of it is under way', async () => {
    const cancel = new AbortController()
    const cancelled = cardBeside(runs => runs === 5 && cancel.abort())
    const given = { ...ofCard, batchesAtOnce: 2 }
    await expect(runWindow({ ...given, signal: cancel.signal }, cancelled)).rejects.toMatchObject({
      code: 'JOB_WINDOW_CANCELLED',
    })
    const failing = cardBeside(runs => {
      if (runs === 4) throw new Error('lost')
    })
    await expect(runWindow(given, failing)).rejects.toThrow('lost')
    // What was begun has come back: both clocks stand where the last batch ended.
    for (const { clock, seen } of [cancelled, failing]) {
      const then = clock.monotonicMs()
      await new Promise(resolve => setImmediate(resolve))
      expect([clock.monotonicMs(), seen.runs]).toEqual([then, seen.runs])
    }
  })
})
