/** The real work core on a clock that counts rows and measures nothing: how busy a machine is does not decide what a test sees. */
import { openKernel } from '../../src/core/job/tensor/kernel.ts'
import { rowBytes } from '../../src/core/job/tensor/tensor-spec.ts'
import { createWorkCore, type WorkCore, type WorkOptions } from '../../src/core/job/work-core.ts'

export type CountedEngine = WorkCore & {
  /** From here on a row takes this long, in ms. */
  setRowMs(ms: number): void
}

/** A window begins when it is asked for, whenever its trigger was seen, and lasts as long as its rows take. */
export async function createCountedEngine(options: WorkOptions, firstRowMs = 1): Promise<CountedEngine> {
  let nowMs = 0
  let rowMs = firstRowMs
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
  })
  return {
    ...core,
    runWindow: ({ startedAtMs: _, ...request }, signal) => core.runWindow(request, signal),
    setRowMs(ms) {
      rowMs = ms
    },
  }
}
