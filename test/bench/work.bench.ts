/**
 * The work proof at K=1024, L=8, D=2 s, t=16 on every core of this machine, everything counted. `ratio` is good when high. Every
 * comparison alternates with its baseline in one run and takes the median, since machines are shared.
 */
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import { recoverTypedDataAddress } from 'viem'
import { chunkCount, createLeafCollector } from '../../src/core/job/tensor/digest-tree.ts'
import { openKernel } from '../../src/core/job/tensor/kernel.ts'
import type { FormResult } from '../../src/core/job/tensor/kernel-self-test.ts'
import { rowInput } from '../../src/core/job/tensor/row-input.ts'
import { runWindow } from '../../src/core/job/tensor/tensor-engine.ts'
import { operationsPerRow, rowBytes } from '../../src/core/job/tensor/tensor-spec.ts'
import { createWeights } from '../../src/core/job/tensor/weights.ts'
import { threadClock } from '../../src/core/job/thread-clock.ts'
import { createWorkEngine, type WorkEngine } from '../../src/core/job/work-engine.ts'
import { encodeOnnxModel, onnxType } from '../../src/core/platform/onnx-model.ts'
import { signedTypes, signingDomain } from '../../src/core/protocol/typed-data.ts'
import { seedOf } from '../../src/core/report/commitment.ts'
import { bundleHash } from '../../src/core/report/evidence-bundle.ts'
import { recoverSigner, signMessage } from '../../src/core/report/signer.ts'
import type { Verifier } from '../../src/core/report/wrong-work.ts'
import { runOnSwiftshader, swiftshaderMissing } from '../helpers/swiftshader.ts'
import { installWebgpuPackage } from '../helpers/webgpu-package.ts'
import {
  costOfSettling,
  device,
  epochSeed,
  gathering,
  identity,
  jobs,
  median,
  milliseconds,
  network,
  noParts,
  openSeat,
  type Parts,
  type Report,
  reportsOf,
  settleCpuTime,
  spec,
  word,
} from './seat.ts'

type Row = {
  name: string
  value: number
  unit: string
  baseline: number
  ratio: number
  control?: number
  noise?: number
  /** The ratio in the quietest of the passes whose median is `ratio`: neighbours of a shared core add to what the others took. */
  quietest?: number
  /** Where the time goes, in ms of CPU a device. */
  parts?: Record<keyof Cost, number>
}

/** Of the model in ONNX Runtime; `work.prove` is the one that the self-test chose. */
const forms = ['fp32', 'u8', 's8'] as const

export const rowNames = [
  'work.model',
  'work.prove',
  ...forms.map(form => `work.prove.${form}`),
  'work.prove.webgpu',
  'work.window',
  'work.verify',
  'work.verify.batched',
  'work.verify.scaling',
  'work.verify.scaling.4x',
  'work.feed',
  'work.commit',
  'signature.recover',
]

/** `isWanted`: what is asked for, so that nothing else is measured first. */
export async function* rows(isWanted: (name: string) => boolean = () => true): AsyncGenerator<Row> {
  const wants = (beginning: string) => rowNames.some(name => name.startsWith(beginning) && isWanted(name))
  const engine = await createWorkEngine({ jobs, provider: 'cpu', keepWindows: { tensor: 100, memory: 100, beat: 100 } })
  try {
    if (wants('work.model')) yield await model(engine)
    if (wants('work.prove') || wants('work.window')) yield* prove(engine)
    if (wants('work.verify')) yield* verify(engine, wants('work.verify.scaling'))
  } finally {
    await engine.close()
  }
  if (wants('work.feed')) yield feed()
  if (wants('work.commit')) yield commit()
  if (wants('signature.recover')) yield await recover()
}

const perSecond = (work: number, ms: number): number => (work / ms) * 1_000

/** Once per epoch: weights, graph, session; against one window. */
async function model(engine: WorkEngine): Promise<Row> {
  const times: number[] = []
  for (const byte of ['01', '02', '03', '04', '05'])
    times.push((await engine.kinds.tensor.prepare({ epochSeed: word(byte) })).buildMs)
  const value = median(times)
  return { name: 'work.model', value, unit: 'ms', baseline: spec.windowMs, ratio: spec.windowMs / value }
}

