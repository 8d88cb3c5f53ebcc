/**
 * The rows of a fleet's devices, computed and kept in a thread of their own. What they leave to the garbage collector, and what is kept
 * until it is asked for, is then in no heap that a Checker has: collecting one takes longer the more is in it.
 */
import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Hex } from 'viem'
import { jobBySpecHash, jobSets } from '../../../src/core/job/jobs.ts'
import { openRowChain } from '../../../src/core/job/memory/row-chain.ts'
import { createLeafCollector } from '../../../src/core/job/tensor/digest-tree.ts'
import { openKernel } from '../../../src/core/job/tensor/kernel.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { encodeOpenings } from '../../../src/core/job/tensor/row-openings.ts'
import { leafRows } from '../../../src/core/job/tensor/tensor-spec.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { bytesToHex } from '../../../src/core/platform/hex.ts'
import { lightMemoryWindow } from './light-memory.ts'

/** One leaf: what an answer opens is then the whole window. */
const rows = leafRows
/** Of a memory window. */
const steps = 2
const jobs = jobSets.devnet
/** Windows of one device that can still be opened. */
const keptWindows = 2

type WindowRequest = {
  readonly epochSeed: Hex
  readonly seed: Uint8Array
  readonly deviceId: Hex
  readonly generation: number
  readonly specHash: Hex
}
type Calls = {
  work(request: WindowRequest): { readonly units: number; readonly root: Hex }
  /** `seed`: of the window, as hex. */
  open(request: { readonly deviceId: Hex; readonly seed: Hex; readonly sample: readonly number[] }): Uint8Array
  forget(request: null): void
}
type Call = { [M in keyof Calls]: { readonly method: M; readonly request: Parameters<Calls[M]>[0] } }[keyof Calls]

export type FleetWork = {
  ask<M extends keyof Calls>(method: M, request: Parameters<Calls[M]>[0]): Promise<ReturnType<Calls[M]>>
  close(): Promise<unknown>
}

const isFleet = 'a fleet’s rows'

/** One call at a time. */
export function startFleetWork(): FleetWork {
  const worker = new Worker(new URL(import.meta.url), { workerData: isFleet })
  return {
    ask: (method, request) =>
      new Promise((resolve, reject) => {
        worker.once('error', reject)
        worker.once('message', answer => {
          worker.off('error', reject)
          resolve(answer)
        })
        worker.postMessage({ method, request })
      }),
    close: () => worker.terminate(),
  }
}

type Open = (sample: readonly number[]) => Uint8Array | Promise<Uint8Array>

function serve(port: MessagePort) {
  const windows = new Map<Hex, Map<Hex, Open>>()
  const kernels = new Map<Hex, ReturnType<typeof open>>()

  async function open(epochSeed: Hex) {
    return {
      tensor: await openKernel(createWeights(jobs.tensor, epochSeed), 'u8', {
        ...{ provider: 'cpu', deviceIndex: 0, threads: 1 },
      }),
      memory: await openRowChain(jobs.memory, epochSeed, { threads: 1 }),
    }
  }

  function kernelsOf(epochSeed: Hex) {
    const opened = kernels.get(epochSeed) ?? open(epochSeed)
    kernels.set(epochSeed, opened)
    for (const [other, kernel] of [...kernels].slice(0, -2)) {
      kernels.delete(other)
      void kernel.then(({ tensor, memory }) => Promise.all([tensor.release(), memory.release()]))
    }
    return opened
  }

  async function work({ epochSeed, seed, specHash, deviceId, generation }: WindowRequest) {
    const { tensor, memory } = await kernelsOf(epochSeed)
    // A devnet's memory rounds have one mark, as beats do: both are worked alike.
    if (jobBySpecHash(jobs, specHash)!.kind !== 'tensor') {
      const about = { seed, steps, epochSeed, deviceId, generation }
      const { steps: units, root, open } = await lightMemoryWindow(jobs.memory, about, memory)
      return { units, root, open }
    }
    const digests = await tensor.run(rowInput(seed, 0, rows))
    const collector = createLeafCollector({ keepBytes: Number.MAX_SAFE_INTEGER })
    collector.append(digests)
    const tree = collector.finish()
    const open: Open = sample => encodeOpenings(tree, sample, () => digests)
    return { units: rows, root: tree.root, open }
  }

  const calls: { [M in keyof Calls]: (request: Parameters<Calls[M]>[0]) => Promise<ReturnType<Calls[M]>> } = {
    async work(request) {
      const { units, root, open } = await work(request)
      const kept = windows.get(request.deviceId) ?? new Map<Hex, Open>()
      windows.set(request.deviceId, kept)
      kept.set(bytesToHex(request.seed), open)
      for (const old of [...kept.keys()].slice(0, -keptWindows)) kept.delete(old)
      return { units, root: bytesToHex(root) }
    },
    open: async ({ deviceId, seed, sample }) => windows.get(deviceId)!.get(seed)!(sample),
    forget: async () => windows.clear(),
  }
  port.on('message', ({ method, request }: Call) => {
    // What it rejects with ends the thread, and whoever asked hears of it.
    void calls[method](request as never).then(answer => port.postMessage(answer))
  })
}

if (workerData === isFleet) serve(parentPort!)
