/** Provers that show a seat something else than what they committed to in this round. */
import { hash } from 'node:crypto'
import { bytesToHex } from 'viem'
import { hashBytes, proofShape } from '../../src/core/job/hash-tree.ts'
import { chunkCount, leafHash } from '../../src/core/job/tensor/digest-tree.ts'
import { chunksOf } from '../../src/core/job/tensor/row-openings.ts'
import { leafRows, rowBytes } from '../../src/core/job/tensor/tensor-spec.ts'
import type { Signed } from '../../src/core/protocol/typed-data.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { type Arena, commitTo, type Prover, spec, windowRows } from './arena.ts'
import { type Attack, missChance } from './attack.ts'
import { isUnpaid, judgedBy, openSeat, type Seat } from './seat.ts'

const always = { how: 'driven', expected: 1, seeds: 100 } as const

/** Tries something at a seat that is closed afterwards. */
async function atSeat(arena: Arena, act: (seat: Seat) => Promise<boolean>): Promise<boolean> {
  const seat = openSeat(arena)
  try {
    return await act(seat)
  } finally {
    seat.close()
  }
}

const honest = async (arena: Arena, seed: number): Promise<Prover> =>
  commitTo(await arena.digests(arena.identity(seed), 128))

/** What a prover may do with the bundle of an earlier round when this one begins, and what it is refused with. */
const replays: Record<
  string,
  (arena: Arena, old: Signed<'Commitment'>, seed: number) => Promise<Signed<'Commitment'>>
> = {
  'as it is': async (_, old) => old,
  'under another round': async (arena, old, seed) => ({
    ...old,
    message: { ...old.message, round: arena.identity(seed + 7).round },
  }),
  'signed again': (arena, { message }, seed) =>
    arena.commit(arena.identity(seed + 7), { rows: Number(message.rows), root: message.root }),
}

const replayed = ([how, again]: (typeof entries)[number]): Attack => ({
  name: `replayed bundle, ${how}`,
  formula: '1: the round is signed, and decides every row',
  ...always,
  attempt: (arena, seed) =>
    atSeat(arena, async seat => {
      const identity = arena.identity(seed)
      const prover = await honest(arena, seed)
      const first = await judgedBy(seat, identity, await arena.commit(identity, prover), prover.open)
      if (first.verdict !== 'VALID') throw new Error(`the earlier round is honest: ${first.reason}`)
      const { commitment: old } = seat.bundle(first.evidence!)
      // Seven seeds later the same device is asked again.
      const verdict = await judgedBy(seat, arena.identity(seed + 7), await again(arena, old, seed), prover.open)
      return verdict.verdict !== 'VALID' && isUnpaid(verdict.figures)
    }),
})
const entries = Object.entries(replays)

/** Commits to one tree of garbage; once it knows the sample it has computed those rows and opens them in another tree. */
const rootChanged = (says: boolean): Attack => ({
  name: `root changed after the samples${says ? ', and committed to' : ''}`,
  formula: says ? '1: two commitments are proof of equivocation' : '1: the openings do not lead to the committed root',
  ...always,
  attempt: (arena, seed) =>
    atSeat(arena, async seat => {
      const identity = arena.identity(seed)
      const right = await honest(arena, seed)
      const commitment = await arena.commit(identity, commitTo(new Uint8Array(128 * rowBytes).fill(seed % 128)))
      const round = await seat.begin(identity)
      round.commit(commitment, spec.windowMs)
      const asked = await round.sample(commitment)
      const refusal = says ? round.commit(await arena.commit(identity, right), spec.windowMs) : null
      round.open(asked!.request, right.open(asked!.rows))
      const { verdict, reason, figures } = await round.close()
      if (!isUnpaid(figures)) return false
      return says
        ? refusal === 'CHECKER_COMMITMENT_CONTRADICTS' && verdict === 'WRONG'
        : verdict === 'TIMEOUT' && reason === 'OPENINGS_INVALID'
    }),
})

/**
 * Commits to garbage. For a sample it puts the right rows in their place and recomputes leaves and siblings, so that everything fits but
 * the root; or keeps the committed siblings, so that everything fits but the leaf.
 */
