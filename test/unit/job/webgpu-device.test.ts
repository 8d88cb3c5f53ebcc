/** What stands between the toolkit and a card, by hand: absent, too old, out of memory, lost. */
import { describe, expect, it } from 'vitest'
import { openKernel } from '../../../src/core/job/tensor/kernel.ts'
import { selfTest } from '../../../src/core/job/tensor/kernel-self-test.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { openWgslKernel } from '../../../src/core/job/tensor/wgsl-kernel.ts'
import { threadClock } from '../../../src/core/job/thread-clock.ts'
import { openDevice, type WebGpu } from '../../../src/core/job/webgpu-device.ts'
import { installWebgpu } from '../../../src/core/job/webgpu-package.ts'
import { matrixFeatures } from '../../../src/core/job/wgsl-matrix-shader.ts'
import { isKaisarError } from '../../../src/core/platform/errors.ts'
import { epochSeed, smallSpec } from './small-spec.ts'
import { adapters } from './wgsl-matrix-shapes.ts'

const refusal = async (act: () => Promise<unknown>): Promise<string> => {
  try {
    await act()
    return 'done'
  } catch (error) {
    if (isKaisarError(error)) return `${error.code}: ${error.message}`
    throw error
  }
}
const products = new Set(['packed_4x8_integer_dot_product'])

/** A card that refuses buffers above a limit, as one whose memory is full does. */
function card(memory: number, info: object = {}, features: readonly string[] = [], driverFails = false) {
  const scopes: ({ message: string } | null)[] = []
  const destroyed = { device: false }
  let lose: (info: { message: string }) => void = () => {}
  const device = {
    lost: new Promise<{ message: string }>(resolve => {
      lose = resolve
    }),
    queue: { writeBuffer: () => undefined },
    pushErrorScope: () => scopes.push(null),
    popErrorScope: async () => scopes.pop(),
    createBuffer({ size }: { size: number }) {
      if (size > memory) scopes[0] = { message: 'Out of device memory' }
      return { destroy: () => undefined }
    },
    destroy: () => {
      destroyed.device = true
    },
  }
  const asked: string[][] = []
  const adapter = {
    ...{ info, features: new Set(features) },
    limits: { maxBufferSize: 1, maxStorageBufferBindingSize: 1 },
    async requestDevice({ requiredFeatures }: { requiredFeatures: Iterable<string> }) {
      asked.push([...requiredFeatures])
      if (asked.at(-1)!.length > 0 && driverFails) throw new Error('VK_ERROR_EXTENSION_NOT_PRESENT')
      return device
    },
  }
  const gpu = { wgslLanguageFeatures: products, requestAdapter: async () => adapter } as unknown as WebGpu
  return { gpu, asked, destroyed, lose: (message: string) => lose({ message }) }
}

describe('the package webgpu', () => {
  const weights = createWeights(smallSpec, epochSeed)

  it('that is not installed is named, with the command that installs it', async () => {
    expect(await refusal(() => openWgslKernel(weights, 'wgsl-4', { webgpuModule: null }))).toMatch(
      /^JOB_PROVIDER_UNAVAILABLE: .*"webgpu" is not installed beside kaisar; "npm ci .*webgpu-engine" brings it/,
    )
  })

  it('that was said to be elsewhere and is not there is named by its place; one that fails says why', async () => {
    const open = (webgpuModule: string) => refusal(() => openWgslKernel(weights, 'wgsl-4', { webgpuModule }))
    const broken = `data:text/javascript,${encodeURIComponent('throw new Error("libvulkan.so.1 is missing")')}`
    expect(await open('file:///nowhere/webgpu/index.js')).toMatch(
      /^JOB_PROVIDER_UNAVAILABLE: .*file:\/\/\/nowhere\/webgpu\/index\.js is not there/,
    )
    expect(await open(broken)).toMatch(/^JOB_PROVIDER_UNAVAILABLE: .*libvulkan\.so\.1 is missing/)
  })

  it('leaves the self-test to the other forms, which says why the shaders are not used', async () => {
    const open: typeof openKernel = (weights, form, options) =>
      form === 'fp32' ? openKernel(weights, form, { ...options, provider: 'cpu' }) : openKernel(weights, form, options)
    const options = { provider: 'webgpu', deviceIndex: 0, threads: 1, webgpuModule: null, mostRows: 128 } as const
    const { form, results } = await selfTest(smallSpec, options, threadClock, open)
    expect(form).toBe('fp32')
    expect(results.map(({ form, refusal }) => `${form}: ${refusal}`)).toEqual([
      expect.stringMatching(/^wgsl-matrix: .*not installed beside kaisar/),
      expect.stringMatching(/^wgsl-8: .*not installed beside kaisar/),
      expect.stringMatching(/^wgsl-4: .*not installed beside kaisar/),
      'fp32: null',
    ])
  })

  it.each([
    ['/usr/lib/node_modules/kaisar/', 'npm install --global webgpu@0.6.2'],
    ['/srv/gpu site/node_modules/kaisar', "npm install --prefix '/srv/gpu site' webgpu@0.6.2"],
    ['/home/me/kaisar/', 'npm ci --ignore-scripts --prefix /home/me/kaisar/test/webgpu-engine'],
  ])('goes where the kaisar of %s finds it', (folder, command) => {
    expect(installWebgpu(folder)).toBe(command)
  })
})

