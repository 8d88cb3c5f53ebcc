/** The memory job on a card, over a software Vulkan device: byte by byte what the CPU's memory gives. */
import { expect, it } from 'vitest'
import { drawLines } from '../../../src/core/job/memory/drawn-entries.ts'
import { fillMemory } from '../../../src/core/job/memory/memory-banks.ts'
import { groupBytes, type MemorySpec } from '../../../src/core/job/memory/memory-spec.ts'
import { reworkMemoryWindow } from '../../../src/core/job/memory/memory-window.ts'
import { openRowChain } from '../../../src/core/job/memory/row-chain.ts'
import { verifyMemory } from '../../../src/core/job/memory/verify-memory.ts'
import { runOnSwiftshader, skipReason, swiftshaderMissing } from '../../helpers/swiftshader.ts'
import { installWebgpuPackage } from '../../helpers/webgpu-package.ts'
import { epochSeed, few, groups, keyOf, markSteps, sample, seed, shapes, specs } from './card-memory-cases.ts'
import type { Held } from './card-retention.ts'

type ChildAnswer = {
  readonly stored: readonly string[]
  readonly roots: readonly string[]
  readonly openings: string
  readonly window: { readonly steps: readonly number[]; readonly root: string }
  readonly walked: Held
  readonly read: number
  readonly givenUp: readonly unknown[]
  readonly shrunk: Readonly<Record<'ready' | 'lost' | 'unread' | 'root', unknown>>
  readonly others: Readonly<Record<string, { readonly stored: string; readonly root: string }>>
  readonly small: Readonly<Record<'ready' | 'root' | 'none', unknown>>
  readonly leftOver: readonly unknown[]
  readonly cancelled: string
  readonly held: readonly unknown[]
  readonly engines: readonly unknown[]
  readonly otherAdapter: readonly unknown[]
  readonly byModel: readonly string[]
  readonly reset: readonly unknown[]
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** The same on the CPU. */
async function onCpu(spec: MemorySpec, groups: number) {
  const chain = await openRowChain(spec, epochSeed, { threads: 1 })
  const key = keyOf(spec)
  const memory = await fillMemory({ spec, key, groups }, chain)
  const { width, layers } = spec
  return {
    chain,
    root: async (groups: number, markSteps: readonly number[]) =>
      hex((await reworkMemoryWindow(memory, { seed, groups, markSteps })).root),
    async stored(group: number) {
      const line = (n: number) => ({ key, group, layer: n % layers, row: Math.floor(n / layers) })
      return hex(
        await chain.run(
          drawLines(
            spec,
            Array.from({ length: width * layers }, (_, n) => line(n)),
          ),
        ),
      )
    },
  }
}

it.skipIf(swiftshaderMissing !== null)(
  `a card's memory is stored, stepped, opened and shrunk as the CPU's is, and is gone when the card is lost${skipReason}`,
  async () => {
    const words = ['--expose-gc', 'test/unit/job/card-memory-child.ts', installWebgpuPackage()]
    const card = await runOnSwiftshader<ChildAnswer>(words)

    const spec = specs.narrow
    const cpu = await onCpu(spec, groups)
    expect(card.stored).toEqual(await Promise.all([0, 2, 3, 6].map(cpu.stored)))
    const root = await cpu.root(groups, markSteps)
    expect(card.roots).toEqual([root, root])
    const claim = { seed, key: keyOf(spec), groups, steps: 100, root: Buffer.from(root, 'hex'), sample }
    const openings = Buffer.from(card.openings, 'hex')
    expect(await verifyMemory(spec, [{ ...claim, openings }], cpu.chain)).toMatchObject([{ ok: true, checked: 6 }])

    // A look at the clock for each run of one step; what ends as a mark does is of the next.
    expect(card.window.steps).toEqual([3, 8, 13])
    expect(card.window.root).toBe(await cpu.root(groups, card.window.steps))
    // Ten runs of 64 steps, and none of their states is kept.
    expect(card.walked.given).toBe(10 * 64 * spec.width)
    expect(card.walked.held).toBeLessThan(card.walked.given / 2)
    expect(card.read).toBe(groups * groupBytes(spec))
    expect(card.givenUp).toEqual(['JOB_WINDOW_CANCELLED', groups])

    expect(card.shrunk).toEqual({
      ...{ ready: 4, lost: 'JOB_MEMORY_LOST', unread: 'JOB_MEMORY_LOST' },
      root: await cpu.root(4, markSteps),
    })
    expect(card.small).toEqual({ ready: 6, root: await cpu.root(6, markSteps), none: 'JOB_MEMORY_TOO_SMALL' })
    expect(card.leftOver).toEqual(['JOB_KERNEL_FAILED', 0])
    expect(card.cancelled).toBe('JOB_FILL_CANCELLED')
    expect(card.held).toEqual([root, 0, 'JOB_MEMORY_TOO_SMALL', 'done'])
    expect(card.engines).toEqual(['card', groups, null, root, true])
    expect(card.otherAdapter).toEqual([
      'nowhere',
      'JOB_MEMORY_NOT_ON_CARD',
      expect.stringMatching(/WebGPU does not reach it: its adapter \(google, swiftshader, .*\) computes on the CPU\.$/),
      ...Array(4).fill('JOB_ADAPTER_NOT_THE_CARD'),
    ])
    expect(card.byModel).toEqual([
      expect.stringMatching(/its adapter \(google, swiftshader, .*\) computes on the CPU\.$/),
      expect.stringMatching(/none of its adapters \(SwiftShader Device .*\) is called "NVIDIA L4"\.$/),
      'JOB_DEVICE_NOT_PINNED',
    ])
    const [kernelFailed, memoryLost] = ['JOB_KERNEL_FAILED', 'JOB_MEMORY_LOST']
    // A window that was worked before is opened from its states, which are not the card's.
    expect(card.reset).toEqual([kernelFailed, 0, memoryLost, 'done', kernelFailed])
    await cpu.chain.release()

    for (const name of shapes) {
      const other = await onCpu(specs[name], few.groups)
      expect(card.others[name]).toEqual({
        stored: await other.stored(1),
        root: await other.root(few.groups, few.markSteps),
      })
      await other.chain.release()
    }
  },
  300_000,
)
