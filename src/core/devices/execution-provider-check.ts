/**
 * Child process: `node execution-provider-check.js <provider>` builds a session that may not fall back to the CPU and runs
 * one product in it. A listed provider often cannot load (CUDA libraries are a separate download, no Vulkan device), and a
 * driver fault can kill the process that tries: so it is tried in a process of its own. Exit code 0 and one line of JSON.
 *
 * Why: docs/why/devices.md
 */
import * as ort from 'onnxruntime-node'
import { encodeOnnxModel, onnxType } from '../platform/onnx-model.ts'

const matrix = (name: string) => ({ name, type: onnxType.float32, shape: [2, 2] })

/** x[2,2] · x[2,2] = y[2,2]; MatMul is the operator jobs are made of. */
const model = encodeOnnxModel({
  producer: 'kaisar',
  opset: 17,
  name: 'check',
  nodes: [{ opType: 'MatMul', input: ['x', 'x'], output: ['y'] }],
  constants: [],
  inputs: [matrix('x')],
  outputs: [matrix('y')],
})

const provider = process.argv[2] ?? 'cpu'
const session = await ort.InferenceSession.create(model, {
  executionProviders: [provider],
  logSeverityLevel: 4,
  ...(provider === 'cpu' ? {} : { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
})
const { y } = await session.run({ x: new ort.Tensor('float32', [1, 2, 3, 4], [2, 2]) })
if (String(y?.data) !== '7,10,15,22') throw new Error(`${provider} computed ${String(y?.data)} instead of 7,10,15,22`)
process.stdout.write(`${JSON.stringify({ provider, onnxRuntime: ort.env.versions.node ?? ort.env.versions.common })}\n`)
// Some GPU drivers crash in their exit handlers; the answer is out.
process.exit(0)
