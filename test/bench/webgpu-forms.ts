/** Child process of work.bench.ts: what the self-test measures of every form of WebGPU on the device that this process sees, as JSON. */
import { selfTest } from '../../src/core/job/tensor/kernel-self-test.ts'
import { tensorSpecs } from '../../src/core/job/tensor/tensor-spec.ts'
import { threadClock } from '../../src/core/job/thread-clock.ts'

const [, , webgpuModule] = process.argv
const options = { provider: 'webgpu', deviceIndex: 0, threads: 0, webgpuModule, mostRows: 128 } as const
const { results } = await selfTest(tensorSpecs.devnet, options, threadClock)
// GPU drivers may crash in their exit handlers; the answer is out.
process.stdout.write(JSON.stringify(results), () => process.kill(process.pid, 'SIGKILL'))
