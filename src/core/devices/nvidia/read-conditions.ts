import { booleanOf, integerOf, numberOf, textOf } from '../cell.ts'
import type { ObservedDevice, SeenFault } from '../observation.ts'
import { recoveryFault } from '../recovery-action.ts'
import { activeThrottleReasons, failedCells, ownLeaves, sumOf } from './fact-readings.ts'
import { type FactNode, factChild, factText } from './fact-tree.ts'

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
