import { booleanOf, integerOf, mebibytesOf, numberOf, pciAddressOf, pciDeviceIdOf, readCell, textOf } from '../cell.ts'
import { type Listing, type ObservedDevice, type ObservedPart, observedDevice, type SeenFault } from '../observation.ts'
import type { DeviceProcess } from '../probed-device.ts'
import { type FactNode, factAt, factChild, factLeaves, factText } from './fact-tree.ts'

function readProcesses(gpu: FactNode): DeviceProcess[] {
  const section = factChild(gpu, 'processes')
  if (!section) return []
  const nodes = section.children.flatMap(node =>
    // XML: <process_info><pid>…; text: "Process ID : 7" with its fields indented below.
    node.name === 'process_info'
      ? [{ pid: factText(node, 'pid'), node }]
      : node.name === 'process_id'
        ? [{ pid: node.text, node }]
        : [],
  )
  return nodes.flatMap(({ pid, node }) => {
    const number = integerOf(pid)
    return number === null
      ? []
      : [
          {
            pid: number,
            name: textOf(factText(node, 'process_name', 'name'))?.slice(0, 256) ?? null,
            kind: textOf(factText(node, 'type')),
            memoryMiB: mebibytesOf(factText(node, 'used_memory', 'used_gpu_memory')),
          },
        ]
  })
}

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
    multiprocessors: integerOf(factText(node, 'device_attributes/shared/multiprocessor_count')),
    faults,
  }
}

export const windowsModel = (driverModel: string | null): boolean | null =>
  driverModel === null ? null : /^\s*(?:wddm|tcc|mcdm)/i.test(driverModel)

export const isVirtualSliceName = (name: string | null): boolean =>
  name !== null && /(?:^|\s)\S*-(?:\d+-)?\d+[QCBA]\d?(?:me|e)?$/.test(name)

