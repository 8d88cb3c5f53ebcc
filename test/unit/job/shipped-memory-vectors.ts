/** The vectors of the memory job as what ships gives them: what `write-memory-vectors.ts` writes, and what later code is held to. */
import { createHash } from 'node:crypto'
import { bytesToHex, type Hex, keccak256 } from 'viem'
import { drawWeights } from '../../../src/core/job/drawn-weights.ts'
import { jobSeed } from '../../../src/core/job/job-seed.ts'
import { jobWith } from '../../../src/core/job/jobs.ts'
import { drawLines, fillKey, stepOrder, weightsKey } from '../../../src/core/job/memory/drawn-entries.ts'
import { fillMemory } from '../../../src/core/job/memory/memory-banks.ts'
import { openSteps } from '../../../src/core/job/memory/memory-openings.ts'
import { stepOfPlace } from '../../../src/core/job/memory/memory-sample.ts'
import {
  encodeMemorySpec,
  type MemorySpec,
  memorySpecHash,
  memorySpecs,
  stepsOfPiece,
} from '../../../src/core/job/memory/memory-spec.ts'
import { reworkMemoryWindow, walkAgain } from '../../../src/core/job/memory/memory-window.ts'
import { openRowChain } from '../../../src/core/job/memory/row-chain.ts'
import { encodeMarks } from '../../../src/core/job/memory/state-tree.ts'
import { verifyMemory } from '../../../src/core/job/memory/verify-memory.ts'
import { type PhiloxCounter, type PhiloxKey, philox } from '../../../src/core/job/philox.ts'
import { smallMemorySpec } from './small-memory-spec.ts'

const hash = (name: string): Hex => `0x${createHash('sha256').update(`kaisar/memory-vectors/${name}`).digest('hex')}`
const epochSeed = hash('epoch seed')
const identity = { chainId: 31337, round: hash('round'), deviceId: hash('device'), generation: 3 }
const sampling = { secret: hash('secret'), samplingBlockHash: hash('sampling block') }
/** A seat and the hash of a commitment. */
const witnessOf: Hex = `${hash('seat').slice(0, 42)}${hash('commitment').slice(2)}` as Hex

const block = (key: PhiloxKey, counter: PhiloxCounter): number[] => {
  const words = new Uint32Array(4)
  philox(key, counter, { blocks: 1, words })
  return [...words]
}
const most = 0xffff_ffff
/** The first three are Random123's own (kat_vectors); the others have a carry or a sign bit in each place. */
const known: [PhiloxKey, PhiloxCounter][] = [
  [
    [0, 0],
    [0, 0, 0, 0],
  ],
  [
    [most, most],
    [most, most, most, most],
  ],
  [
    [0xa4093822, 0x299f31d0],
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
  ],
  [
    [1, 2],
    [255, 4095, 952, 0x302],
  ],
  [
    [0x80000000, 0x7fffffff],
    [0x80000000, 0x7fffffff, 0xffff0000, 0x0000ffff],
  ],
]

function drawn(spec: MemorySpec) {
  const bound = { ...identity, specHash: memorySpecHash(spec) }
  const weights = weightsKey(spec, epochSeed)
  const fill = fillKey(spec, { epochSeed, ...identity })
  const matrix = drawWeights(weights, spec.products - 1, { rows: spec.width, columns: spec.width })
  const column = Uint8Array.from({ length: 64 }, (_, k) => matrix[k * spec.width + 5]! + 64)
  const line = { key: fill, group: 3, layer: spec.layers - 1, row: 7 }
  const order = stepOrder(jobSeed(bound), 953)
  return {
    spec,
    specText: encodeMemorySpec(spec),
    specHash: bound.specHash,
    jobSeed: bytesToHex(jobSeed(bound)),
    weightsKey: weights,
    fillKey: fill,
    /** The first 64 entries of column 5 of the last matrix, x + 64. */
    weightsColumn5: bytesToHex(column),
    /** The first 64 entries of the drawn row 7 of group 3, last layer, x + 64. */
    fillRow7: bytesToHex(drawLines(spec, [line]).subarray(0, 64)),
    /** Of 953 groups. */
    orderFirst8: [0, 1, 2, 3, 4, 5, 6, 7].map(order.groupOf),
    order1000000: order.groupOf(1_000_000),
    stepsOfPiece: stepsOfPiece(spec),
  }
}

async function worked(spec: MemorySpec) {
  const groups = spec.leastGroups
  const seed = jobSeed({ ...identity, specHash: memorySpecHash(spec) })
  const chain = await openRowChain(spec, epochSeed, { threads: 1 })
  try {
    const key = fillKey(spec, { epochSeed, ...identity })
    const banks = await fillMemory({ spec, key, groups }, chain)
    const window = await reworkMemoryWindow(banks, { seed, groups, markSteps: [70, 70, 150] })
    const { steps, root } = window
    const job = jobWith('memory', spec)
    const places = job.sample(steps, { ...sampling, root: bytesToHex(root) })
    const open = (part: readonly number[]) =>
      openSteps(
        banks,
        window,
        part.map(place => stepOfPlace(spec, place)),
      )
    const openings = await open(places)
    const sample = places.map(place => stepOfPlace(spec, place))
    const [verified] = await verifyMemory(spec, [{ seed, key, steps, root, sample, openings, witnessOf }], chain)
    if (!verified!.ok) throw new Error(verified!.detail)
    return {
      groups,
      markSteps: window.marks.map(mark => mark.steps),
      states0to4: bytesToHex(Buffer.concat(await walkAgain(banks, window, 0, 4))),
      marks: bytesToHex(encodeMarks(window.marks)),
      root: bytesToHex(root),
      /** step · K + coordinate. */
      sample: places,
      openingsKeccak256: keccak256(openings),
      piecesKeccak256: await Promise.all(job.cut(places).map(async part => keccak256(await open(part)))),
      witness: verified!.witness,
    }
  } finally {
    await chain.release()
  }
}

export async function shippedMemoryVectors() {
  // Samples whose openings take two pieces.
  const small = { ...smallMemorySpec, samples: 140 }
  return {
    ...{ epochSeed, identity, sampling, witnessOf },
    philox: known.map(([key, counter]) => ({ key, counter, block: block(key, counter) })),
    small: { ...drawn(small), ...(await worked(small)) },
    devnet: drawn(memorySpecs.devnet),
    standard: drawn(memorySpecs.standard),
  }
}
