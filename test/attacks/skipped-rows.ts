/** Provers that do not compute all the rows they commit to. */
import { rowBytes } from '../../src/core/job/tensor/tensor-spec.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { commitTo, seats, spec, windowRows } from './arena.ts'
import { type Attack, atLeast, missChance, oncePerSeed } from './attack.ts'

/** Spoils some rows of the honest digests in place and says how many are wrong. */
type Spoil = (digests: Uint8Array, wrong: number, random: () => number) => void

const garbage = (digests: Uint8Array, row: number, random: () => number) => {
  const at = row * rowBytes
  const before = digests[at]!
  for (let i = 0; i < rowBytes; i++) digests[at + i] = Math.floor(random() * 128)
  // Never right by chance, so that the count of wrong rows is exact.
  if (digests[at] === before) digests[at] = before ^ 1
}

const scattered: Spoil = (digests, wrong, random) => {
  const rows = Array.from({ length: digests.length / rowBytes }, (_, row) => row)
  for (let i = 0; i < wrong; i++) {
    const pick = i + Math.floor(random() * (rows.length - i))
    ;[rows[i], rows[pick]] = [rows[pick]!, rows[i]!]
    garbage(digests, rows[i]!, random)
  }
}
const oneBlock: Spoil = (digests, wrong, random) => {
  const first = Math.floor(random() * (digests.length / rowBytes - wrong))
  for (let row = first; row < first + wrong; row++) garbage(digests, row, random)
}
/** The first rows are computed, the rest repeats them. */
const copied: Spoil = (digests, wrong) => {
  const computed = digests.length / rowBytes - wrong
  for (let row = 0; row < wrong; row++)
    digests.copyWithin((computed + row) * rowBytes, row * rowBytes, (row + 1) * rowBytes)
}

const miss = (share: number) => missChance(windowRows, windowRows * share, spec.samples)

/**
 * One prover, as one seat sees it, as five that forward wrong rows, and as five that keep to themselves (three passes pay). What
 * forwarding is worth is the difference of the last two in `gain`.
 */
function asSeatsSeeIt(name: string, share: number, spoil: Spoil, trials: number): Attack[] {
  const pass = miss(share)
  const judged = oncePerSeed(async (arena, seed) => {
    const identity = arena.identity(seed)
    const digests = await arena.digests(identity)
    spoil(digests, windowRows * share, seededRandom(seed))
    return arena.trial(identity, commitTo(digests), seed)
  })
  const row = { how: 'driven', skipped: share, seeds: trials } as const
  return [
    {
      ...row,
      name: `${name}, one seat`,
      formula: '1 − Π (N − wrong − i) ÷ (N − i), i < t',
      expected: 1 - pass,
      attempt: async (arena, seed) => !(await judged(arena, seed)).answers[0]!.ok,
    },
    {
      ...row,
      name: `${name}, five seats forwarding`,
      formula: '1 − miss^5',
      expected: 1 - pass ** seats,
      attempt: async (arena, seed) => (await judged(arena, seed)).adopted,
    },
    {
      ...row,
      name: `${name}, five seats alone`,
      formula: '1 − P(at least 3 of 5 miss)',
      expected: 1 - atLeast(3, seats, pass),
      attempt: async (arena, seed) => (await judged(arena, seed)).passed < 3,
    },
  ]
}

export const skippedRows: Attack[] = [
  ...[0.05, 0.1, 0.25, 0.5].flatMap(share => asSeatsSeeIt(`partial rows ${share * 100}%`, share, scattered, 300)),
  ...asSeatsSeeIt('garbage rows in one block 25%', 0.25, oneBlock, 300),
  ...asSeatsSeeIt('copied rows 25%', 0.25, copied, 300),
  {
    name: 'more rows claimed than computed, 2×, one seat',
    how: 'driven',
    formula: '1 − Π (N − wrong − i) ÷ (N − i), half of N wrong',
    expected: 1 - missChance(2 * windowRows, windowRows, spec.samples),
    skipped: 0.5,
    seeds: 400,
    async attempt(arena, seed) {
      const identity = arena.identity(seed)
      const claimed = new Uint8Array(2 * windowRows * rowBytes)
      const random = seededRandom(seed)
      claimed.set(await arena.digests(identity))
      // The rows that were never computed: right by chance in 128^-32 of them.
      for (let i = windowRows * rowBytes; i < claimed.length; i++) claimed[i] = Math.floor(random() * 128)
      return (await arena.trial(identity, commitTo(claimed), seed, { seatCount: 1 })).passed === 0
    },
  },
  {
    name: 'reordered rows',
    how: 'driven',
    formula: '1: row i holds the digest of row N − 1 − i, all wrong',
    expected: 1,
    seeds: 200,
    async attempt(arena, seed) {
      const identity = arena.identity(seed)
      const digests = await arena.digests(identity)
      const reordered = new Uint8Array(digests.length)
      for (let row = 0; row < windowRows; row++)
        reordered.set(
          digests.subarray((windowRows - 1 - row) * rowBytes, (windowRows - row) * rowBytes),
          row * rowBytes,
        )
      return (await arena.trial(identity, commitTo(reordered), seed)).passed === 0
    },
  },
]
