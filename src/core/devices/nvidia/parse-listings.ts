import { mebibytesOf, numberOf, pciAddressOf, readCell, textOf } from '../cell.ts'
import { type ObservedDevice, type ObservedPart, observedDevice, observedPart, type SeenFault } from '../observation.ts'
import { isVirtualSliceName } from './read-device.ts'

/** `nvidia-smi -L`: the only listing with the UUIDs and profiles of MIG instances. */
export function parseNvidiaList(text: string): ObservedDevice[] | null {
  if (!/^GPU \d+: .*\(UUID: /m.test(text)) return null
  const devices: { device: ObservedDevice; parts: ObservedPart[] }[] = []
  for (const line of text.split(/\r?\n/)) {
    // The last line may be cut anywhere: a number is a card that is there.
    const gpu = /^GPU (\d+): (.*?) *(?:\(UUID: ([^)]*)(\)?)|$)/.exec(line.slice(0, 1024))
    if (gpu) {
      const name = textOf(gpu[2])
      const whole = gpu[4] === ')'
      const failed = readCell(gpu[2])
      const faults: SeenFault[] = failed.kind === 'failed' ? [{ code: failed.code, detail: line.trim() }] : []
      const device = observedDevice({
        vendor: 'nvidia',
        listing: 'list',
        index: Number(gpu[1]),
        name,
        uuid: whole ? textOf(gpu[3]) : null,
        vgpu: isVirtualSliceName(name),
        faults: whole ? faults : [...faults, { code: 'GPU_RECORD_INCOMPLETE', detail: line.trim().slice(0, 200) }],
      })
      devices.push({ device, parts: [] })
      continue
    }
    const mig = /^ +MIG (\S+) +Device +(\d+): +\(UUID: ([^)]*)\)/.exec(line.slice(0, 1024))
    if (!mig || devices.length === 0) continue
    // Until driver 470 the UUID spelled out parent and instances: MIG-GPU-<uuid>/<gi>/<ci>.
    const old = /^MIG-GPU-[0-9a-f-]+\/(\d+)\/(\d+)$/i.exec(mig[3]!)
    devices.at(-1)!.parts.push(
      observedPart({
        index: Number(mig[2]),
        profile: mig[1]!,
        uuid: textOf(mig[3]),
        gpuInstance: old ? Number(old[1]) : null,
        computeInstance: old ? Number(old[2]) : null,
      }),
    )
  }
  return devices.map(({ device, parts }) => ({ ...device, parts, partsEnabled: parts.length > 0 ? true : null }))
}

/**
 * The human table: says that a card is there and which cells failed. Its columns move between drivers and cut names short,
 * so nothing that another listing has is taken from it.
 */
export function parseNvidiaTable(text: string): ObservedDevice[] | null {
  if (!/\bNVIDIA-SMI\s+\d|^\s*\|?\s*Fan\s+Temp\s+Perf\s+Pwr:Usage\/Cap/m.test(text)) return null
  // Rows of MIG instances and processes follow the cards and look alike.
  const cards = text.split(/^\|?\s*(?:MIG devices:|Processes:)/m)[0]!
  const driver = /(?:Driver|KMD) Version:\s*([\d.]+)/.exec(text)?.[1] ?? null
  const computeApi = textOf(/CUDA (?:UMD )?Version:\s*([^\s|]+)/.exec(text)?.[1])
  const devices: ObservedDevice[] = []
  let open: { index: number; name: string | null; pciBusId: string | null; faults: SeenFault[] } | null = null
  const close = (rest: Partial<ObservedDevice>) => {
    devices.push(observedDevice({ vendor: 'nvidia', listing: 'table', driver, computeApi, ...open, ...rest }))
    open = null
  }
  const leave = () => {
    if (open) close({ faults: [...open.faults, { code: 'GPU_RECORD_INCOMPLETE', detail: null }] })
  }
  for (const full of cards.split(/\r?\n/)) {
    const line = full.slice(0, 512)
    const first = /^\|\s+(\d+)\s{1,3}(\S.*?)\s+(?:On|Off|N\/A|WDDM|TCC|MCDM|ERR!)\s*\|\s*(\S+)\s/.exec(line)
    if (first) {
      leave()
      const failed = readCell(first[2])
      open = {
        index: Number(first[1]),
        name: textOf(first[2]),
        pciBusId: pciAddressOf(first[3]),
        faults: failed.kind === 'failed' ? [{ code: failed.code, detail: `the name is ${first[2]}` }] : [],
      }
      continue
    }
    const second =
      /^\|?\s*(\S+)\s+(\S+)\s+(\S+)\s+.*?(\S+)\s*\/\s*(\S+)\s+(?:\|\s*)?(?:(\S+)\s*\/\s*(\d+\s*MiB)|Not Supported|N\/A|ERR!|Unknown Error)/.exec(
        line,
      )
    if (!second || /Fan\s+Temp/.test(line)) continue
    const failed = /\bERR!/.test(line)
    const faults: SeenFault[] = open?.faults ?? []
    if (failed && faults.every(({ code }) => code !== 'GPU_READING_FAILED'))
      faults.push({ code: 'GPU_READING_FAILED', detail: 'ERR! in the table' })
    close({
      memoryMiB: mebibytesOf(second[7]),
      readings: { memoryUsedMiB: mebibytesOf(second[6]), temperatureC: numberOf(second[2]) },
      vgpu: isVirtualSliceName(open?.name ?? null),
      faults,
    })
  }
  leave()
  return devices
}

/** `/proc/driver/nvidia/version`, open and closed kernel modules. */
export const parseProcDriverVersion = (text: string): string | null =>
  /Kernel Module(?:\s+for\s+\S+)?\s+(\d+\.\d+(?:\.\d+)*)/i.exec(text)?.[1] ?? null

/** `/proc/driver/nvidia/gpus/<address>/information`; a UUID of question marks means the driver could not talk to the card. */
export function parseProcGpuInformation(text: string): ObservedDevice[] | null {
  if (!/^Model:\s/m.test(text) || !/^Bus Location:\s/m.test(text)) return null
  return text
    .split(/^(?=Model:)/m)
    .filter(block => /^Bus Location:/m.test(block))
    .map(block => {
      const field = (label: string) => new RegExp(`^${label}:\\s*(.*)$`, 'm').exec(block)?.[1]?.trim() ?? null
      const uuid = field('GPU UUID')
      const unread = uuid !== null && /\?{3,}/.test(uuid)
      return observedDevice({
        vendor: 'nvidia',
        listing: 'procfs',
        name: textOf(field('Model')),
        uuid: unread ? null : textOf(uuid),
        firmware: /\?/.test(field('Video BIOS') ?? '') ? null : textOf(field('Video BIOS')),
        pciBusId: pciAddressOf(field('Bus Location')),
        index: null,
        faults: /yes/i.test(field('GPU Excluded') ?? '') ? [{ code: 'GPU_EXCLUDED', detail: 'GPU Excluded: Yes' }] : [],
      })
    })
}
