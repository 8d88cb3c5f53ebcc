// Why: docs/why/devices.md

import { classOfModel, classOfPciDevice, memoryFits, peakOperationsPerSecond } from './class-table.ts'
import type { CombinedDevice } from './combine-devices.ts'
import { compareVersions, type HostOs, judgeDriver } from './driver-policy.ts'
import type { FaultCode } from './fault-table.ts'
import { makeFault } from './make-fault.ts'
import { type PciCard, vendorIds } from './pci-cards.ts'
import type { Fault } from './probed-device.ts'

/** What the host itself shows beside its tools; undefined where nobody looked (as in most recordings). */
export type HostFacts = {
  readonly os: HostOs
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

/** What the device's own listing says, else what the host's facts say. */
export const osOf = (device: CombinedDevice, facts: HostFacts): HostOs =>
  device.windows === null ? facts.os : device.windows ? 'windows' : 'linux'

/** Every disagreement about one device, with the field, what was claimed and what contradicts. */
export function crossCheck(device: CombinedDevice, identity: string, facts: HostFacts): Fault[] {
  const faults: Fault[] = []
  const find = (code: FaultCode, field: string, claimed: string | null, observed: string, source: string) => {
    const contradiction = { field, claimed: claimed ?? '', observed, source }
    const detail = `${field}: ${contradiction.claimed}, but ${observed}`
    faults.push(makeFault(code, { device: identity, vendor: device.vendor, detail, contradiction }))
  }
  const { name, memoryMiB, pciDeviceId, pciBusId, vendor, driver } = device
  if (device.uuidDuplicated)
    find('GPU_UUID_DUPLICATE', 'uuid', device.uuid, 'another device of the host has it too', 'same output')

  const known = device.vgpu ? null : classOfModel(name)
  if (name !== null && memoryMiB !== null && memoryFits(name, memoryMiB) === false) {
    const sold = `${name} has ${known?.memoryGB.join(' or ') ?? 'another number of'} GB`
    find('GPU_CLAIM_MEMORY', 'memory', `${memoryMiB} MiB`, sold, 'class table')
  }
  const byPci = classOfPciDevice(pciDeviceId)
  if (known !== null && byPci !== null && byPci.id !== known.id && !known.pciDeviceIds.includes(pciDeviceId!))
    find('GPU_CLAIM_MODEL', 'model', name, `PCI device ${pciDeviceId} is ${byPci.id}`, 'class table')

  const os = osOf(device, facts)
  const [architecture, , leastBranch] =
    (vendor === 'nvidia' && known && architectures.find(([, models]) => models.test(known.id))) || []
  const reported = device.architecture?.toLowerCase()
  if (architecture && reported && !reported.includes(architecture.split(' ')[0]!.toLowerCase()))
    find('GPU_CLAIM_ARCHITECTURE', 'architecture', device.architecture, `${name} is ${architecture}`, 'class table')
  const branch = Number.parseInt(driver ?? '', 10)
  if (leastBranch && os !== 'windows' && branch > 0 && branch < leastBranch)
    find('GPU_CLAIM_DRIVER', 'driver', driver, `${name} needs driver ${leastBranch} or newer`, 'driver policy')
  const impossible = driver === null ? null : judgeDriver(vendor, driver, { os }).impossible
  if (impossible !== null) find('GPU_CLAIM_DRIVER', 'driver', driver, impossible, 'driver policy')

  // In WSL the kernel driver is Windows' and neither procfs nor the PCI bus shows the card; no bus shows one in a processor.
  const isIntegrated = pciBusId === null && /\(nvgpu\)|orin|thor|tegra/i.test(name ?? '')
  if (facts.os !== 'linux' || device.windows === true || isIntegrated) return faults
  const loaded = facts.nvidiaKernelDriver
  if (vendor === 'nvidia' && loaded === null)
    find('GPU_CLAIM_NO_KERNEL_DRIVER', 'driver', driver ?? 'not stated', 'there is no /proc/driver/nvidia', 'procfs')
  else if (vendor === 'nvidia' && loaded && driver !== null && compareVersions(driver, loaded) !== 0)
    find('GPU_CLAIM_DRIVER', 'driver', driver, `the loaded kernel module is ${loaded}`, 'procfs')
  if (facts.pciCards === undefined) return faults
  const ofVendor = facts.pciCards.filter(({ vendorId }) => vendorId === vendorIds[vendor])
  const there = pciBusId === null ? ofVendor[0] : ofVendor.find(({ address }) => address === pciBusId)
  if (!there) {
    const places = ofVendor.map(({ address }) => address).join(', ')
    const shown = places === '' ? 'no card of this vendor' : `cards of this vendor only at ${places}`
    find('GPU_CLAIM_NO_PCI_DEVICE', 'pciBusId', pciBusId ?? name ?? 'a card', `the PCI bus shows ${shown}`, 'pci')
  } else if (pciDeviceId !== null && there.deviceId !== null && pciIdOf(there) !== pciDeviceId)
    find(
      'GPU_CLAIM_MODEL',
      'pciDeviceId',
      pciDeviceId,
      `the PCI bus shows ${pciIdOf(there)} at ${there.address}`,
      'pci',
    )
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
