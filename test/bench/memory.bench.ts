/**
 * The memory job on one core of this machine: how fast memory is filled, how fast a step reads it against a plain read of the same bytes,
 * and what verifying a round of `standard` costs a seat. Comparisons alternate in one run and take the median, since machines are shared.
 */

import { createHash } from 'node:crypto'
import { numberToHex } from 'viem'
import { roundOfBeat } from '../../src/core/job/beat/beat-kind.ts'
import type { HashTree } from '../../src/core/job/hash-tree.ts'
import { jobSets } from '../../src/core/job/jobs.ts'
import { fillKey, stepOrder } from '../../src/core/job/memory/drawn-entries.ts'
import { fillMemory, type MemoryBanks } from '../../src/core/job/memory/memory-banks.ts'
import { sampleSteps } from '../../src/core/job/memory/memory-sample.ts'
import {
  fillOperations,
  groupBytes,
  type MemorySpec,
  markCount,
  memorySpecs,
} from '../../src/core/job/memory/memory-spec.ts'
import { openRowChain } from '../../src/core/job/memory/row-chain.ts'
import { encodeMarks, growLeafTree, leafHash, placeOf, rootOfMarks } from '../../src/core/job/memory/state-tree.ts'
import { type MemoryClaim, verifyMemory } from '../../src/core/job/memory/verify-memory.ts'
import { philox } from '../../src/core/job/philox.ts'

type Row = { name: string; value: number; unit: string; baseline: number; ratio: number }

export const rowNames = [
  ...['memory.philox', 'memory.fill', 'memory.step', 'memory.verify', 'memory.verify.batched'],
  'beat.verify',
]

const epochSeed = `0x${'e7'.repeat(32)}` as const
const keyOf = (spec: MemorySpec, device: number) =>
  fillKey(spec, { epochSeed, deviceId: numberToHex(device, { size: 32 }), generation: 1 })
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!
/** CPU time of all threads of this process, in milliseconds: what others take of the machine is not in it. */
async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

export async function* rows(): AsyncGenerator<Row> {
  yield await drawing()
  yield* await memory()
  yield* await verifying()
}

/** Blocks of 16 bytes against SHA-256 of the bytes they make. */
async function drawing(): Promise<Row> {
  const words = new Uint32Array(4 * 65_536)
  const measured: [number, number][] = []
  for (let i = 0; i < 9; i++) {
    const own = await cpuMs(() => philox([1, 2], [0, i, 0, 2], { blocks: 65_536, words }))
    measured.push([own, await cpuMs(() => createHash('sha256').update(words).digest())])
  }
  const value = (median(measured.map(([own]) => own)) * 1e6) / 65_536
  const baseline = (median(measured.map(([, plain]) => plain)) * 1e6) / 65_536
  const ratio = median(measured.map(([own, plain]) => plain / own))
  return { name: 'memory.philox', value, unit: 'ns of CPU for 16 bytes', baseline, ratio }
}

/** What is filled and read, in bytes: the most that a devnet's Provider holds, and more than caches do. */
const heldBytes = 256 * 2 ** 20

/** Fill and steps of `devnet`, in one thread. */
async function* memory(): AsyncGenerator<Row> {
  const spec = memorySpecs.devnet
  const groups = heldBytes / groupBytes(spec)
  const chain = await openRowChain(spec, epochSeed, { threads: 1 })
  let banks!: MemoryBanks
  const fills: number[] = []
  const plain: number[] = []
  const drawn = new Uint8Array(256 * spec.width).fill(64)
  for (let i = 0; i < 3; i++) {
    fills.push(
      await cpuMs(async () => {
        banks = await fillMemory({ spec, key: keyOf(spec, i), groups }, chain)
      }),
    )
    // The products alone, in the same pieces.
    plain.push(
      await cpuMs(async () => {
        for (let piece = 0; piece < (groups * spec.width) / 256; piece++) await chain.run(drawn)
      }),
    )
  }
  await chain.release()
  const bytes = groups * groupBytes(spec)
  yield {
    name: 'memory.fill',
    value: median(fills) / 1_000,
    unit: `s of CPU for ${bytes / 2 ** 20} MiB, ${((groups * fillOperations(spec)) / 1e9).toFixed(0)} Gop`,
    baseline: median(plain) / 1_000,
    ratio: median(fills.map((fill, i) => plain[i]! / fill)),
  }
  const order = stepOrder(new Uint8Array(32), groups)
  let [state, next] = [new Uint8Array(spec.width).fill(5), new Uint8Array(spec.width)]
  const count = 256
  const measured: [number, number][] = []
  for (let i = 0; i < 15; i++) {
    const read = await cpuMs(() => {
      for (let step = 0; step < count; step++) banks.read(order.groupOf(step))
    })
    const steps = await cpuMs(() => {
      for (let step = 0; step < count; step++) {
        banks.step(order.groupOf(step), state, next)
        leafHash(next)
        ;[state, next] = [next, state]
      }
    })
    measured.push([steps, read])
  }
  const rate = (ms: number) => (count * groupBytes(spec)) / ms / 1e6
  yield {
    name: 'memory.step',
    value: rate(median(measured.map(([steps]) => steps))),
    unit: 'GB/s of CPU time, one core, leaves hashed',
    baseline: rate(median(measured.map(([, read]) => read))),
    ratio: median(measured.map(([steps, read]) => read / steps)),
  }
}

