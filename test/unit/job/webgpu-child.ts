/** Child process of webgpu.test.ts: one WebGPU thread in a process of its own. Prints the digests of the vectors as one line of JSON. */

import { openKernel } from '../../../src/core/job/kernel.ts'
import { rowInput } from '../../../src/core/job/row-input.ts'
import { createWeights } from '../../../src/core/job/weights.ts'
import { wgslForms } from '../../../src/core/job/wgsl-shader.ts'
import { createWorkEngine } from '../../../src/core/job/work-engine.ts'
import { epochSeed, smallSpec } from './small-spec.ts'

const options = { provider: 'webgpu', deviceIndex: 0, threads: 0 } as const
const spec = { ...smallSpec, width: 128 }
const inputs = rowInput(new Uint8Array(32).fill(9), 0, 96)
const kernel = await openKernel(createWeights(spec, epochSeed), 'fp32', options)
const digests = Buffer.from(await kernel.run(inputs)).toString('hex')
// A row alone takes another path on a GPU (vector times matrix).
const alone = Buffer.from(await kernel.run(inputs.slice(0, 32))).toString('hex')
await kernel.release()
// The same as shaders of our own: twice in flight, a row alone, and with inner activations; the wide tile on its smallest model.
const shaders: Record<string, string[]> = {}
for (const form of wgslForms) {
  const shaderSpec = form === 'wgsl-4' ? spec : { ...smallSpec, width: 64, layers: 1, weights: 1 }
  const shader = await openKernel(createWeights(shaderSpec, epochSeed), form, { ...options, inner: true })
  const given = await Promise.all([shader.run(inputs), shader.run(inputs.slice(0, 32)), shader.runInner!(inputs)])
  shaders[form] = given.map(each =>
    Buffer.from('inner' in each ? Buffer.concat([each.digests, each.inner]) : each).toString('hex'),
  )
  await shader.release()
  shaders[form].push(
    await shader.run(inputs).then(
      () => 'ran',
      ({ code, message }) => `${code} ${message}`,
    ),
  )
}
// WebGPU has no product of bytes: its nodes could only run on the CPU.
const fallback = await openKernel(createWeights(spec, epochSeed), 'u8', options).then(
  () => 'opened, on the CPU',
  ({ code, message }) => `${code} ${message}`,
)
// A second device of the same process is refused in words, where it would end the process; after the first is closed it may start.
const engineOptions = { spec: smallSpec, provider: 'webgpu' } as const
const starts = await Promise.allSettled([createWorkEngine(engineOptions), createWorkEngine(engineOptions)])
const told = starts.map(start => (start.status === 'fulfilled' ? start.value.description : start.reason.code))
for (const start of starts) if (start.status === 'fulfilled') await start.value.close()
process.stdout.write(`${JSON.stringify({ digests, alone, shaders, fallback, told })}\n`)
// GPU drivers may crash in their exit handlers; the answer is out.
process.kill(process.pid, 'SIGKILL')
