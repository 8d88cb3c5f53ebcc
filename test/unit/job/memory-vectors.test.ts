/**
 * The vectors of the memory job once more by other means: Philox by 64-bit products in BigInt, every row of memory and every state by
 * BigInt arithmetic, hashing piece by piece. Then what ships, held to them: what it makes, field by field, and its verifier, by openings
 * that it has not made.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { keccak256 } from 'viem'
import { beforeAll, describe, expect, it } from 'vitest'
import { jobWith } from '../../../src/core/job/jobs.ts'
import { stepOfPlace } from '../../../src/core/job/memory/memory-sample.ts'
import { openRowChain } from '../../../src/core/job/memory/row-chain.ts'
import { verifyMemory } from '../../../src/core/job/memory/verify-memory.ts'
import { block, drawn, keyOf, weight } from './plain-philox.ts'
import { shippedMemoryVectors } from './shipped-memory-vectors.ts'

const vectors = JSON.parse(readFileSync('fixtures/vectors/memory.json', 'utf8'))
const names = ['small', 'devnet', 'standard'] as const
const bytes = (hex: string) => Buffer.from(hex.slice(2), 'hex')
const hex = (value: Uint8Array) => `0x${Buffer.from(value).toString('hex')}`
const sha256 = (...parts: (string | Uint8Array)[]) =>
  createHash('sha256')
    .update(Buffer.concat(parts.map(part => Buffer.from(part))))
    .digest()
const integer = (value: number | bigint, size: number) => Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex')

const word = 2n ** 32n
const filled = (key: number[], group: number, layer: number, row: number, k: number) =>
  (drawn(key, k, row, group, 256 * layer + 2) % 128) - 64
const groupOf = (seed: Buffer, step: number, groups: number) => {
  const key = keyOf('kaisar/memory-order/v1', seed)
  return Number((BigInt(block(key, [Math.floor(step / 4), 0, 0, 3])[step % 4]!) * BigInt(groups)) / word)
}
/** Bits `from` to `from + count − 1`, by division that rounds towards minus infinity. */
const bits = (y: bigint, from: bigint, count: bigint) => BigInt.asUintN(Number(count), y >> from)

/** Two states of each step, with proofs in a tree of 2^32 leaves, after version, groups and marks. */
const stepsOfPiece = ({ width, windowMs, markMs }: { width: number; windowMs: number; markMs: number }) =>
  Math.floor((256 * 1024 - (1 + 4 + (windowMs / markMs) * 40)) / (2 * (width + 32 * 32)))

