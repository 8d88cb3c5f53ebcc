import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { analyseRecording } from '../../../src/core/devices/analyse-recording.ts'
import { pinDevice, probeVisible } from '../../../src/core/devices/pin-devices.ts'
import { type ProbedDevice, type ProbeResult, probedDevice } from '../../../src/core/devices/probed-device.ts'
import { analyse, card, log } from './made-up-outputs.ts'

const folder = fileURLToPath(new URL('../../../fixtures/gpu/', import.meta.url))
const uuid = (letter: string) => `GPU-${letter.repeat(8)}-0000-4000-8000-00000000000${letter}`
const cards = (...places: [letter: string, bus: string, extra?: string][]) =>
  log(places.map(([letter, bus, extra = '']) => card({ uuid: uuid(letter), bus, extra })).join(''), {
    attached: places.length,
  })
const pins = (devices: readonly ProbedDevice[], visible?: string) =>
  devices.map(device => pinDevice(device, devices, visible))
const places = (devices: readonly ProbedDevice[], visible?: string) =>
  pins(devices, visible).map(({ deviceIndex, notPinned }) => notPinned.cuda ?? deviceIndex)
const left = 'CUDA_VISIBLE_DEVICES leaves it out'

/** A card in four instances, listed first, and a whole card. */
const split = () => {
  const instance = (gi: number) =>
    `<mig_device><index>${gi}</index><gpu_instance_id>${gi}</gpu_instance_id><compute_instance_id>0</compute_instance_id></mig_device>`
  const extra = `<mig_mode><current_mig>Enabled</current_mig></mig_mode><mig_devices>${instance(0)}${instance(1)}</mig_devices>`
  const list = [
    `GPU 0: NVIDIA B200 (UUID: ${uuid('a')})`,
    '  MIG 1g.23gb     Device  0: (UUID: MIG-c0c0c0c0-0000-4000-8000-000000000000)',
    '  MIG 1g.23gb     Device  1: (UUID: MIG-c0c0c0c0-0000-4000-8000-000000000001)',
    `GPU 1: NVIDIA B200 (UUID: ${uuid('b')})`,
  ].join('\n')
  const { devices } = analyse(cards(['a', '00000000:1B:00.0', extra], ['b', '00000000:3D:00.0']), list)
  return devices
}

