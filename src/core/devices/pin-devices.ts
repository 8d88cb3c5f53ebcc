/**
 * Which device a process computes on. A runtime knows no hardware: CUDA numbers the devices that it shows to the process (in the
 * order of the PCI bus, which the engine asks for; `CUDA_VISIBLE_DEVICES` narrows it), and WebGPU takes the default adapter,
 * whichever of several cards that is.
 */
import type { GpuProbe, ProbedDevice } from './probed-device.ts'

export type DevicePin = {
  /** CUDA's number of this device in this process. */
  readonly deviceIndex: number
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
  const webgpu = adapterProblem(device, devices)
  return {
    deviceIndex: typeof cuda === 'number' ? cuda : 0,
    notPinned: { ...(typeof cuda === 'string' ? { cuda } : {}), ...(webgpu === null ? {} : { webgpu }) },
  }
}

/** The probe of a process: an NVIDIA device that `CUDA_VISIBLE_DEVICES` leaves out is there, and another process's. */
export const probeVisible = (probe: GpuProbe, visible: string | undefined): GpuProbe => ({
  async probe() {
    const result = await probe.probe()
    const nvidia = result.devices.filter(isNvidia)
    const isHidden = (device: ProbedDevice) => isNvidia(device) && cudaPlace(device, nvidia, visible) === hidden
    const left = result.devices.filter(isHidden)
    return {
      ...result,
      devices: result.devices.map(device => (left.includes(device) ? { ...device, schedulable: false } : device)),
      notes: [
        ...result.notes,
        ...left.map(({ record }) => ({ code: 'GPU_NOT_VISIBLE', device: record.identity, detail: hidden })),
      ],
    }
  },
})

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

function adapterProblem(device: ProbedDevice, devices: readonly ProbedDevice[]): string | null {
  if (isPart(device))
    return `it is ${device.record.kind === 'mig' ? 'a MIG instance' : 'a partition of a card'}, and WebGPU has whole cards only`
  // The engine refuses an adapter of another vendor.
  const { vendor } = device.record
  const isCard = ({ record, state }: ProbedDevice) => ['gpu', 'vgpu'].includes(record.kind) && state !== 'unreadable'
  const cards = devices.filter(each => isCard(each) && each.record.vendor === vendor)
  return cards.length <= 1
    ? null
    : `WebGPU takes the default adapter, and this host has ${cards.length} cards of the vendor ${vendor}`
}
