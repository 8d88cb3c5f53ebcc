/** The real work core on a clock that counts work and measures nothing: how busy a machine is does not decide what a test sees. */
import { ownKinds } from '../../src/core/job/jobs.ts'
import { type Step, walkedBy } from '../../src/core/job/memory/memory.ts'
import { fillMemory } from '../../src/core/job/memory/memory-banks.ts'
import type { KindEngine } from '../../src/core/job/round-kind.ts'
import { openKernel } from '../../src/core/job/tensor/kernel.ts'
import { rowBytes } from '../../src/core/job/tensor/tensor-spec.ts'
import { createWorkCore, type WorkCore, type WorkOptions } from '../../src/core/job/work-core.ts'

export type CountedEngine = WorkCore & {
  /** From here on a row takes this long, in ms, and a step of the memory job a part of it. */
  setRowMs(ms: number): void
}

/**
 * A window begins when it is asked for, whenever its trigger was seen, and lasts as long as its work takes.
 *
 * @param stepsOfRow - steps of the memory job that take as long as a row; default about as many as on a machine
 */
export async function createCountedEngine(
  options: WorkOptions,
  firstRowMs = 1,
  stepsOfRow = 64,
  kinds = ownKinds,
): Promise<CountedEngine> {
  let nowMs = 0
  let rowMs = firstRowMs
  const core = await createWorkCore(options, {
    ...{ clock: { monotonicMs: () => nowMs }, kinds },
    async open(...given) {
      const kernel = await openKernel(...given)
      const run: typeof kernel.run = inputs => {
        nowMs += (inputs.length / rowBytes) * rowMs
        return kernel.run(inputs)
      }
      return { ...kernel, run }
    },
    async fill(...given) {
      const banks = await fillMemory(...given)
      const step: Step = (...of) => {
        nowMs += rowMs / stepsOfRow
        banks.step(...of)
      }
      return {
        ...{ ...banks, ...walkedBy(banks.spec, step) },
        get ready() {
          return banks.ready
        },
      }
    },
  })
  const counted = <P>(kind: KindEngine<P>): KindEngine<P> => ({
    ...kind,
    runWindow: ({ startedAtMs: _, ...request }, window) => kind.runWindow(request, window),
  })
  return {
    ...core,
    kinds: Object.fromEntries(
      Object.entries(core.kinds).map(([name, kind]) => [name, counted(kind)]),
    ) as WorkCore['kinds'],
    setRowMs(ms) {
      rowMs = ms
    },
  }
}
