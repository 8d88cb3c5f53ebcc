import { booleanOf, integerOf, mebibytesOf, numberOf, pciAddressOf, pciDeviceIdOf, readCell, textOf } from '../cell.ts'
import { memoryFits } from '../class-table.ts'
import { type ObservedDevice, observedDevice, type SeenFault } from '../observation.ts'
import { failedCells, isVirtualSliceName, recoveryFault, throttleFaults, windowsModel } from './read-device.ts'

const throttleReasons = [
  'sw_power_cap',
  'hw_slowdown',
  'hw_thermal_slowdown',
  'hw_power_brake_slowdown',
  'sw_thermal_slowdown',
  'sync_boost',
]

/** One row of `--query-gpu`, by its column names (`nvidia-smi --help-query-gpu` lists them). */
export function readCsvRow(columns: readonly string[], cells: readonly string[]): ObservedDevice {
  const row = new Map(columns.map((column, at) => [column, cells[at] ?? '']))
  const get = (...names: string[]): string | null =>
    names.map(name => row.get(name)).find(cell => cell !== undefined) ?? null
  const says = (...names: string[]) => booleanOf(get(...names)) === true
  const name = textOf(get('name', 'gpu_name'))
  const reasons = throttleReasons.filter(reason =>
    says(`clocks_event_reasons.${reason}`, `clocks_throttle_reasons.${reason}`),
  )
  const faults: SeenFault[] = [
    ...failedCells(columns.map((column, at) => ({ path: [column], text: cells[at] ?? '' }))),
    ...throttleFaults(reasons),
  ]
  const add = (condition: boolean, code: string, detail: string | null = null) => {
    if (condition && !faults.some(fault => fault.code === code)) faults.push({ code, detail })
  }
  const uncorrected = integerOf(get('ecc.errors.uncorrected.volatile.total'))
  const lifetime = integerOf(get('ecc.errors.uncorrected.aggregate.total'))
  const action = textOf(get('gpu_recovery_action'))
  const recovery = action === null ? null : recoveryFault(action)
  if (recovery !== null) add(true, recovery, `recovery action: ${action}`)
  add(says('reset_status.reset_required'), 'GPU_RESET_REQUIRED', 'reset required: yes')
  add((uncorrected ?? 0) > 0, 'GPU_ECC_UNCORRECTED', `${uncorrected} since the driver was loaded`)
  add((lifetime ?? 0) > 0 && !uncorrected, 'GPU_ECC_UNCORRECTED_LIFETIME', `${lifetime} in the life of the card`)
  add(says('retired_pages.pending'), 'GPU_RETIREMENT_PENDING')
  add(says('remapped_rows.pending'), 'GPU_ROW_REMAP_PENDING')
  add(says('remapped_rows.failure'), 'GPU_ROW_REMAP_FAILED')
  add(says('ecc.errors.uncorrected.aggregate.sram.thresholdexceeded'), 'GPU_SRAM_THRESHOLD_EXCEEDED')
  add(/prohibited/i.test(get('compute_mode') ?? ''), 'GPU_COMPUTE_PROHIBITED')
  add(/invalid/i.test(get('inforom.checksum_validation') ?? ''), 'GPU_INFOROM_CORRUPT')
  const retired = [
    integerOf(get('retired_pages.single_bit_ecc.count')),
    integerOf(get('retired_pages.double_bit.count')),
  ]
  return observedDevice({
    vendor: 'nvidia',
    listing: 'query',
    index: integerOf(get('index')),
    name,
    uuid: textOf(get('uuid', 'gpu_uuid')),
    serial: textOf(get('serial', 'gpu_serial')),
    boardId: textOf(get('pdi')),
    pciBusId: pciAddressOf(get('pci.bus_id', 'gpu_bus_id')),
    pciDeviceId: pciDeviceIdOf(get('pci.device_id'), '10de'),
    memoryMiB: mebibytesOf(get('memory.total')),
    driver: textOf(get('kmd_version')) ?? textOf(get('driver_version')),
    firmware: textOf(get('vbios_version')),
    windows: windowsModel(get('driver_model.current')),
    vgpu: isVirtualSliceName(name),
    partsEnabled: booleanOf(get('mig.mode.current')),
    readings: {
      temperatureC: numberOf(get('temperature.gpu')),
      memoryTemperatureC: numberOf(get('temperature.memory')),
      powerDrawWatts: numberOf(get('power.draw', 'power.draw.instant', 'power.draw.average')),
      powerLimitWatts: numberOf(get('power.limit', 'enforced.power.limit')),
      memoryUsedMiB: mebibytesOf(get('memory.used')),
      utilisationPercent: numberOf(get('utilization.gpu')),
      performanceState: textOf(get('pstate')),
      throttleReasons: reasons,
      linkWidth: integerOf(get('pcie.link.width.current')),
      linkWidthMax: integerOf(get('pcie.link.width.max')),
      linkGeneration: integerOf(get('pcie.link.gen.current', 'pcie.link.gen.gpucurrent')),
      linkGenerationMax: integerOf(get('pcie.link.gen.max')),
      eccMode: textOf(get('ecc.mode.current')),
      eccCorrected: integerOf(get('ecc.errors.corrected.volatile.total')),
      eccUncorrected: uncorrected,
      retiredPages: retired.every(count => count === null) ? null : (retired[0] ?? 0) + (retired[1] ?? 0),
      retirementPending: booleanOf(get('retired_pages.pending')),
      processes: [],
    },
    faults,
  })
}

/**
 * A row without column names: only what can be told from a cell alone. A name, a UUID and a PCI address have a form of
 * their own; a bare number is the memory size only where it is one the named model has.
 */
export function readUnlabelledRow(cells: readonly string[]): ObservedDevice {
  const values = cells.map(cell => {
    const read = readCell(cell)
    return read.kind === 'value' ? read.text : null
  })
  const find = (fits: (value: string) => boolean): string | null =>
    values.find((value): value is string => value !== null && fits(value)) ?? null
  const uuid = find(value => /^(?:GPU|MIG)-[0-9a-f]{8}-/i.test(value))
  const pciBusId = find(value => pciAddressOf(value) !== null && value.includes(':'))
  const name = find(
    value =>
      value !== uuid &&
      value !== pciBusId &&
      /[a-z]{2}/i.test(value) &&
      !/^[\d.]+\s*[a-z%/]+$/i.test(value) &&
      !/^P\d+$/.test(value) &&
      !/^(?:enabled|disabled|default|not active|active|yes|no|none)$/i.test(value),
  )
  const sizes = values.flatMap(value =>
    value !== null && /^\d+(?:\s*MiB)?$/i.test(value) ? [Number.parseInt(value, 10)] : [],
  )
  return observedDevice({
    vendor: 'nvidia',
    listing: 'query',
    name,
    uuid,
    pciBusId: pciAddressOf(pciBusId),
    memoryMiB: (name && sizes.find(size => memoryFits(name, size) === true)) || null,
    vgpu: isVirtualSliceName(name),
    faults: [
      ...failedCells(cells.map((text, at) => ({ path: [`column ${at + 1}`], text }))),
      ...(name === null && uuid === null && pciBusId === null
        ? [{ code: 'GPU_OUTPUT_UNLABELLED', detail: cells.join(', ').slice(0, 200) }]
        : []),
    ],
  })
}