/** All of the small spec's window. */
function recomputed() {
  const { small, sampling, witnessOf } = vectors
  const { width, layers, products, samples } = small.spec
  const range = (length: number) => Array.from({ length }, (_, i) => i)
  const matrices = range(products).map(m => {
    const columns = range(width).map(j => range(width / 16).flatMap(b => block(small.weightsKey, [b, j, m, 1])))
    return columns.map(words =>
      words
        .flatMap(value => [0, 8, 16, 24].map(shift => (value >>> shift) % 128))
        .map(low => BigInt(low === 0 ? 0 : low - 64)),
    )
  })
  const times = (x: bigint[], columns: bigint[][]) =>
    columns.map(column => x.reduce((sum, value, k) => sum + value * column[k]!, 0n))
  const storedRow = (group: number, layer: number, row: number): bigint[] => {
    let x = range(width).map(k => BigInt(filled(small.fillKey, group, layer, row, k)))
    for (const [m, columns] of matrices.entries()) {
      const y = times(x, columns)
      x = m === products - 1 ? y.map(value => BigInt.asIntN(8, value >> 7n)) : y.map(value => bits(value, 7n, 7n) - 64n)
    }
    return x
  }
  const memory = range(small.groups).map(g => range(width).map(i => range(layers).map(l => storedRow(g, l, i))))
  const seed = bytes(small.jobSeed)
  const stream = createCipheriv('aes-128-ctr', seed.subarray(0, 16), seed.subarray(16)).update(Buffer.alloc(width))
  const states = [stream.map(byte => byte % 128)]
  const steps = small.markSteps.at(-1)
  for (let step = 0; step < steps; step++) {
    const x = [...states[step]!].map(BigInt)
    const rows = memory[groupOf(seed, step, small.groups)]!
    const next = rows.map(ofLayers =>
      ofLayers.reduce(
        (mixed, row) =>
          mixed ^
          bits(
            row.reduce((sum, value, k) => sum + value * x[k]!, 0n),
            7n,
            7n,
          ),
        0n,
      ),
    )
    states.push(Buffer.from(next.map(Number)))
  }

  // A tree from the top down: the largest power of two below the count is the left side.
  const top = (leaves: Buffer[]): Buffer => {
    if (leaves.length === 0) return Buffer.alloc(32)
    if (leaves.length === 1) return leaves[0]!
    const left = 2 ** (Math.ceil(Math.log2(leaves.length)) - 1)
    return sha256('kaisar/memory-node/v1', top(leaves.slice(0, left)), top(leaves.slice(left)))
  }
  const path = (leaves: Buffer[], place: number): Buffer[] => {
    if (leaves.length === 1) return []
    const left = 2 ** (Math.ceil(Math.log2(leaves.length)) - 1)
    return place < left
      ? [...path(leaves.slice(0, left), place), top(leaves.slice(left))]
      : [...path(leaves.slice(left), place - left), top(leaves.slice(0, left))]
  }
  const leaves = states.map(state => sha256(state))
  const between = (small.markSteps as number[]).map((until, k) =>
    leaves.slice(1 + (small.markSteps[k - 1] ?? 0), 1 + until),
  )
  const marks = Buffer.concat(between.map((own, k) => Buffer.concat([integer(small.markSteps[k], 8), top(own)])))
  const root = sha256('kaisar/memory-root/v1', integer(small.groups, 4), integer(between.length, 4), marks)

  const key = sha256('kaisar/memory-sample/v1', bytes(sampling.secret), root, bytes(sampling.samplingBlockHash))
  const words = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16)).update(Buffer.alloc(16_384))
  const drawnPlaces = new Map<number, number>()
  for (let at = 0; drawnPlaces.size < samples; at += 8) {
    const place = Number(words.readBigUInt64BE(at) % BigInt(steps * width))
    const step = Math.floor(place / width)
    if (!drawnPlaces.has(step)) drawnPlaces.set(step, place)
  }
  const sample = [...drawnPlaces.values()].sort((a, b) => a - b)
  const opened = (state: number) => {
    const mark = small.markSteps.findIndex((until: number) => state <= until)
    return Buffer.concat([states[state]!, ...path(between[mark]!, state - 1 - (small.markSteps[mark - 1] ?? 0))])
  }
  const openingsOf = (places: number[]) => {
    // Of x_0 everybody knows.
    const both = places.map(place => Math.floor(place / width)).flatMap(step => [step, step + 1])
    return Buffer.concat([Buffer.of(1), integer(small.groups, 4), marks, ...both.filter(Boolean).map(opened)])
  }
  const cut = stepsOfPiece(small.spec)
  const pieces = range(Math.ceil(samples / cut)).map(piece => sample.slice(piece * cut, (piece + 1) * cut))
  const rows = sample.flatMap(place => memory[groupOf(seed, Math.floor(place / width), small.groups)]![place % width]!)
  return {
    ...{ states, marks, root, sample },
    openings: openingsOf(sample),
    pieces: pieces.map(openingsOf),
    witness: sha256('kaisar/memory-witness/v1', bytes(witnessOf), Buffer.from(rows.flat().map(Number))),
  }
}

