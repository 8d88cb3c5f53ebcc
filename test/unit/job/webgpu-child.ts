/**
 * Child process of webgpu.test.ts, given the URL of the package `webgpu`, with `--expose-gc`: one WebGPU thread at a time in a process of its own. Prints what
 * it computed as one line of JSON. What takes its time is compiling shaders, so one device has them all.
 */
import { type Kernel, openKernel } from '../../../src/core/job/tensor/kernel.ts'
import { selfTest } from '../../../src/core/job/tensor/kernel-self-test.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { threadClock } from '../../../src/core/job/thread-clock.ts'
import { createWorkEngine } from '../../../src/core/job/work-engine.ts'
import { heldAfter } from './card-retention.ts'
import { epochSeed, smallJobs, smallSpec } from './small-spec.ts'
import { alone, childRows, childSeed, childSpecs } from './webgpu-models.ts'

const webgpuModule = process.argv[2]!
const options = { provider: 'webgpu', deviceIndex: 0, threads: 0, webgpuModule } as const
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const refusal = ({ code, message }: { code: string; message: string }) => `${code} ${message}`
const inputs = rowInput(childSeed, 0, childRows)

const kernel = await openKernel(createWeights(smallSpec, epochSeed), 'fp32', options)
// A row alone takes another path on a GPU (vector times matrix).
const digests = [hex(await kernel.run(inputs)), hex(await kernel.run(alone(inputs)))]

// The same as shaders of our own: twice in flight, a row alone, and with inner activations.
const shaders: Record<string, string[]> = {}
const opened: Kernel[] = []
for (const form of ['wgsl-4', 'wgsl-8'] as const) {
  const shader = await openKernel(createWeights(childSpecs[form], epochSeed), form, { ...options, inner: true })
  const given = await Promise.all([shader.run(inputs), shader.run(alone(inputs)), shader.runInner!(inputs)])
  shaders[form] = given.map(each => ('inner' in each ? hex(each.digests) + hex(each.inner) : hex(each)))
  opened.push(shader)
}
const computed = await heldAfter(10, () => opened[0]!.run(inputs))
const tested = await selfTest(smallSpec, { ...options, mostRows: childRows }, threadClock)
await kernel.release()
for (const shader of opened) {
  await shader.release()
  shaders[shader.form]!.push(await shader.run(inputs).then(() => 'ran', refusal))
}
// WebGPU has no product of bytes: its nodes could only run on the CPU.
const weights = createWeights(smallSpec, epochSeed)
const fallback = await openKernel(weights, 'u8', options).then(() => 'opened, on the CPU', refusal)

// In the thread of an engine; a second one is refused in words, where it would end the process.
const engineOptions = { jobs: smallJobs, provider: 'webgpu', form: 'wgsl-4', webgpuModule } as const
const starts = await Promise.allSettled([createWorkEngine(engineOptions), createWorkEngine(engineOptions)])
const engines = []
for (const start of starts) {
  if (start.status === 'rejected') engines.push(start.reason.code)
  else {
    engines.push(
      (await start.value.kinds.tensor.rework({ epochSeed, seed: childSeed, units: childRows, notes: '' })).root,
    )
    await start.value.close()
  }
}
process.stdout.write(`${JSON.stringify({ digests, shaders, computed, tested, fallback, engines })}\n`)
// GPU drivers may crash in their exit handlers; the answer is out.
process.kill(process.pid, 'SIGKILL')