/**
 * One device's round at `standard`, and 64 in one batch. The openings lead to the root and their states were made up: all rows of all
 * samples are recomputed before the first is compared, so the work is that of an honest device's but for the last comparisons.
 */
async function* verifying(): AsyncGenerator<Row> {
  const spec: MemorySpec = memorySpecs.standard
  const beat = roundOfBeat(jobSets.standard.beat)
  const chain = await openRowChain(spec, epochSeed, { threads: 0 })
  const verify = async (claims: readonly MemoryClaim[], of = spec) => {
    for (const answer of await verifyMemory(of, claims, chain))
      if (answer.ok || answer.step !== 'COORDINATE_WRONG') throw new Error('nothing was recomputed')
  }
  const devices = Array.from({ length: 64 }, (_, device) => claimOf(spec, device))
  await verify([devices[0]!])
  const alone: number[] = []
  for (let i = 0; i < 5; i++) alone.push(await cpuMs(() => verify([devices[i]!])))
  const batched = await cpuMs(() => verify(devices))
  const beats: number[] = []
  for (let i = 0; i < 5; i++) {
    const claim = claimOf(beat, i)
    beats.push(await cpuMs(() => verify([claim], beat)))
  }
  await chain.release()
  const row = (name: string, ms: number): Row => ({
    ...{ name, value: ms / 1_000, unit: 's of CPU a device and round' },
    ...{ baseline: spec.windowMs / 1_000, ratio: spec.windowMs / ms },
  })
  yield row('memory.verify', median(alone))
  yield row('memory.verify.batched', batched / devices.length)
  const beatMs = median(beats)
  yield {
    ...{ name: 'beat.verify', value: beatMs / 1_000, unit: 's of CPU a device and beat' },
    ...{ baseline: median(alone) / 1_000, ratio: median(alone) / beatMs },
  }
}

/** A commitment to 6,400 steps over 300 groups and its opened sample, whose proofs lead to the root. */
function claimOf(spec: MemorySpec, device: number): MemoryClaim {
  const steps = 6_400
  const groups = 300
  const seed = createHash('sha256').update(`round of ${device}`).digest()
  const states = [3, 5].map(value => new Uint8Array(spec.width).fill((value + device) & 127))
  const trees: HashTree[] = []
  const perMark = steps / markCount(spec)
  const leaves = states.map(leafHash)
  for (let mark = 0; mark < markCount(spec); mark++) {
    const tree = growLeafTree()
    for (let leaf = 0; leaf < perMark; leaf++) tree.append(leaves[leaf % 2]!)
    trees.push(tree.finish())
  }
  const marks = trees.map(({ top }, mark) => ({ steps: perMark * (mark + 1), top }))
  const root = rootOfMarks(groups, encodeMarks(marks))
  const word = (value: number) => numberToHex(value, { size: 32 })
  const sample = sampleSteps(spec, steps, { secret: word(device), root: word(1), samplingBlockHash: word(2) })
  const opened = sample.flatMap(({ step }) => (step === 0 ? [1] : [step, step + 1]))
  const parts = opened.flatMap(state => {
    const { mark, place } = placeOf(marks, state)
    return [states[place % 2]!, ...trees[mark]!.proof(place)]
  })
  const head = Buffer.of(1, 0, 0, 0, 0)
  head.writeUInt32BE(groups, 1)
  const openings = Uint8Array.from(Buffer.concat([head, encodeMarks(marks), ...parts]))
  return { seed, key: keyOf(spec, device), steps, root, sample, openings }
}
