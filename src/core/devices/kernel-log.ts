import { firstFit, pciAddressOf, usableUuid } from './cell.ts'
import { isBoot, isTimed, orderedLines } from './log-lines.ts'
import { recoveryFault } from './nvidia/read-device.ts'
import { observedDevice, type SeenFault, type Vendor } from './observation.ts'
import { vendorOfId } from './pci-cards.ts'

/** NVIDIA's Xid numbers (docs.nvidia.com/deploy/xid-errors) that say something of the card. Others are the application's. */
const xidCodes: Readonly<Record<number, string>> = {
  48: 'GPU_ECC_UNCORRECTED',
  61: 'GPU_FIRMWARE_HALTED',
  62: 'GPU_FIRMWARE_HALTED',
  63: 'GPU_MEMORY_REPAIRED',
  64: 'GPU_ROW_REMAP_FAILED',
  ...Object.fromEntries([74, 121, 144, 145, 146, 147, 148, 149, 150].map(xid => [xid, 'GPU_NVLINK_ERROR'])),
  79: 'GPU_FELL_OFF_BUS',
  92: 'GPU_ECC_CORRECTED_RATE',
  94: 'GPU_ECC_CONTAINED',
  95: 'GPU_ECC_UNCONTAINED',
  119: 'GPU_GSP_TIMEOUT',
  120: 'GPU_GSP_TIMEOUT',
  140: 'GPU_ECC_UNCORRECTED',
  143: 'GPU_INIT_FAILED',
}

/** Faults that the running application caused, as a rule: the card goes on. */
const applicationXids = new Set([13, 31, 32, 43, 45, 68, 69, 109])

/** A fault, or `works`: the card came back, and what was wrong before is history. */
type Meaning = string | 'works'

/** In the order in which they are tried: the first that fits a line is what it says. */
const rules: Readonly<Record<Vendor, Readonly<Record<Meaning, RegExp>>>> = {
  nvidia: {
    GPU_NEEDS_OPEN_MODULES: /requires use of the NVIDIA open kernel modules/i,
    GPU_NEEDS_CLOSED_MODULES: /not supported by (?:the )?open[^\n]*(?:nvidia\.ko|kernel module|because)/i,
    GPU_DRIVER_DROPPED: /(?:supported through the NVIDIA [\d.x]+ Legacy|is not supported by the NVIDIA [\d.]+ driver)/i,
    GPU_HELD_BY_OTHER: /probe routine was not called|already bound to (?:vfio-pci|nouveau)/i,
    GPU_BAR_UNASSIGNED: /PCI I\/O region assigned to your NVIDIA device is invalid/i,
    GPU_FELL_OFF_BUS: /GPU has fallen off the bus/i,
    GPU_INIT_FAILED:
      /RmInitAdapter failed|rm_init_adapter failed|probe routine failed|\bnvidia.*: probe of .* failed with error|probe with driver nvidia failed/i,
    GPU_DRIVER_MISMATCH: /NVRM: API mismatch/i,
    GPU_RESET_REQUIRED: /The GPU likely needs to be reset/i,
    GPU_NONE_FOUND: /NVRM: No NVIDIA (?:GPU|graphics adapter) found/i,
  },
  amd: {
    works:
      /GPU reset(?:\(\d+\))? succeeded|GPU reset end with ret = 0\b|Ring \S+ reset succeeded|\[drm\] Initialized amdgpu|amdgpu.*device wedged, but recovered through reset|amdgpu.*GPU recovery succeeded/i,
    GPU_FIRMWARE_MISSING: /amdgpu.*(?:Direct firmware load for .* failed with error -2)/i,
    GPU_INIT_FAILED:
      /amdgpu.*(?:Fatal error during GPU init|(?:hw|sw)_init of IP block .* failed|probe of .* failed with error|probe with driver amdgpu failed|GPU will not be initialized)/i,
    GPU_FELL_OFF_BUS: /amdgpu.*(?:device lost from bus|GPU (?:is|has been) lost)/i,
    GPU_WEDGED: /amdgpu.*device wedged, needs recovery/i,
    GPU_RESET_REQUIRED:
      /amdgpu.*(?:GPU Recovery Failed|GPU reset(?:\(\d+\))? failed|GPU reset end with ret = -?[1-9]|ASIC reset failed|reset failed)/i,
    GPU_RESET_SEEN: /amdgpu.*GPU reset begin/i,
    GPU_RING_TIMEOUT: /amdgpu.*ring \S+ timeout/i,
    GPU_ECC_UNCORRECTED: /amdgpu.*uncorrectable (?:hardware )?errors? detected/i,
  },
  intel: {
    works:
      /\[drm\] Initialized (?:i915|xe)|(?:i915|xe) .*device wedged, but recovered through reset|\bxe .*GT\d+: reset done/i,
    GPU_RESET_REQUIRED: /(?:i915|xe) .*reset failed/i,
    GPU_SURVIVABILITY_MODE: /\bxe .*survivability mode/i,
    GPU_WEDGED:
      /has declared device .* as wedged|declaring it wedged|(?:i915|xe) .*device wedged, needs recovery|(?:i915|xe) .*Failed to reset chip/i,
    GPU_FIRMWARE_MISSING: /(?:i915|xe) .*Direct firmware load for .* failed with error -2/i,
    GPU_INIT_FAILED:
      /(?:i915|xe)\b.*(?:probe of .* failed with error|probe with driver (?:i915|xe) failed|Device initialization failed)/i,
    GPU_FELL_OFF_BUS: /(?:i915|xe) .*(?:device is lost|lost from (?:the )?bus)/i,
    GPU_RESET_SEEN: /(?:i915|xe) .*(?:GPU HANG|Resetting chip|Engine reset|reset started)/i,
    GPU_RING_TIMEOUT: /(?:i915|xe) .*Timedout job/i,
  },
}

