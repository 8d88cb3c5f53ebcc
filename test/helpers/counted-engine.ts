/** The real work core on a clock that counts rows and steps and measures nothing: how busy a machine is does not decide what a test sees. */
import { fillMemory, type MemoryBanks } from '../../src/core/job/memory/memory-banks.ts'
import type { WindowOptions, WindowRequest } from '../../src/core/job/round-kind.ts'
import { openKernel } from '../../src/core/job/tensor/kernel.ts'
import { rowBytes } from '../../src/core/job/tensor/tensor-spec.ts'
import { createWorkCore, type WorkCore, type WorkOptions } from '../../src/core/job/work-core.ts'

export type CountedEngine = WorkCore & {
  /** From here on a row takes this long, in ms; a step takes as long as ten rows. */
  setRowMs(ms: number): void
}

/** A window begins when it is asked for, whenever its trigger was seen, and lasts as long as its work takes. */
export async function createCountedEngine(options: WorkOptions, firstRowMs = 1): Promise<CountedEngine> {
  let nowMs = 0
  let rowMs = firstRowMs
  const counted = (banks: MemoryBanks): MemoryBanks => ({
    ...banks,
    get ready() {
      return banks.ready
    },
    step(...given) {
      nowMs += 10 * rowMs
      banks.step(...given)
    },
  })
  const core = await createWorkCore(options, {
    clock: { monotonicMs: () => nowMs },
    async open(...given) {
      const kernel = await openKernel(...given)
      const run: typeof kernel.run = inputs => {
        nowMs += (inputs.length / rowBytes) * rowMs
        return kernel.run(inputs)
      }
      return { ...kernel, run }
    },
    fill: async (...given) => counted(await fillMemory(...given)),
  })
  const now =
    <R>(runWindow: (request: WindowRequest, options?: WindowOptions) => R) =>
    ({ startedAtMs: _, ...request }: WindowRequest, options?: WindowOptions) =>
      runWindow(request, options)
  const { tensor, memory } = core.kinds
  return {
    ...core,
    kinds: {
      tensor: { ...tensor, runWindow: now(tensor.runWindow) },
      memory: { ...memory, runWindow: now(memory.runWindow) },
    },
    setRowMs(ms) {
      rowMs = ms
    },
  }
}