describe('pinDevice', () => {
  it('numbers NVIDIA cards by their place on the PCI bus, whatever the order in which a tool lists them', () => {
    const { devices } = analyse(
      cards(['a', '00000000:C1:00.0'], ['b', '00000000:1B:00.0'], ['c', '00000001:01:00.0'], ['d', '00000000:3D:00.0']),
    )
    expect(places(devices)).toEqual([2, 0, 3, 1])
    fc.assert(
      fc.property(fc.shuffledSubarray([...devices], { minLength: 4 }), shuffled => {
        const byCard = new Map(shuffled.map((device, i) => [device.uuid, places(shuffled)[i]]))
        expect(devices.map(device => byCard.get(device.uuid))).toEqual([2, 0, 3, 1])
      }),
      { numRuns: 1000 },
    )
  })

  it('counts among those that CUDA_VISIBLE_DEVICES names, until the first entry that names none', () => {
    const { devices } = analyse(cards(['a', '00000000:C1:00.0'], ['b', '00000000:1B:00.0'], ['c', '00000000:3D:00.0']))
    expect(places(devices, '2,0')).toEqual([0, 1, left])
    expect(places(devices, `${uuid('c')}, ${uuid('a').slice(0, 12)}`)).toEqual([1, left, 0])
    expect(places(devices, '0,7,1')).toEqual([left, 0, left])
    // `GPU-` begins every UUID and so names none.
    for (const none of ['', '-1', 'GPU-']) expect(places(devices, none)).toEqual([left, left, left])
  })

  it('refuses a MIG instance that is not the only device of the process, and what stands beside one', () => {
    const devices = split()
    const kinds = devices.map(({ record }) => record.kind)
    expect(kinds).toEqual(['gpu', 'mig', 'mig', 'gpu'])
    for (const visible of [undefined, '0', '1,0'])
      expect(places(devices, visible).slice(1)).toEqual([
        expect.stringContaining('MIG instance'),
        expect.stringContaining('MIG instance'),
        expect.stringContaining('split into MIG instances'),
      ])
    const second = 'MIG-c0c0c0c0-0000-4000-8000-000000000001'
    expect(places(devices, second).slice(1)).toEqual([left, 0, left])
    expect(places(devices, `${second},${uuid('b')}`)[2]).toContain('nothing else')
    expect(places(devices, uuid('b')).slice(1)).toEqual([left, left, 0])
    expect(pins(devices)[1]!.notPinned.webgpu).toContain('whole cards')
  })

  it('gives WebGPU to the only card of a vendor, and to none of several of one model, hidden from CUDA or not', () => {
    const nvidia = analyse(cards(['a', '00000000:C1:00.0'], ['b', '00000000:1B:00.0'])).devices
    const amd = probedDevice({ ...nvidia[0]!.record, vendor: 'amd', identity: 'AMD-1', pciBusId: '0000:03:00.0' })
    const [first, second, third] = pins([...nvidia, amd])
    const webgpu = expect.stringMatching(
      /by their models alone, and sees 2 of nvidia here, CUDA_VISIBLE_DEVICES or not/,
    )
    expect(first).toEqual({ deviceIndex: 1, notPinned: { webgpu } })
    expect(second!.notPinned).toEqual({ webgpu })
    expect(pinDevice(nvidia[0]!, nvidia, uuid('a'))).toEqual({ deviceIndex: 0, notPinned: { webgpu } })
    expect(third!.notPinned).toEqual({ cuda: 'it is no NVIDIA device' })
    expect(pins([amd])[0]!.notPinned).toEqual({ cuda: 'it is no NVIDIA device' })
  })

  it('tells WebGPU the model where the host has others of the vendor, and none has its name in its own', () => {
    const [one] = analyse(cards(['a', '00000000:C1:00.0'])).devices
    const told = (...models: string[]) =>
      pins(models.map((model, i) => probedDevice({ ...one!.record, model, identity: `GPU-${i}` }))).map(
        ({ model, notPinned }) => model ?? (notPinned.webgpu === undefined ? 'any' : 'none'),
      )
    expect(told('NVIDIA A10', 'NVIDIA L4')).toEqual(['NVIDIA A10', 'NVIDIA L4'])
    expect(told('GeForce RTX 4070', 'GeForce RTX 4070 Ti')).toEqual(['none', 'GeForce RTX 4070 Ti'])
    expect(told('NVIDIA L4', 'NVIDIA L4', 'NVIDIA A10')).toEqual(['none', 'none', 'NVIDIA A10'])
    // A card that is known by its ids alone may be called anything.
    expect(told('NVIDIA L4', one!.record.pciDeviceId ?? 'unknown')).toEqual(['none', 'none'])
    expect(told('NVIDIA L4')).toEqual(['any'])
  })

  it('counts graphics in a processor for nothing beside a card, which WebGPU prefers', async () => {
    const { devices } = await analyseRecording(`${folder}amd/rocm-smi-6.1-text.txt`)
    expect(devices.map(({ record }) => record.pciDeviceId)).toEqual(['1002:744c', '1002:164e'])
    expect(pins(devices).map(({ model, notPinned }) => model ?? notPinned.webgpu)).toEqual([undefined, 'Raphael'])
  })

  it('does not count a card that is lost, nor guess where the bus is not known', () => {
    const { devices } = analyse(cards(['a', '00000000:1B:00.0'], ['b', '00000000:3D:00.0']))
    const lost = [{ ...devices[0]!, state: 'unreadable' as const }, devices[1]!]
    expect(places(lost)).toEqual(['it cannot be read', 0])
    const unplaced = devices.map(device => ({ ...device, record: { ...device.record, pciBusId: null } }))
    expect(places(unplaced)).toEqual(Array(2).fill('the places of the cards on the PCI bus are not known'))
    expect(places(unplaced, uuid('b'))).toEqual([left, 0])
    const cpu = probedDevice({ ...devices[0]!.record, kind: 'cpu', vendor: 'cpu' })
    expect(pinDevice(cpu, [cpu], '')).toEqual({ deviceIndex: 0, notPinned: {} })
  })

  it('pins the devices of recorded machines', async () => {
    const recorded = async (file: string) => (await analyseRecording(folder + file)).devices
    expect(places(await recorded('nvidia/xml-v13-one-uuid-twice.xml'))).toEqual([0, 1])
    expect(places(await recorded('nvidia/xml-v10-bus-order-mixed.xml'))).toEqual([1, 2, 0])
    expect(pins(await recorded('amd/rocm-smi-6.0.json')).map(({ notPinned }) => Object.keys(notPinned))).toEqual([
      ['cuda', 'webgpu'],
      ['cuda', 'webgpu'],
      ['cuda', 'webgpu'],
    ])
    const partitions = await recorded('amd/amd-smi-7-static-cpx-nps4.json')
    expect(partitions.map(({ record, schedulable }) => [record.kind, schedulable])).toEqual([
      ['gpu', false],
      ...Array(3).fill(['partition', true]),
    ])
    expect(pins(partitions)[1]!.notPinned.webgpu).toContain('a partition of a card')
    const mig = await recorded('nvidia/capture-590-mig.txt')
    const instance = mig.findIndex(({ uuid }) => uuid === 'MIG-5eed0002-2222-5333-8444-000000000002')
    expect(places(mig).filter(place => typeof place === 'number')).toEqual([])
    expect(places(mig, mig[instance]!.uuid!).flatMap((place, i) => (place === 0 ? [i] : []))).toEqual([instance])
  })
})

