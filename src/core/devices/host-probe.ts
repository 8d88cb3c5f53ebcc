import { analyseHost } from './analyse-host.ts'
import { pciAddressOf } from './cell.ts'
import { createCpuProbe } from './cpu/cpu-probe.ts'
import type { HostFacts } from './cross-check.ts'
import type { Host, HostFiles, RunTool, ToolOutput } from './host.ts'
import { concernsCards } from './kernel-log.ts'
import { readMachineIdentity } from './machine-identity.ts'
import { parseProcDriverVersion } from './nvidia/parse-listings.ts'
import {
  type Capture,
  type Observation,
  observation,
  type PciCard,
  type SeenFault,
  type Vendor,
} from './observation.ts'
import { observeCapture } from './observe-capture.ts'
import type { GpuProbe, Note } from './probed-device.ts'

export type HostProbeOptions = {
  /** `auto`: every card of the host, and its CPU where it has none. `cpu`: the CPU alone (a devnet, a test). */
  readonly devices?: 'auto' | 'cpu'
}

export type HostProbeDependencies = { readonly host: Host; readonly run: RunTool }

/** Every device of this host. Where a card is there and unreadable, the host is one with a GPU: its CPU does not stand in. */
export function createHostProbe(options: HostProbeOptions, { host, run }: HostProbeDependencies): GpuProbe {
  const cpu = createCpuProbe(host)
  if (options.devices === 'cpu') return cpu
  return {
    async probe() {
      const [nvidia, amd, intel, kernelLog, facts, machine] = await Promise.all([
        collectNvidia(run, host.files),
        collectAmd(run),
        collectIntel(run),
        collectKernelLog(run),
        readHostFacts(host),
        readMachineIdentity(host),
      ])
      // The host speaks even where no tool does: a card on the bus counts.
      const kernel = observation({ source: 'kernel', host: liveHost, format: 'host-facts' })
      const logged = kernelLog ? observeCapture(kernelLog) : []
      const observations = [kernel, ...logged, ...[nvidia, amd, intel].flatMap(observe)]
      const result = analyseHost(observations, { facts, machine: machine.uuid })
      // No tool and nothing on the bus: nobody speaks of cards where there are none.
      if (result.state !== 'absent' && result.state !== 'unknown') return result
      const fallback = await cpu.probe()
      const none: Note[] = result.faults.map(({ code, detail }) => ({ code, device: null, detail: detail ?? '' }))
      return { ...fallback, notes: [...none, ...result.notes, ...fallback.notes] }
    },
  }
}

function observe({ vendor, captures, faults, installed }: Collected): Observation[] {
  const seen = captures.flatMap(observeCapture).map(one => ({ ...one, vendor }))
  if (!installed) return seen
  const answered = seen.some(
    ({ format, devices, faults: said }) => format !== 'nvidia-procfs' && (devices.length > 0 || said.length > 0),
  )
  // Where the text says what is wrong, the exit code adds nothing; where nothing could be read, that is the fault.
  const explained = seen.some(({ faults: said }) => said.length > 0)
  const ofRun = explained ? faults.filter(({ code }) => code !== 'GPU_TOOL_EXIT_CODE') : faults
  const unreadable =
    answered || ofRun.some(({ code }) => code !== 'GPU_TOOL_EXIT_CODE')
      ? []
      : [{ code: 'GPU_OUTPUT_UNREADABLE', detail: captures[0]?.text.trim().slice(0, 200) ?? null }]
  const tools = observation({
    source: `${vendor} tools`,
    host: liveHost,
    format: 'tool-run',
    vendor,
    faults: [...ofRun, ...unreadable],
  })
  return [...seen, tools]
}

/** What the tools of one vendor said, and what is wrong with the tools themselves. */
export type Collected = {
  readonly vendor: Vendor
  readonly captures: readonly Capture[]
  readonly faults: readonly SeenFault[]
  readonly installed: boolean
}

export const liveHost = 'this host'

const toCapture = (vendor: Vendor, command: string, output: ToolOutput): Capture => ({
  source: command,
  host: liveHost,
  command,
  vendor,
  text: output.stderr === '' ? output.stdout : `${output.stdout}\n${output.stderr}`,
  exitCode: output.exitCode,
})

