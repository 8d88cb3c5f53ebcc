// Why: docs/why/devices.md

import { classOfModel, classOfPciDevice, memoryFits, peakOperationsPerSecond } from './class-table.ts'
import type { CombinedDevice } from './combine-devices.ts'
import { compareVersions, judgeDriver } from './driver-policy.ts'
import { makeFault } from './fault-table.ts'
import type { PciCard } from './observation.ts'
import type { Fault } from './probed-device.ts'

/** What the host itself shows beside its tools; undefined where nobody looked (as in most recordings). */
export type HostFacts = {
  readonly os: 'linux' | 'windows' | 'unknown'
  /** Version of the loaded NVIDIA kernel module; null where none is loaded. */
  readonly nvidiaKernelDriver?: string | null
  readonly pciCards?: readonly PciCard[]
  /** The board, where its processor has an NVIDIA GPU, which no bus shows (Jetson). */
  readonly tegra?: string
}

/** Least driver branch that can drive an architecture, and the models of it. From NVIDIA's release notes. */
const architectures: readonly (readonly [name: string, modelClass: RegExp, leastBranch: number])[] = [
  ['Blackwell', /^nvidia-(?:g?b[123]0?0?|gb10|b300|gb300|rtx-pro-\d+-blackwell|rtx-50|thor)/, 560],
  ['Hopper', /^nvidia-(?:g?h[128]00|h20|gh200)/, 510],
  ['Ada Lovelace', /^nvidia-(?:l4|l40|l20|rtx-40|rtx-\d+(?:-sff)?-ada)/, 520],
  ['Ampere', /^nvidia-(?:a\d|rtx-a|rtx-30|orin)/, 450],
  ['Turing', /^nvidia-(?:t4|rtx-20|gtx-16|titan-rtx)/, 410],
  ['Volta', /^nvidia-(?:v100|titan-v)/, 384],
]

const pciIdOf = ({ vendorId, deviceId }: PciCard): string => `${vendorId}:${deviceId}`
export const vendorIds = { nvidia: '10de', amd: '1002', intel: '8086' } as const

/** What the device's own listing says, else what the host's facts say. */
export const osOf = (device: CombinedDevice, facts: HostFacts): HostFacts['os'] =>
  device.windows === null ? facts.os : device.windows ? 'windows' : 'linux'

/** Every disagreement about one device, with the field, what was claimed and what contradicts. */
export function crossCheck(device: CombinedDevice, identity: string, facts: HostFacts): Fault[] {
  const faults: Fault[] = []
  const find = (
    code: Parameters<typeof makeFault>[0],
    field: string,
    claimed: string,
    observed: string,
    source: string,
  ) =>
    faults.push(
      makeFault(code, {
        device: identity,
        vendor: device.vendor,
        detail: `${field}: ${claimed}, but ${observed}`,
        contradiction: { field, claimed, observed, source },
      }),
    )

  if (device.uuidDuplicated)
    find('GPU_UUID_DUPLICATE', 'uuid', device.uuid ?? '', 'another device of the host has it too', 'same output')

  const known = device.vgpu ? null : classOfModel(device.name)
  if (device.name !== null && device.memoryMiB !== null && memoryFits(device.name, device.memoryMiB) === false)
    find(
      'GPU_CLAIM_MEMORY',
      'memory',
      `${device.memoryMiB} MiB`,
      `${device.name} has ${known?.memoryGB.join(' or ') ?? 'another number of'} GB`,
      'class table',
    )

  const byPci = classOfPciDevice(device.pciDeviceId)
  if (
    known !== null &&
    device.pciDeviceId !== null &&
    byPci !== null &&
    byPci.id !== known.id &&
    !known.pciDeviceIds.includes(device.pciDeviceId)
  )
    find(
      'GPU_CLAIM_MODEL',
      'model',
      device.name ?? '',
      `PCI device ${device.pciDeviceId} is ${byPci.id}`,
      'class table',
    )

  const architecture =
    device.vendor === 'nvidia' && known ? architectures.find(([, models]) => models.test(known.id)) : undefined
  if (
    architecture &&
    device.architecture !== null &&
    !device.architecture.toLowerCase().includes(architecture[0].split(' ')[0]!.toLowerCase())
  )
    find(
      'GPU_CLAIM_ARCHITECTURE',
      'architecture',
      device.architecture,
      `${device.name} is ${architecture[0]}`,
      'class table',
    )
  const os = osOf(device, facts)
  const branch = Number.parseInt(device.driver ?? '', 10)
  if (architecture && os !== 'windows' && branch > 0 && branch < architecture[2])
    find(
      'GPU_CLAIM_DRIVER',
      'driver',
      device.driver ?? '',
      `${device.name} needs driver ${architecture[2]} or newer`,
      'driver policy',
    )
  const impossible = device.driver === null ? null : judgeDriver(device.vendor, device.driver, { os }).impossible
  if (impossible !== null) find('GPU_CLAIM_DRIVER', 'driver', device.driver ?? '', impossible, 'driver policy')

  faults.push(...checkHost(device, identity, facts))
  return faults
}

