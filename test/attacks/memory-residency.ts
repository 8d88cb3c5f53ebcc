/** Provers that hold less than they claim, or something smaller instead of it. */
import { drawLines, firstState } from '../../src/core/job/memory/drawn-entries.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { seats } from './arena.ts'
import { type Attack, oncePerSeed, residentChance } from './attack.ts'
import {
  chanceOf,
  groups,
  jobSeedOf,
  judgeMemory,
  type MemoryArena,
  memorySpec,
  openMemoryArena,
  pretending,
  work,
} from './memory-arena.ts'

const { width, layers, samples } = memorySpec

const honest: Attack = {
  name: 'memory, honest',
  how: 'driven',
  formula: '0: equality of integers has no false alarms',
  expected: 0,
  seeds: 1000,
  async attempt(_, seed) {
    const arena = await openMemoryArena()
    const { answers } = await judgeMemory(arena, arena.banks, await work(arena.banks, seed), seed)
    return answers.some(({ ok }) => !ok)
  },
}

/** Rows that are resident are read; of the others the coordinate is guessed. */
export const resident = ({ banks }: MemoryArena, seed: number, share: number) =>
  pretending((group, x, next) => {
    banks.step(group, x, next)
    for (let i = 0; i < width; i++)
      if (chanceOf(seed, group, i) >= share) next[i] = Math.floor(chanceOf(seed, group, i, x[i]!, x[0]!) * 128)
  })

const partly = [0.98, 0.95, 0.9, 0.75, 0.5].flatMap((share): Attack[] => {
  const name = `memory resident to ${100 * share}%`
  const pass = residentChance(share, samples)
  const judged = oncePerSeed(async (_, seed) => {
    const arena = await openMemoryArena()
    const banks = resident(arena, seed, share)
    return judgeMemory(arena, banks, await work(banks, seed), seed)
  })
  const row = { how: 'driven', skipped: 1 - share, seeds: 200 } as const
  return [
    {
      ...row,
      name: `${name}, one seat`,
      formula: '1 − (ρ + (1 − ρ) ÷ 128)^t',
      expected: 1 - pass,
      attempt: async (arena, seed) => !(await judged(arena, seed)).answers[0]!.ok,
    },
    {
      ...row,
      name: `${name}, five seats forwarding`,
      formula: '1 − (ρ + (1 − ρ) ÷ 128)^5t',
      expected: 1 - pass ** seats,
      attempt: async (arena, seed) => (await judged(arena, seed)).proven,
    },
  ]
})

/** The rows of one coordinate, [d, K], as they lie in memory: what unit vectors read out would not give, so they are computed. */
async function storedRows({ chain, key }: MemoryArena, group: number): Promise<Int8Array> {
  const lines = Array.from({ length: width * layers }, (_, line) => ({
    ...{ key, group, layer: line % layers, row: Math.floor(line / layers) },
  }))
  return new Int8Array(Uint8Array.from(await chain.run(drawLines(memorySpec, lines))).buffer)
}

/** Σ_l B_l of a group, d times smaller. */
async function sumOfLayers(arena: MemoryArena, group: number): Promise<Int16Array> {
  const rows = await storedRows(arena, group)
  return Int16Array.from({ length: width * width }, (_, at) => {
    const [row, k] = [Math.floor(at / width), at % width]
    return Array.from({ length: layers }, (_, l) => rows[(row * layers + l) * width + k]!).reduce((a, b) => a + b, 0)
  })
}
let sumsOfLayers: Promise<Int16Array[]> | undefined

/** The coordinate is guessed from the sums of all groups. */
const collapsed: Attack = {
  name: 'memory collapsed to one matrix',
  how: 'driven',
  formula: '1: the XOR of middle bits agrees with what a sum gives by chance of 1 in 128',
  expected: 1,
  seeds: 50,
  async attempt(_, seed) {
    const arena = await openMemoryArena()
    sumsOfLayers ??= Promise.all(Array.from({ length: groups }, (_, group) => sumOfLayers(arena, group)))
    const sums = await sumsOfLayers
    const banks = pretending((group, x, next) => {
      for (let i = 0; i < width; i++) {
        let sum = 0
        for (let k = 0; k < width; k++) sum += sums[group]![i * width + k]! * x[k]!
        next[i] = (sum >> 7) & 127
      }
    })
    return (await judgeMemory(arena, banks, await work(banks, seed), seed)).proven
  },
}

