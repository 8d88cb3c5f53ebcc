import { booleanOf, integerOf, mebibytesOf, numberOf, pciAddressOf, pciDeviceIdOf, readCell, textOf } from '../cell.ts'
import { type Listing, type ObservedDevice, type ObservedPart, observedDevice, type SeenFault } from '../observation.ts'
import type { DeviceProcess } from '../probed-device.ts'
import { type FactNode, factAt, factChild, factLeaves, factText } from './fact-tree.ts'

/** The cells of a card by path, as `-q -x` and `-q` have them, and by column, as `--query-gpu` names them (`nvidia-smi --help-query-gpu`). */
const readerOf = (gpu: FactNode) => ({
  text: (...paths: string[]) => textOf(factText(gpu, ...paths)),
  number: (...paths: string[]) => numberOf(factText(gpu, ...paths)),
  integer: (...paths: string[]) => integerOf(factText(gpu, ...paths)),
  mebibytes: (...paths: string[]) => mebibytesOf(factText(gpu, ...paths)),
  boolean: (...paths: string[]) => booleanOf(factText(gpu, ...paths)),
})

/** One card of `-q -x`, `-q` or `--query-gpu`; `log` holds what was said once for all cards. */
export function readNvidiaDevice(
  gpu: FactNode,
  context: {
    readonly busId: string | null
    readonly index: number | null
    readonly log: FactNode
    readonly listing: Listing
  },
): ObservedDevice {
  const { text, number, integer, mebibytes, boolean } = readerOf(gpu)
  const log = readerOf(context.log)
  const name = text('product_name', 'name', 'gpu_name')
  const volatile = factAt(gpu, 'ecc_errors/volatile')
  const parts = [...(factChild(gpu, 'mig_devices')?.children ?? []), ...gpu.children].filter(
    node => node.name === 'mig_device',
  )
  const retired = [
    integer(
      'retired_pages/multiple_single_bit_retirement/retired_count',
      'retired_pages/single_bit_ecc',
      'retired_pages.single_bit_ecc.count',
    ),
    integer(
      'retired_pages/double_bit_retirement/retired_count',
      'retired_pages/double_bit_ecc',
      'retired_pages.double_bit.count',
    ),
  ]
  return observedDevice({
    vendor: 'nvidia',
    listing: context.listing,
    index: integer('index') ?? context.index,
    name,
    uuid: text('uuid', 'gpu_uuid'),
    serial: text('serial', 'serial_number', 'gpu_serial'),
    boardId: text('pdi', 'gpu_pdi'),
    pciBusId:
      pciAddressOf(factText(gpu, 'pci/pci_bus_id', 'pci/bus_id', 'pci.bus_id', 'gpu_bus_id')) ??
      pciAddressOf(context.busId),
    pciDeviceId: pciDeviceIdOf(factText(gpu, 'pci/pci_device_id', 'pci/device_id', 'pci.device_id'), '10de'),
    memoryMiB: mebibytes('fb_memory_usage/total', 'memory.total'),
    driver: log.text('kmd_version') ?? log.text('driver_version'),
    computeApi: log.text('cuda_umd_version') ?? log.text('cuda_version'),
    firmware: text('vbios_version'),
    architecture: text('product_architecture'),
    windows: windowsModel(factText(gpu, 'driver_model/current_dm', 'driver_model/current', 'driver_model.current')),
    vgpu:
      /^(?:vgpu|host vsga)$/i.test(text('gpu_virtualization_mode/virtualization_mode') ?? '') ||
      isVirtualSliceName(name),
    partsEnabled: boolean('mig_mode/current_mig', 'mig_mode/current', 'mig.mode.current'),
    parts: parts.map(readPart),
    readings: {
      temperatureC: number('temperature/gpu_temp', 'temperature/gpu_current_temp', 'temperature.gpu'),
      memoryTemperatureC: number('temperature/memory_temp', 'temperature/memory_current_temp', 'temperature.memory'),
      powerDrawWatts:
        number(
          ...power('power_draw', 'instant_power_draw', 'instantaneous_power_draw'),
          ...['power.draw', 'power.draw.instant', 'power.draw.average'],
        ) ?? number(...power('average_power_draw')),
      powerLimitWatts: number(
        ...power('current_power_limit', 'power_limit', 'enforced_power_limit'),
        ...['power.limit', 'enforced.power.limit'],
      ),
      memoryUsedMiB: mebibytes('fb_memory_usage/used', 'memory.used'),
      utilisationPercent: number('utilization/gpu_util', 'utilization/gpu', 'utilization.gpu'),
      performanceState: text('performance_state', 'pstate'),
      throttleReasons: activeThrottleReasons(gpu),
      linkWidth: integer(...link('link_widths/current_link_width', 'link_width/current'), 'pcie.link.width.current'),
      linkWidthMax: integer(...link('link_widths/max_link_width', 'link_width/max'), 'pcie.link.width.max'),
      linkGeneration: integer(
        ...link('pcie_gen/current_link_gen', 'pcie_generation/current'),
        ...['pcie.link.gen.current', 'pcie.link.gen.gpucurrent'],
      ),
      linkGenerationMax: integer(...link('pcie_gen/max_link_gen', 'pcie_generation/max'), 'pcie.link.gen.max'),
      eccMode: text('ecc_mode/current_ecc', 'ecc_mode/current', 'ecc.mode.current'),
      eccCorrected: sumOf(volatile, correctable) ?? integer('ecc.errors.corrected.volatile.total'),
      eccUncorrected: sumOf(volatile, uncorrectable) ?? integer('ecc.errors.uncorrected.volatile.total'),
      retiredPages: retired.every(count => count === null) ? null : (retired[0] ?? 0) + (retired[1] ?? 0),
      retirementPending: boolean(
        ...['pending_retirement', 'pending_blacklist', 'pending_page_blacklist'].map(each => `retired_pages/${each}`),
        'retired_pages.pending',
      ),
      processes: readProcesses(gpu),
    },
    ...readConditions(gpu, parts.length),
  })
}

