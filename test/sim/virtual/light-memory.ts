/**
 * A memory window of a device that holds no memory: it makes each group that it reads, and lets go of them all at the end. Exact, and as
 * slow as such a device is. All states of so few steps are kept, and openings are made of states alone.
 */
import { drawLines, fillKey, stepOrder } from '../../../src/core/job/memory/drawn-entries.ts'
import { type Memory, type Step, walkedBy } from '../../../src/core/job/memory/memory.ts'
import { openSteps } from '../../../src/core/job/memory/memory-openings.ts'
import { stepOfPlace } from '../../../src/core/job/memory/memory-sample.ts'
import type { MemorySpec } from '../../../src/core/job/memory/memory-spec.ts'
import { reworkMemoryWindow } from '../../../src/core/job/memory/memory-window.ts'
import type { RowChain } from '../../../src/core/job/memory/row-chain.ts'
import { coordinateOf } from '../../../src/core/job/memory/verify-memory.ts'

export async function lightMemoryWindow(
  spec: MemorySpec,
  { seed, steps, ...identity }: { seed: Uint8Array; steps: number } & Parameters<typeof fillKey>[1],
  chain: Pick<RowChain, 'run'>,
) {
  const { width, layers, leastGroups: groups } = spec
  const key = fillKey(spec, identity)
  const order = stepOrder(seed, groups)
  const stored = new Map<number, Uint8Array>()
  for (let step = 0; step < steps; step++) {
    const group = order.groupOf(step)
    const lines = Array.from({ length: width * layers }, (_, line) => ({
      ...{ key, group, layer: line % layers, row: Math.floor(line / layers) },
    }))
    stored.set(group, await chain.run(drawLines(spec, lines)))
  }
  const rowBytes = width * layers
  const step: Step = (group, x, next) => {
    const rows = stored.get(group)!
    for (let i = 0; i < width; i++) next[i] = coordinateOf(rows.subarray(i * rowBytes, (i + 1) * rowBytes), x)
  }
  const banks: Memory = { spec, ready: groups, ...walkedBy(spec, step), shrink: () => undefined }
  const window = await reworkMemoryWindow(banks, { seed, groups, markSteps: [steps] })
  stored.clear()
  const open = (sample: readonly number[]) =>
    openSteps(
      banks,
      window,
      sample.map(place => stepOfPlace(spec, place)),
    )
  return { steps: window.steps, root: window.root, open }
}