/** Faults of the run itself. Text with a bad exit code is judged by its text; the code alone decides nothing. */
function faultsOfRun(command: string, output: ToolOutput): SeenFault[] {
  const said = output.stdout.trim() !== '' || output.stderr.trim() !== ''
  if (output.failure === 'timeout') return [{ code: 'GPU_TOOL_TIMEOUT', detail: command }]
  if (output.failure === 'too-large') return [{ code: 'GPU_OUTPUT_TOO_LARGE', detail: command }]
  if (output.failure === 'killed') return [{ code: 'GPU_TOOL_CRASHED', detail: `${command} was ended by a signal` }]
  if (output.failure !== null) return []
  if (!said) return [{ code: 'GPU_TOOL_SILENT', detail: `${command}, exit code ${output.exitCode}` }]
  return output.exitCode === 0
    ? []
    : [{ code: 'GPU_TOOL_EXIT_CODE', detail: `${command}, exit code ${output.exitCode}` }]
}

const isMissing = ({ failure }: ToolOutput): boolean => failure === 'missing' || failure === 'not-executable'

/** `nvidia-smi -q -x`, its list (the only place of MIG UUIDs), and, where the XML lists nothing, the other two forms. */
export async function collectNvidia(run: RunTool, files: HostFiles, tool = 'nvidia-smi'): Promise<Collected> {
  const xml = await run(tool, ['-q', '-x'])
  // The kernel knows its cards without the tool.
  if (isMissing(xml)) return { vendor: 'nvidia', captures: await nvidiaProcfs(files), faults: [], installed: false }
  const captures = [toCapture('nvidia', 'nvidia-smi -q -x', xml)]
  const faults = faultsOfRun('nvidia-smi -q -x', xml)
  // A tool that hangs once hangs again: two more time limits would be lost.
  if (xml.failure !== 'timeout' && xml.failure !== 'too-large') {
    const list = await run(tool, ['-L'])
    captures.push(toCapture('nvidia', 'nvidia-smi -L', list))
    if (!/<\/gpu>/.test(xml.stdout) && /^GPU \d+:/m.test(list.stdout))
      captures.push(toCapture('nvidia', 'nvidia-smi -q', await run(tool, ['-q'])))
  }
  captures.push(...(await nvidiaProcfs(files)))
  return { vendor: 'nvidia', captures, faults, installed: true }
}

async function nvidiaProcfs(files: HostFiles): Promise<Capture[]> {
  const folder = '/proc/driver/nvidia/gpus'
  const cards = (await files.list(folder)) ?? []
  const texts = await Promise.all(
    cards.slice(0, 64).map(card => files.readText(`${folder}/${card}/information`, 16 * 1024)),
  )
  return texts.flatMap(text =>
    text ? [{ source: 'procfs', host: liveHost, command: null, text, exitCode: null }] : [],
  )
}

/** `amd-smi` where it is installed, else the older `rocm-smi`. */
export async function collectAmd(run: RunTool): Promise<Collected> {
  const captures: Capture[] = []
  const faults: SeenFault[] = []
  const documents: string[] = []
  for (const subcommand of ['static', 'list', 'metric', 'version']) {
    const output = await run('amd-smi', [subcommand, '--json'])
    if (isMissing(output)) break
    if (subcommand === 'static') faults.push(...faultsOfRun('amd-smi static --json', output))
    documents.push(toCapture('amd', '', output).text)
    if (output.failure === 'timeout') break
  }
  // The documents are joined by the tool's index, so they are one text.
  if (documents.length > 0)
    captures.push({
      source: 'amd-smi',
      host: liveHost,
      vendor: 'amd',
      command: 'amd-smi static --json',
      text: documents.join('\n'),
      exitCode: null,
    })
  else {
    const options = [
      '--showproductname',
      '--showid',
      '--showuniqueid',
      '--showserial',
      '--showbus',
      '--showvbios',
      '--showmeminfo',
      'vram',
      '--showtemp',
      '--showpower',
      '--showmaxpower',
      '--showuse',
      '--showdriverversion',
      '--showretiredpages',
      '--json',
    ]
    const output = await run('rocm-smi', options)
    if (isMissing(output)) return { vendor: 'amd', captures, faults, installed: false }
    captures.push(toCapture('amd', 'rocm-smi --json', output))
    faults.push(...faultsOfRun('rocm-smi --json', output))
  }
  return { vendor: 'amd', captures, faults, installed: true }
}

