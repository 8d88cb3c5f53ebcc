import { booleanOf, integerOf, mebibytesOf, numberOf, pciAddressOf, pciDeviceIdOf, textOf } from '../cell.ts'
import type { DeviceProcess } from '../gpu-probe.ts'
import { type Listing, type ObservedDevice, type ObservedPart, observedDevice, type SeenFault } from '../observation.ts'
import { activeThrottleReasons, sumOf } from './fact-readings.ts'
import { type FactNode, factAt, factChild, factText } from './fact-tree.ts'
import { readConditions } from './read-conditions.ts'

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
