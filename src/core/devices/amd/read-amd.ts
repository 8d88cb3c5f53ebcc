import { isObject } from '../../platform/output.ts'
import { integerOf, mebibytesOf, numberOf, pciAddressOf, pciDeviceIdOf, textOf, usableUuid } from '../cell.ts'
import { memoryFits } from '../class-table.ts'
import { entriesIn } from '../json-documents.ts'
import { type ObservedDevice, type ObservedPart, observedDevice, observedPart, type SeenFault } from '../observation.ts'

/** One GPU's values by lower-case path: `card series`, `vram/size`, `temperature/hotspot`. */
type Facts = ReadonlyMap<string, string>

/** amd-smi writes a quantity as `{ value, unit }` since ROCm 6; rocm-smi and older amd-smi write plain text or numbers. */
function flatten(value: unknown, path: string, into: Map<string, string>, depth = 0): void {
  if (value === null || value === undefined || depth > 8 || into.size > 4096) return
  if (isObject(value)) {
    if ('value' in value && !isObject(value.value)) {
      into.set(path, `${String(value.value)}${typeof value.unit === 'string' ? ` ${value.unit}` : ''}`)
      return
    }
    for (const [key, child] of Object.entries(value))
      flatten(child, path === '' ? key.trim().toLowerCase() : `${path}/${key.trim().toLowerCase()}`, into, depth + 1)
  } else if (Array.isArray(value))
    value.slice(0, 64).forEach((child, at) => {
      flatten(child, `${path}/${at}`, into, depth + 1)
    })
  else into.set(path, String(value).slice(0, 1024))
}

const factsOf = (value: unknown): Facts => {
  const facts = new Map<string, string>()
  flatten(value, '', facts)
  return facts
}

/** Values by the names that versions of the tools have for them, `a | b | c`: the first that is there and says something. */
const reader = (facts: Facts) => {
  const first = <T>(read: (raw: string) => T | null, names: string): T | null => {
    for (const name of names.split('|')) {
      const raw = facts.get(name.trim())
      const value = raw === undefined ? null : read(raw)
      if (value !== null) return value
    }
    return null
  }
  return {
    text: (names: string) => first(textOf, names),
    number: (names: string) => first(numberOf, names),
    integer: (names: string) => first(integerOf, names),
    mebibytes: (unit: 'b' | 'mib', names: string) => first(raw => mebibytesOf(raw, unit), names),
  }
}

/** Names that are ids in disguise: `0x1002` is the vendor, printed where a lookup failed. */
const realName = (name: string | null): string | null => (name === null || /^0x[0-9a-f]+$/i.test(name) ? null : name)

/** `16.0GT/s x16`, `0 (16.0GT/s x16)`. */
const widthIn = (text: string | null): number | null => {
  const match = /\bx(\d+)\b/.exec(text ?? '')
  return match ? Number(match[1]) : null
}

/** rocm-smi lists every level of the link; the widest is what it can do. */
const widestLevel = (facts: Facts): number | null => {
  const widths = [...facts].filter(([key]) => /^\d+$/.test(key)).flatMap(([, level]) => widthIn(level) ?? [])
  return widths.length > 0 ? Math.max(...widths) : null
}

