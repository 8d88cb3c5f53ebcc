import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import type { Kernel } from '../../../src/core/job/tensor/kernel.ts'
import { createModelCache } from '../../../src/core/job/tensor/model-cache.ts'
import { threadClock } from '../../../src/core/job/thread-clock.ts'
import { createWindowGate } from '../../../src/core/job/window-gate.ts'
import { smallSpec } from './small-spec.ts'

const seedOf = (name: string): Hex => `0x${name.repeat(64)}`

/** A cache of kernels that compute nothing, whose release takes until it is let go. */
function cacheOf({ failures = 0 } = {}) {
  const log = { loaded: 0, released: 0, waiting: [] as (() => void)[] }
  const load = async (): Promise<Kernel> => {
    if (failures-- > 0) throw new Error('no memory')
    log.loaded++
    return {
      form: 'u8',
      run: async inputs => inputs,
      release: () =>
        new Promise(resolve => {
          log.waiting.push(() => {
            log.released++
            resolve()
          })
        }),
    }
  }
  const cache = createModelCache({ spec: smallSpec }, { load, gate: createWindowGate(), clock: threadClock })
  return { cache, log }
}

/** Lets releases go one by one until everything is settled. */
async function settle<T>(calls: readonly Promise<T>[], { waiting }: { waiting: (() => void)[] }) {
  let done = false
  const all = Promise.allSettled(calls).then(results => {
    done = true
    return results
  })
  while (!done) {
    waiting.shift()?.()
    await new Promise(setImmediate)
  }
  return all
}

describe('model cache', () => {
  it('the model cache drops a model once, and harms no call, when too many models are used at once', async () => {
    const { cache, log } = cacheOf()
    const finish: (() => void)[] = []
    const calls = [...'12345678'].map(name =>
      cache.use(seedOf(name), () => new Promise<void>(resolve => finish.push(resolve))),
    )
    while (finish.length < calls.length) await new Promise(setImmediate)
    // The newest first: each is dropped while an older one is still in use, and before the next release is through.
    for (const end of finish.reverse()) {
      end()
      await new Promise(setImmediate)
    }
    expect((await settle(calls, log)).map(({ status }) => status)).toEqual(Array(8).fill('fulfilled'))
    expect(log).toMatchObject({ loaded: 8, released: 6 })
    await settle([cache.close()], log)
    expect(log.released).toBe(8)
  })

  it('the model cache keeps the two models that were used last', async () => {
    const { cache, log } = cacheOf()
    for (const name of ['1', '2', '1', '3', '1']) await settle([cache.prepare(seedOf(name))], log)
    expect(log.loaded).toBe(3)
    await settle([cache.prepare(seedOf('2'))], log)
    expect(log.loaded).toBe(4)
    await settle([cache.close()], log)
  })

  it('the model cache builds a model again whose build failed', async () => {
    const { cache, log } = cacheOf({ failures: 1 })
    await expect(cache.prepare(seedOf('1'))).rejects.toThrow('no memory')
    expect((await settle([cache.prepare(seedOf('1'))], log))[0]!.status).toBe('fulfilled')
    await settle([cache.close()], log)
  })
})