function checkHost(device: CombinedDevice, identity: string, facts: HostFacts): Fault[] {
  const faults: Fault[] = []
  const find = (
    code: Parameters<typeof makeFault>[0],
    field: string,
    claimed: string,
    observed: string,
    source: string,
  ) =>
    faults.push(
      makeFault(code, {
        device: identity,
        vendor: device.vendor,
        detail: `${field}: ${claimed}, but ${observed}`,
        contradiction: { field, claimed, observed, source },
      }),
    )
  // In WSL the kernel driver is Windows' and neither procfs nor the PCI bus shows the card.
  if (facts.os !== 'linux' || device.windows === true) return faults
  const integrated = device.pciBusId === null && /\(nvgpu\)|orin|thor|tegra/i.test(device.name ?? '')
  if (device.vendor === 'nvidia' && !integrated && facts.nvidiaKernelDriver !== undefined) {
    if (facts.nvidiaKernelDriver === null)
      find(
        'GPU_CLAIM_NO_KERNEL_DRIVER',
        'driver',
        device.driver ?? 'not stated',
        'there is no /proc/driver/nvidia',
        'procfs',
      )
    else if (device.driver !== null && compareVersions(device.driver, facts.nvidiaKernelDriver) !== 0)
      find(
        'GPU_CLAIM_DRIVER',
        'driver',
        device.driver,
        `the loaded kernel module is ${facts.nvidiaKernelDriver}`,
        'procfs',
      )
  }
  if (facts.pciCards !== undefined && !integrated) {
    const ofVendor = facts.pciCards.filter(({ vendorId }) => vendorId === vendorIds[device.vendor])
    const there = device.pciBusId === null ? ofVendor[0] : ofVendor.find(({ address }) => address === device.pciBusId)
    if (!there)
      find(
        'GPU_CLAIM_NO_PCI_DEVICE',
        'pciBusId',
        device.pciBusId ?? device.name ?? 'a card',
        `the PCI bus shows ${ofVendor.length === 0 ? 'no card of this vendor' : `cards of this vendor only at ${ofVendor.map(({ address }) => address).join(', ')}`}`,
        'pci',
      )
    else if (device.pciDeviceId !== null && there.deviceId !== null && pciIdOf(there) !== device.pciDeviceId)
      find(
        'GPU_CLAIM_MODEL',
        'pciDeviceId',
        device.pciDeviceId,
        `the PCI bus shows ${pciIdOf(there)} at ${there.address}`,
        'pci',
      )
  }
  return faults
}

/**
 * Share of a class's peak below which measured work contradicts the claim. Honest cards reach a multiple of it even when
 * throttled or starved; a CPU behind a data centre card's name stays an order of magnitude below. Not calibrated: it is a
 * finding for people and for the Checker's verdict text, and never changes a score.
 */
const leastShareOfPeak = 0.02

/** Compares measured work (operations per second of the real job) with what the claimed model can do. */
export function contradictMeasuredWork(
  device: { readonly identity: string; readonly model: string },
  operationsPerSecond: number,
): Fault | null {
  const known = classOfModel(device.model)
  const peak = known && peakOperationsPerSecond(known)
  if (!peak || operationsPerSecond >= peak * leastShareOfPeak) return null
  const share = ((operationsPerSecond / peak) * 100).toFixed(2)
  const observed = `measured ${(operationsPerSecond / 1e9).toFixed(1)} Gop/s, ${share}% of that model's ${(peak / 1e12).toFixed(1)} Top/s`
  return makeFault('GPU_CLAIM_WORK', {
    device: device.identity,
    detail: `model: ${device.model}, but ${observed}`,
    contradiction: { field: 'model', claimed: device.model, observed, source: 'measured work' },
  })
}