/** One card of `-q` or `-q -x`; `log` holds what was said once for all cards. */
export function readNvidiaDevice(
  gpu: FactNode,
  context: {
    readonly busId: string | null
    readonly index: number | null
    readonly log: FactNode
    readonly listing: Listing
  },
): ObservedDevice {
  const { log } = context
  const name = textOf(factText(gpu, 'product_name', 'name'))
  const link = factAt(gpu, 'pci/pci_gpu_link_info', 'pci/gpu_link_info')
  const memory = factChild(gpu, 'fb_memory_usage')
  const power = factChild(gpu, 'gpu_power_readings', 'power_readings')
  const ecc = factChild(gpu, 'ecc_errors')
  const volatile = ecc && factChild(ecc, 'volatile')
  const parts = [...(factChild(gpu, 'mig_devices')?.children ?? []), ...gpu.children].filter(
    node => node.name === 'mig_device',
  )
  const virtualisation = textOf(factText(gpu, 'gpu_virtualization_mode/virtualization_mode'))
  const retired = [
    factText(gpu, 'retired_pages/multiple_single_bit_retirement/retired_count', 'retired_pages/single_bit_ecc'),
    factText(gpu, 'retired_pages/double_bit_retirement/retired_count', 'retired_pages/double_bit_ecc'),
  ].map(integerOf)
  return observedDevice({
    vendor: 'nvidia',
    listing: context.listing,
    index: context.index,
    name,
    uuid: textOf(factText(gpu, 'uuid', 'gpu_uuid')),
    serial: textOf(factText(gpu, 'serial', 'serial_number')),
    boardId: textOf(factText(gpu, 'pdi', 'gpu_pdi')),
    pciBusId: pciAddressOf(factText(gpu, 'pci/pci_bus_id', 'pci/bus_id')) ?? pciAddressOf(context.busId),
    pciDeviceId: pciDeviceIdOf(factText(gpu, 'pci/pci_device_id', 'pci/device_id'), '10de'),
    memoryMiB: memory ? mebibytesOf(factText(memory, 'total')) : null,
    driver: textOf(factText(log, 'kmd_version')) ?? textOf(factText(log, 'driver_version')),
    computeApi: textOf(factText(log, 'cuda_umd_version')) ?? textOf(factText(log, 'cuda_version')),
    firmware: textOf(factText(gpu, 'vbios_version')),
    architecture: textOf(factText(gpu, 'product_architecture')),
    windows: windowsModel(factText(gpu, 'driver_model/current_dm', 'driver_model/current')),
    vgpu: /^(?:vgpu|host vsga)$/i.test(virtualisation ?? '') || isVirtualSliceName(name),
    partsEnabled: booleanOf(factText(gpu, 'mig_mode/current_mig', 'mig_mode/current')),
    parts: parts.map(readPart),
    readings: {
      temperatureC: numberOf(factText(gpu, 'temperature/gpu_temp', 'temperature/gpu_current_temp')),
      memoryTemperatureC: numberOf(factText(gpu, 'temperature/memory_temp', 'temperature/memory_current_temp')),
      powerDrawWatts: power
        ? (numberOf(factText(power, 'power_draw', 'instant_power_draw', 'instantaneous_power_draw')) ??
          numberOf(factText(power, 'average_power_draw')))
        : null,
      powerLimitWatts: power
        ? numberOf(factText(power, 'current_power_limit', 'power_limit', 'enforced_power_limit'))
        : null,
      memoryUsedMiB: memory ? mebibytesOf(factText(memory, 'used')) : null,
      utilisationPercent: numberOf(factText(gpu, 'utilization/gpu_util', 'utilization/gpu')),
      performanceState: textOf(factText(gpu, 'performance_state')),
      throttleReasons: activeThrottleReasons(gpu),
      linkWidth: link && integerOf(factText(link, 'link_widths/current_link_width', 'link_width/current')),
      linkWidthMax: link && integerOf(factText(link, 'link_widths/max_link_width', 'link_width/max')),
      linkGeneration: link && integerOf(factText(link, 'pcie_gen/current_link_gen', 'pcie_generation/current')),
      linkGenerationMax: link && integerOf(factText(link, 'pcie_gen/max_link_gen', 'pcie_generation/max')),
      eccMode: textOf(factText(gpu, 'ecc_mode/current_ecc', 'ecc_mode/current')),
      eccCorrected: sumOf(volatile, /^single_bit|(?:^|_)correctable/),
      eccUncorrected: sumOf(volatile, /^double_bit|uncorrectable/),
      retiredPages: retired.every(count => count === null)
        ? null
        : retired.reduce<number>((sum, count) => sum + (count ?? 0), 0),
      retirementPending: booleanOf(
        factText(gpu, 'retired_pages/pending_retirement') ??
          factText(gpu, 'retired_pages/pending_blacklist', 'retired_pages/pending_page_blacklist'),
      ),
      processes: readProcesses(gpu),
    },
    ...readConditions(gpu, parts.length),
  })
}