const power = (...names: string[]) => names.flatMap(name => [`gpu_power_readings/${name}`, `power_readings/${name}`])
const link = (xml: string, query: string) => [`pci/pci_gpu_link_info/${xml}`, `pci/gpu_link_info/${query}`]
const uncorrectable = /^double_bit|uncorrectable/
const correctable = /^single_bit|(?:^|_)correctable/

const throttleReasons = [
  ...['sw_power_cap', 'hw_slowdown', 'hw_thermal_slowdown', 'hw_power_brake_slowdown', 'sw_thermal_slowdown'],
  'sync_boost',
]

function activeThrottleReasons(gpu: FactNode): string[] {
  const section = factChild(gpu, 'clocks_event_reasons', 'clocks_throttle_reasons')
  const isActive = (path: string) =>
    ['clocks_event_reason_', 'clocks_throttle_reason_', ''].some(
      prefix => section && booleanOf(factText(section, `${prefix}${path}`)) === true,
    )
  return throttleReasons.filter(
    reason =>
      isActive(reason) ||
      isActive(`hw_slowdown/${reason}`) ||
      booleanOf(factText(gpu, `clocks_event_reasons.${reason}`, `clocks_throttle_reasons.${reason}`)) === true,
  )
}

/** What a card says is wrong with it. Field names by NVML's documentation of nvmlDevice* and the outputs seen. */
function readConditions(gpu: FactNode, parts: number): Pick<ObservedDevice, 'faults' | 'notes'> {
  const { text, number, integer, boolean } = readerOf(gpu)
  const failed = failedCells(ownLeaves(gpu))
  const isMig = boolean('mig_mode/current_mig', 'mig_mode/current') === true
  // Whoever was given an instance may not read the whole card: that is as it should be.
  const isUsual = ({ code }: SeenFault): boolean => code === 'GPU_READING_DENIED' && (parts > 0 || isMig)
  const faults: SeenFault[] = failed.filter(fault => !isUsual(fault))
  const notes = failed
    .filter(isUsual)
    .map(({ code, detail }) => ({ code, detail: `of the card that is split: ${detail}` }))
  const add = (condition: boolean, code: string, detail: string | null = null) => {
    if (condition && !faults.some(fault => fault.code === code)) faults.push({ code, detail })
  }
  const note = (condition: boolean, code: string, detail: string) => {
    if (condition) notes.push({ code, detail })
  }
  const says = (...paths: string[]) => paths.some(path => boolean(path) === true)

  const action = text('gpu_recovery_action')
  const recovery = action === null ? null : recoveryFault(action)
  add(
    says('gpu_reset_status/reset_required', 'reset_status.reset_required'),
    'GPU_RESET_REQUIRED',
    'reset required: yes',
  )
  if (recovery !== null) add(true, recovery, `recovery action: ${action}`)
  else add(says('gpu_reset_status/drain_and_reset_recommended'), 'GPU_DRAIN_RECOMMENDED')
  const licence = text('vgpu_software_licensed_product/license_status', 'grid_licensed_product/license_status')
  add(/^unlicensed/i.test(licence ?? ''), 'GPU_VGPU_UNLICENSED', `licence status: ${licence}`)

  const reasons = activeThrottleReasons(gpu)
  const thermal = reasons.filter(reason => reason.includes('thermal'))
  const isBraked = reasons.includes('hw_power_brake_slowdown')
  add(thermal.length > 0, 'GPU_THERMAL_THROTTLE', thermal.join(', '))
  add(isBraked, 'GPU_POWER_BRAKE', 'hw_power_brake_slowdown')
  const isUnexplained = reasons.includes('hw_slowdown') && thermal.length === 0 && !isBraked
  add(isUnexplained, 'GPU_HARDWARE_SLOWDOWN', 'hw_slowdown')
  // Normal at full load, and it still slows the card.
  add(reasons.includes('sw_power_cap'), 'GPU_POWER_CAP', 'sw_power_cap')
  const temperature = number('temperature/gpu_temp', 'temperature/gpu_current_temp') ?? 0
  const slowdown = number('temperature/gpu_temp_slow_threshold', 'temperature/gpu_slowdown_temp') ?? 0
  const heat = `${temperature} °C at a slowdown threshold of ${slowdown} °C`
  add(temperature >= slowdown && slowdown > 0, 'GPU_TEMPERATURE_HIGH', heat)

  const errors = (scope: string, kind: RegExp) => sumOf(factAt(gpu, `ecc_errors/${scope}`), kind) ?? 0
  const uncorrected = errors('volatile', uncorrectable) || (integer('ecc.errors.uncorrected.volatile.total') ?? 0)
  const lifetime = errors('aggregate', uncorrectable) || (integer('ecc.errors.uncorrected.aggregate.total') ?? 0)
  const corrected = errors('volatile', correctable)
  add(uncorrected > 0, 'GPU_ECC_UNCORRECTED', `${uncorrected} since the driver was loaded`)
  add(lifetime > 0 && uncorrected <= 0, 'GPU_ECC_UNCORRECTED_LIFETIME', `${lifetime} in the life of the card`)
  note(corrected > 0, 'GPU_ECC_CORRECTED', `${corrected} corrected errors since the driver was loaded`)
  for (const [code, ...paths] of flags) add(says(...paths), code)
  const retired = [
    'multiple_single_bit_retirement/retired_count',
    'double_bit_retirement/retired_count',
    'single_bit_ecc',
    'double_bit_ecc',
  ]
    .map(path => integer(`retired_pages/${path}`) ?? 0)
    .reduce((sum, count) => sum + count, 0)
  note(retired > 0, 'GPU_PAGES_RETIRED', `${retired} memory pages are retired`)
  const remapped = integer('remapped_rows/remapped_row_unc', 'remapped_rows/uncorrectable_error') ?? 0
  note(remapped > 0, 'GPU_ROWS_REMAPPED', `${remapped} rows are remapped after uncorrected errors`)
  add(/invalid/i.test(text('inforom.checksum_validation') ?? ''), 'GPU_INFOROM_CORRUPT')

  add(/prohibited/i.test(text('compute_mode') ?? ''), 'GPU_COMPUTE_PROHIBITED')
  add(isMig && parts === 0, 'GPU_MIG_EMPTY')
  for (const mode of ['mig', 'ecc']) {
    const current = text(`${mode}_mode/current_${mode}`, `${mode}_mode/current`)
    const pending = text(`${mode}_mode/pending_${mode}`, `${mode}_mode/pending`)
    const change = `${mode.toUpperCase()} mode changes from ${current} to ${pending} at the next reset`
    note(current !== null && pending !== null && current !== pending, 'GPU_CHANGE_PENDING', change)
  }
  const [fabric, status] = [text('fabric/state'), text('fabric/status')]
  const isUp = /^completed$/i.test(fabric ?? '') && (status === null || /^success$/i.test(status))
  add(fabric !== null && !isUp, 'GPU_FABRIC_NOT_READY', [fabric, status].filter(Boolean).join(': '))
  return { faults, notes }
}

