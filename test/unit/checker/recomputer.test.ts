import { describe, expect, it } from 'vitest'
import { createRecomputers } from '../../../src/core/checker/round/recompute.ts'
import { jobErrors } from '../../../src/core/job/errors.ts'
import { type Jobs, jobSets, jobsHash } from '../../../src/core/job/jobs.ts'
import type { WorkDescription } from '../../../src/core/job/work-core.ts'
import type { WorkEngine } from '../../../src/core/job/work-engine.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const named = (jobs: Jobs) => ({
  specHash: jobsHash(jobs),
  windowMs: jobs.tensor.windowMs,
  beatWindowMs: jobs.beat.windowMs,
})
const devnet = named(jobSets.devnet)
const standard = named(jobSets.standard)
const request = { epochSeed: devnet.specHash, items: [] }

const description: WorkDescription = {
  ...{ provider: 'cpu', form: 'u8', memory: 'host', memoryProblem: null },
  ...{ forms: [], refused: [] },
}

function scene() {
  const started: Jobs[] = []
  const told: (WorkDescription | null)[] = []
  const clock = createManualClock()
  let alive = 0
  let isDead = false
  const restarts: unknown[] = []
  const recomputers = createRecomputers({
    clock,
    startEngine: async (jobs, known) => {
      started.push(jobs)
      told.push(known)
      alive++
      isDead = false
      const verify = async () => {
        if (isDead) throw jobErrors.JOB_WORKER_STOPPED({ reason: 'its thread ended with code 1' })
        return []
      }
      return {
        description,
        kinds: { tensor: { verify }, memory: { verify } },
        close: async () => void alive--,
      } as unknown as WorkEngine
    },
    onRestart: error => restarts.push(error),
  })
  const kill = () => {
    isDead = true
  }
  return { recomputers, started, told, clock, restarts, kill, alive: () => alive }
}

describe('recomputers', () => {
  it('an engine whose thread has ended is started once more, and its requests are answered', async () => {
    const { recomputers, started, restarts, kill, alive } = scene()
    const { verify } = recomputers.of(devnet).kinds.tensor!
    await verify(request)
    kill()
    expect(await Promise.all([verify(request), verify(request)])).toEqual([[], []])
    expect(started).toHaveLength(2)
    expect(restarts.length).toBeGreaterThan(0)
    await recomputers.close()
    expect(alive()).toBe(0)
  })

  it('an engine that nobody asks for a while ends, and is back without being tested again', async () => {
    const { recomputers, started, told, clock, alive } = scene()
    const { kinds, close } = recomputers.of(devnet)
    const { verify } = kinds.memory!
    await verify(request)
    await clock.advance(19_000)
    await verify(request)
    await clock.advance(19_000)
    expect(alive()).toBe(1)
    await clock.advance(2_000)
    expect(alive()).toBe(0)
    expect(await verify(request)).toEqual([])
    expect(started).toEqual([jobSets.devnet, jobSets.devnet])
    expect(told).toEqual([null, description])
    await close()
    await clock.advance(21_000)
    expect(alive()).toBe(0)
  })

  it('each epoch is recomputed by its own specification, and engines of past ones are ended', async () => {
    const { recomputers, started, alive } = scene()
    await recomputers.of(devnet).start(new AbortController().signal)
    await recomputers.of(standard).kinds.memory!.verify(request)
    await recomputers.of(devnet).kinds.tensor!.verify(request)
    expect(started).toEqual([jobSets.devnet, jobSets.standard])
    await recomputers.keepOnly(new Set([standard.specHash]))
    expect(alive()).toBe(1)
  })

  it('an unknown specification is refused, and so is a window that differs from the specification’s', () => {
    const { recomputers } = scene()
    expect(() => recomputers.of({ ...devnet, specHash: `0x${'5c'.repeat(32)}` })).toThrow(
      expect.objectContaining({ code: 'JOB_SPEC_UNKNOWN' }),
    )
    expect(() => recomputers.of({ ...devnet, windowMs: 2 * devnet.windowMs })).toThrow(
      expect.objectContaining({ code: 'CHECKER_WINDOW_DIFFERS' }),
    )
  })
})
