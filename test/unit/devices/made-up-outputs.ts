import { analyseTexts } from '../../../src/core/devices/analyse-recording.ts'
import type { ProbeResult } from '../../../src/core/devices/probed-device.ts'

/** Texts written for these tests in the forms that the tools print; values are made up. */
export const analyse = (...texts: string[]) => analyseTexts(texts.map((text, at) => ({ name: `file-${at}`, text })))
export const codes = (result: ProbeResult) => result.faults.map(({ code }) => code)

export type CardOptions = {
  name?: string
  uuid?: string
  bus?: string
  memory?: string
  extra?: string
  architecture?: string
  pciId?: string
}
export const card = ({
  name = 'NVIDIA B200',
  uuid = 'GPU-b1b1b1b1-0000-4000-8000-00000000000a',
  bus = '00000000:1B:00.0',
  memory = '183359 MiB',
  extra = '',
  architecture = 'Blackwell',
  pciId = '290110DE',
}: CardOptions = {}) => `
  <gpu id="${bus}">
    <product_name>${name}</product_name><product_architecture>${architecture}</product_architecture>
    <driver_model><current_dm>N/A</current_dm></driver_model>
    <serial>1650000000001</serial><uuid>${uuid}</uuid><vbios_version>97.00.BB.00.01</vbios_version>
    <pci><pci_device_id>${pciId}</pci_device_id><pci_bus_id>${bus}</pci_bus_id></pci>
    <fb_memory_usage><total>${memory}</total><used>1 MiB</used></fb_memory_usage>
    ${extra}
  </gpu>`
export const log = (cards: string, { attached = 1, driver = '580.65.06' } = {}) => `<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v14.dtd">
<nvidia_smi_log>
  <timestamp>now</timestamp><driver_version>${driver}</driver_version><cuda_version>13.0</cuda_version><attached_gpus>${attached}</attached_gpus>
  ${cards}
</nvidia_smi_log>`
