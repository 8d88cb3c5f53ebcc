/**
 * Which device a process computes on. A runtime knows no hardware: CUDA numbers the devices that it shows to the process (in the
 * order of the PCI bus, which the engine asks for; `CUDA_VISIBLE_DEVICES` narrows it), and WebGPU knows adapters by the names of models.
 *
 * Why: docs/why/devices.md
 */
import type { Host } from './host.ts'
import { isInProcessor } from './pci-cards.ts'
import type { GpuProbe, ProbedDevice } from './probed-device.ts'

export type DevicePin = {
  /** CUDA's number of this device in this process. */
  readonly deviceIndex: number
  /** Its model, where WebGPU has to be told which of several cards is meant. */
  readonly model?: string
  /** Providers that might compute on another device than this one, and why. */
  readonly notPinned: { readonly cuda?: string; readonly webgpu?: string }
}

/** The pin of one device among all that the probe saw. `visible`: the value of `CUDA_VISIBLE_DEVICES`. */
export function pinDevice(
  device: ProbedDevice,
  devices: readonly ProbedDevice[],
  visible: string | undefined,
): DevicePin {
  if (device.record.kind === 'cpu') return { deviceIndex: 0, notPinned: {} }
  const cuda = cudaPlace(device, devices.filter(isNvidia), visible)
  const { problem: webgpu, model } = adapterOf(device, devices)
  return {
    deviceIndex: typeof cuda === 'number' ? cuda : 0,
    ...(model !== undefined && { model }),
    notPinned: { ...(typeof cuda === 'string' && { cuda }), ...(webgpu !== undefined && { webgpu }) },
  }
}

/**
 * The probe of a process: an NVIDIA device that `CUDA_VISIBLE_DEVICES` leaves out is there, and another process's; an AMD or Intel card
 * whose render node this container was not given cannot be reached at all, though its tool lists it.
 */
export const probeVisible = (
  probe: GpuProbe,
  { visible, host }: { readonly visible: string | undefined; readonly host: Pick<Host, 'list'> },
): GpuProbe => ({
  async probe() {
    const result = await probe.probe()
    const nvidia = result.devices.filter(isNvidia)
    const nodes = await missingNodes(result.devices, host)
    const reasonOf = (device: ProbedDevice) =>
      isNvidia(device) && cudaPlace(device, nvidia, visible) === hidden ? hidden : nodes.get(device)
    return {
      ...result,
      devices: result.devices.map(device => ({
        ...device,
        ...(reasonOf(device) !== undefined && { schedulable: false }),
        ...(nodes.has(device) && { state: 'unreadable' as const }),
      })),
      notes: [
        ...result.notes,
        ...result.devices.flatMap(device => {
          const detail = reasonOf(device)
          return detail === undefined ? [] : [{ code: 'GPU_NOT_VISIBLE', device: device.record.identity, detail }]
        }),
      ],
    }
  },
})

/** Of AMD's and Intel's cards, which Vulkan opens by their render nodes: those that have none here, where others have. */
async function missingNodes(
  devices: readonly ProbedDevice[],
  host: Pick<Host, 'list'>,
): Promise<ReadonlyMap<ProbedDevice, string>> {
  const isNode = (name: string) => name.startsWith('renderD')
  const cards = devices.filter(device => !isNvidia(device) && device.record.pciBusId !== null)
  const here = cards.length === 0 ? [] : ((await host.list('/dev/dri')) ?? []).filter(isNode)
  const missing = new Map<ProbedDevice, string>()
  for (const device of here.length === 0 ? [] : cards) {
    const names = await host.list(`/sys/bus/pci/devices/${device.record.pciBusId!.toLowerCase()}/drm`)
    const node = names?.find(isNode)
    if (node !== undefined && !here.includes(node)) missing.set(device, `/dev/dri/${node} is not in this container`)
  }
  return missing
}

const hidden = 'CUDA_VISIBLE_DEVICES leaves it out'
const isNvidia = ({ record }: ProbedDevice): boolean => record.vendor === 'nvidia'
const isPart = ({ record }: ProbedDevice): boolean => record.kind === 'mig' || record.kind === 'partition'

