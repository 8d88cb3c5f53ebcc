/** Writes fixtures/vectors/memory.json with what ships: `npx node test/unit/job/write-memory-vectors.ts`. Vectors change on purpose only. */
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bytesToHex, type Hex, keccak256 } from 'viem'
import { drawWeights } from '../../../src/core/job/drawn-weights.ts'
import { jobSeed } from '../../../src/core/job/job-seed.ts'
import { drawLines, fillKey, stepOrder, weightsKey } from '../../../src/core/job/memory/drawn-entries.ts'
import { fillMemory } from '../../../src/core/job/memory/memory-banks.ts'
import { openSteps } from '../../../src/core/job/memory/memory-openings.ts'
import { sampleSteps } from '../../../src/core/job/memory/memory-sample.ts'
import {
  encodeMemorySpec,
  type MemorySpec,
  memorySpecHash,
  memorySpecs,
} from '../../../src/core/job/memory/memory-spec.ts'
import { reworkMemoryWindow } from '../../../src/core/job/memory/memory-window.ts'
import { openRowChain } from '../../../src/core/job/memory/row-chain.ts'
import { type PhiloxCounter, type PhiloxKey, philox } from '../../../src/core/job/philox.ts'
import { smallMemorySpec } from './small-memory-spec.ts'

const hash = (name: string): Hex => `0x${createHash('sha256').update(`kaisar/memory-vectors/${name}`).digest('hex')}`
const epochSeed = hash('epoch seed')
const identity = { chainId: 31337, round: hash('round'), deviceId: hash('device'), generation: 3 }
const sampling = { secret: hash('secret'), samplingBlockHash: hash('sampling block') }

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
  }
}

async function worked(spec: MemorySpec) {
  const seed = jobSeed({ ...identity, specHash: memorySpecHash(spec) })
  const chain = await openRowChain(spec, epochSeed, { threads: 1 })
  const key = fillKey(spec, { epochSeed, ...identity })
  const banks = await fillMemory({ spec, key, groups: spec.leastGroups }, chain)
  await chain.release()
  const window = await reworkMemoryWindow(banks, { seed, groups: spec.leastGroups, markSteps: [70, 70, 100] })
  const root = bytesToHex(window.root)
  const sample = sampleSteps(spec, window.steps, { ...sampling, root })
  const states: Uint8Array[] = []
  for (let step = 0, state = window.kept[0]!; step < 4; step++) {
    const next = new Uint8Array(spec.width)
    banks.step(stepOrder(seed, spec.leastGroups).groupOf(step), state, next)
    states.push(next)
    state = next
  }
  return {
    spec,
    groups: spec.leastGroups,
    markSteps: window.marks.map(({ steps }) => steps),
    states1to4: bytesToHex(Buffer.concat(states)),
    root,
    sample,
    openingsKeccak256: keccak256(await openSteps(banks, window, sample)),
  }
}

export const memoryVectors = async () => ({
  epochSeed,
  identity,
  sampling,
  philox: known.map(([key, counter]) => ({ key, counter, block: block(key, counter) })),
  small: { ...drawn(smallMemorySpec), ...(await worked(smallMemorySpec)) },
  devnet: drawn(memorySpecs.devnet),
  standard: drawn(memorySpecs.standard),
})

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync('fixtures/vectors/memory.json', `${JSON.stringify(await memoryVectors(), null, 2)}\n`)
