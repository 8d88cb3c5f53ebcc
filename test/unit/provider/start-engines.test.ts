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
function engines(...providers: (ExecutionProvider | null)[]) {
  const rest = [...providers]
  const logged: unknown[][] = []
  let running = 0
  const startEngine = async () => {
    const provider = rest.shift()
    if (provider === null || provider === undefined) throw new Error('no engine')
    running++
    const close = async () => void running--
    const said = provider === 'cpu' ? refused : []
    return { description: { provider, form: 'fp32', forms: [], refused: said }, close } as unknown as WorkEngine
  }
  const log = { ...silentLogger, warn: (...said: unknown[]) => void logged.push(said) } as never
  return { dependencies: { startEngine, log }, logged, running: () => running }
}

it('the CPU may not do the work of a card unless it was asked for, and no engine is left running', async () => {
  const both = [device('gpu', 'GPU-a'), device('gpu', 'GPU-b')]
  const fallen = engines('cuda', 'cpu')
  await expect(startEngines({ executionProvider: 'auto' }, both, fallen.dependencies)).rejects.toMatchObject({
    code: 'PROVIDER_CPU_FALLBACK',
    exit: 3,
    message: expect.stringContaining('JOB_CUDA_MISSING, JOB_WEBGPU_MISSING'),
  })
  expect(fallen.running()).toBe(0)

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
  const both = [device('gpu', 'GPU-a'), device('gpu', 'GPU-b')]
  await expect(startEngines({ executionProvider: 'auto' }, both, some.dependencies)).rejects.toThrow('no engine')
  expect(some.running()).toBe(0)
})