function ruleFor(line: string): { readonly vendor: Vendor; readonly meaning: Meaning } | null {
  for (const vendor of ['nvidia', 'amd', 'intel'] as const)
    for (const [meaning, pattern] of Object.entries(rules[vendor])) if (pattern.test(line)) return { vendor, meaning }
  return null
}

const unstarted = ['GPU_INIT_FAILED', 'GPU_NONE_FOUND']
/** A cause that says more than what it caused. */
const explains: Readonly<Record<string, readonly string[]>> = {
  GPU_NEEDS_OPEN_MODULES: unstarted,
  GPU_NEEDS_CLOSED_MODULES: unstarted,
  GPU_DRIVER_DROPPED: unstarted,
  GPU_HELD_BY_OTHER: unstarted,
  GPU_BAR_UNASSIGNED: unstarted,
  GPU_SURVIVABILITY_MODE: ['GPU_WEDGED', 'GPU_INIT_FAILED'],
  GPU_FELL_OFF_BUS: ['GPU_RESET_REQUIRED'],
  GPU_REBOOT_REQUIRED: ['GPU_RESET_REQUIRED'],
}

/** What no reset and no reboot undoes. */
const lasting = new Set(['GPU_ROW_REMAP_FAILED', 'GPU_MEMORY_UNREPAIRABLE', 'GPU_MEMORY_REPAIRED'])
/** Faults that end when the card works again; others are history already when they are logged. */
const demands = new Set([
  'GPU_FELL_OFF_BUS',
  'GPU_INIT_FAILED',
  'GPU_WEDGED',
  'GPU_SURVIVABILITY_MODE',
  'GPU_RESET_REQUIRED',
  'GPU_REBOOT_REQUIRED',
  'GPU_DRAIN_RECOMMENDED',
  'GPU_DRAIN_P2P',
  'GPU_GSP_TIMEOUT',
  'GPU_FIRMWARE_HALTED',
  'GPU_ECC_UNCONTAINED',
])
/** What one recovery action takes the place of. */
const recoveryDemands = ['GPU_RESET_REQUIRED', 'GPU_REBOOT_REQUIRED', 'GPU_DRAIN_RECOMMENDED', 'GPU_DRAIN_P2P']