const forgedProof = (siblings: 'recomputed' | 'committed'): Attack => ({
  name: `forged proof, siblings ${siblings}`,
  formula: '1: only preimages of SHA-256 lead to the root',
  ...always,
  attempt: async (arena, seed) => {
    const identity = arena.identity(seed)
    const right = await arena.digests(identity)
    const garbage = right.map(byte => byte ^ 1)
    const committed = commitTo(garbage)
    const open = (sample: readonly number[]) => {
      const patched = garbage.slice()
      for (const row of sample) patched.set(right.subarray(row * rowBytes, (row + 1) * rowBytes), row * rowBytes)
      const opened = commitTo(patched).open(sample)
      return siblings === 'recomputed' ? opened : withProofsOf(committed.open(sample), opened, sample)
    }
    return (await arena.trial(identity, { ...committed, open }, seed)).passed === 0
  },
})

/** The proofs of one encoding around the digests of another of the same shape, where all leaves are full. */
function withProofsOf(proofs: Uint8Array, digests: Uint8Array, sample: readonly number[]): Uint8Array {
  const mixed = proofs.slice()
  const leafBytes = leafRows * rowBytes
  let at = 1
  for (const chunk of chunksOf(sample)) {
    mixed.set(digests.subarray(at, at + leafBytes), at)
    at += leafBytes + hashBytes * proofShape(chunkCount(windowRows), chunk).length
  }
  return mixed
}
// --- More rows than leaves: the half of the tree that was never computed is one node out of thin air.

const computedLeaves = 8
const node = (left: Uint8Array, right: Uint8Array) =>
  hash('sha256', Buffer.concat([Buffer.from('kaisar/node/v1'), left, right]), 'buffer')
const rootOf = (rows: number, top: Uint8Array) => {
  const count = Buffer.alloc(8)
  count.writeBigUInt64BE(BigInt(rows))
  return hash('sha256', Buffer.concat([Buffer.from('kaisar/root/v1'), count, top]), 'buffer')
}

/** Computes the rows of 8 leaves and claims those of 16: rows of the first half open as they should, of the second in the right shape. */
const moreRowsThanLeaves: Attack = {
  name: 'more rows claimed than leaves, 2×, one seat',
  how: 'driven',
  formula: '1 − miss of the half: its node has no preimage',
  expected: 1 - missChance(2 * computedLeaves * leafRows, computedLeaves * leafRows, spec.samples),
  skipped: 0.5,
  seeds: 300,
  async attempt(arena, seed) {
    const identity = arena.identity(seed)
    const rows = 2 * computedLeaves * leafRows
    const leafBytes = leafRows * rowBytes
    const digests = await arena.digests(identity, computedLeaves * leafRows)
    const chunk = (index: number) => digests.subarray(index * leafBytes, (index + 1) * leafBytes)
    const levels = [Array.from({ length: computedLeaves }, (_, index) => leafHash(index, chunk(index)))]
    while (levels.at(-1)!.length > 1) {
      const below = levels.at(-1)!
      levels.push(below.filter((_, i) => i % 2 === 0).map((left, i) => node(left, below[2 * i + 1]!)))
    }
    const random = seededRandom(seed)
    const junk = (length: number) => Uint8Array.from({ length }, () => Math.floor(random() * 128))
    const imagined = junk(32)
    const opened = (index: number): Uint8Array[] =>
      index < computedLeaves
        ? [chunk(index), ...levels.slice(0, -1).map((level, height) => level[(index >> height) ^ 1]!), imagined]
        : [junk(leafBytes), junk(3 * 32), levels.at(-1)![0]!]
    const prover = {
      rows,
      root: bytesToHex(rootOf(rows, node(levels.at(-1)![0]!, imagined))),
      open: (sample: readonly number[]) =>
        Uint8Array.from(Buffer.concat([Uint8Array.of(1), ...chunksOf(sample).flatMap(opened)])),
    }
    return (await arena.trial(identity, prover, seed, { seatCount: 1 })).passed === 0
  },
}

export const replay: Attack[] = [
  ...entries.map(replayed),
  rootChanged(false),
  rootChanged(true),
  forgedProof('recomputed'),
  forgedProof('committed'),
  moreRowsThanLeaves,
]
