/**
 * The vectors once more by other means: AES block by block in ECB, arithmetic in BigInt, hashing piece by piece; nothing of
 * src/core/job but the kernel that is compared.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as ort from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { openKernel } from '../../../src/core/job/kernel.ts'
import { buildModel, kernelForms } from '../../../src/core/job/model-graph.ts'
import { createWeights, modelHash } from '../../../src/core/job/weights.ts'

const vectors = JSON.parse(readFileSync('fixtures/vectors/work.json', 'utf8'))
const bytes = (hex: string) => Buffer.from(hex.slice(2), 'hex')
const hex = (value: Uint8Array) => `0x${Buffer.from(value).toString('hex')}`
const sha256 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const integer = (value: number, size: number) => Buffer.from(value.toString(16).padStart(2 * size, '0'), 'hex')

function stream(seed: Buffer, firstBlock: number, length: number): Buffer {
  const blocks: Buffer[] = []
  const start = BigInt(hex(seed.subarray(16)))
  for (let i = 0; i * 16 < length; i++) {
    const counter = (start + BigInt(firstBlock + i)) % 2n ** 128n
    const cipher = createCipheriv('aes-128-ecb', seed.subarray(0, 16), null)
    blocks.push(cipher.update(Buffer.from(counter.toString(16).padStart(32, '0'), 'hex')))
  }
  return Buffer.concat(blocks).subarray(0, length)
}
const weight = (byte: number) => (byte % 128 === 0 ? 0 : (byte % 128) - 64)
const row = (seed: Buffer, index: number) => stream(seed, 2 * index, 32).map(byte => byte % 128)

/** floor(y / 128) mod 128 − 64 by BigInt division, which rounds towards zero. */
function phi(y: bigint): bigint {
  const floor = y >= 0n ? y / 128n : -((-y + 127n) / 128n)
  return (((floor % 128n) + 128n) % 128n) - 64n
}

type Work = typeof vectors.small
function matrix({ specHash }: Work, index: number, entries: number): number[] {
  const seed = sha256('kaisar/weights/v1', bytes(specHash), bytes(vectors.epochSeed), integer(index, 4))
  return Array.from(stream(seed, 0, entries), weight)
}
const multiply = (x: bigint[], entries: number[], columns: number): bigint[] =>
  Array.from({ length: columns }, (_, column) =>
    phi(x.reduce((sum, value, k) => sum + value * BigInt(entries[k * columns + column]!), 0n)),
  )

function digest(work: Work, index: number): Buffer {
  const { width, layers, weights } = work.spec
  let x = Array.from(row(bytes(work.jobSeed), index), byte => BigInt(byte - 64))
  x = multiply(x, matrix(work, 0, 32 * width), width)
  for (let layer = 0; layer < layers; layer++)
    x = multiply(x, matrix(work, 1 + (layer % weights), width * width), width)
  x = multiply(x, matrix(work, 1 + weights, width * 32), 32)
  return Buffer.from(x.map(value => Number(value) + 64))
}

describe('vectors', () => {
  const { identity, small } = vectors

  it('fix the keystream', () => {
    const { seed, firstBlock, bytes: expected } = vectors.keystream
    expect(hex(stream(bytes(seed), firstBlock, 48))).toBe(expected)
  })

  it.each(['small', 'devnet', 'standard'])('fix spec, job seed, rows and weights of %s', name => {
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
    expect(matrix(work, 0, 16)).toEqual(work.embedFirst16)
    expect(matrix(work, 1, 16)).toEqual(work.layer0First16)
    expect(matrix(work, 1 + weights, 16)).toEqual(work.reduceFirst16)
  })

  it('fix digests, leaf, root and sample of the small spec, in BigInt', () => {
    const digests = Array.from({ length: 150 }, (_, index) => digest(small, index))
    expect(hex(Buffer.concat(digests.slice(0, 4)))).toBe(small.digests)
    const leaves = [0, 1, 2].map(chunk =>
      sha256('kaisar/leaf/v1', integer(chunk, 8), Buffer.concat(digests.slice(chunk * 64, chunk * 64 + 64))),
    )
    expect(hex(leaves[0]!)).toBe(small.tree.leaf0)
    const node = (left: Buffer, right: Buffer) => sha256('kaisar/node/v1', left, right)
    const root = sha256('kaisar/root/v1', integer(150, 8), node(node(leaves[0]!, leaves[1]!), leaves[2]!))
    expect(hex(root)).toBe(small.tree.roots.at(-1).root)
    expect(small.tree.roots[0]).toEqual({ rows: 0, root: `0x${'00'.repeat(32)}` })

    const { secret, samplingBlockHash } = vectors.sampling
    const drawn = new Set<number>()
    const words = stream(sha256('kaisar/sample/v1', bytes(secret), root, bytes(samplingBlockHash)), 0, 512)
    for (let at = 0; drawn.size < small.spec.samples; at += 8) drawn.add(Number(words.readBigUInt64BE(at) % 150n))
    expect([...drawn].sort((a, b) => a - b)).toEqual(small.tree.sample)
  })

  it('fix the first digest of devnet, in double precision', () => {
    const { jobSeed, spec, digests } = vectors.devnet as Work
    const { width, layers, weights } = spec
    // Sums stay below 2^24, so doubles are exact; BigInt would take half a minute on a busy machine.
    const step = (x: Float64Array, index: number, columns: number) => {
      const entries = matrix(vectors.devnet, index, x.length * columns)
      return Float64Array.from({ length: columns }, (_, column) => {
        const sum = x.reduce((total, value, k) => total + value * entries[k * columns + column]!, 0)
        return (((Math.floor(sum / 128) % 128) + 128) % 128) - 64
      })
    }
    let x = step(
      Float64Array.from(row(bytes(jobSeed), 0), byte => byte - 64),
      0,
      width,
    )
    for (let layer = 0; layer < layers; layer++) x = step(x, 1 + (layer % weights), width)
    expect(hex(Uint8Array.from(step(x, 1 + weights, 32), value => value + 64))).toBe(digests.slice(0, 66))
  })

  it.each(kernelForms)(
    'fix the graph of form %s: built again byte for byte, and right in a plain session',
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

  it.each(['small', 'devnet', 'standard'])(
    'are what ONNX Runtime computes for %s, sealed by the same hash',
    async name => {
      const work = vectors[name] as Work
      const weights = createWeights(work.spec, vectors.epochSeed)
      expect(modelHash(weights)).toBe(work.modelHash)
      const kernel = await openKernel(weights, 'u8', { provider: 'cpu', deviceIndex: 0, threads: 1 })
      const count = (work.digests.length - 2) / 64
      const inputs = Buffer.concat(Array.from({ length: count }, (_, index) => row(bytes(work.jobSeed), index)))
      expect(hex(await kernel.run(inputs))).toBe(work.digests)
      await kernel.release()
    },
  )
})