function readFaults(facts: Facts, uncorrected: number | null): SeenFault[] {
  const faults: SeenFault[] = []
  const { text, number } = reader(facts)
  if ((uncorrected ?? 0) > 0) faults.push({ code: 'GPU_ECC_UNCORRECTED', detail: `${uncorrected} uncorrected errors` })
  const throttle = text('power/throttle_status | throttle_status')
  if (throttle && /^(?:throttled|true|active)$/i.test(throttle))
    faults.push({ code: 'GPU_THERMAL_THROTTLE', detail: `throttle_status ${throttle}` })
  const active = (pattern: RegExp) =>
    [...facts].filter(([key, value]) => pattern.test(key) && /^(?:active|true)$/i.test(value)).map(([key]) => key)
  const thermal = active(/^throttle\/.*(?:thm|thermal|prochot|tviol).*(?:status|violation_status)$/)
  const powered = active(/^throttle\/.*(?:ppt|power|pviol).*(?:status|violation_status)$/)
  if (thermal.length > 0 && faults.every(({ code }) => code !== 'GPU_THERMAL_THROTTLE'))
    faults.push({ code: 'GPU_THERMAL_THROTTLE', detail: thermal.join(', ').slice(0, 200) })
  if (powered.length > 0) faults.push({ code: 'GPU_POWER_CAP', detail: powered.join(', ').slice(0, 200) })
  const pending = [...facts].some(
    ([key, value]) => /(?:retired_pages|bad_pages).*status$/.test(key) && /pending/i.test(value),
  )
  if (pending) faults.push({ code: 'GPU_RETIREMENT_PENDING', detail: null })
  const hot = number('temperature/hotspot | temperature/hotspot_temperature | temperature (sensor junction) (c)')
  const limit = number('limit/slowdown_hotspot_temperature | limit/shutdown_hotspot_temperature')
  if (hot !== null && limit !== null && limit > 0 && hot >= limit)
    faults.push({ code: 'GPU_TEMPERATURE_HIGH', detail: `${hot} °C at a limit of ${limit} °C` })
  return faults
}

const bdfOf = (facts: Facts): string | null =>
  pciAddressOf(reader(facts).text('pci bus | bus/bdf | bdf | gpu_bdf | bus_info/bdf'))

/** The id; rocm-smi's JSON has it as the model where no name is known. */
const deviceIdOf = (facts: Facts): string | null => {
  const { text } = reader(facts)
  const model = text('card model')
  return pciDeviceIdOf(
    text('asic/device_id | device id | gpu id | device_id') ?? (/^0x[0-9a-f]{4}$/i.test(model ?? '') ? model : null),
    '1002',
  )
}