describe('vectors of the memory job', () => {
  let own: ReturnType<typeof recomputed>
  beforeAll(() => {
    own = recomputed()
  })

  it('have the blocks of Random123 and more, in BigInt', () => {
    const hexWords = (words: Iterable<number>) => [...words].map(value => value.toString(16).padStart(8, '0')).join(' ')
    const known = vectors.philox.map(({ block: words }: { block: number[] }) => hexWords(words))
    // kat_vectors of Random123: philox4x32, 10 rounds.
    expect(known.slice(0, 3)).toEqual([
      '6627e8d5 e169c58d bc57ac4c 9b00dbd8',
      '408f276d 41c83b0e a20bc7c6 6d5451fd',
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ])
    for (const [i, { key, counter }] of vectors.philox.entries()) expect(hexWords(block(key, counter))).toBe(known[i])
  })

  it.each(names)('fix spec, keys, weights, rows, order and pieces of %s', name => {
    const { epochSeed, identity, [name]: fixed } = vectors
    const fields = Object.entries(fixed.spec).map(([field, value]) => `${field}=${value}`)
    expect(['kaisar/memory-spec/v1', ...fields].join(' ')).toBe(fixed.specText)
    expect(hex(sha256(fixed.specText))).toBe(fixed.specHash)
    const bound = [bytes(fixed.specHash), bytes(epochSeed)]
    const job = ['kaisar/job/v1', integer(identity.chainId, 8), bytes(identity.round), bytes(identity.deviceId)]
    const seed = sha256(...job, integer(identity.generation, 4), bytes(fixed.specHash))
    expect(hex(seed)).toBe(fixed.jobSeed)
    expect(keyOf('kaisar/memory-weights/v1', ...bound)).toEqual(fixed.weightsKey)
    const fill = keyOf('kaisar/memory-fill/v1', ...bound, bytes(identity.deviceId), integer(identity.generation, 4))
    expect(fill).toEqual(fixed.fillKey)
    const { products, layers } = fixed.spec
    const first64 = (of: (k: number) => number) => hex(Uint8Array.from({ length: 64 }, (_, k) => of(k) + 64))
    expect(first64(k => weight(fixed.weightsKey, products - 1, k, 5))).toBe(fixed.weightsColumn5)
    expect(first64(k => filled(fill, 3, layers - 1, 7, k))).toBe(fixed.fillRow7)
    expect([0, 1, 2, 3, 4, 5, 6, 7].map(step => groupOf(seed, step, 953))).toEqual(fixed.orderFirst8)
    expect(groupOf(seed, 1_000_000, 953)).toBe(fixed.order1000000)
    expect(stepsOfPiece(fixed.spec)).toBe(fixed.stepsOfPiece)
  })

  it('fix states, marks, root, sample, openings and witness of the small spec, in BigInt', () => {
    const { small } = vectors
    const { states, marks, root, sample, openings, pieces, witness } = own
    expect(hex(Buffer.concat(states.slice(0, 5)))).toBe(small.states0to4)
    expect([marks, root, witness].map(hex)).toEqual([small.marks, small.root, small.witness])
    expect(sample).toEqual(small.sample)
    expect(keccak256(openings)).toBe(small.openingsKeccak256)
    expect(pieces.map(piece => keccak256(piece))).toEqual(small.piecesKeccak256)
  })

  it('the shipped code gives every field of the vectors', async () => {
    expect(await shippedMemoryVectors()).toEqual(vectors)
  })

  it('the shipped verifier takes openings that were made by other means, whole and in pieces, and none that differ', async () => {
    const { small, epochSeed, witnessOf } = vectors
    const { spec, groups, markSteps, fillKey: key } = small
    const { marks, sample: places, openings, pieces, witness } = own
    const job = jobWith('memory', spec)
    const parts = job.cut(places)
    expect(parts.map(part => part.length)).toEqual([120, 20])
    for (const [at, part] of parts.entries())
      expect(job.pieceFault({ units: markSteps.at(-1), root: small.root }, part, pieces[at]!)).toBeNull()
    const joined = pieces.reduce<Uint8Array>((before, piece) => job.join(before, piece), new Uint8Array())
    expect(hex(joined)).toBe(hex(openings))

    const claim = {
      ...{ seed: bytes(small.jobSeed), key, steps: markSteps.at(-1), root: bytes(small.root), openings, witnessOf },
      sample: places.map(place => stepOfPlace(spec, place)),
    }
    const changed = (at: number) => ({ ...claim, openings: openings.map((byte, i) => (i === at ? byte ^ 1 : byte)) })
    const chain = await openRowChain(spec, epochSeed, { threads: 1 })
    const claims = [claim, { ...claim, key: small.weightsKey }, changed(4), changed(5 + 8), changed(5 + marks.length)]
    const [taken, ...others] = await verifyMemory(spec, claims, chain)
    await chain.release()
    const tops = [0, 1, 2].map(k => marks.subarray(40 * k + 8, 40 * (k + 1)))
    expect(taken).toEqual({
      ...{ ok: true, checked: 140, groups, witness: hex(witness) },
      marks: tops.map((top, k) => ({ steps: markSteps[k], top })),
    })
    const outside = { ok: false, step: 'OPENINGS_NOT_IN_ROOT' }
    expect(others).toMatchObject([{ ok: false, step: 'COORDINATE_WRONG' }, outside, outside, outside])
  })
})
