/**
 * Writes fixtures/vectors/work.json and fixtures/models: `npx node test/unit/job/write-vectors.ts`. The vectors fix every mapping of the work proof for
 * other implementations; vectors.test.ts recomputes them in another way. A changed file is a changed protocol.
 */
import { writeFileSync } from 'node:fs'
import { bytesToHex, keccak256 } from 'viem'
import { jobSeed, sampleRows } from '../../../src/core/job/job-seed.ts'
import { keystream } from '../../../src/core/job/keystream.ts'
import { createLeafCollector, leafHash } from '../../../src/core/job/tensor/digest-tree.ts'
import { buildModel, graphForms } from '../../../src/core/job/tensor/model-graph.ts'
import { referenceDigests } from '../../../src/core/job/tensor/reference-digests.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { encodeOpenings } from '../../../src/core/job/tensor/row-openings.ts'
import {
  encodeSpec,
  leafRows,
  rowBytes,
  specHash,
  type TensorSpec,
  tensorSpecs,
} from '../../../src/core/job/tensor/tensor-spec.ts'
import { createWeights, modelHash, tensorWeightsKey } from '../../../src/core/job/tensor/weights.ts'
import { smallSpec } from './small-spec.ts'

const word = (byte: string) => `0x${byte.repeat(32)}` as const
const epochSeed = word('e5')
const identity = { chainId: 31337, round: word('a1'), deviceId: word('b2'), generation: 7 }
const sampling = { secret: word('c3'), samplingBlockHash: word('d4') }
const rows = 150

function work(spec: TensorSpec, digestRows: number) {
  const seed = jobSeed({ ...identity, specHash: specHash(spec) })
  const weights = createWeights(spec, epochSeed)
  const column5 = (entries: Int8Array, columns: number) =>
    bytesToHex(
      Uint8Array.from({ length: Math.min(64, entries.length / columns) }, (_, k) => entries[k * columns + 5]! + 64),
    )
  return {
    spec,
    specText: encodeSpec(spec),
    specHash: specHash(spec),
    jobSeed: bytesToHex(seed),
    modelHash: modelHash(weights),
    weightsKey: tensorWeightsKey(spec, epochSeed),
    /** The first 64 entries of column 5 where there are as many, x + 64: of E, of the last W and of R. */
    embedColumn5: column5(weights.embed, spec.width),
    layerColumn5: column5(weights.layers.at(-1)!, spec.width),
    reduceColumn5: column5(weights.reduce, rowBytes),
    inputRow0: bytesToHex(rowInput(seed, 0, 1)),
    inputRow1000000: bytesToHex(rowInput(seed, 1_000_000, 1)),
    digests: bytesToHex(referenceDigests(weights, rowInput(seed, 0, digestRows))),
  }
}

function tree(spec: TensorSpec) {
  const seed = jobSeed({ ...identity, specHash: specHash(spec) })
  const digests = referenceDigests(createWeights(spec, epochSeed), rowInput(seed, 0, rows))
  const roots = [0, 1, 64, 65, 129, rows].map(count => {
    const collector = createLeafCollector({ keepBytes: 0 })
    collector.append(digests.subarray(0, count * rowBytes))
    return { rows: count, root: bytesToHex(collector.finish().root) }
  })
  const collector = createLeafCollector({ keepBytes: 0 })
  collector.append(digests)
  const built = collector.finish()
  const sample = sampleRows(spec, rows, { ...sampling, root: bytesToHex(built.root) })
  const chunk = (index: number) => digests.subarray(index * leafRows * rowBytes, (index + 1) * leafRows * rowBytes)
  return {
    leaf0: bytesToHex(leafHash(0, chunk(0))),
    roots,
    sample,
    openingsKeccak256: keccak256(encodeOpenings(built, sample, chunk)),
  }
}

const vectors = {
  version: 1,
  identity,
  epochSeed,
  sampling,
  keystream: { seed: word('07'), firstBlock: 5, bytes: bytesToHex(keystream(new Uint8Array(32).fill(7), 5, 48)) },
  small: { ...work(smallSpec, 4), tree: tree(smallSpec) },
  devnet: work(tensorSpecs.devnet, 2),
  standard: work(tensorSpecs.standard, 1),
}
writeFileSync('fixtures/vectors/work.json', `${JSON.stringify(vectors, null, 2)}\n`)
for (const form of graphForms)
  writeFileSync(`fixtures/models/small-${form}.onnx`, buildModel(createWeights(smallSpec, epochSeed), form))
