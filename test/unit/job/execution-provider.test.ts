import { describe, expect, it } from 'vitest'
import { jobErrors } from '../../../src/core/job/errors.ts'
import { chooseExecutionProvider, type ExecutionProvider } from '../../../src/core/job/execution-provider.ts'

const only = (...working: ExecutionProvider[]) => {
  const tried: ExecutionProvider[] = []
  const attempt = async (provider: ExecutionProvider) => {
    tried.push(provider)
    if (!working.includes(provider)) throw jobErrors.JOB_PROVIDER_UNAVAILABLE({ provider, reason: 'not here' })
    return provider
  }
  return { tried, attempt }
}

/** By a rate for each provider. */
const by = (rates: Partial<Record<ExecutionProvider, number>>, compare = true) => ({
  rateOf: (provider: ExecutionProvider) => rates[provider] ?? 0,
  compare,
})

describe('chooseExecutionProvider', () => {
  it('CUDA is chosen, then WebGPU, then the CPU, and the reasons of refusals are kept', async () => {
    const { tried, attempt } = only('cpu')
    const choice = await chooseExecutionProvider('auto', attempt, by({}))
    expect(choice.provider).toBe('cpu')
    expect(tried).toEqual(['cuda', 'webgpu', 'cpu'])
    expect(choice.refused.map(({ provider, error }) => [provider, error.code])).toEqual([
      ['cuda', 'JOB_PROVIDER_UNAVAILABLE'],
      ['webgpu', 'JOB_PROVIDER_UNAVAILABLE'],
    ])
    expect((await chooseExecutionProvider('auto', only('webgpu', 'cpu').attempt, by({ cpu: 9 }))).provider).toBe(
      'webgpu',
    )
  })

  it('of CUDA and WebGPU the faster is chosen where they are to be compared, and CUDA otherwise or where they are as fast', async () => {
    const chosen = async (...how: Parameters<typeof by>) => {
      const { tried, attempt } = only('cuda', 'webgpu', 'cpu')
      const { provider, usable } = await chooseExecutionProvider('auto', attempt, by(...how))
      expect(usable.map(each => each.provider)).toEqual(tried)
      return [provider, ...tried]
    }
    expect(await chosen({ cuda: 2, webgpu: 3, cpu: 9 })).toEqual(['webgpu', 'cuda', 'webgpu'])
    expect(await chosen({ cuda: 3, webgpu: 2, cpu: 9 })).toEqual(['cuda', 'cuda', 'webgpu'])
    expect(await chosen({ cuda: 3, webgpu: 3 })).toEqual(['cuda', 'cuda', 'webgpu'])
    expect(await chosen({ cuda: 2, webgpu: 3 }, false)).toEqual(['cuda', 'cuda'])
  })

  it('a named execution provider is used, or an error is thrown', async () => {
    const { tried, attempt } = only('cpu')
    await expect(chooseExecutionProvider('webgpu', attempt, by({}))).rejects.toMatchObject({
      code: 'JOB_PROVIDER_UNAVAILABLE',
    })
    expect(tried).toEqual(['webgpu'])
  })

  it('a defect is not taken for a missing execution provider', async () => {
    const attempt = async () => {
      throw new TypeError('defect')
    }
    const broken = chooseExecutionProvider('auto', attempt, by({}))
    await expect(broken).rejects.toThrow('defect')
  })
})
