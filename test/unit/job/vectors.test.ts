/**
 * The vectors once more by other means: AES block by block in ECB, Philox and arithmetic in BigInt or double precision, hashing piece by
 * piece. Then what ships, held to them field by field.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as ort from 'onnxruntime-node'
import { keccak256 } from 'viem'
import { describe, expect, it } from 'vitest'
import { jobSeed, sampleRows } from '../../../src/core/job/job-seed.ts'
import { keystream, keystreamAt } from '../../../src/core/job/keystream.ts'
import { createLeafCollector, leafHash } from '../../../src/core/job/tensor/digest-tree.ts'
import { openKernel } from '../../../src/core/job/tensor/kernel.ts'
import { buildModel, graphForms } from '../../../src/core/job/tensor/model-graph.ts'
import { referenceDigests } from '../../../src/core/job/tensor/reference-digests.ts'
import { rowInput, rowInputAt } from '../../../src/core/job/tensor/row-input.ts'
import { encodeOpenings } from '../../../src/core/job/tensor/row-openings.ts'
import { encodeSpec, specHash } from '../../../src/core/job/tensor/tensor-spec.ts'
import { createWeights, modelHash, tensorWeightsKey, type Weights } from '../../../src/core/job/tensor/weights.ts'
import { keyOf, plainMatrix, weight } from './plain-philox.ts'

const vectors = JSON.parse(readFileSync('fixtures/vectors/work.json', 'utf8'))
/** The weights that ship, drawn once: those of standard are 67 million. */
const shipped = new Map<string, Weights>()
function weightsOf({ spec, specHash: name }: Work): Weights {
  const weights = shipped.get(name) ?? createWeights(spec, vectors.epochSeed)
  shipped.set(name, weights)
  return weights
}
const bytes = (hex: string) => Buffer.from(hex.slice(2), 'hex')
const hex = (value: Uint8Array) => `0x${Buffer.from(value).toString('hex')}`
const sha256 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const integer = (value: number, size: number) => Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex')

function stream(seed: Buffer, firstBlock: number, length: number): Buffer {
  const start = BigInt(hex(seed.subarray(16))) + BigInt(firstBlock)
  const blocks = Math.ceil(length / 16)
  const block = (i: number) => Buffer.from(((start + BigInt(i)) % 2n ** 128n).toString(16).padStart(32, '0'), 'hex')
  const counters = Buffer.concat(Array.from({ length: blocks }, (_, i) => block(i)))
  return createCipheriv('aes-128-ecb', seed.subarray(0, 16), null).update(counters).subarray(0, length)
}
const row = (seed: Buffer, index: number) => stream(seed, 2 * index, 32).map(byte => byte % 128)

/** floor(y / 128) mod 128 − 64 by BigInt division, which rounds towards zero. */
function phi(y: bigint): bigint {
  const floor = y >= 0n ? y / 128n : -((-y + 127n) / 128n)
  return (((floor % 128n) + 128n) % 128n) - 64n
}

type Work = typeof vectors.small
const matrix = ({ weightsKey }: Work, index: number, rows: number, columns: number): Int8Array =>
  plainMatrix(weightsKey, index, rows, columns)
const multiply = (x: bigint[], entries: Int8Array, columns: number): bigint[] =>
  Array.from({ length: columns }, (_, column) =>
    phi(x.reduce((sum, value, k) => sum + value * BigInt(entries[k * columns + column]!), 0n)),
  )

function digest(work: Work, index: number): Buffer {
  const { width, layers, weights } = work.spec
  let x = Array.from(row(bytes(work.jobSeed), index), byte => BigInt(byte - 64))
  x = multiply(x, matrix(work, 0, 32, width), width)
  for (let layer = 0; layer < layers; layer++) x = multiply(x, matrix(work, 1 + (layer % weights), width, width), width)
  x = multiply(x, matrix(work, 1 + weights, width, 32), 32)
  return Buffer.from(x.map(value => Number(value) + 64))
}

