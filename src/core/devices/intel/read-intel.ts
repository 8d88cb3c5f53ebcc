import { isObject } from '../../platform/output.ts'
import { firstFit, integerOf, mebibytesOf, numberOf, pciAddressOf, pciDeviceIdOf, textOf } from '../cell.ts'
import { entriesIn } from '../json-documents.ts'
import { type ObservedDevice, observedDevice, type SeenFault } from '../observation.ts'

type Entry = Readonly<Record<string, unknown>>

const text = (entry: Entry, ...keys: string[]): string | null => {
  for (const key of keys) {
    const value = entry[key]
    const found = typeof value === 'string' || typeof value === 'number' ? textOf(String(value)) : null
    if (found !== null) return found
  }
  return null
}

const isDevice = (value: unknown): value is Entry =>
  isObject(value) &&
  'device_id' in value &&
  ('pci_bdf_address' in value || 'device_name' in value || 'device_level' in value)

const entriesOf = (value: unknown) => entriesIn(value, 'device_list').filter(isDevice)

/** `{ "error": "Level Zero Initialization Error", "errno": 4 }`. */
export const intelError = (value: unknown): string | null =>
  isObject(value) && typeof value.error === 'string' && ('errno' in value || /level zero|xpum/i.test(value.error))
    ? value.error
    : null

/** `{ "device_list": [] }`: xpu-smi found no card. */
export const isEmptyIntelList = (value: unknown): boolean =>
  isObject(value) && Array.isArray(value.device_list) && value.device_list.length === 0

export const isIntelJson = (value: unknown): boolean =>
  (isObject(value) && Array.isArray(value.device_list) && value.device_list.every(isObject)) ||
  entriesOf(value).length > 0 ||
  intelError(value) !== null

/** `xpu-smi stats -j`: metrics as a list of `{ metrics_type, value }`. */
function metric(entry: Entry, type: RegExp): number | null {
  const list = entry.device_level
  if (!Array.isArray(list)) return null
  for (const item of list)
    if (isObject(item) && typeof item.metrics_type === 'string' && type.test(item.metrics_type))
      return numberOf(String(item.value ?? ''))
  return null
}

/** `xpu-smi health -j`: components with a status; 1 is OK, 2 a warning, 3 critical. */
function healthFaults(entry: Entry): SeenFault[] {
  return Object.entries(entry).flatMap(([key, value]) => {
    if (!isObject(value) || typeof value.status !== 'string' || !/warning|critical/i.test(value.status)) return []
    const code = /temperature/i.test(key)
      ? 'GPU_TEMPERATURE_HIGH'
      : /power/i.test(key)
        ? 'GPU_POWER_CAP'
        : 'GPU_HEALTH_WARNING'
    return [{ code, detail: `${key}: ${value.status} ${String(value.description ?? '')}`.trim().slice(0, 200) }]
  })
}

/** What `Device State` of xpu-smi means. */
const stateFaults = (state: string): SeenFault[] => {
  if (/^(?:normal|ok|ready|active|available)$/i.test(state)) return []
  const code = firstFit(state, [
    [/surviv/i, 'GPU_SURVIVABILITY_MODE'],
    [/wedged/i, 'GPU_WEDGED'],
  ])
  return [{ code: code ?? 'GPU_HEALTH_WARNING', detail: `device state: ${state}` }]
}

/**
 * The cards of which xpu-smi's table for people (`xpu-smi discovery`) says that they do not work; `others`: it has more. Null where
 * the text is not that table.
 */
export function readIntelTable(text: string): { devices: ObservedDevice[]; others: boolean } | null {
  if (!/Device ID\s*\|?\s*Device Information/i.test(text) && !/Intel XPU-SMI v\d/i.test(text)) return null
  const rows = new Map<number, Map<string, string>>()
  let open: Map<string, string> | null = null
  for (const full of text.split(/\r?\n/)) {
    const [, index, label, value] =
      /^\|?\s*(\d{1,3})?\s*\|?\s*([A-Z][\w ]+?):\s*(.*?)\s*\|?\s*$/.exec(full.slice(0, 512)) ?? []
    if (label === undefined) continue
    if (index !== undefined) {
      open = new Map()
      rows.set(Number(index), open)
    }
    open?.set(label.toLowerCase(), value!)
  }
  const devices = [...rows]
    .map(([index, fields]) =>
      observedDevice({
        vendor: 'intel',
        listing: 'table',
        index,
        name: textOf(fields.get('device name')),
        pciBusId: pciAddressOf(fields.get('pci bdf address')),
        faults: stateFaults(fields.get('device state') ?? 'normal'),
      }),
    )
    .filter(({ faults }) => faults.length > 0)
  return { devices, others: devices.length < rows.size || rows.size === 0 }
}

function readEntry(entry: Entry, health: Entry | undefined): ObservedDevice {
  const uncorrected = metric(entry, /RAS_ERROR.*UNCORRECTABLE|NON_?FATAL|UNCORRECTABLE/i)
  const faults = healthFaults(health ?? entry)
  if ((uncorrected ?? 0) > 0)
    faults.push({ code: 'GPU_ECC_UNCORRECTED', detail: `${uncorrected} uncorrectable errors` })
  const state = text(entry, 'device_state')
  if (state) faults.push(...stateFaults(state))
  return observedDevice({
    vendor: 'intel',
    listing: 'full',
    index: integerOf(text(entry, 'device_id')),
    name: text(entry, 'device_name', 'sku_type'),
    uuid: text(entry, 'uuid'),
    serial: text(entry, 'serial_number'),
    pciBusId: pciAddressOf(text(entry, 'pci_bdf_address')),
    pciDeviceId: pciDeviceIdOf(text(entry, 'pci_device_id'), '8086'),
    memoryMiB: mebibytesOf(text(entry, 'memory_physical_size_byte', 'memory_physical_size'), 'b'),
    driver: text(entry, 'driver_version', 'kernel_version'),
    firmware: text(entry, 'gfx_firmware_version', 'firmware_version'),
    vgpu: /virtual/i.test(text(entry, 'device_function_type') ?? ''),
    readings: {
      temperatureC: metric(entry, /GPU_CORE_TEMPERATURE/),
      memoryTemperatureC: metric(entry, /MEMORY_TEMPERATURE/),
      powerDrawWatts: metric(entry, /STATS_POWER$/),
      utilisationPercent: metric(entry, /GPU_UTILIZATION/),
      memoryUsedMiB: metric(entry, /MEMORY_USED$/),
      eccMode: text(entry, 'memory_ecc_state'),
      eccUncorrected: uncorrected,
      linkGenerationMax: integerOf(text(entry, 'pcie_generation')),
      linkWidthMax: integerOf(text(entry, 'pcie_max_link_width')),
    },
    faults,
  })
}

/** Devices in the JSON of xpu-smi: `discovery` (all or one), `stats`, `health`, joined by the tool's own id. */
export function readIntelDocuments(values: readonly unknown[]): ObservedDevice[] {
  const merged = new Map<string, Entry>()
  const health = new Map<string, Entry>()
  for (const value of values) {
    for (const entry of entriesOf(value))
      merged.set(String(entry.device_id), { ...merged.get(String(entry.device_id)), ...entry })
    if (isObject(value) && 'device_id' in value && entriesOf(value).length === 0)
      health.set(String(value.device_id), value)
  }
  return [...merged].map(([id, entry]) => readEntry(entry, health.get(id)))
}