function readCard(
  index: number | null,
  facts: Facts,
  driver: string | null,
  computeApi: string | null,
): ObservedDevice {
  const { text, number, integer, mebibytes } = reader(facts)
  const uncorrected = integer('ecc/total_uncorrectable_count | ecc/total_uncorrect | ras/total_uncorrectable_count')
  const pcieLevel = text('pcie clock level | pcie_clock_level')
  const uniqueId = text('unique id | asic/asic_serial | asic_serial')
  const uuid = usableUuid(text('uuid | gpu_uuid | list/uuid'))
  const retired = [...facts]
    .filter(([key]) => /(?:retired|bad)_?pages?\/\d+\//.test(key))
    .map(([key]) => key.replace(/\/[^/]*$/, ''))
  return observedDevice({
    vendor: 'amd',
    // A row of the table for people names no model.
    listing: [...facts.keys()].every(key => /^(?:device id|compute partition|partition id)$/.test(key))
      ? 'table'
      : 'full',
    index,
    name:
      [
        'asic/market_name | market_name',
        'card series',
        'device name',
        'board/product_name | fru/product_name',
        'card model',
      ]
        .map(names => realName(text(names)))
        .find(name => name !== null) ?? null,
    uuid,
    serial: text('serial number | board/product_serial | fru/product_serial'),
    boardId: usableUuid(uniqueId),
    pciBusId: bdfOf(facts),
    pciDeviceId: deviceIdOf(facts),
    memoryMiB:
      mebibytes('b', 'vram total memory (b)') ??
      mebibytes(
        'mib',
        'vram/size | vram/vram_size_mb | vram/size_mb | mem_usage/total_vram | vram/vram_size | vram/total',
      ),
    driver: text('driver/version | driver/driver_version') ?? driver,
    computeApi,
    firmware: text(
      'vbios/part_number | vbios version | vbios/vbios_part_number | vbios/version | ifwi/part_number | ifwi/version',
    ),
    architecture: text('asic/target_graphics_version | gfx version'),
    readings: {
      temperatureC: number(
        'temperature (sensor edge) (c) | temperature/edge | temperature/edge_temperature | temperature (sensor junction) (c) | temperature/hotspot | temperature/hotspot_temperature',
      ),
      memoryTemperatureC: number(
        'temperature (sensor memory) (c) | temperature (sensor mem) (c) | temperature/mem | temperature/mem_temperature',
      ),
      powerDrawWatts: number(
        'average graphics package power (w) | current socket graphics package power (w) | power/socket_power | power/average_socket_power | power/current_socket_power',
      ),
      powerLimitWatts: number(
        'max graphics package power (w) | limit/max_power | limit/socket_power | power/power_limit | limit/ppt0/max_power_limit',
      ),
      memoryUsedMiB:
        mebibytes('b', 'vram total used memory (b)') ?? mebibytes('mib', 'mem_usage/used_vram | vram/vram_used'),
      utilisationPercent: number('gpu use (%) | usage/gfx_activity | usage/gfx_usage'),
      performanceState: text('performance level | perf_level/perf_level | perf_level'),
      linkWidth: widthIn(pcieLevel) ?? integer('pcie/width | pcie/current_lanes | pcie/current_width'),
      linkWidthMax: integer('bus/max_pcie_width | bus/max_pcie_lanes | pcie/max_width') ?? widestLevel(facts),
      eccCorrected: integer('ecc/total_correctable_count | ecc/total_correct'),
      eccUncorrected: uncorrected,
      retiredPages: retired.length > 0 ? new Set(retired).size : null,
    },
    faults: readFaults(facts, uncorrected),
  })
}

/** Sections of which an entry of amd-smi has at least one. */
const gpuKeys = `asic bus vram bdf gpu_bdf uuid gpu_uuid usage power
  temperature mem_usage vbios driver board ecc partition_id partition market_name asic_serial`.split(/\s+/)

const isAmdSmiEntry = (value: unknown): value is Readonly<Record<string, unknown>> =>
  isObject(value) && 'gpu' in value && gpuKeys.some(key => key in value)

const amdSmiEntries = (value: unknown) => entriesIn(value, 'gpu_data').filter(isAmdSmiEntry)

const rocmCards = (value: unknown): readonly (readonly [index: number, card: unknown])[] =>
  isObject(value)
    ? Object.entries(value).flatMap(([key, card]) => {
        const match = /^card ?(\d+)$/i.exec(key.trim())
        return match && isObject(card) ? [[Number(match[1]), card] as const] : []
      })
    : []

/** `{ "gpu_data": [] }`: amd-smi found no card. */
export const isEmptyAmdList = (value: unknown): boolean =>
  isObject(value) && Array.isArray(value.gpu_data) && value.gpu_data.length === 0

/** Whether a JSON value is something that rocm-smi or amd-smi prints. */
export const isAmdJson = (value: unknown): boolean =>
  amdSmiEntries(value).length > 0 ||
  isEmptyAmdList(value) ||
  rocmCards(value).length > 0 ||
  (isObject(value) && isObject(value.system) && 'Driver version' in value.system) ||
  versionsOf(value) !== null

function versionsOf(value: unknown): { rocm: string | null } | null {
  const entry = Array.isArray(value) ? value[0] : value
  if (!isObject(entry) || !('rocm_version' in entry || 'amdsmi_library_version' in entry)) return null
  return { rocm: textOf(typeof entry.rocm_version === 'string' ? entry.rocm_version : null) }
}

/**
 * Cards in the JSON of rocm-smi (one object with `card0`, `card1`, `system`) and amd-smi (an array, since ROCm 7 under
 * `gpu_data`; `list`, `static` and `metric` are separate documents that are joined by the tool's own index).
 */
export function readAmdDocuments(values: readonly unknown[]): ObservedDevice[] {
  let driver: string | null = null
  let rocm: string | null = null
  for (const value of values) {
    rocm = versionsOf(value)?.rocm ?? rocm
    if (isObject(value) && isObject(value.system))
      driver = textOf(String(value.system['Driver version'] ?? '')) ?? driver
  }
  const cards = new Map<number, Facts>()
  const add = (index: number, card: unknown) =>
    cards.set(index, new Map([...(cards.get(index) ?? []), ...factsOf(card)]))
  for (const value of values) {
    for (const [index, card] of rocmCards(value)) add(index, card)
    for (const entry of amdSmiEntries(value)) add(integerOf(String(entry.gpu)) ?? cards.size, entry)
  }
  const nodes = [...cards].sort(([a], [b]) => a - b)
  const firsts: { index: number; facts: Facts; parts: { index: number; facts: Facts }[] }[] = []
  for (const [index, facts] of nodes) {
    const whole = firsts.findLast(first => isPartOf(facts, first.facts))
    if (whole) whole.parts.push({ index, facts })
    else firsts.push({ index, facts, parts: [] })
  }
  return firsts.map(({ index, facts, parts }) => {
    const card = readCard(index, facts, driver, rocm)
    const mode = partitionMode(facts)
    // A container may be given one partition, and no other.
    if (parts.length === 0 && mode === null && !partitionId(facts)) return card
    const partitions = [{ index, facts }, ...parts].map((part, at) => readPartition(part, at, mode, driver))
    const fits = card.name === null || card.memoryMiB === null || memoryFits(card.name, card.memoryMiB) !== false
    // What a partition says of memory is of the partition.
    return { ...card, memoryMiB: fits ? card.memoryMiB : null, partsEnabled: true, parts: partitions }
  })
}

const partitionId = (facts: Facts): number | null =>
  reader(facts).integer('partition_id | partition/partition_id | partition id')

/** `CPX`, `DPX/NPS1` …; null for a card that is whole (SPX), or that says nothing of it. */
function partitionMode(facts: Facts): string | null {
  const { text } = reader(facts)
  const mode = text(
    'partition/accelerator_partition | partition/compute_partition | accelerator_partition | compute_partition | compute partition',
  )
  const memory = text('partition/memory_partition | memory_partition | memory partition')
  return mode === null || !/^[CDTQ]PX/i.test(mode) ? null : memory === null ? mode : `${mode}/${memory}`
}

/**
 * Whether a node is a further partition of the card before it. amd-smi numbers partitions and gives each a function of the card's
 * PCI address and all of them one UUID; rocm-smi prints N/A for the ids of all but the first.
 */
function isPartOf(node: Facts, first: Facts): boolean {
  const { text } = reader(node)
  const { text: of } = reader(first)
  const [address, whole] = [bdfOf(node), bdfOf(first)]
  const isFurther = (partitionId(node) ?? 0) > 0
  const shares = ['uuid', 'gpu_uuid', 'unique id', 'asic/asic_serial'].some(
    key => text(key) !== null && text(key) === of(key),
  )
  const slot = (bdf: string) => bdf.replace(/\.[0-7]$/, '')
  // A tool lists a card once: what stands at its address again is a part of it.
  if (address !== null && whole !== null)
    return slot(address) === slot(whole) && (isFurther || shares || address === whole)
  if (isFurther) return shares || address === null
  const name = text('device name | card series | asic/market_name')
  const hasNoIds = address === null && /^n\/a$/i.test(node.get('device id') ?? '')
  return hasNoIds && deviceIdOf(first) !== null && name === of('device name | card series | asic/market_name')
}

function readPartition(
  { index, facts }: { readonly index: number; readonly facts: Facts },
  at: number,
  mode: string | null,
  driver: string | null,
): ObservedPart {
  const node = readCard(index, facts, driver, null)
  return observedPart({
    index,
    profile: mode,
    gpuInstance: partitionId(facts) ?? at,
    memoryMiB: node.memoryMiB,
    memoryUsedMiB: node.readings.memoryUsedMiB ?? null,
    faults: node.faults,
  })
}
