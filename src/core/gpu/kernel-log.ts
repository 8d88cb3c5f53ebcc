import { pciAddressOf, usableUuid } from './cell.ts'
import { type ObservedDevice, observedDevice, type SeenFault, type Vendor } from './observation.ts'

/** NVIDIA's Xid numbers (docs.nvidia.com/deploy/xid-errors) that say something of the card. Others are the application's. */
const xidCodes: Readonly<Record<number, string>> = {
  48: 'GPU_ECC_UNCORRECTED',
  61: 'GPU_FIRMWARE_HALTED',
  62: 'GPU_FIRMWARE_HALTED',
  63: 'GPU_MEMORY_REPAIRED',
  64: 'GPU_ROW_REMAP_FAILED',
  74: 'GPU_NVLINK_ERROR',
  121: 'GPU_NVLINK_ERROR',
  144: 'GPU_NVLINK_ERROR',
  145: 'GPU_NVLINK_ERROR',
  146: 'GPU_NVLINK_ERROR',
  147: 'GPU_NVLINK_ERROR',
  148: 'GPU_NVLINK_ERROR',
  149: 'GPU_NVLINK_ERROR',
  150: 'GPU_NVLINK_ERROR',
  79: 'GPU_FELL_OFF_BUS',
  92: 'GPU_ECC_CORRECTED_RATE',
  94: 'GPU_ECC_CONTAINED',
  95: 'GPU_ECC_UNCONTAINED',
  119: 'GPU_GSP_TIMEOUT',
  120: 'GPU_GSP_TIMEOUT',
  140: 'GPU_ECC_UNCORRECTED',
  143: 'GPU_INIT_FAILED',
  154: 'GPU_RESET_REQUIRED',
}

/** Faults that the running application caused, as a rule: the card goes on. */
const applicationXids = new Set([13, 31, 32, 43, 45, 68, 69, 109])

const lines: readonly (readonly [vendor: Vendor, code: string, pattern: RegExp])[] = [
  ['nvidia', 'GPU_FELL_OFF_BUS', /GPU has fallen off the bus/i],
  ['nvidia', 'GPU_INIT_FAILED', /RmInitAdapter failed|rm_init_adapter failed|probe routine failed/i],
  ['nvidia', 'GPU_DRIVER_MISMATCH', /NVRM: API mismatch/i],
  ['nvidia', 'GPU_RESET_REQUIRED', /The GPU likely needs to be reset/i],
  ['amd', 'GPU_RESET_SEEN', /amdgpu.*GPU reset (?:begin|succeeded)/i],
  ['amd', 'GPU_RESET_REQUIRED', /amdgpu.*(?:GPU Recovery Failed|GPU reset end with ret|reset failed)/i],
  ['amd', 'GPU_RING_TIMEOUT', /amdgpu.*ring \S+ timeout/i],
  ['amd', 'GPU_ECC_UNCORRECTED', /amdgpu.*uncorrectable (?:hardware )?errors? detected/i],
  ['amd', 'GPU_INIT_FAILED', /amdgpu.*(?:Fatal error during GPU init|hw_init of IP block .* failed)/i],
  ['intel', 'GPU_RESET_SEEN', /(?:i915|xe) .*GPU HANG|(?:i915|xe) .*Resetting chip/i],
]

/** Lines of a kernel's ring buffer: `[  12.345678] …`, `[Thu Jul 18 16:03:50 2024] …`, `… host kernel: …`, `<6>[ …`. */
const logLine = /^(?:<\d+>)?\[(?:\s*\d+\.\d{3,}|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]+ \d{4})\]\s|\bkernel: /

export const isKernelLog = (text: string): boolean => {
  if (/NVSMI LOG|<nvidia_smi_log/.test(text)) return false
  if (/NVRM: |\bXid \(|\bamdgpu \d{4}:|\b(?:i915|xe) \d{4}:|nvidia-nvswitch/.test(text)) return true
  const lines = text
    .slice(0, 65_536)
    .split('\n')
    .filter(line => line.trim() !== '')
  return lines.length > 0 && lines.filter(line => logLine.test(line)).length * 2 > lines.length
}

export type KernelLog = {
  /** Cards that the log names. */
  readonly devices: readonly ObservedDevice[]
  /** What it says of no card in particular. */
  readonly faults: readonly SeenFault[]
}

/** Reads a kernel log (dmesg, journalctl -k). Cards are told apart by PCI address; logs leave the function out. */
export function readKernelLog(text: string): KernelLog {
  const cards = new Map<
    string,
    { vendor: Vendor; uuid: string | null; serial: string | null; faults: Map<string, SeenFault> }
  >()
  const host = new Map<string, SeenFault>()
  let latest: string | null = null
  const card = (vendor: Vendor, address: string) => {
    const known = cards.get(address) ?? { vendor, uuid: null, serial: null, faults: new Map<string, SeenFault>() }
    cards.set(address, known)
    return known
  }
  for (const full of text.split(/\r?\n/)) {
    const line = full.slice(0, 2048)
    const detail = line
      .replace(/^(?:<\d+>)?\s*(?:\[[^\]]*\]\s*)?/, '')
      .trim()
      .slice(0, 300)
    const named = /GPU at (?:PCI:)?([0-9a-f:.]+): (GPU-[0-9a-f-]+)/i.exec(line)
    const namedAt = pciAddressOf(named?.[1])
    if (named && namedAt) {
      card('nvidia', namedAt).uuid = named[2]!
      latest = namedAt
      continue
    }
    const serial = /GPU Board Serial Number: *(\S+)/i.exec(line)?.[1]
    if (serial && latest) card('nvidia', latest).serial = serial
    // A switch between cards: its address is not a card's.
    const sxid = /SXid \(/i.test(line)
    if (sxid) {
      const code = /non-?fatal/i.test(line) ? 'GPU_NVSWITCH_ERROR' : 'GPU_NVSWITCH_FATAL'
      if (!host.has(code)) host.set(code, { code, detail })
      continue
    }
    const xid = /\bXid \((?:PCI:)?([0-9a-f:.]+)\): (\d+)(?:,|$)/i.exec(line)
    const address = pciAddressOf(
      xid?.[1] ??
        /\b(?:PCI:|GPU |amdgpu |i915 |xe |nvidia )([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}(?:\.[0-7])?)/i.exec(line)?.[1],
    )
    if (xid && address) {
      const number = Number(xid[2])
      const code = applicationXids.has(number) ? 'GPU_APPLICATION_ERROR' : (xidCodes[number] ?? 'GPU_XID')
      const { faults } = card('nvidia', address)
      if (!faults.has(code)) faults.set(code, { code, detail })
      continue
    }
    for (const [vendor, code, pattern] of lines) {
      if (!pattern.test(line)) continue
      const faults = address ? card(vendor, address).faults : host
      if (!faults.has(code)) faults.set(code, { code, detail })
    }
  }
  return {
    devices: [...cards]
      .filter(([, { faults, uuid }]) => faults.size > 0 || uuid !== null)
      .map(([pciBusId, { vendor, uuid, serial, faults }]) =>
        observedDevice({
          vendor,
          listing: 'log',
          pciBusId,
          uuid: usableUuid(uuid),
          serial,
          faults: [...faults.values()],
        }),
      ),
    faults: [...host.values()],
  }
}
