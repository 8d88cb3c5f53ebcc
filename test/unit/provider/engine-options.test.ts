import { describe, expect, it } from 'vitest'
import { jobSets } from '../../../src/core/job/jobs.ts'
import { engineOptions } from '../../../src/core/provider/own-devices.ts'
import { analyse, card, log } from '../devices/made-up-outputs.ts'

const uuid = (letter: string) => `GPU-${letter.repeat(8)}-0000-4000-8000-00000000000${letter}`
const { devices } = analyse(
  log(card({ uuid: uuid('a'), bus: '00000000:C1:00.0' }) + card({ uuid: uuid('b'), bus: '00000000:1B:00.0' }), {
    attached: 2,
  }),
)
const choice = { executionProvider: 'auto', threads: 3, memoryMiB: null } as const

describe('engineOptions', () => {
  it('each card of a host is pinned to its own engine', () => {
    const options = devices.map(device => engineOptions(choice, jobSets.devnet, device, devices))
    expect(options.map(({ provider, deviceIndex, threads }) => [provider, deviceIndex, threads])).toEqual([
      ['auto', 1, 3],
      ['auto', 0, 3],
    ])
    expect(options.map(({ notPinned }) => Object.keys(notPinned!))).toEqual([['webgpu'], ['webgpu']])
    expect(options.map(({ card }) => card)).toEqual([{ vendor: 'nvidia' }, { vendor: 'nvidia' }])
  })

  it('a card beside another model of its vendor is told by its own', () => {
    const [first, second] = [devices[0]!, { ...devices[1]!, record: { ...devices[1]!.record, model: 'NVIDIA A10' } }]
    const options = [first, second].map(device => engineOptions(choice, jobSets.devnet, device, [first, second]))
    expect(options.map(({ notPinned, card }) => [notPinned, card?.model])).toEqual([
      [{}, first.record.model],
      [{}, 'NVIDIA A10'],
    ])
  })

  it('a device is counted among the devices of this process', () => {
    const alone = { ...choice, executionProvider: 'cuda', cudaVisibleDevices: uuid('a') } as const
    expect(engineOptions(alone, jobSets.devnet, devices[0]!, devices)).toMatchObject({
      provider: 'cuda',
      deviceIndex: 0,
    })
  })

  it('memory is filled as far as it is asked for, in whole groups, or else to the least of the job', () => {
    const groups = (memoryMiB: number | null) =>
      engineOptions({ ...choice, memoryMiB }, jobSets.standard, devices[0]!, devices).memoryGroups
    expect([4_096, 6_500, 100, null].map(groups)).toEqual([64, 101, 1, undefined])
  })

  it('a CPU computes on itself, unless another execution provider is asked for', () => {
    const cpu = { ...devices[0]!, record: { ...devices[0]!.record, kind: 'cpu' as const, vendor: 'cpu' as const } }
    const options = engineOptions(choice, jobSets.devnet, cpu, [cpu])
    expect(options).toMatchObject({ provider: 'cpu', notPinned: {} })
    expect(options).not.toHaveProperty('card')
    const webgpu = { ...choice, executionProvider: 'webgpu' } as const
    expect(engineOptions(webgpu, jobSets.devnet, cpu, [cpu]).provider).toBe('webgpu')
  })
})