/** Work per second inside a window against plain ONNX Runtime MatMul [1024, K] · [K, K] in fp32, in turn. */
async function* prove({ kinds: { tensor } }: WorkEngine): AsyncGenerator<Row> {
  await tensor.prepare({ epochSeed })
  const seed = seedOf(network, identity(0))
  const plain = await plainMatMul()
  const weights = createWeights(spec, epochSeed)
  const kernels = await Promise.all(
    forms.map(form => openKernel(weights, form, { provider: 'cpu', deviceIndex: 0, threads: 0 })),
  )
  const measured: { plain: number; own: number; forms: readonly number[]; share: number }[] = []
  for (let i = 0; i < 5; i++) {
    const window = await tensor.runWindow({ epochSeed, seed })
    const byForm: number[] = []
    for (const { run } of kernels) {
      const deadlineMs = threadClock.monotonicMs() + spec.windowMs
      const { tree } = await runWindow(
        { seed, deadlineMs, batchRows: 1024, rowMs: 0, keepBytes: 1e9 },
        { compute: run, clock: threadClock },
      )
      byForm.push((tree.rows * operationsPerRow(spec)) / spec.windowMs)
    }
    measured.push({
      plain: await plain.operationsPerMs(1_000),
      own: (window.units * operationsPerRow(spec)) / spec.windowMs,
      forms: byForm,
      share: window.kernelMs / window.durationMs,
    })
    await tensor.release(window.handle)
  }
  await plain.release()
  for (const kernel of kernels) await kernel.release()
  const baseline = median(measured.map(each => each.plain)) / 1e6
  const row = (name: string, of: (each: (typeof measured)[number]) => number): Row => ({
    name,
    value: median(measured.map(of)) / 1e6,
    unit: 'Gop/s',
    baseline,
    ratio: median(measured.map(each => of(each) / each.plain)),
  })
  yield row('work.prove', ({ own }) => own)
  for (const [i, form] of forms.entries()) yield row(`work.prove.${form}`, each => each.forms[i]!)
  yield* proveOnWebgpu(baseline)
  const value = median(measured.map(({ share }) => share))
  yield { name: 'work.window', value, unit: 'share of the window in ONNX Runtime', baseline: 1, ratio: value }
}

/**
 * The forms of WebGPU on a processor that stands in for a card: as the self-test measures them, in a process of its own. What a card makes of
 * them is said by `bench -- gpu`.
 */
async function* proveOnWebgpu(baseline: number): AsyncGenerator<Row> {
  if (swiftshaderMissing !== null)
    return process.stderr.write(`work.prove.webgpu is left out: of the software device, ${swiftshaderMissing}.\n`)
  const script = fileURLToPath(new URL('webgpu-forms.ts', import.meta.url))
  for (const { form, exact, rate } of await runOnSwiftshader<FormResult[]>([script, installWebgpuPackage()])) {
    if (!exact) continue
    const value = rate / 1e3
    yield {
      name: `work.prove.webgpu.${form}`,
      value,
      unit: 'Gop/s on a software device',
      baseline,
      ratio: value / baseline,
    }
  }
}

