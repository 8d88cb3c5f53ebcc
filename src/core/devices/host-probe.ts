import { analyseHost } from './analyse-host.ts'
import { createCpuProbe } from './cpu/cpu-probe.ts'
import type { HostFacts } from './cross-check.ts'
import type { Host, ToolOutput } from './host.ts'
import { concernsCards } from './kernel-log.ts'
import { readMachineIdentity } from './machine-identity.ts'
import { parseProcDriverVersion } from './nvidia/parse-listings.ts'
import { type Capture, type Observation, observation, type SeenFault, type Vendor } from './observation.ts'
import { observeCapture } from './observe-capture.ts'
import { readPciCards } from './pci-cards.ts'
import type { GpuProbe, Note } from './probed-device.ts'

export type HostProbeOptions = {
  /** `auto`: every card of the host, and its CPU where it has none. `cpu`: the CPU alone (a devnet, a test). */
  readonly devices?: 'auto' | 'cpu'
}

/** Every device of this host. Where a card is there and unreadable, the host is one with a GPU: its CPU does not stand in. */
export function createHostProbe(options: HostProbeOptions, { host }: { readonly host: Host }): GpuProbe {
  const cpu = createCpuProbe(host)
  if (options.devices === 'cpu') return cpu
  return {
    async probe() {
      const [nvidia, amd, intel, kernelLog, facts, machine] = await Promise.all([
        collectNvidia(host),
        collectAmd(host),
        collectIntel(host),
        collectKernelLog(host),
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
type Collected = {
  readonly vendor: Vendor
  readonly captures: readonly Capture[]
  readonly faults: readonly SeenFault[]
  readonly installed: boolean
}

const liveHost = 'this host'

const toCapture = (vendor: Vendor, command: string, output: ToolOutput): Capture => ({
  source: command,
  host: liveHost,
  command,
  vendor,
  text: output.stderr === '' ? output.stdout : `${output.stdout}\n${output.stderr}`,
})

/** Faults of the run itself. Text with a bad exit code is judged by its text; the code alone decides nothing. */
function faultsOfRun(command: string, output: ToolOutput): SeenFault[] {
  const detail = `${command}, exit code ${output.exitCode}`
  if (output.failure === 'timeout') return [{ code: 'GPU_TOOL_TIMEOUT', detail: command }]
  if (output.failure === 'too-large') return [{ code: 'GPU_OUTPUT_TOO_LARGE', detail: command }]
  if (output.failure === 'killed') return [{ code: 'GPU_TOOL_CRASHED', detail: `${command} was ended by a signal` }]
  if (output.failure !== null) return []
  if (`${output.stdout}${output.stderr}`.trim() === '') return [{ code: 'GPU_TOOL_SILENT', detail }]
  return output.exitCode === 0 ? [] : [{ code: 'GPU_TOOL_EXIT_CODE', detail }]
}

const isMissing = ({ failure }: ToolOutput): boolean => failure === 'missing' || failure === 'not-executable'

/** `nvidia-smi -q -x`, its list (the only place of MIG UUIDs), and, where the XML lists nothing, the other two forms. */
async function collectNvidia(host: Host): Promise<Collected> {
  const xml = await host.run('nvidia-smi', ['-q', '-x'])
  // The kernel knows its cards without the tool.
  if (isMissing(xml)) return { vendor: 'nvidia', captures: await nvidiaProcfs(host), faults: [], installed: false }
  const captures = [toCapture('nvidia', 'nvidia-smi -q -x', xml)]
  const faults = faultsOfRun('nvidia-smi -q -x', xml)
  // A tool that hangs once hangs again: two more time limits would be lost.
  if (xml.failure !== 'timeout' && xml.failure !== 'too-large') {
    const list = await host.run('nvidia-smi', ['-L'])
    captures.push(toCapture('nvidia', 'nvidia-smi -L', list))
    if (!/<\/gpu>/.test(xml.stdout) && /^GPU \d+:/m.test(list.stdout))
      captures.push(toCapture('nvidia', 'nvidia-smi -q', await host.run('nvidia-smi', ['-q'])))
  }
  captures.push(...(await nvidiaProcfs(host)))
  return { vendor: 'nvidia', captures, faults, installed: true }
}

async function nvidiaProcfs(host: Host): Promise<Capture[]> {
  const folder = '/proc/driver/nvidia/gpus'
  const cards = (await host.list(folder)) ?? []
  const texts = await Promise.all(
    cards.slice(0, 64).map(card => host.readText(`${folder}/${card}/information`, 16 * 1024)),
  )
  return texts.flatMap(text => (text ? [{ source: 'procfs', host: liveHost, command: null, text }] : []))
}

/** `amd-smi` where it is installed, else the older `rocm-smi`. */
async function collectAmd({ run }: Host): Promise<Collected> {
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
    })
  else {
    const options =
      '--showproductname --showid --showuniqueid --showserial --showbus --showvbios --showmeminfo vram --showtemp ' +
      '--showpower --showmaxpower --showuse --showdriverversion --showretiredpages --json'
    const output = await run('rocm-smi', options.split(' '))
    if (isMissing(output)) return { vendor: 'amd', captures, faults, installed: false }
    captures.push(toCapture('amd', 'rocm-smi --json', output))
    faults.push(...faultsOfRun('rocm-smi --json', output))
  }
  return { vendor: 'amd', captures, faults, installed: true }
}

async function collectIntel({ run }: Host): Promise<Collected> {
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
async function collectKernelLog({ run }: Host): Promise<Capture | null> {
  const limits = { timeoutMs: 5_000, maxBytes: 16 * 1024 * 1024 }
  for (const [command, args] of [
    ['dmesg', []],
    ['journalctl', ['-k', '-b', '--no-pager', '-o', 'short']],
  ] as const) {
    const output = await run(command, args, limits)
    if (output.failure !== null || output.exitCode !== 0) continue
    const lines = output.stdout.split('\n').filter(concernsCards)
    return lines.length === 0 ? null : { source: 'kernel log', host: liveHost, command, text: lines.join('\n') }
  }
  return null
}

/** The kernel's own view: loaded NVIDIA module, and display and compute cards on the PCI bus (sysfs). */
export async function readHostFacts(host: Pick<Host, 'readText' | 'list' | 'platform'>): Promise<HostFacts> {
  if (host.platform !== 'linux') return { os: host.platform === 'win32' ? 'windows' : 'unknown' }
  const version = await host.readText('/proc/driver/nvidia/version', 4096)
  const pciCards = await readPciCards(host)
  const compatible = (await host.readText('/proc/device-tree/compatible', 4096)) ?? ''
  const board = (await host.readText('/proc/device-tree/model', 256))?.replaceAll('\0', '').trim()
  return {
    os: 'linux',
    nvidiaKernelDriver: version === null ? null : parseProcDriverVersion(version),
    ...(pciCards === null ? {} : { pciCards }),
    ...(/nvidia,tegra/.test(compatible) ? { tegra: board || 'NVIDIA Tegra' } : {}),
  }
}