/** CUDA's number of the device, or why it has none that is certain. */
function cudaPlace(device: ProbedDevice, nvidia: readonly ProbedDevice[], visible: string | undefined) {
  if (!nvidia.includes(device)) return 'it is no NVIDIA device'
  const entries = visible?.split(',').map(entry => entry.trim()) ?? null
  const byUuid = entries !== null && entries.length > 0 && entries.every(entry => /^(GPU|MIG)-/.test(entry))
  if (nvidia.some(isPart) && !byUuid) {
    if (isPart(device)) return 'it is a MIG instance, and CUDA shows one of them to a process'
    return 'a card of this host is split into MIG instances, of which CUDA shows one in no order that is known'
  }
  const cards = inBusOrder(nvidia.filter(each => !isPart(each) && each.state !== 'unreadable'))
  const shown = entries === null ? cards : named(entries, byUuid ? nvidia : cards)
  const place = shown.indexOf(device)
  if (place < 0) return entries === null ? 'it cannot be read' : hidden
  if (shown.length > 1 && shown.some(isPart)) return 'CUDA shows one MIG instance to a process, and nothing else'
  if (!byUuid && cards.length > 1 && cards.some(({ record }) => record.pciBusId === null))
    return 'the places of the cards on the PCI bus are not known'
  return place
}

/** What the entries name, in their order; CUDA stops at the first that names none, or more than one. */
function named(entries: readonly string[], devices: readonly ProbedDevice[]): ProbedDevice[] {
  const shown: ProbedDevice[] = []
  for (const entry of entries) {
    const found = /^\d+$/.test(entry)
      ? devices.slice(Number(entry), Number(entry) + 1)
      : devices.filter(({ uuid }) => entry !== '' && uuid?.toLowerCase().startsWith(entry.toLowerCase()))
    if (found.length !== 1) break
    shown.push(found[0]!)
  }
  return shown
}

const inBusOrder = (cards: readonly ProbedDevice[]): ProbedDevice[] => {
  // A domain has four or eight digits.
  const place = ({ record }: ProbedDevice) => (record.pciBusId ?? '').padStart('00000000:00:00.0'.length, '0')
  return cards.toSorted((a, b) => (place(a) < place(b) ? -1 : 1))
}

/**
 * What WebGPU is told so that it takes this card: nothing where the adapter that it prefers can be no other of this vendor, which the engine
 * looks at; the model where no other's name has it in it; or why neither will do.
 */
function adapterOf(device: ProbedDevice, devices: readonly ProbedDevice[]): { problem?: string; model?: string } {
  if (isPart(device))
    return {
      problem: `it is ${device.record.kind === 'mig' ? 'a MIG instance' : 'a partition of a card'}, and WebGPU has whole cards only`,
    }
  const { vendor, model } = device.record
  const others = devices.filter(each => each !== device && each.record.vendor === vendor && isAdapter(each))
  if (others.length === 0) return {}
  const alike = others.filter(({ record }) => record.model.includes(model) || !isNamed(record))
  if (alike.length === 0 && isNamed(device.record)) return { model }
  const left = vendor === 'nvidia' ? ', CUDA_VISIBLE_DEVICES or not' : ''
  return {
    problem: `WebGPU tells cards of a vendor apart by their models alone, and sees ${others.length + 1} of ${vendor} here${left}, of which "${model}" names no single one`,
  }
}

/** Whether WebGPU may take it for another card: graphics in a processor come after cards. */
const isAdapter = ({ record: { kind, pciDeviceId, pciBusId }, state }: ProbedDevice): boolean => {
  const [vendorId = '', deviceId = null] = pciDeviceId?.split(':') ?? []
  const isWhole = kind === 'gpu' || kind === 'vgpu'
  return isWhole && state !== 'unreadable' && !isInProcessor({ vendorId, deviceId, address: pciBusId ?? '' })
}

/** Whether its tool said what the model is called: it stands for a card by its ids otherwise. */
const isNamed = ({ model, pciDeviceId }: ProbedDevice['record']): boolean => model !== (pciDeviceId ?? 'unknown')
