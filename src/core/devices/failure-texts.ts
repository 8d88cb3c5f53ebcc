import { firstFit, pciAddressOf } from './cell.ts'
import type { SeenFault, Vendor } from './observation.ts'

/** Sentences with which tools say that they cannot read the cards. Wordings change between versions: match what stays. */
const sentences: Readonly<Record<Vendor | 'any', Readonly<Record<string, RegExp>>>> = {
  nvidia: {
    GPU_DRIVER_MISMATCH:
      /driver\/library version mismatch|mismatch in versions between nvidia-smi and NVML|NVML: Function Not Found|undefined symbol: nvml|libnvidia-ml[^\n]*: version [^\n]* not found/i,
    GPU_DRIVER_NOT_RUNNING:
      /couldn.?t communicate with the NVIDIA driver|NVML: Driver Not Loaded|unable to load the (?:NVIDIA )?kernel module|modprobe: (?:ERROR|FATAL)[^\n]*\bnvidia/i,
    GPU_ACCESS_BLOCKED: /GPU access blocked by the operating system/i,
    GPU_PERMISSION_DENIED:
      /NVML: (?:Insufficient Permissions|No Permission)|do(?:es)? not have permission to (?:talk to|communicate with) the NVIDIA driver/i,
    GPU_LIBRARY_MISSING:
      /couldn.?t find (?:the )?(?:libnvidia-ml|nvml)|libnvidia-ml\.so[.\d]*: cannot open shared object|NVML: (?:Shared )?Library Not Found|NVML Shared Library Not Found/i,
    GPU_ACCESS_LOST: /Failed to initialize NVML: Unknown Error/i,
    GPU_CONTAINER_RUNTIME:
      /could not select device driver .*gpu|nvidia-container-cli|failed to (?:create|inject) .*CDI.*nvidia/i,
    GPU_FABRIC_NOT_READY:
      /fabric manager[^\n]*(?:don.t match|mismatch|failed to (?:initialize|start))|error code 802|system not yet initialized/i,
    GPU_INFOROM_CORRUPT: /infoROM is corrupted/i,
    GPU_NONE_FOUND: /^\s*No (?:NVIDIA )?(?:devices|GPUs?) (?:were|was)? ?found|No supported GPUs? (?:was|were) found/im,
  },
  amd: {
    GPU_DRIVER_NOT_RUNNING:
      /amdgpu not found in modules|ROCk module is NOT (?:loaded|live)|AMDSMI_STATUS_(?:DRIVER_NOT_LOADED|NOT_INIT\b)|Driver not initialized|amdgpu driver (?:is )?not (?:loaded|initialized)|Unable to get (?:GPU )?devices|modprobe: (?:ERROR|FATAL)[^\n]*\bamdgpu/i,
    GPU_PERMISSION_DENIED:
      /\/dev\/kfd[^\n]*(?:permission denied|not permitted)|permission denied[^\n]*\/dev\/kfd|AMDSMI_STATUS_NO_PERM|(?:add|not) .*\b(?:render|video)\b.* group|RSMI_STATUS_PERMISSION/i,
    GPU_LIBRARY_MISSING:
      /No module named '?amdsmi|librocm_smi64\.so[^\n]*cannot open|libamd_smi\.so[^\n]*cannot open|libdrm[^\n]*not found/i,
    GPU_NONE_FOUND: /No AMD GPUs? (?:specified|detected|found|available)|No (?:GPUs?|devices?) (?:detected|available)/i,
    GPU_NONE_DETECTED: /Unable to detect any (?:GPU )?devices/i,
    GPU_NO_DATA: /No JSON data to report|AMDSMI_STATUS_NOT_FOUND/i,
  },
  intel: {
    GPU_DRIVER_NOT_RUNNING: /Level Zero Initialization Error|zeInit error|Failed to init(?:ialize)? level.?zero/i,
    GPU_LIBRARY_FAILED: /XPUM Service Status Error|Load xpum library failed/i,
    GPU_PERMISSION_DENIED: /(?:xpu-smi|level.?zero)[^\n]*(?:permission|not permitted|root privilege)/i,
    GPU_NONE_FOUND: /No (?:GPU )?devices? (?:was |were )?discovered|No GPU devices? (?:was |were )?found/i,
  },
  any: {
    GPU_PERMISSION_DENIED:
      /\/dev\/(?:dri|nvidia)[^\n]*(?:permission denied|not permitted)|permission denied[^\n]*\/dev\/(?:dri|nvidia)/i,
    GPU_TOOL_CRASHED:
      /Segmentation fault|core dumped|Aborted \(|Traceback \(most recent call last\)|stack smashing detected/i,
    GPU_TOOL_MISSING:
      /(?:nvidia-smi|rocm-smi|amd-smi|xpu-smi)(?:\.exe)?['"‘’`]?:? ?(?:command )?not found|['‘](?:nvidia-smi|rocm-smi|amd-smi|xpu-smi)(?:\.exe)?['’] is not recognized|(?:nvidia-smi|rocm-smi|amd-smi|xpu-smi)[^\n]*No such file or directory/i,
  },
}

/** In their order, those of vendors first. */
const patterns = (['nvidia', 'amd', 'intel', null] as const).flatMap(of =>
  Object.entries(sentences[of ?? 'any']).map(([code, pattern]) => ({ of, code, pattern })),
)

/** `… the device handle for GPU0000:07:00.0: Unknown Error`, in every spelling seen; the address and the reason are optional. */
const handle =
  /unable to (?:determine|detect|get|obtain)(?: the)? device handle(?: for)?(?: gpu)?\s*(?:(\d{1,3})(?=:(?!\d)|\s*$))?:?\s*((?:[0-9a-f]{4,8}:)?[0-9a-f]{1,2}:[0-9a-f]{1,2}\.[0-7])?:?[ \t]*([^\n]*)/gim

/** Whose tool a text names. */
const ownTool = (text: string): Vendor | null =>
  firstFit(text, [
    [/NVML|NVIDIA-SMI/i, 'nvidia'],
    [/amd-?smi|rocm-?smi/i, 'amd'],
    [/xpu-?smi/i, 'intel'],
  ])

const lineOf = (text: string, at: number): string => {
  const start = text.lastIndexOf('\n', at) + 1
  const end = text.indexOf('\n', at)
  return text
    .slice(start, end < 0 ? undefined : end)
    .trim()
    .slice(0, 300)
}

/** Reads the failure sentences in a text; only its first and last 64 KiB, where tools print them. `tool`: whose tool it was, if known. */
export function readFailureTexts(whole: string, tool: Vendor | null) {
  const text = whole.length > 131_072 ? `${whole.slice(0, 65_536)}\n${whole.slice(-65_536)}` : whole
  const faults: SeenFault[] = []
  let vendor: Vendor | null = null
  for (const match of text.matchAll(handle)) {
    const [, index, address, rest] = match
    vendor = 'nvidia'
    const reason = (rest ?? '').trim()
    const code = /insufficient permissions/i.test(reason) ? 'GPU_PERMISSION_DENIED' : 'GPU_LOST'
    faults.push({
      code,
      detail: lineOf(text, match.index),
      pciBusId: pciAddressOf(address),
      index: index === undefined ? null : Number(index),
    })
  }
  // The library's version line that newer drivers add to a mismatch.
  const library = /NVML library version: *([\d.]+)/i.exec(text)?.[1]
  for (const { of, code, pattern } of patterns) {
    const match = pattern.exec(text)
    if (!match || (of !== null && tool !== null && of !== tool && code !== 'GPU_NONE_FOUND')) continue
    if (faults.some(fault => fault.code === code && !fault.pciBusId)) continue
    vendor ??= tool ?? of
    const said = lineOf(text, match.index + (match[0].length - match[0].trimStart().length))
    const address = code === 'GPU_INFOROM_CORRUPT' ? /gpu ([0-9a-f:.]+)/i.exec(said)?.[1] : undefined
    const detail = library && code === 'GPU_DRIVER_MISMATCH' ? `${said}; library ${library}` : said
    faults.push({ code, detail, pciBusId: pciAddressOf(address) })
  }
  if (
    /Failed to initialize NVML: (?!Unknown Error|Driver|GPU access|Insufficient|No Perm)([^\n]+)/i.test(text) &&
    !faults.some(({ code }) => code !== 'GPU_NONE_FOUND')
  )
    faults.push({ code: 'GPU_LIBRARY_FAILED', detail: lineOf(text, text.search(/Failed to initialize NVML/i)) })
  else if (/NVIDIA-SMI has failed because/i.test(text) && faults.length === 0)
    faults.push({ code: 'GPU_LIBRARY_FAILED', detail: lineOf(text, text.search(/NVIDIA-SMI has failed/i)) })
  if (vendor === null && faults.length > 0) vendor = ownTool(text)
  return { vendor, faults }
}
