import { describe, expect, it, vi } from 'vitest'
import { createLiveView } from '../../../src/core/network/live-view.ts'
import { hex } from './epoch-simulation.ts'
import { networkView } from './network-fixture.ts'

const viewAt = (block: number) => ({
  ...networkView,
  head: { number: BigInt(block), hash: hex(block, 32), timestamp: block },
})

describe('live view', () => {
  it('is read once for all who ask at a time, and again when it is no longer fresh', async () => {
    let time = 0
    const read = vi.fn(async () => viewAt(read.mock.calls.length + 10))
    const live = createLiveView({ freshMs: 1_000 }, { read, now: () => time })
    const [a, b] = await Promise.all([live.get(), live.get()])
    expect(a).toBe(b)
    time = 999
    expect((await live.get()).view.head.number).toBe(11n)
    time = 1_000
    expect((await live.get()).view.head.number).toBe(12n)
    expect(read).toHaveBeenCalledTimes(2)
  })

  it('serves the last view with the trouble while the chain cannot be read', async () => {
    let time = 0
    const read = vi
      .fn()
      .mockResolvedValueOnce(viewAt(11))
      .mockRejectedValueOnce(new Error('no answer'))
      .mockResolvedValue(viewAt(12))
    const live = createLiveView({ freshMs: 1 }, { read, now: () => time++ })
    expect((await live.get()).trouble).toBeNull()
    expect(await live.get()).toMatchObject({ trouble: 'no answer', view: { head: { number: 11n } } })
    expect(await live.get()).toMatchObject({ trouble: null, view: { head: { number: 12n } } })
    const never = createLiveView({}, { read: () => Promise.reject(new Error('no answer')), now: () => 0 })
    await expect(never.get()).rejects.toThrow('no answer')
  })

  it('tells watchers of new heads only, and reads nothing when nobody watches', async () => {
    const heads = [11, 11, 12, 12]
    const read = vi.fn(async () => viewAt(heads.shift() ?? 12))
    const live = createLiveView({ freshMs: 5 }, { read, now: () => performance.now() })
    const seen: bigint[] = []
    const stop = live.watch(({ view }) => seen.push(view.head.number))
    await vi.waitFor(() => expect(read.mock.calls.length).toBeGreaterThanOrEqual(4))
    expect(seen).toEqual([11n, 12n])
    stop()
    live.close()
    const calls = read.mock.calls.length
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(read.mock.calls.length).toBeLessThanOrEqual(calls + 1)
  })
})