describe('vectors', () => {
  const { identity, small } = vectors

  it('the vectors fix the keystream', () => {
    const { seed, firstBlock, bytes: expected } = vectors.keystream
    expect(hex(stream(bytes(seed), firstBlock, 48))).toBe(expected)
  })

  it.each(['small', 'devnet', 'standard'])('the vectors fix spec, job seed, rows and weights of %s', name => {
    const work = vectors[name] as Work
    expect(hex(sha256(work.specText))).toBe(work.specHash)
    const seed = sha256(
      'kaisar/job/v1',
      integer(identity.chainId, 8),
      bytes(identity.round),
      bytes(identity.deviceId),
      integer(identity.generation, 4),
      bytes(work.specHash),
    )
    expect(hex(seed)).toBe(work.jobSeed)
    expect(hex(row(seed, 0))).toBe(work.inputRow0)
    expect(hex(row(seed, 1_000_000))).toBe(work.inputRow1000000)
    const { weights } = work.spec
    expect(keyOf('kaisar/weights/v2', bytes(work.specHash), bytes(vectors.epochSeed))).toEqual(work.weightsKey)
    const column5 = (index: number, length: number) =>
      hex(Uint8Array.from({ length }, (_, k) => weight(work.weightsKey, index, k, 5) + 64))
    expect(column5(0, 32)).toBe(work.embedColumn5)
    expect(column5(weights, 64)).toBe(work.layerColumn5)
    expect(column5(1 + weights, 64)).toBe(work.reduceColumn5)
  })

  it('the vectors fix digests, leaf, root and sample of the small spec, in BigInt', () => {
    const digests = Array.from({ length: 150 }, (_, index) => digest(small, index))
    expect(hex(Buffer.concat(digests.slice(0, 4)))).toBe(small.digests)
    const leaves = [0, 1, 2].map(chunk =>
      sha256('kaisar/leaf/v1', integer(chunk, 8), Buffer.concat(digests.slice(chunk * 64, chunk * 64 + 64))),
    )
    expect(hex(leaves[0]!)).toBe(small.tree.leaf0)
    const partial = (chunk: number, rows: number) =>
      sha256('kaisar/leaf/v1', integer(chunk, 8), Buffer.concat(digests.slice(chunk * 64, rows)))
    const node = (left: Buffer, right: Buffer) => sha256('kaisar/node/v1', left, right)
    const rooted = (rows: number, top: Buffer) => hex(sha256('kaisar/root/v1', integer(rows, 8), top))
    const [left, right] = [leaves[0]!, leaves[1]!]
    const root = rooted(150, node(node(left, right), leaves[2]!))
    expect(small.tree.roots).toEqual([
      { rows: 0, root: `0x${'00'.repeat(32)}` },
      { rows: 1, root: rooted(1, partial(0, 1)) },
      { rows: 64, root: rooted(64, left) },
      { rows: 65, root: rooted(65, node(left, partial(1, 65))) },
      { rows: 129, root: rooted(129, node(node(left, right), partial(2, 129))) },
      { rows: 150, root },
    ])

    const { secret, samplingBlockHash } = vectors.sampling
    const drawn = new Set<number>()
    const words = stream(sha256('kaisar/sample/v1', bytes(secret), bytes(root), bytes(samplingBlockHash)), 0, 512)
    for (let at = 0; drawn.size < small.spec.samples; at += 8) drawn.add(Number(words.readBigUInt64BE(at) % 150n))
    expect([...drawn].sort((a, b) => a - b)).toEqual(small.tree.sample)

    const opened = (from: number, to: number) => Buffer.concat(digests.slice(from, to))
    const chunks = [
      [opened(0, 64), right, leaves[2]!],
      [opened(64, 128), left, leaves[2]!],
      [opened(128, 150), node(left, right)],
    ]
    const sampled = chunks.flatMap((parts, chunk) =>
      [...drawn].some(row => Math.floor(row / 64) === chunk) ? parts : [],
    )
    expect(keccak256(Buffer.concat([Buffer.of(1), ...sampled]))).toBe(small.tree.openingsKeccak256)
  })

  it.each(['small', 'devnet', 'standard'])(
    'the vectors fix every digest and the seal of %s, in double precision',
    name => {
      const work = vectors[name] as Work
      const { width, layers, weights } = work.spec
      const square = Array.from({ length: weights }, (_, layer) => matrix(work, 1 + layer, width, width))
      const [embed, reduce] = [matrix(work, 0, 32, width), matrix(work, 1 + weights, width, 32)]
      const signed = [embed, ...square, reduce].map(each => new Uint8Array(each.buffer))
      expect(hex(sha256('kaisar/model/v1', bytes(work.specHash), ...signed))).toBe(work.modelHash)
      // Sums stay below 2^24, so doubles are exact; BigInt would take minutes.
      const step = (x: Float64Array, entries: Int8Array, columns: number) => {
        const sums = new Float64Array(columns)
        for (let k = 0, at = 0; k < x.length; k++) {
          const value = x[k]!
          for (let column = 0; column < columns; column++, at++) sums[column]! += value * entries[at]!
        }
        return sums.map(sum => (((Math.floor(sum / 128) % 128) + 128) % 128) - 64)
      }
      const found = Array.from({ length: (work.digests.length - 2) / 64 }, (_, index) => {
        let x = step(
          Float64Array.from(row(bytes(work.jobSeed), index), byte => byte - 64),
          embed,
          width,
        )
        for (let layer = 0; layer < layers; layer++) x = step(x, square[layer % weights]!, width)
        return Buffer.from(step(x, reduce, 32).map(value => value + 64))
      })
      expect(hex(Buffer.concat(found))).toBe(work.digests)
    },
  )

  it.each(graphForms)(
    'the vectors fix the graph of form %s: built again byte for byte, and right in a plain session',
    async form => {
      const file = readFileSync(`fixtures/models/small-${form}.onnx`)
      expect(file.equals(buildModel(createWeights(small.spec, vectors.epochSeed), form))).toBe(true)
      const session = await ort.InferenceSession.create(file, { executionProviders: ['cpu'], logSeverityLevel: 4 })
      const inputs = Array.from({ length: 4 }, (_, index) => [...row(bytes(small.jobSeed), index)]).flat()
      const signed = inputs.map(byte => byte - 64)
      const x = {
        u8: new ort.Tensor('uint8', Uint8Array.from(inputs), [4, 32]),
        s8: new ort.Tensor('int8', Int8Array.from(signed), [4, 32]),
        fp32: new ort.Tensor('float32', Float32Array.from(signed), [4, 32]),
      }[form]
      const { y } = await session.run({ x })
      const digests = Array.from(y!.data as Float32Array, value => (form === 'u8' ? value : value + 64))
      expect(hex(Uint8Array.from(digests))).toBe(small.digests)
      await session.release()
    },
  )

  it('the shipped code gives the keystream, seeds, rows and weights of the vectors', () => {
    const { seed, firstBlock, bytes: expected } = vectors.keystream
    expect(hex(keystream(bytes(seed), firstBlock, 48))).toBe(expected)
    expect(hex(keystreamAt(bytes(seed), [firstBlock], 3))).toBe(expected)
    for (const work of [small, vectors.devnet, vectors.standard] as Work[]) {
      expect([encodeSpec(work.spec), specHash(work.spec)]).toEqual([work.specText, work.specHash])
      const own = jobSeed({ ...identity, specHash: work.specHash })
      expect(hex(own)).toBe(work.jobSeed)
      expect(hex(rowInput(own, 0, 1))).toBe(work.inputRow0)
      expect(hex(rowInputAt(own, [1_000_000, 0]))).toBe(work.inputRow1000000 + work.inputRow0.slice(2))
      const weights = weightsOf(work)
      expect(modelHash(weights)).toBe(work.modelHash)
      expect(tensorWeightsKey(work.spec, vectors.epochSeed)).toEqual(work.weightsKey)
    }
  })

  it('the shipped code gives the digests, leaves, roots, sample and openings of the vectors', () => {
    const seed = jobSeed({ ...identity, specHash: small.specHash })
    const digests = referenceDigests(createWeights(small.spec, vectors.epochSeed), rowInput(seed, 0, 150))
    expect(hex(digests.subarray(0, 128))).toBe(small.digests)
    const chunk = (index: number) => digests.subarray(index * 2048, (index + 1) * 2048)
    expect(hex(leafHash(0, chunk(0)))).toBe(small.tree.leaf0)
    const treeOf = (rows: number) => {
      const collector = createLeafCollector({ keepBytes: 0 })
      collector.append(digests.subarray(0, rows * 32))
      return collector.finish()
    }
    for (const { rows, root } of small.tree.roots) expect(hex(treeOf(rows).root)).toBe(root)
    const tree = treeOf(150)
    const sample = sampleRows(small.spec, 150, { ...vectors.sampling, root: small.tree.roots.at(-1).root })
    expect(sample).toEqual(small.tree.sample)
    expect(keccak256(encodeOpenings(tree, sample, chunk))).toBe(small.tree.openingsKeccak256)
  })

  // Of standard one form, since the others take ten seconds of CPU: `npm run test:deep -- vectors` has them all.
  it.each([
    ['small', graphForms],
    ['devnet', graphForms],
    ['standard', process.env.KAISAR_ALL_FORMS ? graphForms : (['u8'] as const)],
  ] as const)(
    'the vectors are what ONNX Runtime computes for %s, in %j',
    async (name, forms) => {
      const work = vectors[name] as Work
      const weights = weightsOf(work)
      const count = (work.digests.length - 2) / 64
      const inputs = Buffer.concat(Array.from({ length: count }, (_, index) => row(bytes(work.jobSeed), index)))
      for (const form of forms)
        for (const threads of name === 'standard' ? [2] : [1, 2]) {
          const kernel = await openKernel(weights, form, { provider: 'cpu', deviceIndex: 0, threads })
          expect(hex(await kernel.run(inputs)), `${form}, ${threads} threads`).toBe(work.digests)
          await kernel.release()
        }
    },
    60_000,
  )
})