/** Cells that say yes or no, and the fault that yes is. */
const flags: readonly (readonly [code: string, ...paths: string[]])[] = [
  [
    'GPU_SRAM_THRESHOLD_EXCEEDED',
    'ecc_errors/aggregate/sram_threshold_exceeded',
    'ecc.errors.uncorrected.aggregate.sram.thresholdexceeded',
  ],
  ['GPU_MEMORY_UNREPAIRABLE', 'ecc_errors/unrepairable_memory'],
  ['GPU_REPAIR_PENDING', 'ecc_errors/channel_repair_pending', 'ecc_errors/tpc_repair_pending'],
  [
    'GPU_RETIREMENT_PENDING',
    'retired_pages/pending_retirement',
    'retired_pages/pending_blacklist',
    'retired_pages/pending_page_blacklist',
    'retired_pages.pending',
  ],
  ['GPU_ROW_REMAP_PENDING', 'remapped_rows/remapped_row_pending', 'remapped_rows/pending', 'remapped_rows.pending'],
  [
    'GPU_ROW_REMAP_FAILED',
    'remapped_rows/remapped_row_failure',
    'remapped_rows/remapping_failure_occurred',
    'remapped_rows.failure',
  ],
]

const windowsModel = (driverModel: string | null): boolean | null =>
  driverModel === null ? null : /^\s*(?:wddm|tcc|mcdm)/i.test(driverModel)

