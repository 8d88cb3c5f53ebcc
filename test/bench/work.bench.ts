/**
 * The work proof at K=1024, L=8, D=2 s, t=16 on every core of this machine, everything counted. `ratio` is good when high. Every
 * comparison alternates with its baseline in one run and takes the median, since machines are shared.
 */
import onnxProto from 'onnx-proto'
import * as ort from 'onnxruntime-node'
import { recoverTypedDataAddress } from 'viem'
import { createLeafCollector } from '../../src/core/job/digest-tree.ts'
import { openKernel } from '../../src/core/job/kernel.ts'
import { runWindow } from '../../src/core/job/run-window.ts'
import { type JobSpec, operationsPerRow, rowBytes, specHash, specs } from '../../src/core/job/spec.ts'
import { threadClock } from '../../src/core/job/thread-clock.ts'
import { createWeights } from '../../src/core/job/weights.ts'
import { createWorkEngine, type WorkEngine } from '../../src/core/job/work-engine.ts'
import type { Signed } from '../../src/core/protocol/typed-data.ts'
import { signedTypes, signingDomain } from '../../src/core/protocol/typed-data.ts'
import { commitmentHash, sampleOf, seedOf } from '../../src/core/report/commitment.ts'
import { bundleHash, encodeBundle } from '../../src/core/report/evidence-bundle.ts'
import { createSigner, isSignedBy, recoverSigner, signMessage } from '../../src/core/report/signer.ts'

const spec: JobSpec = { ...specs.devnet, windowMs: 2_000 }
const network = { chainId: 31337, consensus: '0x00000000000000000000000000000000c0ffee00' } as const
const word = (byte: string) => `0x${byte.repeat(32)}` as const
const epochSeed = word('e5')
const device = createSigner({ privateKey: word('a1'), network })
const checker = createSigner({ privateKey: word('c2'), network })

type Row = { name: string; value: number; unit: string; baseline: number; ratio: number }

export const rowNames = [
  'work.model',
  'work.prove',
  'work.prove.fp32',
  'work.window',
  'work.verify',
  'work.verify.batched',
  'work.verify.scaling',
  'work.commit',
  'signature.recover',
]