describe('probeVisible', () => {
  const empty = { list: async () => null }

  it('takes a card whose render node is not in this container for one that cannot be reached', async () => {
    const { devices } = await analyseRecording(`${folder}amd/rocm-smi-6.0.json`)
    const addresses = devices.map(({ record }) => record.pciBusId!.toLowerCase())
    const nodes = new Map(
      addresses.map((address, i) => [`/sys/bus/pci/devices/${address}/drm`, [`card${i}`, `renderD${128 + i}`]]),
    )
    const seen = async (given: string[] | null) => {
      const host = { list: async (path: string) => (path === '/dev/dri' ? given : (nodes.get(path) ?? null)) }
      const result: ProbeResult = { state: 'healthy', devices, faults: [], notes: [] }
      return probeVisible({ probe: async () => result }, { visible: undefined, host }).probe()
    }
    const alone = await seen(['renderD129'])
    expect(alone.devices.map(({ schedulable }) => schedulable)).toEqual([false, true, false])
    expect(pinDevice(alone.devices[1]!, alone.devices, undefined).notPinned).toEqual({ cuda: 'it is no NVIDIA device' })
    expect(alone.notes.map(({ code, detail }) => `${code} ${detail}`)).toEqual([
      'GPU_NOT_VISIBLE /dev/dri/renderD128 is not in this container',
      'GPU_NOT_VISIBLE /dev/dri/renderD130 is not in this container',
    ])
    // All are there; or none, which is another fault; or nothing is known of nodes.
    for (const given of [['renderD128', 'renderD129', 'renderD130'], ['card0'], null])
      expect((await seen(given)).devices).toEqual(devices)
    nodes.clear()
    expect((await seen(['renderD129'])).devices).toEqual(devices)
  })

  it('leaves the devices of other processes to them, and says so', async () => {
    const devices = split()
    const result: ProbeResult = { state: 'healthy', devices, faults: [], notes: [] }
    const seen = async (visible?: string) => {
      const { devices: found, notes } = await probeVisible(
        { probe: async () => result },
        { visible, host: empty },
      ).probe()
      return [found.map(({ schedulable }) => schedulable), notes.map(({ code, device }) => [code, device])]
    }
    expect(await seen()).toEqual([[false, true, true, true], []])
    const [able, notes] = await seen('MIG-c0c0c0c0-0000-4000-8000-000000000000')
    expect(able).toEqual([false, true, false, false])
    expect(notes).toContainEqual(['GPU_NOT_VISIBLE', uuid('b')])
  })
})