const drivers =
  /NVRM: |\bXid \(|nvidia-nvswitch|nvidia-(?:drm|modeset|peermem|uvm)|\bamdgpu\b|\b(?:i915|xe) \d{4}:|Initialized (?:i915|xe)\b/

const driverNames: readonly (readonly [RegExp, Vendor])[] = [
  [/\bNVRM\b|nvidia/i, 'nvidia'],
  [/\bamdgpu\b/, 'amd'],
  [/\b(?:i915|xe)\b/, 'intel'],
]

/** A card on the bus as the kernel finds it, whatever drives it later; graphics of an Intel processor are none. */
const enumerated = /\bpci (?!0000:00:02\.0)[0-9a-f:.]+: \[(10de|1002|8086):[0-9a-f]{4}\] type \d+ class 0x03/

/** A text of which most lines are lines of a kernel's ring buffer, or that names a card's driver as the kernel does. */
export const isKernelLog = (text: string): boolean => {
  if (/NVSMI LOG|<nvidia_smi_log/.test(text)) return false
  if (/NVRM: |\bXid \(|\bamdgpu \d{4}:|\b(?:i915|xe) \d{4}:|nvidia-nvswitch/.test(text)) return true
  const lines = text
    .slice(0, 65_536)
    .split('\n')
    // Behind a record of /dev/kmsg come its properties.
    .filter(line => line.trim() !== '' && !/^ [A-Z]+=/.test(line))
  return lines.length > 0 && lines.filter(isTimed).length * 2 > lines.length
}

/** Lines that a log of the whole host is cut down to. */
export const concernsCards = (line: string): boolean => drivers.test(line) || /Linux version \d/.test(line)

type Story = { vendor: Vendor; uuid: string | null; serial: string | null; faults: Map<string, SeenFault> }

/** Keeps the first line of each fault that is open; a later line may end it. */
function tell({ faults }: Story, code: string, detail: string): void {
  const open = faults.get(code)
  if (!open || open.past) faults.set(code, { code, detail })
  for (const caused of explains[code] ?? []) faults.delete(caused)
  if (Object.entries(explains).some(([cause, caused]) => caused.includes(code) && faults.has(cause)))
    faults.delete(code)
}

function recover({ faults }: Story, detail: string): void {
  const ended = [...faults.values()].filter(({ code, past }) => demands.has(code) && !past)
  for (const { code } of ended) faults.delete(code)
  for (const [code, fault] of faults) if (!lasting.has(code)) faults.set(code, { ...fault, past: true })
  if (ended.length > 0)
    faults.set('GPU_RECOVERED', {
      code: 'GPU_RECOVERED',
      detail: `${ended[0]!.detail}; then: ${detail}`.slice(0, 300),
      past: true,
    })
}

/**
 * Reads a kernel log (dmesg, journalctl -k, syslog, /dev/kmsg) as a story, a card at a time: what a later line undoes is history.
 * Cards are told apart by PCI address; logs leave the function out.
 */
export function readKernelLog(text: string) {
  const cards = new Map<string, Story>()
  const hosts = new Map<Vendor, Story>()
  const named = new Map<string, Vendor>()
  /** The card that the lines before spoke of: some messages take two lines. */
  let latest: { vendor: Vendor; address: string; line: number } | null = null
  const storyIn = <K>(stories: Map<K, Story>, key: K, vendor: Vendor): Story => {
    const known = stories.get(key) ?? { vendor, uuid: null, serial: null, faults: new Map<string, SeenFault>() }
    stories.set(key, known)
    return known
  }
  const card = (vendor: Vendor, address: string) => storyIn(cards, address, vendor)
  const host = (vendor: Vendor) => storyIn(hosts, vendor, vendor)
  for (const [at, line] of orderedLines(text).entries()) {
    if (isBoot(line)) for (const story of cards.values()) recover(story, 'the host was started anew')
    const detail = line.slice(0, 300)
    const address = pciAddressOf(
      /(?:PCI:|\b)([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}(?:\.[0-7])?)(?![0-9a-f]|:[0-9a-f])/i.exec(line)?.[1],
    )
    const uuid = /GPU at (?:PCI:)?[0-9a-f:.]+: (GPU-[0-9a-f-]+)/i.exec(line)?.[1]
    if (uuid && address) {
      card('nvidia', address).uuid = uuid
      latest = { vendor: 'nvidia', address, line: at }
      continue
    }
    const serial = /GPU Board Serial Number: *(\S+)/i.exec(line)?.[1]
    if (serial && latest) card('nvidia', latest.address).serial = serial
    // A switch between cards: its address is not a card's.
    if (/SXid \(/i.test(line)) {
      tell(host('nvidia'), /non-?fatal/i.test(line) ? 'GPU_NVSWITCH_ERROR' : 'GPU_NVSWITCH_FATAL', detail)
      continue
    }
    const xid = /\bXid \((?:PCI:)?[0-9a-f:.]+\): (\d+)(?:,|$)/i.exec(line)
    if (xid && address) {
      tellXid(card('nvidia', address), Number(xid[1]), detail)
      latest = { vendor: 'nvidia', address, line: at }
      continue
    }
    const found = vendorOfId(enumerated.exec(line)?.[1] ?? '')
    if (found && address) named.set(address, found)
    const rule = ruleFor(line)
    const vendor = rule?.vendor ?? firstFit(line, driverNames)
    if (vendor && address && (rule || drivers.test(line))) {
      latest = { vendor, address, line: at }
      named.set(address, vendor)
    }
    if (!rule) continue
    const of = address ?? (latest?.vendor === vendor && at - latest!.line <= 3 ? latest!.address : null)
    const story = of && rule.meaning !== 'GPU_NONE_FOUND' ? card(rule.vendor, of) : host(rule.vendor)
    if (rule.meaning !== 'works') tell(story, rule.meaning, detail)
    else {
      // A reset that went well is one that was needed.
      if (/reset/i.test(line) && !story.faults.has('GPU_RESET_SEEN')) tell(story, 'GPU_RESET_SEEN', detail)
      recover(story, detail)
    }
  }
  for (const { faults } of [...cards.values(), ...hosts.values()]) {
    // Firmware that is missing matters where the driver gave up; much of it is optional.
    if (faults.has('GPU_FIRMWARE_MISSING'))
      faults.delete(faults.has('GPU_INIT_FAILED') ? 'GPU_INIT_FAILED' : 'GPU_FIRMWARE_MISSING')
  }
  const devices = [...cards].filter(([, { faults, uuid }]) => faults.size > 0 || uuid !== null)
  // What the log says of no card is said of the only one that it speaks of.
  const ofOnly = devices.length === 1 ? hosts.get(devices[0]![1].vendor) : undefined
  return {
    /** Cards that the log says something is or was wrong with, or names by UUID. */
    devices: devices.map(([pciBusId, { vendor, uuid, serial, faults }]) =>
      observedDevice({
        vendor,
        listing: 'log',
        pciBusId,
        uuid: usableUuid(uuid),
        serial,
        faults: [...faults.values(), ...(ofOnly?.faults.values() ?? [])].filter(
          ({ code }, i, all) => all.findIndex(other => other.code === code) === i && code !== 'GPU_NONE_FOUND',
        ),
      }),
    ),
    /** What it says of no card in particular. */
    faults: [...hosts.values()]
      .filter(story => story !== ofOnly)
      .flatMap(({ vendor, faults }) => [...faults.values()].map(fault => ({ ...fault, vendor }))),
    /** Cards that it only mentions. */
    named: [...named].map(([address, vendor]) => `${vendor} ${address}`),
  }
}

function tellXid(story: Story, number: number, detail: string): void {
  // "… recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)": the second brackets are what is so now.
  const actions = number === 154 ? [...detail.replace(/^.*?\): 154/, '').matchAll(/\(([^()]*)\)/g)] : []
  const action = (actions[1] ?? actions[0])?.[1]
  const code =
    action !== undefined
      ? recoveryFault(action)
      : applicationXids.has(number)
        ? 'GPU_APPLICATION_ERROR'
        : (xidCodes[number] ?? 'GPU_XID')
  // One demand takes the place of another.
  if (action !== undefined && code !== null) for (const before of recoveryDemands) story.faults.delete(before)
  if (code === null) recover(story, detail)
  else tell(story, code, detail)
}