export const isVirtualSliceName = (name: string | null): boolean =>
  name !== null && /(?:^|\s)\S*-(?:\d+-)?\d+[QCBA]\d?(?:me|e)?$/.test(name)

function readPart(node: FactNode): ObservedPart {
  const memory = factChild(node, 'fb_memory_usage', 'shared_fb_memory_usage')
  const uncorrected = sumOf(factAt(node, 'ecc_error_count/volatile_count', 'ecc_errors/volatile'), /uncorrectable/)
  const faults: SeenFault[] = uncorrected
    ? [{ code: 'GPU_ECC_UNCORRECTED', detail: `${uncorrected} uncorrected SRAM errors` }]
    : []
  return {
    index: integerOf(factText(node, 'index')),
    uuid: textOf(factText(node, 'uuid', 'mig_uuid')),
    profile: textOf(factText(node, 'profile', 'product_name', 'name')),
    gpuInstance: integerOf(factText(node, 'gpu_instance_id')),
    computeInstance: integerOf(factText(node, 'compute_instance_id')),
    memoryMiB: memory ? mebibytesOf(factText(memory, 'total')) : null,
    memoryUsedMiB: memory ? mebibytesOf(factText(memory, 'used')) : null,
    faults,
  }
}

function readProcesses(gpu: FactNode): DeviceProcess[] {
  const processes: DeviceProcess[] = []
  for (const node of factChild(gpu, 'processes')?.children ?? []) {
    // XML: <process_info><pid>…; text: "Process ID : 7" with its fields indented below.
    const said = node.name === 'process_info' ? factText(node, 'pid') : node.name === 'process_id' ? node.text : null
    const pid = integerOf(said)
    if (pid === null) continue
    processes.push({
      pid,
      name: textOf(factText(node, 'process_name', 'name'))?.slice(0, 256) ?? null,
      kind: textOf(factText(node, 'type')),
      memoryMiB: mebibytesOf(factText(node, 'used_memory', 'used_gpu_memory')),
    })
  }
  return processes
}

/** Sums the leaves below a section whose own name or whose parent's name fits; null where none is a number. */
function sumOf(section: FactNode | null, fits: RegExp): number | null {
  if (!section) return null
  let sum: number | null = null
  for (const group of section.children.filter(({ name }) => fits.test(name))) {
    const total = factChild(group, 'total')
    const leaves = total ? [total] : group.children.length > 0 ? group.children : [group]
    for (const { text } of leaves) {
      const value = integerOf(text)
      if (value !== null) sum = (sum ?? 0) + value
    }
  }
  return sum
}

/** Cells that say the reading failed, one fault per kind with the fields it was said of. */
export function failedCells(
  leaves: Iterable<{ readonly path: readonly string[]; readonly text: string }>,
): SeenFault[] {
  const fields = new Map<string, string[]>()
  for (const { path, text } of leaves) {
    // Healthy cards whose firmware cannot tell their addressing mode print an error there.
    if (path[0] === 'addressing_mode') continue
    const cell = readCell(text)
    if (cell.kind === 'failed') fields.set(cell.code, [...(fields.get(cell.code) ?? []), path.join('/')])
  }
  return [...fields].map(([code, names]) => ({
    code,
    detail: `${names.slice(0, 4).join(', ')}${names.length > 4 ? ` and ${names.length - 4} more fields` : ''}`,
  }))
}

/** Every leaf of a card except its MIG instances and processes, for the search for failed cells. */
function* ownLeaves(gpu: FactNode): Generator<{ readonly path: readonly string[]; readonly text: string }> {
  const own = gpu.children.filter(
    ({ name }) => !['mig_devices', 'mig_device', 'processes', 'accounted_processes'].includes(name),
  )
  for (const child of own) yield* factLeaves(child, [child.name])
}

/**
 * What NVIDIA's driver asks for after a fault: in `nvidia-smi` ("GPU Recovery Action") and in Xid 154 of the kernel log, where
 * the second brackets hold it. Names by nvmlDeviceGpuRecoveryAction_t and by the Xid catalogue.
 */
const actions: readonly (readonly [pattern: RegExp, code: string | null])[] = [
  [/^none$/i, null],
  [/drain.*reset/i, 'GPU_DRAIN_RECOMMENDED'],
  [/drain/i, 'GPU_DRAIN_P2P'],
  [/reboot/i, 'GPU_REBOOT_REQUIRED'],
  [/reset|flr/i, 'GPU_RESET_REQUIRED'],
]

/** The fault that an action means; null where nothing is asked for, `GPU_XID` for an action that is not known. */
export function recoveryFault(action: string): string | null {
  const known = actions.find(([pattern]) => pattern.test(action.trim()))
  return known ? known[1] : 'GPU_XID'
}
