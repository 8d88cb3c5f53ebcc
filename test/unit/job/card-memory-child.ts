/** Child process of card-memory.test.ts, given the URL of the package `webgpu`, with `--expose-gc`. Prints what a card computed as one line of JSON. */
import { jobsOf } from '../../../src/core/job/jobs.ts'
import { fillCardMemory, fillOnCard } from '../../../src/core/job/memory/card-fill.ts'
import { stepOrder } from '../../../src/core/job/memory/drawn-entries.ts'
import { openSteps } from '../../../src/core/job/memory/memory-openings.ts'
import { placeOfStep } from '../../../src/core/job/memory/memory-sample.ts'
import { groupBytes, type MemorySpec } from '../../../src/core/job/memory/memory-spec.ts'
import {
  reworkMemoryWindow,
  runMemoryWindow,
  type WorkedMemoryWindow,
} from '../../../src/core/job/memory/memory-window.ts'
import { openKernel } from '../../../src/core/job/tensor/kernel.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { threadClock as clock } from '../../../src/core/job/thread-clock.ts'
import { kernelFailed, takeDevice, type WgslDevice } from '../../../src/core/job/webgpu-device.ts'
import { createWorkCore } from '../../../src/core/job/work-core.ts'
import { createWorkEngine } from '../../../src/core/job/work-engine.ts'
import { isFull } from '../../helpers/full-runs.ts'
import {
  device,
  epochSeed,
  few,
  groups,
  keyOf,
  markSteps,
  sample,
  seed,
  shapes,
  specs,
  ticking,
} from './card-memory-cases.ts'
import { heldAfter } from './card-retention.ts'
import { smallSpec } from './small-spec.ts'

const webgpuModule = process.argv[2]!
const opened = await takeDevice(webgpuModule)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const outcome = (act: Promise<unknown>) =>
  act.then(
    () => 'done',
    ({ code, message }) => code ?? message,
  )
const stepsOf = ({ marks }: WorkedMemoryWindow) => marks.map(({ steps }) => steps)
const spec = specs.narrow
const bytes = groupBytes(spec)
const fill = (spec: MemorySpec, more: object = {}, device: WgslDevice = opened) =>
  fillCardMemory({ spec, key: keyOf(spec), groups, epochSeed, form: 'wgsl-4', ...more }, device, { clock })

// Three banks, the last with one group; two walks at once.
const memory = await fill(spec, { bankBytes: 3 * bytes })
const stored = await Promise.all([0, 2, 3, 6].map(async group => hex(await memory.readGroup(group))))
const worked = await reworkMemoryWindow(memory, { seed, groups, markSteps })
const [again, openings] = await Promise.all([
  reworkMemoryWindow(memory, { seed, groups, markSteps }),
  openSteps(memory, worked, sample),
])
const roots = [worked, again].map(({ root }) => hex(root))
const timed = await runMemoryWindow(memory, { seed, startedAtMs: 0 }, { clock: ticking(20) })
const window = { steps: stepsOf(timed), root: hex(timed.root) }
const read = await memory.readAll()

const walk = memory.walk({ order: stepOrder(seed, groups), step: 0, state: new Uint8Array(spec.width) })
const walked = await heldAfter(10, () => walk.run(64))

// A window that is given up leaves runs behind, and no harm.
const stop = new AbortController()
const endless = { seed, startedAtMs: 1e9 }
const given = runMemoryWindow(memory, { ...endless, signal: stop.signal }, { clock: ticking(20) })
setTimeout(() => stop.abort(), 50)
const givenUp = [await outcome(given), memory.ready]

memory.shrink(4)
const shrunk = {
  ready: memory.ready,
  lost: await outcome(reworkMemoryWindow(memory, { seed, groups, markSteps })),
  unread: await outcome(memory.readGroup(4)),
  root: hex((await reworkMemoryWindow(memory, { seed, groups: 4, markSteps })).root),
}

const others: Record<string, { stored: string; root: string }> = {}
for (const name of shapes) {
  const other = await fill(specs[name], { groups: few.groups })
  const { root } = await reworkMemoryWindow(other, { seed, ...few })
  others[name] = { stored: hex(await other.readGroup(1)), root: hex(root) }
  other.shrink(0)
}

/** The same card with less memory: banks are refused above so many bytes in all. */
function smaller(left: number): WgslDevice {
  const buffer: WgslDevice['buffer'] = (size, usage) => {
    const isBank = size % bytes === 0 && size >= bytes && usage === (128 | 4)
    if (isBank && size > left) return Promise.reject(new Error('out of memory'))
    if (isBank) left -= size
    return opened.buffer(size, usage)
  }
  return { ...opened, buffer }
}
const tight = await fill(spec, {}, smaller(6.5 * bytes))
const tightRoot = hex((await reworkMemoryWindow(tight, { seed, groups: tight.ready, markSteps })).root)
const small = { ready: tight.ready, root: tightRoot, none: await outcome(fill(spec, {}, smaller(3.5 * bytes))) }

