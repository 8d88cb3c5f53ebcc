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

describe('chooseExecutionProvider', () => {
  it('CUDA is chosen, then WebGPU, then the CPU, and the reasons of refusals are kept', async () => {
    const { tried, attempt } = only('cpu')
    const choice = await chooseExecutionProvider('auto', attempt)
    expect(choice.provider).toBe('cpu')
    expect(tried).toEqual(['cuda', 'webgpu', 'cpu'])
    expect(choice.refused.map(({ provider, error }) => [provider, error.code])).toEqual([
      ['cuda', 'JOB_PROVIDER_UNAVAILABLE'],
      ['webgpu', 'JOB_PROVIDER_UNAVAILABLE'],
    ])
    expect((await chooseExecutionProvider('auto', only('webgpu', 'cpu').attempt)).provider).toBe('webgpu')
    expect((await chooseExecutionProvider('auto', only('cuda', 'webgpu', 'cpu').attempt)).provider).toBe('cuda')
  })

  it('a named execution provider is used, or an error is thrown', async () => {
    const { tried, attempt } = only('cpu')
    await expect(chooseExecutionProvider('webgpu', attempt)).rejects.toMatchObject({ code: 'JOB_PROVIDER_UNAVAILABLE' })
    expect(tried).toEqual(['webgpu'])
  })

  it('a defect is not taken for a missing execution provider', async () => {
    const broken = chooseExecutionProvider('auto', async () => {
      throw new TypeError('defect')
    })
    await expect(broken).rejects.toThrow('defect')
  })
})
