/**
 * Child process of card-retention.test.ts, given the URL of the package `webgpu`, with `--expose-gc`. Prints as one line of JSON how many
 * bytes a card gave back, and how many of them are still held, by its memory and by its kernel.
 */
import { fillCardMemory } from '../../../src/core/job/memory/card-fill.ts'
import { stepOrder } from '../../../src/core/job/memory/drawn-entries.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { openWgslKernel } from '../../../src/core/job/tensor/wgsl-kernel.ts'
import { threadClock as clock } from '../../../src/core/job/thread-clock.ts'
import { takeDevice } from '../../../src/core/job/webgpu-device.ts'
import { epochSeed, groups, keyOf, seed, specs } from './card-memory-cases.ts'
import { smallSpec } from './small-spec.ts'

const webgpuModule = process.argv[2]!
const opened = await takeDevice(webgpuModule)

/** What so many runs gave, and what is left of it when nobody has any of it. */
async function heldAfter(runs: number, run: () => Promise<Uint8Array>) {
  await run()
  const before = bytesHeld()
  let given = 0
  for (let i = 0; i < runs; i++) given += (await run()).length
  return { given, held: (await settled()) - before }
}
const bytesHeld = () => {
  globalThis.gc!()
  return process.memoryUsage().arrayBuffers
}
/** Buffers of arrays are given back behind the collection. */
async function settled() {
  for (let i = 0; i < 3; i++) {
    bytesHeld()
    await new Promise(resolve => setImmediate(resolve))
  }
  return bytesHeld()
}

const spec = specs.narrow
const options = { spec, key: keyOf(spec), groups, epochSeed, form: 'wgsl-4' } as const
const memory = await fillCardMemory(options, opened, { clock })
const walk = memory.walk({ order: stepOrder(seed, groups), step: 0, state: new Uint8Array(spec.width) })
const walked = await heldAfter(24, () => walk.run(64))

const kernel = await openWgslKernel(createWeights(smallSpec, epochSeed), 'wgsl-4', { webgpuModule })
const inputs = rowInput(seed, 0, 256)
const computed = await heldAfter(24, () => kernel.run(inputs))

process.stdout.write(`${JSON.stringify({ walked, computed })}\n`, () => process.kill(process.pid, 'SIGKILL'))