/** The rule that a sum of rotated states would be: y = Σ_l B_l · σ_l(x), rotations by 4l. It is one matrix C = Σ_l B_l σ_l. */
const rotations: Attack = {
  name: 'memory collapsed to one matrix (weakened: a sum over rotated states)',
  how: 'computed',
  formula: '0: rotations are linear, so that one matrix gives every coordinate',
  expected: 0,
  seeds: 50,
  async attempt(_, seed) {
    const rows = await storedRows(await openMemoryArena(), seed % groups)
    const x = firstState(memorySpec, jobSeedOf(seed))
    for (let i = 0; i < width; i++) {
      const one = new Int32Array(width)
      let [full, small] = [0, 0]
      for (let l = 0; l < layers; l++)
        for (let k = 0; k < width; k++) {
          const entry = rows[(i * layers + l) * width + k]!
          one[(k + 4 * l) % width]! += entry
          full += entry * x[(k + 4 * l) % width]!
        }
      for (let k = 0; k < width; k++) small += one[k]! * x[k]!
      if (((full >> 7) & 127) !== ((small >> 7) & 127)) return true
    }
    return false
  },
}

/** One group of sixteen is held, and read at every step whatever group the order asks for. */
const oneGroup: Attack = {
  name: 'memory of one group, read at every step',
  how: 'driven',
  formula: '1 − (1/G + (1 − 1/G) ÷ 128)^t: the order is a round’s and no state changes it',
  expected: 1 - residentChance(1 / groups, samples),
  seeds: 100,
  async attempt(_, seed) {
    const arena = await openMemoryArena()
    const banks = pretending((_, x, next) => arena.banks.step(0, x, next))
    return (await judgeMemory(arena, banks, await work(banks, seed), seed, { seatCount: 1 })).answers.some(
      ({ ok }) => !ok,
    )
  },
}

/**
 * The order as a function of the state. The prover holds one group and changes a coordinate of each state until the order asks for it:
 * K − 1 of K coordinates are right, and so is nearly every sample.
 */
const steered: Attack = {
  name: 'memory of one group, read at every step (weakened: the state decides the group)',
  how: 'computed',
  formula: '1 − (1 − (1 − 1/G) ÷ K)^t: one wrong coordinate a step',
  expected: 1 - (1 - (1 - 1 / groups) / width) ** samples,
  seeds: 400,
  async attempt(_, seed) {
    const { banks } = await openMemoryArena()
    const random = seededRandom(seed)
    const groupOf = (state: Uint8Array) =>
      state.reduce((hash, byte) => Math.imul(hash ^ byte, 16_777_619), 2_166_136_261) >>> 0
    const isHeld = (state: Uint8Array) => Math.floor((groupOf(state) / 2 ** 32) * groups) === 0
    let state = firstState(memorySpec, jobSeedOf(seed))
    while (!isHeld(state)) state = state.map(byte => (byte + 1) & 127)
    for (let sample = 0; sample < samples; sample++) {
      const right = new Uint8Array(width)
      banks.step(0, state, right)
      const next = Uint8Array.from(right)
      const place = Math.floor(random() * width)
      // With another value there: of 127 that there are, about eight lead to the group.
      for (let change = 1; change < 128 && !isHeld(next); change++) next[place] = (right[place]! + change) & 127
      const sampled = Math.floor(random() * width)
      if (next[sampled] !== right[sampled]) return true
      state = next
    }
    return false
  },
}

export const memoryResidency: Attack[] = [honest, ...partly, rotations, collapsed, steered, oneGroup]
