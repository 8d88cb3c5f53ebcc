/** What stands between the toolkit and a card, by hand: absent, too old, out of memory, lost. */
import { describe, expect, it } from 'vitest'
import { openDevice, type WebGpu } from '../../../src/core/job/webgpu-device.ts'
import { createWeights } from '../../../src/core/job/weights.ts'
import { openWgslKernel } from '../../../src/core/job/wgsl-kernel.ts'
import { isKaisarError } from '../../../src/core/platform/errors.ts'
import { epochSeed, smallSpec } from './small-spec.ts'

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
function card(memory: number) {
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
  const adapter = { limits: { maxBufferSize: 1, maxStorageBufferBindingSize: 1 }, requestDevice: async () => device }
  const gpu = { wgslLanguageFeatures: products, requestAdapter: async () => adapter } as unknown as WebGpu
  return { gpu, destroyed, lose: (message: string) => lose({ message }) }
}

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
    const { lost } = await openDevice(gpu)
    lose('GPU hang')
    expect(await refusal(() => lost)).toMatch(/^JOB_KERNEL_FAILED: .*the device was lost: GPU hang/)
  })

  it('refuses a width that bytes cannot be packed at', async () => {
    const weights = createWeights({ ...smallSpec, width: 66 }, epochSeed)
    expect(await refusal(() => openWgslKernel(weights, 'wgsl-4', {}, card(1e9).gpu))).toMatch(
      /^JOB_PROVIDER_UNAVAILABLE: .*66 is not a multiple of 4/,
    )
  })
})