export async function collectIntel(run: RunTool): Promise<Collected> {
  const discovery = await run('xpu-smi', ['discovery', '-j'])
  if (isMissing(discovery)) return { vendor: 'intel', captures: [], faults: [], installed: false }
  const ids = [...discovery.stdout.matchAll(/"device_id":\s*"?(\d+)/g)].map(([, id]) => id!).slice(0, 16)
  const details: string[] = []
  for (const id of ids) {
    const detail = await run('xpu-smi', ['discovery', '-d', id, '-j'])
    const stats = await run('xpu-smi', ['stats', '-d', id, '-j'])
    details.push(detail.stdout, stats.stdout)
  }
  const first = toCapture('intel', 'xpu-smi discovery -j', discovery)
  return {
    vendor: 'intel',
    captures: [{ ...first, text: [first.text, ...details].join('\n') }],
    faults: faultsOfRun('xpu-smi discovery -j', discovery),
    installed: true,
  }
}

/** What the kernel logged of cards since it booted; null where this user may not read it. It explains a card that is gone. */
export async function collectKernelLog(run: RunTool): Promise<Capture | null> {
  const limits = { timeoutMs: 5_000, maxBytes: 16 * 1024 * 1024 }
  for (const [command, args] of [
    ['dmesg', []],
    ['journalctl', ['-k', '-b', '--no-pager', '-o', 'short']],
  ] as const) {
    const output = await run(command, args, limits)
    if (output.failure !== null || output.exitCode !== 0) continue
    const lines = output.stdout.split('\n').filter(concernsCards)
    return lines.length === 0
      ? null
      : { source: 'kernel log', host: liveHost, command, text: lines.join('\n'), exitCode: 0 }
  }
  return null
}

/** The kernel's own view: loaded NVIDIA module, and display and compute cards on the PCI bus (sysfs). */
export async function readHostFacts(host: Pick<Host, 'files' | 'platform'>): Promise<HostFacts> {
  if (host.platform !== 'linux') return { os: host.platform === 'win32' ? 'windows' : 'unknown' }
  const { files } = host
  const version = await files.readText('/proc/driver/nvidia/version', 4096)
  const pciCards = await readPciCards(files)
  const compatible = (await files.readText('/proc/device-tree/compatible', 4096)) ?? ''
  const board = (await files.readText('/proc/device-tree/model', 256))?.replaceAll('\0', '').trim()
  return {
    os: 'linux',
    nvidiaKernelDriver: version === null ? null : parseProcDriverVersion(version),
    ...(pciCards === null ? {} : { pciCards }),
    ...(/nvidia,tegra/.test(compatible) ? { tegra: board || 'NVIDIA Tegra' } : {}),
  }
}

async function readPciCards(files: HostFiles): Promise<readonly PciCard[] | null> {
  const folder = '/sys/bus/pci/devices'
  const names = await files.list(folder)
  if (names === null) return null
  const cards: PciCard[] = []
  for (const name of names.slice(0, 4096)) {
    const [kind, vendor, device] = await Promise.all(
      ['class', 'vendor', 'device'].map(file => files.readText(`${folder}/${name}/${file}`, 64)),
    )
    const address = pciAddressOf(name)
    // 03 display controllers, 12 processing accelerators (PCI code and id assignment specification).
    if (!address || !/^0x(?:03|12)/.test(kind ?? '') || !vendor || !device) continue
    // Intel's accelerators beside its GPUs: NPUs, FPGAs.
    if (/^0x12/.test(kind ?? '') && vendor.trim() === '0x8086') continue
    const uevent = await files.readText(`${folder}/${name}/uevent`, 4096)
    const driver = /^DRIVER=(\S+)$/m.exec(uevent ?? '')?.[1] ?? null
    cards.push({
      address,
      vendorId: vendor.trim().replace('0x', ''),
      deviceId: device.trim().replace('0x', ''),
      driver,
    })
  }
  return cards
}
