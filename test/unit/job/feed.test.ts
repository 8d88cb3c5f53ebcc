/** The feed of a kernel: the same window whether rows are drawn and digests hashed beside it or in a thread of their own. */
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { createFeedThread, type Feeds, openFeed, ownThreadFeeds } from '../../../src/core/job/tensor/feed.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { runWindow } from '../../../src/core/job/tensor/tensor-window.ts'
import { ownFile } from '../../../src/core/platform/own-files.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'
import { epochSeed, smallJobs } from './small-spec.ts'

const workers: Worker[] = []
const feeds = createFeedThread(() => {
  const worker = new Worker(ownFile('core/job/tensor/feed-worker'))
  workers.push(worker)
  return worker
})
afterAll(() => feeds.close())

const seed = Uint8Array.from({ length: 32 }, (_, i) => 250 - i)
const code = (name: string) => expect.objectContaining({ code: name })
/** A clock of rows: each takes a millisecond. */
function card(stop: (runs: number) => void = () => undefined) {
  let nowMs = 0
  let runs = 0
  let together = 0
  const seen = { most: 0 }
  return {
    seen,
    clock: { monotonicMs: () => nowMs },
    async compute(inputs: Uint8Array) {
      seen.most = Math.max(seen.most, ++together)
      stop(++runs)
      await new Promise(resolve => setImmediate(resolve))
      nowMs += inputs.length / 32
      together--
      return inputs.map(byte => byte ^ 1)
    },
  }
}
const window = { seed, deadlineMs: 20_000, batchRows: 150, rowMs: 1, keepBytes: 100 * 2048 }
const work = (through: Feeds, batchesAtOnce: number, on = card()) =>
  runWindow({ ...window, batchesAtOnce }, { ...on, feeds: through })

describe('a feed in a thread of its own', () => {
  it('gives the same rows, root, proofs and kept digests, window after window, in batches of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.array(fc.integer({ min: 1, max: 128 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 20 }),
        async (seed, batches, chunks) => {
          const options = { seed, keepBytes: chunks * 2048, batchRows: 128 }
          const [beside, own] = [feeds.open(options), openFeed(options)]
          let first = 0
          for (const rows of batches) {
            const inputs = await beside.draw(rows)
            expect(Buffer.compare(inputs, rowInput(seed, first, rows))).toBe(0)
            expect(Buffer.compare(inputs, await own.draw(rows))).toBe(0)
            beside.append(inputs)
            own.append(inputs)
            first += rows
          }
          const [a, b] = [await beside.finish(), await own.finish()]
          beside.end()
          expect([a.tree.rows, a.tree.root]).toEqual([first, b.tree.root])
          for (let chunk = 0; chunk <= Math.ceil(first / 64); chunk++) {
            const [kept, expected] = [a.collector.digests(chunk), b.collector.digests(chunk)]
            expect(kept && Buffer.from(kept)).toEqual(expected && Buffer.from(expected))
            if (chunk * 64 < first) expect(a.tree.proof(chunk)).toEqual(b.tree.proof(chunk))
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  it('feeds a window of two batches at once, which has as many rows, of the same digests', async () => {
    const two = card()
    const [one, own] = [await work(ownThreadFeeds, 1), await work(feeds, 2, two)]
    expect(two.seen.most).toBe(2)
    expect(own.tree.rows).toBeGreaterThan(0.98 * 20_000)
    const again = openFeed(window)
    again.append((await again.draw(own.tree.rows)).map(byte => byte ^ 1))
    expect((await again.finish()).tree.root).toEqual(own.tree.root)
    expect(one.tree.rows).toBeGreaterThan(0.98 * 20_000)
  })

  it('ends a window that is cancelled, and serves the next one', async () => {
    const cancel = new AbortController()
    const on = card(runs => runs === 5 && cancel.abort())
    const running = runWindow({ ...window, batchesAtOnce: 2, signal: cancel.signal }, { ...on, feeds })
    await expect(running).rejects.toThrow(code('JOB_WINDOW_CANCELLED'))
    expect((await work(feeds, 2)).tree.rows).toBeGreaterThan(0)
  })

  it('that ends fails its window with a code, wherever that is, and is started again for the next one', async () => {
    const ends = card(runs => runs === 5 && void workers.at(-1)!.terminate())
    await expect(work(feeds, 2, ends)).rejects.toThrow(code('JOB_WORKER_STOPPED'))
    const feed = feeds.open(window)
    const finishing = feed.finish()
    await workers.at(-1)!.terminate()
    await expect(finishing).rejects.toThrow(code('JOB_WORKER_STOPPED'))
    await expect(feed.draw(1)).rejects.toThrow(code('JOB_WORKER_STOPPED'))
    expect((await work(feeds, 2)).tree.rows).toBeGreaterThan(0)
  })

  it('of a kernel that fails is given up with its window, and both serve the next', async () => {
    const fails = card(runs => {
      if (runs === 4) throw new Error('lost')
    })
    await expect(work(feeds, 2, fails)).rejects.toThrow('lost')
    expect((await work(feeds, 2)).tree.rows).toBeGreaterThan(0)
  })

  it('is used by an engine that is told so, whose windows are opened and verified as any other', async () => {
    const options = {
      jobs: smallJobs,
      provider: 'cpu',
      form: 'u8',
      threads: 1,
      feedThread: true,
      keepBytes: 2048,
    } as const
    const core = await createCountedEngine(options, 0.1)
    const { tensor } = core.kinds
    await tensor.prepare({ epochSeed })
    const { handle, units, root } = await tensor.runWindow({ epochSeed, seed })
    expect(units).toBeGreaterThan(500)
    const again = await tensor.rework({ epochSeed, seed, units, notes: '' })
    expect(again.root).toBe(root)
    const sample = [0, Math.floor(units / 2), units - 1]
    const openings = await tensor.open({ handle, sample })
    const device = { deviceId: epochSeed, generation: 1 }
    const items = [{ seed, device, units, root, sample, openings }]
    expect(await tensor.verify({ epochSeed, items })).toMatchObject([{ ok: true }])
    await core.close()
  })
})
