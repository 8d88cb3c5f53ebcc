/**
 * The engine of memory rounds and beats: a device's memory, filled once an epoch, windows of steps through it, and their openings; and
 * the rows of other devices' memory, recomputed for whoever checks.
 */
import { totalmem } from 'node:os'
import type { Hex } from 'viem'
import { isKaisarError, type KaisarError } from '../../platform/errors.ts'
import { bytesToHex, hexToBytes } from '../../platform/hex.ts'
import { jobErrors } from '../errors.ts'
import { createKeptWindows, type DeviceOfFill, type KindEngine, type Verification } from '../round-kind.ts'
import type { MonotonicClock } from '../thread-clock.ts'
import type { WindowGate } from '../window-gate.ts'
import { fillKey } from './drawn-entries.ts'
import { groupsFor } from './groups-to-claim.ts'
import type { Memory } from './memory.ts'
import { type FillOptions, fillMemory } from './memory-banks.ts'
import { marksInTime, memoryCredit } from './memory-credit.ts'
import { openSteps } from './memory-openings.ts'
import { stepOfPlace } from './memory-sample.ts'
import type { MemorySpec } from './memory-spec.ts'
import { reworkMemoryWindow, runMemoryWindow, type WorkedMemoryWindow } from './memory-window.ts'
import { openRowChain, type RowChain } from './row-chain.ts'
import { decodeMarks, encodeMarks, markBytes } from './state-tree.ts'
import type { StepMemory } from './step-code.ts'
import { verifyMemory } from './verify-memory.ts'

export type MemoryEngineOptions = {
  readonly spec: MemorySpec
  /** Groups to fill. Where the machine gives less, there are as many as it gave. */
  readonly groups: number
  readonly threads: number
  readonly keepWindows: number
}

export type MemoryEngineDependencies = {
  readonly gate: WindowGate
  readonly clock: MonotonicClock
  readonly openChain?: typeof openRowChain
  /** Default: in the memory of this process, by the chain, which is opened when it is first run. */
  readonly fill?: (options: EpochFillOptions, chain: Pick<RowChain, 'run'>) => Promise<Memory>
}

/** `giveWay` resolves when no window runs. */
type EpochFillOptions = FillOptions & { readonly epochSeed: Hex; readonly giveWay: () => Promise<void> }

export type PreparedMemory = {
  /** Groups that are filled, and what that took. */
  readonly groups: number
  readonly megabytes: number
  readonly fillMs: number
  /** Why there are none, where memory was asked for. */
  readonly problem: { readonly code: string; readonly message: string } | null
}

/** Memory that is filled for a device in an epoch, or being filled. */
type Fill = {
  readonly epochSeed: Hex
  readonly generation: number
  readonly filling: Promise<Memory | KaisarError>
  readonly fillMs: () => number
  /** Whether there is nothing: it could not be filled, or is gone, as with a card that was lost. The next round tries again. */
  readonly isGone: () => boolean
  readonly cancel: AbortController
}

/** An epoch's matrices, and how many work with them. */
type LoadedChain = { readonly opened: Promise<RowChain>; users: number }
type Notes = { readonly groups: number; readonly marks: readonly number[] }
type KeptWindow = { readonly banks: Memory; readonly worked: WorkedMemoryWindow }

/** Bytes that the machine, or its container, has in all. What is free just now says less: caches give way, and freed banks take their time. */
const memoryInAll = (): number => Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)

/** In this process's memory, and no more than the machine can have. */
const fillHost: NonNullable<MemoryEngineDependencies['fill']> = ({ groups, ...options }, chain) => {
  const most = groupsFor(options.spec, { freeBytes: memoryInAll(), display: false })
  return fillMemory({ ...options, groups: Math.min(groups, most) }, chain)
}

const nothing = { groups: 0, megabytes: 0, fillMs: 0 }
/** Matrices of this epoch and the one before it. */
const keptChains = 2

export type MemoryEngine = KindEngine<PreparedMemory> & {
  /** The engine of beats over the same memory. Closed with this one. @param round - the memory round that a beat is */
  beats(round: MemorySpec, keepWindows: number): KindEngine<PreparedMemory>
}