/** Sums the leaves below a section whose own name or whose parent's name fits; null where none is a number. */
export function sumOf(section: FactNode | null, fits: RegExp): number | null {
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

const throttleReasons: readonly (readonly [reason: string, paths: readonly string[]])[] = [
  ['sw_power_cap', ['sw_power_cap']],
  ['hw_slowdown', ['hw_slowdown']],
  ['hw_thermal_slowdown', ['hw_thermal_slowdown', 'hw_slowdown/hw_thermal_slowdown']],
  ['hw_power_brake_slowdown', ['hw_power_brake_slowdown', 'hw_slowdown/hw_power_brake_slowdown']],
  ['sw_thermal_slowdown', ['sw_thermal_slowdown']],
  ['sync_boost', ['sync_boost']],
]
const reasonSections = ['clocks_event_reasons', 'clocks_throttle_reasons'] as const
const reasonPrefixes = ['clocks_event_reason_', 'clocks_throttle_reason_', ''] as const

export function activeThrottleReasons(gpu: FactNode): string[] {
  const section = factChild(gpu, ...reasonSections)
  if (!section) return []
  return throttleReasons
    .filter(([, paths]) =>
      paths.some(path => reasonPrefixes.some(prefix => booleanOf(factText(section, `${prefix}${path}`)) === true)),
    )
    .map(([reason]) => reason)
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
export function* ownLeaves(gpu: FactNode): Generator<{ readonly path: readonly string[]; readonly text: string }> {
  const own = gpu.children.filter(
    ({ name }) => !['mig_devices', 'mig_device', 'processes', 'accounted_processes'].includes(name),
  )
  for (const child of own) yield* factLeaves(child, [child.name])
}

/** What a card says is wrong with it, in `-q` or `-q -x`. Field names by NVML's documentation of nvmlDevice* and the outputs seen. */
export function readConditions(gpu: FactNode, parts: number): Pick<ObservedDevice, 'faults' | 'notes'> {
  const failed = failedCells(ownLeaves(gpu))
  const isSplit = parts > 0 || booleanOf(factText(gpu, 'mig_mode/current_mig', 'mig_mode/current')) === true
  // Whoever was given an instance may not read the whole card: that is as it should be.
  const isUsual = ({ code }: SeenFault): boolean => code === 'GPU_READING_DENIED' && isSplit
  const faults: SeenFault[] = failed.filter(fault => !isUsual(fault))
  const notes = failed
    .filter(isUsual)
    .map(({ code, detail }) => ({ code, detail: `of the card that is split: ${detail}` }))
  const text = (...paths: string[]) => factText(gpu, ...paths)
  const says = (...paths: string[]) => booleanOf(text(...paths)) === true
  const add = (code: string, detail: string | null = null) => {
    if (!faults.some(fault => fault.code === code)) faults.push({ code, detail })
  }

  const action = textOf(text('gpu_recovery_action'))
  if (says('gpu_reset_status/reset_required')) add('GPU_RESET_REQUIRED', 'reset required: yes')
  const recovery = action === null ? null : recoveryFault(action)
  if (recovery !== null) add(recovery, `recovery action: ${action}`)
  else if (says('gpu_reset_status/drain_and_reset_recommended')) add('GPU_DRAIN_RECOMMENDED', null)
  const licence = textOf(text('vgpu_software_licensed_product/license_status', 'grid_licensed_product/license_status'))
  if (licence && /^unlicensed/i.test(licence)) add('GPU_VGPU_UNLICENSED', `licence status: ${licence}`)

  for (const fault of throttleFaults(activeThrottleReasons(gpu))) add(fault.code, fault.detail)
  const temperature = numberOf(text('temperature/gpu_temp', 'temperature/gpu_current_temp'))
  const slowdown = numberOf(text('temperature/gpu_temp_slow_threshold', 'temperature/gpu_slowdown_temp'))
  if (temperature !== null && slowdown !== null && temperature >= slowdown && slowdown > 0)
    add('GPU_TEMPERATURE_HIGH', `${temperature} °C at a slowdown threshold of ${slowdown} °C`)

  const ecc = factChild(gpu, 'ecc_errors')
  const errors = (scope: string, kind: RegExp) => sumOf(ecc && factChild(ecc, scope), kind) ?? 0
  const uncorrected = errors('volatile', /^double_bit|uncorrectable/)
  const lifetime = errors('aggregate', /^double_bit|uncorrectable/)
  const corrected = errors('volatile', /^single_bit|(?:^|_)correctable/)
  if (uncorrected > 0) add('GPU_ECC_UNCORRECTED', `${uncorrected} since the driver was loaded`)
  else if (lifetime > 0) add('GPU_ECC_UNCORRECTED_LIFETIME', `${lifetime} in the life of the card`)
  if (corrected > 0)
    notes.push({ code: 'GPU_ECC_CORRECTED', detail: `${corrected} corrected errors since the driver was loaded` })
  if (ecc && booleanOf(factText(ecc, 'aggregate/sram_threshold_exceeded')) === true) add('GPU_SRAM_THRESHOLD_EXCEEDED')
  if (says('ecc_errors/unrepairable_memory')) add('GPU_MEMORY_UNREPAIRABLE')
  if (says('ecc_errors/channel_repair_pending') || says('ecc_errors/tpc_repair_pending')) add('GPU_REPAIR_PENDING')

  if (
    says('retired_pages/pending_retirement') ||
    says('retired_pages/pending_blacklist') ||
    says('retired_pages/pending_page_blacklist')
  )
    add('GPU_RETIREMENT_PENDING')
  const retired = [
    'multiple_single_bit_retirement/retired_count',
    'double_bit_retirement/retired_count',
    'single_bit_ecc',
    'double_bit_ecc',
  ]
    .map(path => integerOf(text(`retired_pages/${path}`)) ?? 0)
    .reduce((sum, count) => sum + count, 0)
  if (retired > 0) notes.push({ code: 'GPU_PAGES_RETIRED', detail: `${retired} memory pages are retired` })
  if (says('remapped_rows/remapped_row_pending', 'remapped_rows/pending')) add('GPU_ROW_REMAP_PENDING')
  if (says('remapped_rows/remapped_row_failure', 'remapped_rows/remapping_failure_occurred'))
    add('GPU_ROW_REMAP_FAILED')
  const remapped = integerOf(text('remapped_rows/remapped_row_unc', 'remapped_rows/uncorrectable_error')) ?? 0
  if (remapped > 0)
    notes.push({ code: 'GPU_ROWS_REMAPPED', detail: `${remapped} rows are remapped after uncorrected errors` })

  if (/prohibited/i.test(text('compute_mode') ?? '')) add('GPU_COMPUTE_PROHIBITED')
  const migMode = booleanOf(text('mig_mode/current_mig', 'mig_mode/current'))
  if (migMode === true && parts === 0) add('GPU_MIG_EMPTY')
  for (const [what, current, pending] of [
    ['MIG mode', text('mig_mode/current_mig', 'mig_mode/current'), text('mig_mode/pending_mig', 'mig_mode/pending')],
    ['ECC mode', text('ecc_mode/current_ecc', 'ecc_mode/current'), text('ecc_mode/pending_ecc', 'ecc_mode/pending')],
  ] as const)
    if (textOf(current) !== null && textOf(pending) !== null && textOf(current) !== textOf(pending))
      notes.push({
        code: 'GPU_CHANGE_PENDING',
        detail: `${what} changes from ${textOf(current)} to ${textOf(pending)} at the next reset`,
      })

  const fabric = textOf(text('fabric/state'))
  const fabricStatus = textOf(text('fabric/status'))
  if (fabric && (!/^completed$/i.test(fabric) || (fabricStatus && !/^success$/i.test(fabricStatus))))
    add('GPU_FABRIC_NOT_READY', [fabric, fabricStatus].filter(Boolean).join(': '))
  return { faults, notes }
}

/** The faults that active throttle reasons mean. A software power cap is normal at full load, and still slows the card. */
export function throttleFaults(reasons: readonly string[]): SeenFault[] {
  const faults: SeenFault[] = []
  const has = (reason: string) => reasons.includes(reason)
  const thermal = reasons.filter(reason => reason.includes('thermal'))
  if (thermal.length > 0) faults.push({ code: 'GPU_THERMAL_THROTTLE', detail: thermal.join(', ') })
  if (has('hw_power_brake_slowdown')) faults.push({ code: 'GPU_POWER_BRAKE', detail: 'hw_power_brake_slowdown' })
  if (has('hw_slowdown') && thermal.length === 0 && !has('hw_power_brake_slowdown'))
    faults.push({ code: 'GPU_HARDWARE_SLOWDOWN', detail: 'hw_slowdown' })
  if (has('sw_power_cap')) faults.push({ code: 'GPU_POWER_CAP', detail: 'sw_power_cap' })
  return faults
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
