import { pciAddressOf } from './cell.ts'
import type { PciCard } from './observation.ts'

const classes = '(?:VGA compatible controller|3D controller|Display controller|Processing accelerators)'
const numbered = new RegExp(`^(\\S+) ${classes} \\[\\w{4}\\]: .*\\[([0-9a-f]{4}):([0-9a-f]{4})\\]`, 'i')
const named = new RegExp(
  `^(\\S+) ${classes}: (NVIDIA|Advanced Micro Devices|AMD|Intel)\\b.*?(?: Device ([0-9a-f]{4})\\b|$| \\(|\\[)`,
  'i',
)
const vendorIds: Readonly<Record<string, string>> = {
  nvidia: '10de',
  'advanced micro devices': '1002',
  amd: '1002',
  intel: '8086',
}

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
    const byNumber = numbered.exec(line)
    const byName = byNumber ? null : named.exec(line)
    const address = pciAddressOf((byNumber ?? byName)?.[1])
    if (byNumber && address)
      cards.push({ address, vendorId: byNumber[2]!.toLowerCase(), deviceId: byNumber[3]!.toLowerCase(), driver: null })
    else if (byName && address)
      cards.push({
        address,
        vendorId: vendorIds[byName[2]!.toLowerCase()]!,
        deviceId: byName[3]?.toLowerCase() ?? null,
        driver: null,
      })
    const driver = /^\s+Kernel driver in use: (\S+)/.exec(line)?.[1]
    if (driver && cards.length > 0) cards[cards.length - 1] = { ...cards.at(-1)!, driver }
  }
  return cards
}
