/**
 * Child process of wgsl-matrix.test.ts, given the URL of the package `webgpu`. Dawn without a card compiles the shaders as they are; on the
 * software device, which has no subgroup matrices, what they do is written out in plain WGSL. Prints one line of JSON.
 */
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { openWgslKernel } from '../../../src/core/job/tensor/wgsl-kernel.ts'
import type { WebGpu } from '../../../src/core/job/webgpu-device.ts'
import { type MatrixShape, matrixFeatures, matrixShape } from '../../../src/core/job/wgsl-matrix-shader.ts'
import { layerShader } from '../../../src/core/job/wgsl-shader.ts'
import { epochSeed } from './small-spec.ts'
import { childRows, childSeed } from './webgpu-models.ts'
import { adapters, writtenOutCards, writtenOutSpec } from './wgsl-matrix-shapes.ts'

const layers = (['signed', 'bytes', 'stored'] as const).map(to => ({ fromBytes: false, to }))
const everyLayer = [...layers, { fromBytes: true, to: 'signed' }] as const

/**
 * Each lane of a subgroup keeps a part of each product's sums, in an array of its own, and what is loaded is read where it lies: as Dawn
 * says, lines of words.
 */
function writtenOut(code: string, { M, N, K, lanes }: MatrixShape): string {
  const each = (M * N) / lanes
  const names: string[] = []
  const inPlain = code
    .replace(/^enable .*;$/gm, '')
    .replace(', @builtin(subgroup_id) subgroup: u32) {', `) {\n  let subgroup = index / ${lanes}u;`)
    .replaceAll(new RegExp(`var (s\\d+_\\d+): subgroup_matrix_result<i32, ${N}, ${M}>;`, 'g'), (_, name) => {
      names.push(name)
      return `var ${name} = ${(names.length - 1) * each}u;`
    })
    .replaceAll(`subgroupMatrixLoad<subgroup_matrix_left<i8, ${K}, ${M}>, row_major>(&tile, `, 'vec2u(')
    .replaceAll(`subgroupMatrixLoad<subgroup_matrix_right<i8, ${N}, ${K}>, col_major>(&tile, `, 'vec2u(')
    .replaceAll('subgroupMatrixMultiplyAccumulate(', `multiplyAdd(index % ${lanes}u, `)
    .replaceAll('subgroupMatrixStore<row_major>(&tile, ', `store(index % ${lanes}u, `)
  return `${inPlain}
var<private> kept: array<i32, ${names.length * each}>;
fn multiplyAdd(lane: u32, a: vec2u, b: vec2u, sums: u32) -> u32 {
  for (var i = 0u; i < ${each}u; i++) {
    let at = i * ${lanes}u + lane;
    for (var k = 0u; k < ${K / 4}u; k++) {
      kept[sums + i] += dot4I8Packed(tile[a.x + at / ${N}u * a.y + k], tile[b.x + at % ${N}u * b.y + k]);
    }
  }
  return sums;
}
fn store(lane: u32, first: u32, sums: u32, stride: u32) {
  for (var i = 0u; i < ${each}u; i++) {
    let at = i * ${lanes}u + lane;
    tile[first + at / ${N}u * stride + at % ${N}u] = bitcast<u32>(kept[sums + i]);
  }
}
`
}

/** The software device as if it were that adapter. */
function asIf(gpu: WebGpu, info: Parameters<typeof matrixShape>[0]): WebGpu {
  return {
    wgslLanguageFeatures: gpu.wgslLanguageFeatures,
    async requestAdapter() {
      const adapter = (await gpu.requestAdapter())!
      return {
        ...{ info, limits: adapter.limits, features: new Set(matrixFeatures) },
        async requestDevice({ requiredLimits }: GPUDeviceDescriptor) {
          const device = await adapter.requestDevice({ requiredLimits: requiredLimits! })
          const createShaderModule = device.createShaderModule.bind(device)
          device.createShaderModule = ({ code }) => createShaderModule({ code: writtenOut(code, matrixShape(info)!) })
          return device
        },
      } as unknown as GPUAdapter
    },
  }
}

const { create }: { create(options: string[]): WebGpu } = await import(process.argv[2]!)
const noCard = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
const software = create([])

const adapter = (await noCard.requestAdapter())!
const device = await adapter.requestDevice({ requiredFeatures: matrixFeatures as Iterable<string> as never })
async function complaint(code: string): Promise<string> {
  device.pushErrorScope('validation')
  const { messages } = await device.createShaderModule({ code }).getCompilationInfo()
  await device.popErrorScope()
  return messages.map(({ message }) => message).join('\n')
}

const inputs = rowInput(childSeed, 0, childRows)
const weights = createWeights(writtenOutSpec, epochSeed)
const compiled: Record<string, string[]> = {}
const digests: Record<string, string> = {}
for (const card of ['nvidia', 'amd', 'intel'] as const) {
  const shape = matrixShape(adapters[card])
  compiled[card] = await Promise.all(everyLayer.map(layer => complaint(layerShader('wgsl-matrix', layer, shape))))
}
for (const card of writtenOutCards) {
  const kernel = await openWgslKernel(
    weights,
    'wgsl-matrix',
    {},
    asIf(software, { ...adapters[card], subgroupMaxSize: 8 }),
  )
  digests[card] = Buffer.from(await kernel.run(inputs)).toString('hex')
  await kernel.release()
}
// A side the other way round is no product: Dawn's compiler knows which is which.
const turned = layerShader('wgsl-matrix', everyLayer[0], matrixShape(adapters.nvidia))
const refused = await complaint(turned.replaceAll('<i8, 32, 16>', '<i8, 16, 32>'))
process.stdout.write(`${JSON.stringify({ compiled, refused, digests })}\n`)
// GPU drivers may crash in their exit handlers; the answer is out.
process.kill(process.pid, 'SIGKILL')
