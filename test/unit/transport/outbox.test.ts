import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { transportErrors } from '../../../src/core/transport/errors.ts'
import { createOutbox } from '../../../src/core/transport/outbox.ts'
import { createTokenBucket } from '../../../src/core/transport/token-bucket.ts'

const bytes = (length: number, fill = 0) => new Uint8Array(length).fill(fill)
const settled = () => new Promise(setImmediate)

/** An outbox whose writes end when the test says so. */
function setUp(maxQueuedBytes: number, stallMs = 60_000) {
  const written: number[] = []
  const writes: PromiseWithResolvers<void>[] = []
  const onStall = vi.fn()
  const outbox = createOutbox(
    { maxQueuedBytes, stallMs },
    {
      write: bytes => {
        written.push(bytes[0] ?? -1)
        writes.push(Promise.withResolvers<void>())
        return writes.at(-1)!.promise
      },
      onStall,
    },
  )
  return { outbox, written, writes, onStall }
}

describe('outbox', () => {
  it('the outbox writes one frame at a time, in order, urgent ones first', async () => {
    const { outbox, written, writes } = setUp(1000)
    const pushed = [1, 2, 3].map(fill => outbox.push(bytes(10, fill), false))
    pushed.push(outbox.push(bytes(10, 9), true), outbox.push(bytes(10, 8), true))
    for (let n = 0; n < 5; n++) {
      expect(written).toHaveLength(n + 1)
      writes[n]!.resolve()
      await settled()
    }
    await Promise.all(pushed)
    expect(written).toEqual([1, 9, 8, 2, 3])
  })

  it('the outbox refuses a frame that does not fit, and takes any single frame when it is empty', async () => {
    const { outbox, writes } = setUp(100)
    const first = outbox.push(bytes(500), false)
    await expect(outbox.push(bytes(1), false)).rejects.toMatchObject({ code: 'TRANSPORT_QUEUE_FULL' })
    writes[0]!.resolve()
    await first
    await settled()
    const half = outbox.push(bytes(50), false)
    const rest = outbox.push(bytes(50), false)
    await expect(outbox.push(bytes(1), false)).rejects.toMatchObject({ code: 'TRANSPORT_QUEUE_FULL' })
    const urgent = outbox.push(bytes(1), true)
    for (const n of [1, 2, 3]) {
      writes[n]!.resolve()
      await settled()
    }
    await Promise.all([half, rest, urgent])
  })

  it('a failed outbox rejects everything that waits and every later frame', async () => {
    const { outbox, writes, written } = setUp(1000)
    const results = [outbox.push(bytes(1), false), outbox.push(bytes(1), true)].map(it => it.catch(error => error.code))
    outbox.fail(transportErrors.TRANSPORT_SHUTTING_DOWN())
    writes[0]!.reject(new Error('gone'))
    expect(await Promise.all(results)).toEqual(['TRANSPORT_SHUTTING_DOWN', 'TRANSPORT_SHUTTING_DOWN'])
    await expect(outbox.push(bytes(1), false)).rejects.toMatchObject({ code: 'TRANSPORT_SHUTTING_DOWN' })
    expect(written).toHaveLength(1)
  })

  it('a failed outbox rejects the frame that is being written, though the write never ends', async () => {
    const { outbox } = setUp(1000)
    const result = outbox.push(bytes(1), false).catch(error => error.code)
    outbox.fail(transportErrors.TRANSPORT_SHUTTING_DOWN())
    expect(await result).toBe('TRANSPORT_SHUTTING_DOWN')
  })

  it('the outbox reports a write that takes too long', async () => {
    const { outbox, onStall, writes } = setUp(1000, 10)
    const pushed = outbox.push(bytes(1), false)
    await vi.waitFor(() => expect(onStall).toHaveBeenCalledOnce())
    writes[0]!.resolve()
    await pushed
  })
})

describe('token bucket', () => {
  it('a token bucket grants a burst, then the rate, and never more than both', () => {
    const step = fc.record({ ms: fc.nat(500), cost: fc.integer({ min: 1, max: 5 }) })
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 300 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 50 }),
        (steps, perSecond, burst) => {
          let clock = 0
          const bucket = createTokenBucket({ perSecond, burst }, () => clock)
          let granted = 0
          for (const { ms, cost } of steps) {
            clock += ms
            if (bucket.take(cost)) granted += cost
            expect(granted).toBeLessThanOrEqual(burst + (clock / 1000) * perSecond + 1e-6)
          }
          clock += (burst / perSecond) * 1000 + 1
          expect(bucket.full).toBe(true)
          expect(bucket.take(burst)).toBe(true)
          expect(bucket.take()).toBe(false)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('a token bucket loses no tokens when the clock is set back', () => {
    let clock = 3_600_000
    const bucket = createTokenBucket({ perSecond: 1, burst: 3 }, () => clock)
    clock = 0
    expect([bucket.take(), bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, true, false])
    clock = 1000
    expect(bucket.take()).toBe(true)
  })
})
