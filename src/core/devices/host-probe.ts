import { analyseHost } from './analyse-host.ts'
import {
  type Collected,
  collectAmd,
  collectIntel,
  collectKernelLog,
  collectNvidia,
  liveHost,
  readHostFacts,
} from './collect-captures.ts'
import { createCpuProbe, type Host } from './cpu/cpu-probe.ts'
import type { GpuProbe, Note } from './gpu-probe.ts'
import { readMachineIdentity } from './machine-identity.ts'
import { type Observation, observation } from './observation.ts'
import { observeCapture } from './observe-capture.ts'
import type { RunTool } from './run-tool.ts'

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