/** How many of the walks' buffers are left of a fill whose fifth is refused. */
let left = 0
let asked = 0
const refusing: WgslDevice['buffer'] = async (size, usage) => {
  if (++asked === 5) throw kernelFailed('out of memory')
  const buffer = await opened.buffer(size, usage)
  left++
  const destroy = buffer.destroy.bind(buffer)
  return Object.assign(buffer, {
    destroy() {
      left--
      return destroy()
    },
  })
}
const leftOver = [await outcome(fill(spec, {}, { ...opened, buffer: refusing })), left]
const ending = new AbortController()
// Told to stop while it waits for somebody else's window.
const giveWay = async () => ending.abort()
const cancelled = await outcome(fill(spec, { signal: ending.signal, giveWay }))

// What takes the card itself gives it back once, and leaves it to others.
const own = { spec, key: keyOf(spec), groups, epochSeed, form: 'wgsl-4', webgpuModule } as const
const owned = await fillOnCard(own, { clock })
const ownRoot = hex((await reworkMemoryWindow(owned, { seed, groups, markSteps })).root)
owned.shrink(0)
owned.shrink(0)
const refused = await outcome(fillOnCard({ ...own, groups: 1 }, { clock }))
const held = [ownRoot, owned.ready, refused, await outcome(reworkMemoryWindow(tight, { seed, groups: 4, markSteps }))]

// An engine whose card takes the memory rounds too. Its thread would compile the shaders once more.
const jobs = jobsOf(smallSpec, spec, 150, 30)
const engineOptions = { jobs, provider: 'webgpu', form: 'wgsl-4', webgpuModule, memoryGroups: groups } as const
const engine = await (isFull ? createWorkEngine(engineOptions) : createWorkCore(engineOptions, { clock }))
const epoch = { epochSeed, device }
const prepared = (await engine.prepare(epoch)).memory
const notes = JSON.stringify({ groups, marks: markSteps })
const reworked = await engine.kinds.memory.rework({ ...epoch, seed, units: 100, notes })
const places = sample.map(step => placeOfStep(spec, step))
const ownOpenings = await engine.kinds.memory.open({ handle: reworked.handle, sample: places })
await engine.close()
const engines = [
  engine.description.memory,
  prepared.groups,
  prepared.problem,
  reworked.root.slice(2),
  hex(ownOpenings) === hex(openings),
]

// A driver that is reset in the middle of a window.
const running = runMemoryWindow(tight, endless, { clock: ticking(20) })
setTimeout(() => opened.device.destroy(), 50)
const reset = [
  await outcome(running),
  tight.ready,
  await outcome(runMemoryWindow(tight, { seed, startedAtMs: 0 }, { clock: ticking(20) })),
  await outcome(openSteps(tight, worked, sample)),
  await outcome(fill(spec)),
]

// A host whose NVIDIA card is not what WebGPU reaches: beside CUDA, whose form is known so that nothing is opened, and alone.
const meant = {
  jobs,
  card: { vendor: 'nvidia' },
  webgpuModule,
  memoryGroups: groups,
} as const
const beside = await createWorkCore({ ...meant, provider: 'cuda', form: 'fp32' }, { clock })
const { problem } = await beside.kinds.memory.prepare(epoch)
const named = (model: string) => ({ ...meant, card: { vendor: 'nvidia', model } }) as const
const message = (work: Promise<unknown>) => work.then(String, (error: Error) => error.message)
const otherAdapter = [
  beside.description.memory,
  problem?.code,
  problem?.message,
  await outcome(createWorkCore({ ...meant, provider: 'webgpu' }, { clock })),
  await outcome(createWorkCore({ ...meant, provider: 'webgpu', form: 'fp32' }, { clock })),
  await outcome(takeDevice(webgpuModule, { vendor: 'nvidia' })),
  await outcome(
    openKernel(createWeights(smallSpec, epochSeed), 'fp32', {
      ...meant,
      ...{ provider: 'webgpu', deviceIndex: 0, threads: 0 },
    }),
  ),
]
// By the name of a model: asked for, found or not, and nothing that ONNX Runtime can be asked for.
const byModel = [
  await message(takeDevice(webgpuModule, named('SwiftShader').card)),
  await message(takeDevice(webgpuModule, named('NVIDIA L4').card)),
  await outcome(
    openKernel(createWeights(smallSpec, epochSeed), 'fp32', {
      ...named('NVIDIA L4'),
      ...{ provider: 'webgpu', deviceIndex: 0, threads: 0 },
    }),
  ),
]
await beside.close()

const answer = {
  stored,
  roots,
  openings: hex(openings),
  window,
  walked,
  read,
  givenUp,
  shrunk,
  others,
  small,
  leftOver,
  cancelled,
  held,
  engines,
  otherAdapter,
  byModel,
  reset,
}
process.stdout.write(`${JSON.stringify(answer)}\n`, () => {
  // GPU drivers may crash in their exit handlers; the answer is out.
  process.kill(process.pid, 'SIGKILL')
})