export async function* rows(): AsyncGenerator<Row> {
  const engine = await createWorkEngine({ spec, provider: 'cpu', keepWindows: 100 })
  try {
    yield await model(engine)
    yield* prove(engine)
    yield* verify(engine)
  } finally {
    await engine.close()
  }
  yield commit()
  yield await recover()
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!
const perSecond = (work: number, ms: number): number => (work / ms) * 1_000

/** Once per epoch: weights, graph, session; against one window. */
async function model(engine: WorkEngine): Promise<Row> {
  const times: number[] = []
  for (const byte of ['01', '02', '03', '04', '05']) times.push((await engine.prepare(word(byte))).buildMs)
  const value = median(times)
  return { name: 'work.model', value, unit: 'ms', baseline: spec.windowMs, ratio: spec.windowMs / value }
}

/** Work per second inside a window against plain ONNX Runtime MatMul [1024, K] · [K, K] in fp32, in turn. */
async function* prove(engine: WorkEngine): AsyncGenerator<Row> {
  await engine.prepare(epochSeed)
  const seed = seedOf(network, identity(0))
  const plain = await plainMatMul()
  const weights = createWeights(spec, epochSeed)
  const fp32 = await openKernel(weights, 'fp32', { provider: 'cpu', deviceIndex: 0, threads: 0 })
  const measured: { plain: number; own: number; fp32: number; share: number }[] = []
  for (let i = 0; i < 5; i++) {
    const window = await engine.runWindow({ epochSeed, seed })
    const deadlineMs = threadClock.monotonicMs() + spec.windowMs
    const inFp32 = await runWindow(
      { seed, deadlineMs, batchRows: 1024, rowMs: 0, keepBytes: 1e9 },
      { compute: fp32.run, clock: threadClock },
    )
    measured.push({
      plain: await plain.operationsPerMs(1_000),
      own: (window.rows * operationsPerRow(spec)) / spec.windowMs,
      fp32: (inFp32.tree.rows * operationsPerRow(spec)) / spec.windowMs,
      share: window.kernelMs / window.durationMs,
    })
    await engine.release(window.handle)
  }
  await plain.release()
  await fp32.release()
  const baseline = median(measured.map(each => each.plain)) / 1e6
  const row = (name: string, key: 'own' | 'fp32'): Row => ({
    name,
    value: median(measured.map(each => each[key])) / 1e6,
    unit: 'Gop/s',
    baseline,
    ratio: median(measured.map(each => each[key] / each.plain)),
  })
  yield row('work.prove', 'own')
  yield row('work.prove.fp32', 'fp32')
  const value = median(measured.map(({ share }) => share))
  yield { name: 'work.window', value, unit: 'share of the window in ONNX Runtime', baseline: 1, ratio: value }
}

/** What a chain of plain products reaches: the same shape, one weight matrix, nothing between. */
async function plainMatMul() {
  const { width, layers } = spec
  const batch = 1024
  const { onnx } = onnxProto
  const value = (name: string) => ({
    name,
    type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: batch }, { dimValue: width }] } } },
  })
  const weights = Float32Array.from({ length: width * width }, () => (Math.random() - 0.5) / 16)
  const bytes = onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph: {
      name: 'plain',
      node: Array.from({ length: layers }, (_, layer) => ({
        opType: 'MatMul',
        input: [layer === 0 ? 'x' : `y${layer - 1}`, 'w'],
        output: [`y${layer}`],
      })),
      initializer: [{ name: 'w', dims: [width, width], dataType: 1, rawData: new Uint8Array(weights.buffer) }],
      input: [value('x')],
      output: [value(`y${layers - 1}`)],
    },
  }).finish()
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['cpu'], logSeverityLevel: 3 })
  const x = new ort.Tensor('float32', new Float32Array(batch * width).fill(0.5), [batch, width])
  await session.run({ x })
  return {
    async operationsPerMs(durationMs: number): Promise<number> {
      const startMs = threadClock.monotonicMs()
      let runs = 0
      for (; threadClock.monotonicMs() - startMs < durationMs; runs++) await session.run({ x })
      return (runs * batch * 2 * width * width * layers) / (threadClock.monotonicMs() - startMs)
    },
    release: () => session.release(),
  }
}

const identity = (number: number) => ({
  epoch: 1n,
  round: word('a7'),
  deviceId: `0x${number.toString(16).padStart(64, '0')}` as const,
  generation: 1,
  specHash: specHash(spec),
})

/** What one device sends one seat in a round. */
async function reportOf(engine: WorkEngine, number: number, durationMs: number) {
  const seed = seedOf(network, identity(number))
  const { rows, root, handle } = await engine.runWindow({ epochSeed, seed, durationMs })
  const message = { ...identity(number), rows: BigInt(rows), root, environmentHash: word('00') }
  const commitment = await signMessage(device, 'Commitment', message)
  const request = await requestFor(commitment)
  const openings = await engine.open({ handle, sample: sampleOf(spec, message, request.message) })
  await engine.release(handle)
  return { commitment, openings }
}
type Report = Awaited<ReturnType<typeof reportOf>>

const secret = word('5e')
const requestFor = (commitment: Signed<'Commitment'>) =>
  signMessage(checker, 'SampleRequest', {
    commitmentHash: commitmentHash(network, commitment.message),
    secret,
    samplingBlockHash: word('b1'),
    checker: checker.address,
  })

/** Everything one seat does for these devices: offer, signature, sample, request, proof, recomputation, bundle. */
async function judge(engine: WorkEngine, reports: readonly Report[]): Promise<void> {
  const prepared = await Promise.all(
    reports.map(async ({ commitment, openings }) => {
      const { rows: _rows, root: _root, environmentHash: _environment, ...bound } = commitment.message
      const offered = { ...bound, secretHash: word('00'), checker: checker.address }
      const offer = await signMessage(checker, 'JobOffer', offered)
      if (!isSignedBy(network, 'Commitment', commitment, device.address)) throw new Error('not signed')
      const request = await requestFor(commitment)
      const { rows, root } = commitment.message
      const sample = sampleOf(spec, commitment.message, request.message)
      return { offer, request, item: { seed: seedOf(network, bound), rows: Number(rows), root, sample, openings } }
    }),
  )
  const answers = await engine.verify({ epochSeed, items: prepared.map(({ item }) => item) })
  prepared.forEach(({ offer, request }, index) => {
    if (!answers[index]!.ok) throw new Error(`not accepted: ${JSON.stringify(answers[index])}`)
    const { commitment, openings } = reports[index]!
    const bundle = {
      network,
      spec,
      epochSeed,
      offer,
      commitment,
      request,
      openings,
      environment: null,
      deviceReport: null,
    }
    bundleHash(encodeBundle(bundle))
  })
}

