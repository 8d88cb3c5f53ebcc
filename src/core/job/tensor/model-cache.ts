/**
 * The models of this epoch and the next: at most two, built once each, the one longest unused dropped first. Building takes the thread,
 * so that a model which is only prepared gives way between steps to windows that run.
 */
import type { Hex } from 'viem'
import { inSlices } from '../../platform/slices.ts'
import type { MonotonicClock } from '../thread-clock.ts'
import type { WindowGate } from '../window-gate.ts'
import type { Kernel } from './kernel.ts'
import { leafRows, rowBytes, type TensorSpec } from './tensor-spec.ts'
import { modelHash, type Weights, weightsByStep } from './weights.ts'

const capacity = 2

export type PreparedModel = {
  readonly epochSeed: Hex
  /** The seal: equal on every machine, whatever the kernel form. */
  readonly modelHash: Hex
  readonly buildMs: number
}

type Entry = { readonly prepared: PreparedModel; readonly kernel: Kernel }
type Slot = {
  readonly entry: Promise<Entry>
  users: number
  /** Somebody waits for the model to work with it. */
  urgent: boolean
}

export function createModelCache(
  { spec }: { readonly spec: TensorSpec },
  dependencies: {
    readonly load: (weights: Weights) => Promise<Kernel>
    readonly gate: WindowGate
    readonly clock: MonotonicClock
  },
) {
  const { load, gate, clock } = dependencies
  // Insertion order is order of use: an entry that is asked for moves to the end.
  const entries = new Map<Hex, Slot>()

  const build = async (epochSeed: Hex): Promise<Entry> => {
    const giveWay = () => gate.pass(() => entries.get(epochSeed)?.urgent === true)
    const startMs = clock.monotonicMs()
    await giveWay()
    const weights = await inSlices(weightsByStep(spec, epochSeed), giveWay)
    const kernel = await load(weights)
    await giveWay()
    // The first run allocates, and on a GPU compiles; that belongs to no window.
    await kernel.run(new Uint8Array(leafRows * rowBytes))
    const prepared = { epochSeed, modelHash: modelHash(weights), buildMs: clock.monotonicMs() - startMs }
    return { prepared, kernel }
  }
  /** All leave the cache before the first is waited for, so that no other call drops them too. */
  const drop = async (unused: readonly (readonly [Hex, Slot])[]) => {
    for (const [epochSeed] of unused) entries.delete(epochSeed)
    for (const [, { entry }] of unused) await (await entry).kernel.release()
  }
  const use = async <T>(epochSeed: Hex, urgent: boolean, work: (entry: Entry) => Promise<T>): Promise<T> => {
    const slot = entries.get(epochSeed) ?? { entry: build(epochSeed), users: 0, urgent }
    entries.delete(epochSeed)
    entries.set(epochSeed, slot)
    slot.users++
    if (urgent && !slot.urgent) {
      slot.urgent = true
      gate.hurry()
    }
    try {
      return await work(await slot.entry)
    } catch (error) {
      await slot.entry.catch(() => entries.get(epochSeed) === slot && entries.delete(epochSeed))
      throw error
    } finally {
      slot.users--
      await drop([...entries].slice(0, -capacity).filter(([, { users }]) => users === 0))
    }
  }
  return {
    prepare: (epochSeed: Hex): Promise<PreparedModel> => use(epochSeed, false, async ({ prepared }) => prepared),
    /** Runs `work` with the epoch's kernel, which stays loaded until it is done. */
    use: <T>(epochSeed: Hex, work: (kernel: Kernel) => Promise<T>): Promise<T> =>
      use(epochSeed, true, ({ kernel }) => work(kernel)),
    /** Drops the models that nobody works with. */
    free: (): Promise<void> => drop([...entries].filter(([, { users }]) => users === 0)),
    async close(): Promise<void> {
      await drop([...entries])
    },
  }
}