describe('WebGPU device', () => {
  it('refuses a host without an adapter, a card whose driver fails, and one without products of bytes', async () => {
    const of = (parts: object) => ({ wgslLanguageFeatures: products, ...parts }) as unknown as WebGpu
    const driver = async () => {
      throw new Error('VK_ERROR_INITIALIZATION_FAILED\nsecond line')
    }
    expect(await refusal(() => openDevice(of({ requestAdapter: async () => null })))).toMatch(
      /^JOB_PROVIDER_UNAVAILABLE: .*no graphics adapter was found/,
    )
    expect(await refusal(() => openDevice(of({ requestAdapter: driver })))).toMatch(
      /^JOB_PROVIDER_UNAVAILABLE: .*VK_ERROR_INITIALIZATION_FAILED$/,
    )
    expect(await refusal(() => openDevice(of({ wgslLanguageFeatures: new Set() })))).toMatch(
      /^JOB_PROVIDER_UNAVAILABLE: .*packed_4x8_integer_dot_product/,
    )
  })

  it.each([
    [
      'nvidia',
      { vendor: 'google', architecture: 'swiftshader', description: 'SwiftShader 5', isFallbackAdapter: true },
    ],
    ['amd', { vendor: 'mesa', architecture: '', description: 'llvmpipe (LLVM 19)', isFallbackAdapter: true }],
    ['nvidia', { vendor: 'intel', architecture: 'gen-12lp', description: 'Iris Xe', isFallbackAdapter: false }],
    ['intel', { vendor: '', architecture: '', description: '', isFallbackAdapter: false }],
  ] as const)('refuses what is no card of the vendor %s that is meant: %o', async (vendor, info) => {
    const { gpu } = card(4096, info)
    expect(await refusal(() => openDevice(gpu, { vendor }))).toBe(
      `JOB_ADAPTER_NOT_THE_CARD: WebGPU does not reach this card: its adapter (${
        {
          google: 'google, swiftshader, SwiftShader 5) computes on the CPU',
          mesa: 'mesa, llvmpipe (LLVM 19)) computes on the CPU',
          intel: 'intel, gen-12lp, Iris Xe) is not of the vendor nvidia',
          '': 'unknown vendor) is not of the vendor intel',
        }[info.vendor]
      }.`,
    )
    expect(await refusal(() => openDevice(gpu))).toBe('done')
  })

  it('takes a card of the vendor that is meant', async () => {
    const info = { vendor: 'nvidia', architecture: 'hopper', description: 'H200', isFallbackAdapter: false }
    expect(await refusal(() => openDevice(card(4096, info).gpu, { vendor: 'nvidia' }))).toBe('done')
  })

  it.each([
    ['amd', 'Radeon RX 7900 XT', 'amd-radeon-rx-7900-xt-radv-navi31-', true],
    ['amd', 'Radeon RX 7900 XT', 'amd-radeon-rx-7900-xtx-radv-navi31-', false],
    ['nvidia', 'NVIDIA GeForce RTX 4090', 'nvidia-geforce-rtx-4090', true],
    ['nvidia', 'NVIDIA GeForce RTX 4090', 'nvidia-rtx-a6000', false],
    ['intel', 'Intel(R) Arc(TM) A770 Graphics', 'intel-r-arc-tm-a770-graphics-dg2-', true],
  ] as const)(
    'of several cards of %s takes the %s alone, by whole words of its name: %s %s',
    async (vendor, model, device, taken) => {
      const { gpu } = card(4096, { vendor, architecture: '', device, description: '', isFallbackAdapter: false })
      expect(await refusal(() => openDevice(gpu, { vendor, model }))).toBe(
        taken
          ? 'done'
          : `JOB_ADAPTER_NOT_THE_CARD: WebGPU does not reach this card: its adapter (${vendor}, ${device}) is not called "${model}".`,
      )
    },
  )

  it('says which cards there are where none is called as the one that is meant', async () => {
    const requestAdapter = async () => {
      throw new Error("no suitable backends found\nAvailable adapters:\n * backend: 'vulkan', name: 'NVIDIA L4'")
    }
    const gpu = { wgslLanguageFeatures: products, requestAdapter } as unknown as WebGpu
    expect(await refusal(() => openDevice(gpu, { vendor: 'nvidia', model: 'NVIDIA A10' }))).toBe(
      'JOB_ADAPTER_NOT_THE_CARD: WebGPU does not reach this card: none of its adapters (NVIDIA L4) is called "NVIDIA A10".',
    )
  })

  it('is asked for subgroup matrices where it has exact ones, and has none where its driver fails then', async () => {
    const named = [...matrixFeatures]
    const shape = { M: 16, N: 16, K: 32, lanes: 32 }
    for (const [adapter, features, driverFails, asked, matrix] of [
      ['nvidia', named, false, [named], shape],
      ['nvidia', named, true, [named, []], null],
      ['nvidia', ['subgroups'], false, [[]], null],
      ['apple', named, false, [[]], null],
    ] as const) {
      const like = card(4096, adapters[adapter], features, driverFails)
      expect((await openDevice(like.gpu)).matrix).toEqual(matrix)
      expect(like.asked).toEqual(asked)
    }
  })

  it('refuses a kernel of subgroup matrices that it has not, and is given back', async () => {
    const { gpu, destroyed } = card(1e9)
    const weights = createWeights(smallSpec, epochSeed)
    expect(await refusal(() => openWgslKernel(weights, 'wgsl-matrix', {}, gpu))).toMatch(
      /^JOB_PROVIDER_UNAVAILABLE: .*names no subgroup matrices of int8/,
    )
    expect(destroyed.device).toBe(true)
  })

  it('says which buffer found no memory, and lets go of the card', async () => {
    const { gpu, destroyed } = card(4096)
    const weights = createWeights({ ...smallSpec, width: 128 }, epochSeed)
    expect(await refusal(() => openWgslKernel(weights, 'wgsl-4', {}, gpu))).toMatch(
      /^JOB_KERNEL_FAILED: .*a buffer of 16384 bytes was refused: Out of device memory/,
    )
    expect(destroyed.device).toBe(true)
    const small = await openDevice(card(4096).gpu)
    expect(await refusal(() => small.buffer(4096, 128))).toBe('done')
  })

  it('tells whoever waits that the device was lost', async () => {
    const { gpu, lose } = card(4096)
    const { orLost, whenLost } = await openDevice(gpu)
    const told: string[] = []
    const stop = whenLost(() => told.push('one that stopped'))
    whenLost(({ code }) => told.push(code))
    stop()
    expect(await orLost(Promise.resolve('done'))).toBe('done')
    await expect(orLost(Promise.reject(new Error('its own')))).rejects.toThrow('its own')
    const unending = new Promise<never>(() => undefined)
    const waiting = refusal(() => orLost(unending))
    lose('GPU hang')
    for (const refused of [waiting, refusal(() => orLost(unending))])
      expect(await refused).toMatch(/^JOB_KERNEL_FAILED: .*the device was lost: GPU hang/)
    expect(told).toEqual(['JOB_KERNEL_FAILED'])
  })

  it('refuses a width that bytes cannot be packed at', async () => {
    const weights = createWeights({ ...smallSpec, width: 66 }, epochSeed)
    expect(await refusal(() => openWgslKernel(weights, 'wgsl-4', {}, card(1e9).gpu))).toMatch(
      /^JOB_PROVIDER_UNAVAILABLE: .*66 is not a multiple of 4/,
    )
  })
})
