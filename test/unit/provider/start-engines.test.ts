import { expect, it } from 'vitest'
import { deviceRecord, probedDevice } from '../../../src/core/devices/probed-device.ts'
import type { ExecutionProvider } from '../../../src/core/job/execution-provider.ts'
import type { WorkEngine } from '../../../src/core/job/work-engine.ts'
import { startEngines } from '../../../src/core/provider/own-devices.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const device = (kind: 'gpu' | 'cpu', identity: string) => ({
  deviceId: `0x${'d'.repeat(64)}` as const,
  probed: probedDevice(deviceRecord({ kind, vendor: 'nvidia', model: 'NVIDIA L4', identity, identitySource: 'uuid' }), {
    uuid: identity,
  }),
})
const refused = ['cuda', 'webgpu'].map(provider => ({
  provider: provider as ExecutionProvider,
  code: `JOB_${provider.toUpperCase()}_MISSING`,
  message: `${provider} is missing`,
  fix: `install ${provider}`,
}))

/** Engines that compute on these, in order of the devices; null: cannot start. */
function engines(...providers: (ExecutionProvider | 'cuda without memory' | null)[]) {
  const rest = [...providers]
  const logged: unknown[][] = []
  let running = 0
  const startEngine = async () => {
    const provider = rest.shift()
    if (provider === null || provider === undefined) throw new Error('no engine')
    running++
    const close = async () => void running--
    const said = provider === 'cpu' ? refused : []
    const isNowhere = provider === 'cuda without memory'
    const memory = isNowhere ? { memory: 'nowhere', memoryProblem: 'another card is there' } : { memory: 'card' }
    return {
      description: { provider, form: 'fp32', forms: [], refused: said, ...memory },
      close,
    } as unknown as WorkEngine
  }
  const log = { ...silentLogger, warn: (...said: unknown[]) => void logged.push(said) } as never
  return { dependencies: { startEngine, log }, logged, running: () => running }
}

const both = [device('gpu', 'GPU-a'), device('gpu', 'GPU-b')]

it.each([
  ['cpu', 'PROVIDER_CPU_FALLBACK', 'JOB_CUDA_MISSING, JOB_WEBGPU_MISSING'],
  ['cuda without memory', 'PROVIDER_MEMORY_NOT_ON_CARD', 'NVIDIA L4: another card is there.'],
] as const)(
  'a card on %s would be paid nothing: it is left out, and where none is left nothing starts',
  async (provider, code, said) => {
    const some = engines('cuda', provider)
    const kept = await startEngines({ executionProvider: 'auto' }, both, some.dependencies)
    expect(kept.map(({ probed }) => probed.uuid)).toEqual(['GPU-a'])
    expect(some.running()).toBe(1)
    expect(some.logged.at(-1)).toEqual([{ code, fix: expect.any(String) }, expect.stringContaining(said)])

    const none = engines(provider, provider)
    await expect(startEngines({ executionProvider: 'auto' }, both, none.dependencies)).rejects.toMatchObject({
      ...{ code, exit: 3, message: expect.stringContaining(said) },
    })
    expect(none.running()).toBe(0)
  },
)

it('the CPU does the work of cards where it was asked for', async () => {
  const asked = engines('cpu', 'cpu')
  expect(await startEngines({ executionProvider: 'cpu' }, both, asked.dependencies)).toHaveLength(2)
})

it('a CPU may do its own work, and the reason why each execution provider was refused is logged', async () => {
  const own = engines('cpu')
  expect(await startEngines({ executionProvider: 'auto' }, [device('cpu', 'host')], own.dependencies)).toHaveLength(1)
  expect(own.logged).toEqual(
    refused.map(({ message, provider, code, fix }) => [
      { device: `0x${'d'.repeat(64)}`, provider, code, fix },
      message,
    ]),
  )
})

it('engines that have started are closed where another one failed to start', async () => {
  const some = engines('cuda', null)
  await expect(startEngines({ executionProvider: 'auto' }, both, some.dependencies)).rejects.toThrow('no engine')
  expect(some.running()).toBe(0)
})