/** CPU time of this process, all its threads, in milliseconds per device. */
async function cpuMs(engine: WorkEngine, reports: readonly Report[], repeats: number): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < repeats; i++) await judge(engine, reports)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000 / repeats / reports.length
}

async function* verify(prover: WorkEngine): AsyncGenerator<Row> {
  const seat = await createWorkEngine({ spec, provider: 'cpu', threads: 1 })
  await seat.prepare(epochSeed)
  const alone = await reportOf(prover, 0, spec.windowMs)
  const cohort = await Promise.all(Array.from({ length: 64 }, (_, number) => reportOf(prover, number, 2_000)))
  const sizes = [await reportOf(prover, 1, 250), await reportOf(prover, 2, 1_000), await reportOf(prover, 3, 4_000)]
  for (const report of [alone, ...sizes]) await cpuMs(seat, [report], 20)

  const single: number[] = []
  const batched: number[] = []
  const bySize: number[][] = [[], [], []]
  for (let i = 0; i < 7; i++) {
    single.push(await cpuMs(seat, [alone], 40))
    batched.push(await cpuMs(seat, cohort, 2))
    for (const [index, report] of sizes.entries()) bySize[index]!.push(await cpuMs(seat, [report], 40))
  }
  await seat.close()
  const row = (name: string, value: number): Row => ({
    name,
    value,
    unit: 'ms of CPU a device',
    baseline: spec.windowMs,
    ratio: spec.windowMs / value,
  })
  yield row('work.verify', median(single))
  yield row('work.verify.batched', median(batched))
  const [once, , sixteenfold] = bySize.map(median)
  const flat = { value: sixteenfold!, unit: 'ms at 16× the rows', baseline: once!, ratio: once! / sixteenfold! }
  yield { name: 'work.verify.scaling', ...flat }
}

/** Leaves and tree over a million rows against one plain SHA-256 over the same bytes. */
function commit(): Row {
  const count = 2 ** 20
  const digests = new Uint8Array(count * rowBytes).fill(7)
  const own: number[] = []
  const plain: number[] = []
  for (let i = 0; i < 5; i++) {
    const startMs = threadClock.monotonicMs()
    const collector = createLeafCollector({ keepBytes: 2 ** 30 })
    for (let at = 0; at < digests.length; at += 1024 * rowBytes)
      collector.append(digests.subarray(at, at + 1024 * rowBytes))
    collector.finish()
    const builtMs = threadClock.monotonicMs()
    bundleHash(digests)
    own.push(perSecond(count, builtMs - startMs))
    plain.push(perSecond(count, threadClock.monotonicMs() - builtMs))
  }
  const [value, baseline] = [median(own), median(plain)]
  return { name: 'work.commit', value, unit: 'rows hashed a second', baseline, ratio: value / baseline }
}

/** Recovering the signer of a commitment, digest included, against viem. */
async function recover(): Promise<Row> {
  const message = { ...identity(0), rows: 1n, root: word('11'), environmentHash: word('22') }
  const signed = await signMessage(device, 'Commitment', message)
  const data = {
    domain: signingDomain(network),
    types: signedTypes,
    primaryType: 'Commitment',
    message,
    signature: signed.signature,
  } as const
  const own: number[] = []
  const viem: number[] = []
  for (let i = 0; i < 7; i++) {
    own.push(await rate(300, () => recoverSigner(network, 'Commitment', signed)))
    viem.push(await rate(30, () => recoverTypedDataAddress(data)))
  }
  const [value, baseline] = [median(own), median(viem)]
  return { name: 'signature.recover', value, unit: 'signatures a second', baseline, ratio: value / baseline }
}

async function rate(count: number, act: () => unknown): Promise<number> {
  const startMs = threadClock.monotonicMs()
  for (let i = 0; i < count; i++) await act()
  return perSecond(count, threadClock.monotonicMs() - startMs)
}