/** What a chain of plain products reaches: the same shape, one weight matrix, nothing between. */
async function plainMatMul() {
  const { width, layers } = spec
  const batch = 1024
  const value = (name: string) => ({ name, type: onnxType.float32, shape: [batch, width] })
  const weights = Float32Array.from({ length: width * width }, () => (Math.random() - 0.5) / 16)
  const bytes = encodeOnnxModel({
    producer: 'kaisar',
    opset: 18,
    name: 'plain',
    nodes: Array.from({ length: layers }, (_, layer) => ({
      opType: 'MatMul',
      input: [layer === 0 ? 'x' : `y${layer - 1}`, 'w'],
      output: [`y${layer}`],
    })),
    constants: [{ name: 'w', dims: [width, width], type: onnxType.float32, data: new Uint8Array(weights.buffer) }],
    inputs: [value('x')],
    outputs: [value(`y${layers - 1}`)],
  })
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

type Cost = Parts & {
  /** The rest of the seat's own thread: the judge itself, and waking the thread that recomputes. */
  judge: number
  /** Proofs against the root, in the thread that recomputes: measured by themselves, after the rounds. */
  proofs: number
  /** The rest of that thread, and of those that compile and collect garbage. */
  recompute: number
}

/**
 * CPU time of this process, all its threads, in milliseconds per report, of seats that judge round after round. As many rounds come
 * before those that count. The parts are of as many rounds more: asking for them costs time of its own.
 */
async function costOf(engine: Verifier, bySeat: readonly (readonly Report[])[], rounds: number): Promise<Cost> {
  const perReport = (ms: number) => ms / (rounds * bySeat.flat().length)
  const seats = bySeat.map((reports, seat) => openSeat(seat, engine, reports, null))
  // Letting go of the core is what measuring takes, and no part of a round.
  const settling = costOfSettling()
  let all = 0
  let thread = 0
  for (let round = -rounds; round < rounds; round++) {
    settleCpuTime()
    const before = process.cpuUsage()
    const threadBefore = process.threadCpuUsage()
    await Promise.all(seats.map(seat => seat.judge()))
    settleCpuTime()
    if (round >= 0) {
      thread += milliseconds(process.threadCpuUsage(threadBefore)) - settling
      all += milliseconds(process.cpuUsage(before)) - settling
    }
    for (const seat of seats) seat.forget()
  }
  const proofsBefore = process.threadCpuUsage()
  for (let round = 0; round < rounds; round++) for (const seat of seats) seat.checkProofs()
  const proofs = milliseconds(process.threadCpuUsage(proofsBefore))
  for (const seat of seats) await seat.close()

  const parts = noParts()
  const metered = bySeat.map((reports, seat) => openSeat(seat, engine, reports, parts))
  for (let round = 0; round < rounds; round++) {
    await Promise.all(metered.map(seat => seat.judge()))
    for (const seat of metered) seat.forget()
  }
  for (const seat of metered) await seat.close()
  const { messages, signatures, store } = parts
  const judge = thread - messages - signatures - store
  const shares = Object.entries({ messages, signatures, store, judge, proofs, recompute: all - thread - proofs })
  return Object.fromEntries(shares.map(([part, ms]) => [part, perReport(ms)])) as Cost
}

const sum = (cost: Cost): number => Object.values(cost).reduce((total, ms) => total + ms, 0)

async function* verify(prover: WorkEngine, withScaling: boolean): AsyncGenerator<Row> {
  const seat = await createWorkEngine({ jobs, provider: 'cpu', threads: 1, witnesses: true })
  await seat.kinds.tensor.prepare({ epochSeed })
  await prover.kinds.tensor.prepare({ epochSeed })
  try {
    yield* verifyWindows(prover, seat)
    if (withScaling) yield* scaling(prover, seat)
  } finally {
    await seat.close()
  }
}

/**
 * One device's window, and 64 at once: eight windows of full length, each sampled by eight seats with secrets of their own, all
 * recomputed by one engine. So a seat with 64 devices, but for the 64 windows of two seconds that would have to be worked first.
 */
async function* verifyWindows(prover: WorkEngine, engine: WorkEngine): AsyncGenerator<Row> {
  const eight = [0, 1, 2, 3, 4, 5, 6, 7]
  const windows: Report[][] = []
  for (const number of eight) windows.push(await reportsOf(prover, number, spec.windowMs, eight))
  const alone = [[windows[0]![0]!]]
  const cohort = eight.map(seat => windows.map(reports => reports[seat]!))
  const together = gathering(engine)
  // As many rounds as a seat of 64 devices has in a week: until then the runtime still compiles what is hot.
  await costOf(engine, alone, 1_000)
  // One after the other: what the many leave in the caches and to the garbage collector is no part of what the one costs.
  const single: Cost[] = []
  for (let i = 0; i < 15; i++) single.push(await costOf(engine, alone, 100))
  const batched: Cost[] = []
  for (let i = 0; i < 15; i++) batched.push(await costOf(together, cohort, 4))
  const row = (name: string, costs: readonly Cost[]): Row => {
    const value = median(costs.map(sum))
    // Of the round that is shown, so that its parts are what it says.
    const shown = costs.find(cost => sum(cost) === value)!
    const parts = Object.fromEntries(Object.entries(shown).map(([part, ms]) => [part, Number(ms.toFixed(2))])) as Cost
    const quietest = spec.windowMs / Math.min(...costs.map(sum))
    const ratio = spec.windowMs / value
    return { name, value, unit: 'ms of CPU a device', baseline: spec.windowMs, ratio, quietest, parts }
  }
  yield row('work.verify', single)
  yield row('work.verify.batched', batched)
}

/**
 * One report of 1×, 4× and 16× the rows, in rounds whose order rotates. `control` is 1× against itself in the same rounds and `noise`
 * how far it usually is from 1: a ratio is flat where it differs from the control by no more. The Merkle paths are not flat.
 */
async function* scaling(prover: WorkEngine, engine: WorkEngine): AsyncGenerator<Row> {
  const report = async (durationMs: number) => (await reportsOf(prover, 0, durationMs, [0]))[0]!
  const once = await report(250)
  const sizes = [once, once, await report(1_000), await report(4_000)]
  const rounds: number[][] = []
  for (let round = 0; round < 12; round++) {
    const measured: number[] = []
    for (let turn = 0; turn < sizes.length; turn++) {
      const index = (round + turn) % sizes.length
      measured[index] = sum(await costOf(engine, [[sizes[index]!]], 10))
    }
    rounds.push(measured)
  }
  const against = (index: number) => rounds.map(measured => measured[0]! / measured[index]!)
  const control = median(against(1))
  const noise = median(against(1).map(ratio => Math.abs(ratio - 1)))
  const path = ({ rows }: Report) => Math.ceil(Math.log2(chunkCount(rows)))
  const row = (name: string, times: number, index: number): Row => ({
    name,
    value: median(rounds.map(measured => measured[index]!)),
    unit: `ms at ${times}× the rows, Merkle path ${path(once)} → ${path(sizes[index]!)}`,
    baseline: median(rounds.map(measured => measured[0]!)),
    ratio: median(against(index)),
    control,
    noise,
  })
  yield row('work.verify.scaling', 16, 3)
  yield row('work.verify.scaling.4x', 4, 2)
}

/** What the kernel's thread can feed a card, by its CPU time: rows drawn, and their digests hashed into leaves and tree, with no kernel between. Against drawing alone. */
function feed(): Row {
  const batchRows = 16_384
  const rows = 32 * batchRows
  const seed = new Uint8Array(32).fill(3)
  const measured: Record<'fed' | 'drawn', number[]> = { fed: [], drawn: [] }
  function timed(name: keyof typeof measured, act: (inputs: Uint8Array) => void) {
    const before = process.threadCpuUsage()
    for (let at = 0; at < rows; at += batchRows) act(rowInput(seed, at, batchRows))
    measured[name].push(perSecond(rows, milliseconds(process.threadCpuUsage(before))))
  }
  for (let i = 0; i < 8; i++) {
    const collector = createLeafCollector({ keepBytes: 2 ** 30 })
    timed('fed', inputs => {
      collector.append(inputs)
      if (collector.rows === rows) collector.finish()
    })
    timed('drawn', () => undefined)
  }
  return {
    ...{ name: 'work.feed', value: median(measured.fed), unit: 'rows drawn and hashed a second of CPU' },
    ...{ baseline: median(measured.drawn), ratio: median(measured.fed.map((rate, i) => rate / measured.drawn[i]!)) },
  }
}

/** Leaves and tree over a million rows against one plain SHA-256 over the same bytes. */
function commit(): Row {
  const count = 2 ** 20
  const digests = new Uint8Array(count * rowBytes).fill(7)
  const own: number[] = []
  const plain: number[] = []
  for (let i = 0; i < 5; i++) {
    const before = process.threadCpuUsage()
    const collector = createLeafCollector({ keepBytes: 2 ** 30 })
    for (let at = 0; at < digests.length; at += 1024 * rowBytes)
      collector.append(digests.subarray(at, at + 1024 * rowBytes))
    collector.finish()
    own.push(perSecond(count, milliseconds(process.threadCpuUsage(before))))
    const builtAt = process.threadCpuUsage()
    bundleHash(digests)
    plain.push(perSecond(count, milliseconds(process.threadCpuUsage(builtAt))))
  }
  const [value, baseline] = [median(own), median(plain)]
  return { name: 'work.commit', value, unit: 'rows hashed a second of CPU', baseline, ratio: value / baseline }
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
