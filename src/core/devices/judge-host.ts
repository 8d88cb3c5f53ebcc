import type { CardIdentity, CombinedDevice } from './combine-devices.ts'
import type { HostFacts } from './cross-check.ts'
import { faultDefinition, faultFromText, makeFault } from './make-fault.ts'
import type { Listing, Observation, Vendor } from './observation.ts'
import { isInProcessor, vendorIds, vendorOfId } from './pci-cards.ts'
import {
  deviceRecord,
  type Fault,
  type Note,
  type ProbedDevice,
  type ProbeState,
  probedDevice,
  worstState,
} from './probed-device.ts'

/** Listings by a vendor's tool; a log, the kernel and the bus name cards that the tool may not reach. */
export const isAnswer = (listing: Listing): boolean => ['full', 'query', 'list', 'table'].includes(listing)

/** What means nothing where a card is known, whoever's it is; and where the tool's own cards are listed. */
const mootWithCards = new Set(['GPU_NONE_FOUND', 'GPU_TOOL_MISSING'])
const mootWithList = new Set(['GPU_NO_DATA', 'GPU_NOTHING_READ'])
/** What a tool says too on a host that has no card of its vendor. */
const saidWithoutCards = new Set([
  'GPU_DRIVER_NOT_RUNNING',
  'GPU_LIBRARY_MISSING',
  'GPU_LIBRARY_FAILED',
  'GPU_NONE_DETECTED',
  'GPU_NO_DATA',
])
/** Cards that are counted, or may follow, and are not described. */
const missingCards = new Set(['GPU_INDEX_GAP', 'GPU_OUTPUT_TRUNCATED'])

/** Cards of a live host that its kernel names and the vendor's tool does not list, where nothing else says why. */
export function unshown(
  seen: readonly CombinedDevice[],
  identities: readonly CardIdentity[],
  combined: readonly CombinedDevice[],
  faults: readonly Fault[],
): Fault[] {
  return seen.flatMap(device => {
    const { identity } = identities[combined.indexOf(device)]!
    const why = (fault: Fault): boolean =>
      fault.critical && (fault.device === identity || (fault.device === null && fault.vendor === device.vendor))
    if (isAnswer(device.listing) || faults.some(why)) return []
    const detail = `named by ${device.sources.join(', ')}`
    const critical = device.vendor === 'nvidia'
    return [makeFault('GPU_NOT_LISTED', { device: identity, vendor: device.vendor, detail, critical })]
  })
}

/** What is said of no device in particular: of a vendor's tool, or of the host. */
export function hostFaults(
  own: readonly Observation[],
  seen: readonly CombinedDevice[],
  works: readonly ProbedDevice[],
  facts: HostFacts,
  nameSources: boolean,
): { faults: Fault[]; notes: Note[] } {
  const faults: Fault[] = []
  const notes: Note[] = []
  const name = (source: string, detail: string | null) => (nameSources ? `${source}: ${detail ?? ''}` : detail)
  const answered = new Set(seen.filter(({ listing }) => isAnswer(listing)).map(({ vendor }) => vendor))
  const whole = new Set(
    own
      .filter(({ devices, faults: of }) => devices.length > 0 && !of.some(({ code }) => missingCards.has(code)))
      .map(({ vendor, attached, devices }) => (attached !== null && attached > devices.length ? null : vendor)),
  )
  /** Another vendor's card works, and nothing but its tool speaks of this vendor's. */
  const isElsewhere = (vendor: Vendor | null, code: string): boolean => {
    if (vendor === null || seen.some(device => device.vendor === vendor)) return false
    const onBus = facts.pciCards?.some(card => card.vendorId === vendorIds[vendor] && !isInProcessor(card))
    if (code === 'GPU_NONE_DETECTED' && onBus === false) return true
    if (!works.some(({ record, state }) => record.vendor !== vendor && state !== 'unreadable')) return false
    return onBus === undefined ? saidWithoutCards.has(code) : !onBus
  }
  const given = new Set<string>()
  for (const { source, faults: of, vendor: tool } of own)
    for (const { code, detail, vendor: whose } of of) {
      const vendor = whose ?? tool
      // A tool that listed its cards has answered, whatever else it or another tool said.
      const isAnswered = vendor === null ? answered.size > 0 : answered.has(vendor)
      if ((mootWithCards.has(code) && seen.length > 0) || (mootWithList.has(code) && isAnswered)) continue
      if (code === 'GPU_OUTPUT_TRUNCATED' && whole.has(vendor)) continue
      if (given.has(`${code} ${vendor}`)) continue
      given.add(`${code} ${vendor}`)
      if (isElsewhere(vendor, code)) {
        notes.push({ code, device: null, detail: `${vendor}: ${detail ?? ''}` })
        continue
      }
      faults.push(
        faultFromText(code, { vendor, detail: name(source, detail), ...(isAnswered ? { critical: false } : {}) }),
      )
    }
  for (const { source, detail, vendor } of indexGaps(own))
    faults.push(makeFault('GPU_INDEX_GAP', { vendor, detail: name(source, detail) }))
  return { faults, notes }
}

/** The worst of the devices and of cards that are missing; without any, whether somebody said that there is none. */
export function stateOf(
  devices: readonly ProbedDevice[],
  faults: readonly Fault[],
  observations: readonly Observation[],
): ProbeState {
  const ofHost = faults.filter(({ device }) => device === null)
  const isMissing = ({ code, critical }: Fault): boolean =>
    faultDefinition(code).effect === 'unreadable'
      ? critical || devices.length === 0 || missingCards.has(code)
      : critical && devices.length === 0
  if (ofHost.some(isMissing)) return 'unreadable'
  if (devices.length > 0) return worstState(devices)
  const saysNone = observations.some(({ faults: said }) =>
    said.some(({ code }) => /^GPU_NONE_(?:FOUND|DETECTED)$/.test(code)),
  )
  return saysNone && !observations.some(({ mentionsCards }) => mentionsCards) ? 'absent' : 'unknown'
}

/** Cards that a tool counts and does not describe. */
function indexGaps(own: readonly Observation[]): { source: string; detail: string; vendor: Vendor | null }[] {
  const described = Math.max(0, ...own.map(({ devices }) => devices.length))
  for (const { source, attached, devices, format, vendor } of own) {
    if (attached !== null && attached > described && devices.length > 0) {
      const missing = attached - described
      const not = missing === 1 ? '1 card does not answer' : `${missing} cards do not answer`
      return [{ source, vendor, detail: `${attached} attached, ${described} described: ${not}` }]
    }
    if (!['nvidia-csv', 'nvidia-list', 'nvidia-table'].includes(format)) continue
    const indices = devices.flatMap(({ index }) => (index === null ? [] : [index]))
    const highest = Math.max(-1, ...indices)
    const gaps = Array.from({ length: Math.min(highest, 256) }, (_, index) => index).filter(
      index => !indices.includes(index),
    )
    const unnumbered = devices.filter(({ index }) => index === null).length
    const detail = `no card ${gaps.slice(0, 8).join(', ')} among ${indices.length} up to index ${highest}`
    if (gaps.length > unnumbered && indices.includes(0)) return [{ source, vendor, detail }]
  }
  return []
}

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
    const vendor = vendorOfId(vendorId)
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
