/** A prover that makes roots until one has samples it can answer. */
import { sampleRows } from '../../src/core/job/job-seed.ts'
import { rowBytes } from '../../src/core/job/tensor/tensor-spec.ts'
import { type Arena, commitTo, hashOf, type Prover, spec, windowRows } from './arena.ts'
import { type Attack, missChance } from './attack.ts'

const tries = 30
const wrong = windowRows / 4
const miss = missChance(windowRows, wrong, spec.samples)

/** A quarter of the rows is garbage; the first garbage byte is varied until the sample that `guess` draws misses them all. */
async function grind(arena: Arena, seed: number, guess: (root: `0x${string}`) => number[]): Promise<Prover> {
  const digests = await arena.digests(arena.identity(seed))
  digests.fill(0, digests.length - wrong * rowBytes)
  for (let attempt = 0; ; attempt++) {
    digests[digests.length - 1] = attempt
    const prover = commitTo(digests)
    if (attempt === tries - 1 || guess(prover.root).every(row => row < windowRows - wrong)) return prover
  }
}

/** What sampling would be if it depended on the root alone. */
const fromRootAlone = (root: `0x${string}`) =>
  sampleRows(spec, windowRows, { secret: hashOf('known'), root, samplingBlockHash: hashOf('known') })

export const grinding: Attack[] = [
  {
    name: 'grinding on the root (weakened: samples from the root alone)',
    how: 'computed',
    formula: `(1 − miss)^${tries}: one of ${tries} roots is enough`,
    expected: (1 - miss) ** tries,
    seeds: 300,
    async attempt(arena, seed) {
      const { root } = await grind(arena, seed, fromRootAlone)
      return fromRootAlone(root).some(row => row >= windowRows - wrong)
    },
  },
  {
    name: 'grinding on the root',
    how: 'driven',
    formula: '1 − miss: the secret and the sampling block come later',
    expected: 1 - miss,
    seeds: 300,
    async attempt(arena, seed) {
      const prover = await grind(arena, seed, fromRootAlone)
      return (await arena.trial(arena.identity(seed), prover, seed, { seatCount: 1 })).passed === 0
    },
  },
]
