/** Memory rounds on a card: where they are, and what becomes of them when it is lost: no work until it is filled again, at once. */
import { expect, it } from 'vitest'
import type { Memory } from '../../../src/core/job/memory/memory.ts'
import { type FillOptions, fillMemory } from '../../../src/core/job/memory/memory-banks.ts'
import { createMemoryEngine } from '../../../src/core/job/memory/memory-engine.ts'
import { openRowChain, type RowChain } from '../../../src/core/job/memory/row-chain.ts'
import { createWindowGate } from '../../../src/core/job/window-gate.ts'
import { memoryPlace } from '../../../src/core/job/work-core.ts'
import { smallMemorySpec as spec } from './small-memory-spec.ts'

const epochSeed = `0x${'e1'.repeat(32)}` as const
const device = { deviceId: `0x${'d1'.repeat(32)}`, generation: 1 } as const
const request = { epochSeed, device, seed: new Uint8Array(32).fill(5), startedAtMs: 0 }
const code = (code: string) => expect.objectContaining({ code })

/** Memory that is gone when it is told so, and whose windows fail then. */
async function losable(options: FillOptions, chain: Pick<RowChain, 'run'>, isLost: () => boolean): Promise<Memory> {
  const memory = await fillMemory(options, chain)
  const refuse = async (): Promise<never> => {
    throw Object.assign(new Error('lost'), { code: 'JOB_KERNEL_FAILED' })
  }
  return {
    ...memory,
    get ready() {
      return isLost() ? 0 : memory.ready
    },
    walk(from) {
      const walk = memory.walk(from)
      return { ...walk, run: steps => (isLost() ? refuse() : walk.run(steps)) }
    },
    shrink: memory.shrink,
  }
}

it.each(['in a window', 'between windows'])('memory that is lost %s is filled again, and works', async when => {
  let nowMs = 0
  let fills = 0
  let lost = 0
  const engine = createMemoryEngine(
    { spec, groups: 5, threads: 1, keepWindows: 2 },
    {
      gate: createWindowGate(),
      clock: { monotonicMs: () => (nowMs += 7) },
      openChain: openRowChain,
      fill(options, chain) {
        const own = ++fills
        return losable(options, chain, () => own <= lost)
      },
    },
  )
  expect(await engine.prepare({ epochSeed, device })).toMatchObject({ groups: 5, problem: null })
  const first = await engine.runWindow({ ...request, startedAtMs: nowMs })
  expect(first.units).toBeGreaterThan(10)

  if (when === 'between windows') lost = 1
  const onMark = () => {
    lost = 1
  }
  const broken = engine.runWindow({ ...request, startedAtMs: nowMs }, { onMark })
  await expect(broken).rejects.toThrow(code(when === 'between windows' ? 'JOB_MEMORY_LOST' : 'JOB_KERNEL_FAILED'))
  expect(await engine.prepare({ epochSeed, device })).toMatchObject({ groups: 5, problem: null })
  expect(fills).toBe(2)
  const again = await engine.rework({ ...request, units: first.units, notes: first.notes })
  expect(again.root).toBe(first.root)
  expect((await engine.runWindow({ ...request, startedAtMs: nowMs })).units).toBeGreaterThan(10)
  await engine.close()
})

const webgpuModule = 'file:///somewhere/webgpu/index.js'
it.each([
  ['cpu', { webgpuModule }, { place: 'host' }],
  ['webgpu', { webgpuModule }, { place: 'card' }],
  ['cuda', { webgpuModule }, { place: 'card' }],
  ['cuda', { webgpuModule, webgpuTaken: true }, { place: 'nowhere', problem: expect.stringContaining('one card') }],
  [
    'cuda',
    { webgpuModule, notPinned: { webgpu: 'another card is there' } },
    { place: 'nowhere', problem: 'another card is there' },
  ],
] as const)('a device on %s with %j has its memory rounds in this memory: %j', (provider, options, place) => {
  expect(memoryPlace(provider, options)).toEqual(place)
})