export function createMemoryEngine(
  { spec, groups, threads, keepWindows }: MemoryEngineOptions,
  { gate, clock, openChain = openRowChain, fill = fillHost }: MemoryEngineDependencies,
): MemoryEngine {
  const chains = new Map<Hex, LoadedChain>()
  /** By device: this process may work for several in turn. */
  const fills = new Map<Hex, Fill>()
  /** Of each kind of rounds. */
  const kept: ReturnType<typeof createKeptWindows<KeptWindow>>[] = []
  function windowsOf(most: number) {
    const windows = createKeptWindows<KeptWindow>(most)
    kept.push(windows)
    return windows
  }
  /** Of a CPU's memory. */
  const pool: StepMemory[] = []
  let closed = false
  /** Until no window runs. */
  const giveWay = () => gate.pass(() => false)
  const lost = () => jobErrors.JOB_MEMORY_LOST({ groups: spec.leastGroups, ready: 0 })

  /** Runs `work` with an epoch's matrices, which stay loaded until it is done. */
  async function withChain<T>(epochSeed: Hex, work: (chain: RowChain) => Promise<T>): Promise<T> {
    const chain = chains.get(epochSeed) ?? { opened: openChain(spec, epochSeed, { threads }), users: 0 }
    chains.delete(epochSeed)
    chains.set(epochSeed, chain)
    chain.users++
    try {
      return await work(await chain.opened)
    } catch (error) {
      await chain.opened.catch(() => chains.get(epochSeed) === chain && chains.delete(epochSeed))
      throw error
    } finally {
      chain.users--
      await releaseUnused([...chains].slice(0, -keptChains))
    }
  }

  async function releaseUnused(of: readonly (readonly [Hex, LoadedChain])[]) {
    const unused = of.filter(([, { users }]) => users === 0)
    for (const [epochSeed] of unused) chains.delete(epochSeed)
    await Promise.all(unused.map(async ([, { opened }]) => (await opened).release()))
  }

  /** One fill a device: that of another epoch is dropped first, since both would not fit. */
  function fillFor(epochSeed: Hex, { deviceId, generation }: DeviceOfFill): Fill {
    const known = fills.get(deviceId)
    if (known?.epochSeed === epochSeed && known.generation === generation && !known.isGone()) return known
    known?.cancel.abort()
    const cancel = new AbortController()
    const startMs = clock.monotonicMs()
    let endMs = startMs
    let memory: Memory | null = null
    let failed = false
    const filling = (async () => {
      const old = await known?.filling
      // A window that runs over it ends first.
      await giveWay()
      if (old !== undefined && !isKaisarError(old)) old.shrink(0)
      const key = fillKey(spec, { epochSeed, deviceId, generation })
      const givingWay = {
        async run(drawn: Uint8Array) {
          await giveWay()
          return withChain(epochSeed, chain => chain.run(drawn))
        },
      }
      memory = await fill({ spec, epochSeed, key, groups, signal: cancel.signal, giveWay, pool }, givingWay)
      pool.length = 0
      return memory
    })()
      .catch(cause => {
        failed = !cancel.signal.aborted
        return isKaisarError(cause) ? cause : jobErrors.JOB_FILL_FAILED({ reason: String(cause), cause })
      })
      .finally(() => {
        endMs = clock.monotonicMs()
      })
    const isGone = () => failed || memory?.ready === 0
    const own = { epochSeed, generation, filling, fillMs: () => endMs - startMs, isGone, cancel }
    fills.set(deviceId, own)
    return own
  }

  /** Begins to, without waiting. */
  function fillAgain(epochSeed: Hex, device: DeviceOfFill): void {
    void fillFor(epochSeed, device)
  }

  /** Ends fills and gives back what they filled, `when` it may be. */
  async function drop(when: Promise<void>) {
    for (const windows of kept) windows.clear()
    const dropped = [...fills.values()]
    fills.clear()
    for (const { cancel } of dropped) cancel.abort()
    await when
    for (const filled of await Promise.all(dropped.map(({ filling }) => filling)))
      if (!isKaisarError(filled)) filled.shrink(0)
    // Banks wait there for a fill that follows at once; nobody knows when one follows this.
    pool.length = 0
    await releaseUnused([...chains])
  }

  async function banksOf(epochSeed: Hex, device: DeviceOfFill | undefined): Promise<Memory> {
    const filled = device === undefined ? null : await fillFor(epochSeed, device).filling
    if (filled === null) throw lost()
    if (isKaisarError(filled)) throw filled
    return filled
  }

  /** Rounds of this specification, which is that of the fill but for the window and what is sampled of it. */
  const roundsOf = (round: MemorySpec, windows: ReturnType<typeof windowsOf>): KindEngine<PreparedMemory> => ({
    async prepare({ epochSeed, device }) {
      if (device === undefined) {
        await withChain(epochSeed, async () => undefined)
        return { ...nothing, problem: null }
      }
      const fill = fillFor(epochSeed, device)
      const filled = await fill.filling
      return isKaisarError(filled)
        ? { ...nothing, problem: { code: filled.code, message: filled.message } }
        : {
            ...{ groups: filled.ready, megabytes: memoryCredit(spec, { groups: filled.ready, marks: [] }).resident },
            ...{ fillMs: fill.fillMs(), problem: null },
          }
    },

    async runWindow({ epochSeed, device, seed, startedAtMs, durationMs = round.windowMs }, { signal, onMark } = {}) {
      const began = startedAtMs ?? clock.monotonicMs()
      const fill = device === undefined ? null : fills.get(device.deviceId)
      // What is not ready when the trigger comes is not claimed: a fill takes longer than a window.
      const isOfDevice = fill?.epochSeed === epochSeed && fill.generation === device?.generation
      const isFilled = isOfDevice && (await isSettled(fill.filling))
      const isGone = isOfDevice && fill.isGone()
      if (isGone) fillAgain(epochSeed, device!)
      if (!isFilled || isGone) throw lost()
      // Its own, whatever another epoch has begun meanwhile.
      const banks = await fill.filling
      if (isKaisarError(banks)) throw banks
      const worked = await gate
        .during(began + durationMs, () =>
          runMemoryWindow(
            banks,
            {
              ...{ seed, round, startedAtMs: began - (round.windowMs - durationMs), signal },
              onMark: (mark, index) => onMark?.(index, bytesToHex(encodeMarks([mark]))),
            },
            { clock },
          ),
        )
        .finally(() => {
          // A card that was lost in this window is filled again for those that follow.
          if (!closed && fills.get(device!.deviceId) === fill && fill.isGone()) fillAgain(epochSeed, device!)
        })
      const notes: Notes = { groups: worked.groups, marks: worked.marks.map(({ steps }) => steps) }
      const { bandwidth, resident } = memoryCredit(round, worked)
      return {
        ...{ handle: windows.keep({ banks, worked }), units: worked.steps, root: bytesToHex(worked.root) },
        ...{ figures: { bandwidth, resident }, durationMs, kernelMs: durationMs, lostMs: 0 },
        notes: JSON.stringify(notes),
      }
    },

    async rework({ epochSeed, device, seed, notes }) {
      // The memory of another epoch is not given up for a commitment of this one.
      const other = device && fills.get(device.deviceId)
      if (other && other.epochSeed !== epochSeed) throw lost()
      const banks = await banksOf(epochSeed, device)
      const { groups: claimed, marks } = JSON.parse(notes) as Notes
      const request = { seed, groups: claimed, markSteps: marks }
      const worked = await reworkMemoryWindow(banks, request, { clock, giveWay })
      return { handle: windows.keep({ banks, worked }), root: bytesToHex(worked.root) }
    },

    async open({ handle, sample, dueMs = Number.POSITIVE_INFINITY }) {
      const kept = windows.of(handle)
      if (kept === undefined) throw jobErrors.JOB_WINDOW_UNKNOWN({ handle })
      const steps = sample.map(place => stepOfPlace(spec, place))
      return openSteps(kept.banks, kept.worked, steps, () => gate.pass(endsAtMs => endsAtMs > dueMs))
    },

    async verify({ epochSeed, items }) {
      const claims = items.map(({ units, root, sample, device, marks: _, ...item }) => ({
        ...item,
        ...{ steps: units, root: hexToBytes(root, 32), sample: sample.map(place => stepOfPlace(round, place)) },
        key: fillKey(spec, { epochSeed, ...device }),
      }))
      const answers = await withChain(epochSeed, chain => verifyMemory(round, claims, chain))
      return answers.map((answer, i): Verification => {
        if (!answer.ok) return answer
        const { groups: claimed, marks, witness, checked } = answer
        const received = items[i]!.marks?.map(mark =>
          isMark(mark) ? decodeMarks(hexToBytes(mark, markBytes))[0] : undefined,
        )
        // The last mark is the commitment's own.
        const inTime =
          received &&
          marksInTime(
            marks,
            marks.map((mark, k) => (k === marks.length - 1 ? mark : received[k])),
          )
        const { bandwidth, resident } = memoryCredit(round, { groups: claimed, marks, inTime })
        return { ok: true, checked, figures: { bandwidth, resident }, witness }
      })
    },

    release: async handle => windows.forget(handle),
    free: () => drop(giveWay()),
    async close() {
      closed = true
      await drop(Promise.resolve())
    },
  })
  return { ...roundsOf(spec, windowsOf(keepWindows)), beats: (round, most) => roundsOf(round, windowsOf(most)) }
}

const isMark = (mark: Hex | null): mark is Hex => mark !== null && mark.length === 2 + 2 * markBytes

const isSettled = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([promise.then(() => true), Promise.resolve(false).then(() => false)])
