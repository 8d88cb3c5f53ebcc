import { deviceRecord, probedDevice } from './build-device.ts'
import type { CombinedDevice } from './combine-devices.ts'
import { type HostFacts, vendorIds } from './cross-check.ts'
import { makeFault } from './fault-table.ts'
import type { Fault, ProbedDevice } from './gpu-probe.ts'
import type { Observation, PciCard, Vendor } from './observation.ts'

const vendors: Readonly<Record<string, Vendor>> = { '10de': 'nvidia', '1002': 'amd', '8086': 'intel' }

/** AMD's processors with graphics for a display, Raven to Granite Ridge, Phoenix and Strix Point (PCI ID database); Strix Halo computes. */
const amdProcessors = new Set(
  '15dd 15d8 1636 1638 164c 15e7 1681 1506 164d 164e 13c0 15bf 15c8 1900 1901 150e 1114'.split(' '),
)
/** Intel's cards: DG1, Arc A and Flex, Max, Arc B. In a guest they may sit where a processor has its graphics. */
const intelCards = /^(?:490[5-9]|4f8[0-8]|56[9abc].|0b[d6].|e2[0-9a-f]{2})$/

/** Graphics inside a processor: such a host counts as one without a GPU. */
export const isInProcessor = ({ vendorId, deviceId, address }: Omit<PciCard, 'driver'>): boolean =>
  vendorId === '8086'
    ? address === '0000:00:02.0' && !intelCards.test(deviceId ?? '')
    : vendorId === '1002' && amdProcessors.has(deviceId ?? '')

/** What the kernel logs of graphics in a processor is of no card. */
export const withoutProcessors = (observations: readonly Observation[], facts: HostFacts = { os: 'unknown' }) =>
  observations.map(one => ({
    ...one,
    devices: one.devices.filter(({ listing, vendor, pciBusId }) => {
      const onBus = facts.pciCards?.find(({ address }) => address === pciBusId)
      if (listing !== 'log' || pciBusId === null || facts.pciCards === undefined) return true
      return !isInProcessor({ vendorId: vendorIds[vendor], deviceId: onBus?.deviceId ?? null, address: pciBusId })
    }),
  }))

/** Cards that the PCI bus shows and no tool lists: never "no GPU" when there is one. */
export function unlistedCards(
  seen: readonly CombinedDevice[],
  facts: HostFacts,
  context: {
    /** Derived machine UUID, or null for a recording. */
    readonly machine: string | null
    /** Whether a tool of that vendor was asked; a recording may hold a PCI list alone. */
    readonly asked: (vendor: Vendor) => boolean
  },
): { readonly device: ProbedDevice; readonly fault: Fault }[] {
  const listed = new Set(seen.map(({ pciBusId }) => pciBusId))
  const onBoard =
    facts.tegra === undefined || seen.some(({ vendor }) => vendor === 'nvidia')
      ? []
      : [integrated(facts.tegra, context.machine)]
  const onBus = (facts.pciCards ?? []).flatMap(({ address, vendorId, deviceId, driver }) => {
    const vendor = vendors[vendorId]
    if (!vendor || isInProcessor({ vendorId, deviceId, address }) || listed.has(address)) return []
    const pciDeviceId = deviceId === null ? null : `${vendorId}:${deviceId}`
    const record = deviceRecord({
      kind: 'gpu',
      vendor,
      model: pciDeviceId ?? 'unknown',
      identity: `${vendor}:${context.machine ?? 'unknown-machine'}:pci-${address}`,
      identitySource: 'pci-address',
      pciBusId: address,
      pciDeviceId,
    })
    const about = {
      device: record.identity,
      vendor,
      detail: `${pciDeviceId ?? vendor} at ${address}, kernel driver ${driver ?? 'not stated'}`,
    }
    // Without ROCm or xpu-smi a card may still compute through Vulkan: worth saying, not a reason to refuse.
    const fault =
      context.machine === null && !context.asked(vendor)
        ? makeFault('GPU_ONLY_LOGGED', about)
        : makeFault('GPU_NOT_LISTED', { ...about, critical: vendor === 'nvidia' })
    return [{ device: probedDevice(record, { state: 'unreadable', schedulable: false, sources: ['pci'] }), fault }]
  })
  return [...onBoard, ...onBus]
}

/** The GPU of a Jetson, whose tool came with JetPack 6. */
function integrated(board: string, machine: string | null): { readonly device: ProbedDevice; readonly fault: Fault } {
  const record = deviceRecord({
    kind: 'gpu',
    vendor: 'nvidia',
    model: board,
    identity: `nvidia:${machine ?? 'unknown-machine'}:slot-0`,
    identitySource: 'host-slot',
  })
  const about = { device: record.identity, vendor: 'nvidia', detail: `${board}: the GPU in its processor` } as const
  return {
    device: probedDevice(record, { state: 'unreadable', schedulable: false, sources: ['device tree'] }),
    fault: makeFault('GPU_NOT_LISTED', about),
  }
}
