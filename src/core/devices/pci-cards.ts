import { pciAddressOf } from './cell.ts'
import type { Host } from './host.ts'
import type { Vendor } from './observation.ts'

/** Ids are four lower-case hex digits; the device id is null where the list leaves it out. */
export type PciCard = {
  readonly address: string
  readonly vendorId: string
  readonly deviceId: string | null
  readonly driver: string | null
}

export const vendorIds = { nvidia: '10de', amd: '1002', intel: '8086' } as const

export const vendorOfId = (vendorId: string): Vendor | undefined =>
  (['nvidia', 'amd', 'intel'] as const).find(vendor => vendorIds[vendor] === vendorId)

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

const classes = '(?:VGA compatible controller|3D controller|Display controller|Processing accelerators)'
const numbered = new RegExp(`^(\\S+) ${classes} \\[\\w{4}\\]: .*\\[([0-9a-f]{4}):([0-9a-f]{4})\\]`, 'i')
const named = new RegExp(
  `^(\\S+) ${classes}: (NVIDIA|Advanced Micro Devices|AMD|Intel)\\b.*?(?: Device ([0-9a-f]{4})\\b|$| \\(|\\[)`,
  'i',
)
/** Ids by the names that lspci prints. */
const idsByName: Readonly<Record<string, string>> = { ...vendorIds, 'advanced micro devices': vendorIds.amd }

/** A device of any kind, as lspci prints it: `00:1f.3 Audio device [0403]: …`. */
const anyDevice = /^(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] [A-Z0-9][\w /-]+(?: \[[0-9a-f]{4}\])?: \S/m

/**
 * `lspci`, `-nn`, `-nnk`, `-k`: display and compute cards, none where it lists other devices alone; null where the text is not a list of
 * the PCI bus. Without `-n` the device id is often not printed: null.
 */
export function parseLspci(text: string): PciCard[] | null {
  if (!anyDevice.test(text)) return null
  const cards: PciCard[] = []
  for (const full of text.split(/\r?\n/)) {
    const line = full.slice(0, 1024)
    // Intel's accelerators beside its GPUs: NPUs, FPGAs.
    if (/Processing accelerators.*(?:Intel|\[8086:)/i.test(line)) continue
    const match = numbered.exec(line) ?? named.exec(line)
    const [, place, vendor, deviceId] = match?.map(part => part?.toLowerCase()) ?? []
    const address = pciAddressOf(place)
    if (address)
      cards.push({ address, vendorId: idsByName[vendor!] ?? vendor!, deviceId: deviceId ?? null, driver: null })
    const driver = /^\s+Kernel driver in use: (\S+)/.exec(line)?.[1]
    if (driver && cards.length > 0) cards[cards.length - 1] = { ...cards.at(-1)!, driver }
  }
  return cards
}

/** Display and compute cards on this host's PCI bus (sysfs); null where it cannot be listed. */
export async function readPciCards(host: Pick<Host, 'readText' | 'list'>): Promise<readonly PciCard[] | null> {
  const folder = '/sys/bus/pci/devices'
  const names = await host.list(folder)
  if (names === null) return null
  const cards: PciCard[] = []
  for (const name of names.slice(0, 4096)) {
    const [kind, vendor, device] = await Promise.all(
      ['class', 'vendor', 'device'].map(file => host.readText(`${folder}/${name}/${file}`, 64)),
    )
    const address = pciAddressOf(name)
    // 03 display controllers, 12 processing accelerators (PCI code and id assignment specification).
    if (!address || !/^0x(?:03|12)/.test(kind ?? '') || !vendor || !device) continue
    // Intel's accelerators beside its GPUs: NPUs, FPGAs.
    if (/^0x12/.test(kind ?? '') && vendor.trim() === '0x8086') continue
    const uevent = await host.readText(`${folder}/${name}/uevent`, 4096)
    const driver = /^DRIVER=(\S+)$/m.exec(uevent ?? '')?.[1] ?? null
    cards.push({
      address,
      vendorId: vendor.trim().replace('0x', ''),
      deviceId: device.trim().replace('0x', ''),
      driver,
    })
  }
  return cards
}
