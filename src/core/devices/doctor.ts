import type { DeviceRecord, EnvironmentRecord } from '../protocol/device-record.ts'
import { analyseRecording, type RecordingAnalysis } from './analyse-recording.ts'
import type { ExecutionProviderCheck, probeEnvironment } from './environment-probe.ts'
import { webgpuBrings } from './gpu-setup.ts'
import { makeFault } from './make-fault.ts'
import { pinDevice } from './pin-devices.ts'
import type { Fault, GpuProbe, Note, ProbedDevice, ProbeResult, ProbeState } from './probed-device.ts'

/** Native code where the platform has a build, else JavaScript, some 35 times slower and the same bytes. */
type Signatures = 'native' | 'javascript'

/** A device as `provider doctor` shows it: record and probe in one, with the codes of its faults. */
type DoctorDevice = Omit<DeviceRecord, 'version'> &
  Omit<ProbedDevice, 'record'> & { readonly faults: readonly string[] }

export type DoctorReport = Omit<ProbeResult, 'devices'> & {
  readonly devices: readonly DoctorDevice[]
  /** Null for a recording: it says nothing of the machine that reads it. */
  readonly environment: EnvironmentRecord | null
  readonly executionProviders: readonly ExecutionProviderCheck[]
  /** What signs here and recovers signers. Null for a recording. */
  readonly signatures: Signatures | null
  /** For a recording: what was recognised in each file. */
  readonly files: RecordingAnalysis['files']
}

export type DoctorDependencies = {
  readonly probe: GpuProbe
  readonly environment: () => ReturnType<typeof probeEnvironment>
  readonly signatures: Signatures
  /** The package `webgpu`: whether it is installed, and what installs it. */
  readonly webgpu: { readonly found: boolean; readonly command: string }
  /** The value of `CUDA_VISIBLE_DEVICES`. */
  readonly visible: string | undefined
}

/** Every check of this machine: its devices, and what they run on. */
export async function examineHost(dependencies: DoctorDependencies): Promise<DoctorReport> {
  const { probe, environment, signatures, webgpu, visible } = dependencies
  const [result, { record, providers }] = await Promise.all([probe.probe(), environment()])
  const faults = [...result.faults, ...environmentFaults(record, result)]
  const notes = [...result.notes, ...engineNotes(record, result, webgpu), ...cardNotes(result, visible)]
  const shown = view({ ...result, faults, notes })
  return { ...shown, environment: record, executionProviders: providers, signatures, files: [] }
}

/** What a card that computes lacks: CUDA works no memory rounds, and ONNX Runtime's WebGPU neither. */
export function engineNotes(
  { executionProviders }: Pick<EnvironmentRecord, 'executionProviders'>,
  { devices }: Pick<ProbeResult, 'devices'>,
  { found, command }: DoctorDependencies['webgpu'],
): Note[] {
  if (found || !hasGpu(devices) || !executionProviders.some(each => each === 'cuda' || each === 'webgpu')) return []
  const detail = `The package webgpu (132 MB) is not installed, which brings ${webgpuBrings}. Install it with "${command}", then compare with "kaisar provider self-test".`
  return [{ code: 'HOST_WEBGPU_PACKAGE_MISSING', device: null, detail }]
}

/** Which cards a Provider would leave out, since it could work no memory round on them. */
export function cardNotes({ devices }: Pick<ProbeResult, 'devices'>, visible: string | undefined): Note[] {
  const cards = devices.filter(({ record, schedulable }) => record.kind !== 'cpu' && schedulable)
  const notes = cards.flatMap(card => {
    const { webgpu } = pinDevice(card, devices, visible).notPinned
    const detail = `${webgpu}. No memory round can be worked on it, so a Provider leaves it out.`
    return webgpu === undefined ? [] : [{ code: 'GPU_NOT_PINNED', device: card.record.identity, detail }]
  })
  const rest = cards.length - notes.length
  if (rest < 2) return notes
  const detail = `A Provider works memory rounds on one card, and ${rest} are here: it leaves the others out. Run one Provider for each.`
  return [...notes, { code: 'HOST_SEVERAL_CARDS', device: null, detail }]
}

const hasGpu = (devices: ProbeResult['devices']): boolean =>
  devices.some(({ record, schedulable }) => record.kind !== 'cpu' && schedulable)

/** The same analysis of recorded output. @throws GPU_RECORDING_NOT_FOUND, GPU_RECORDING_EMPTY */
export async function examineRecording(path: string): Promise<DoctorReport> {
  const analysis = await analyseRecording(path)
  return { ...view(analysis), environment: null, executionProviders: [], signatures: null, files: analysis.files }
}

function view({ state, devices, faults, notes }: ProbeResult) {
  return {
    state,
    faults,
    notes,
    devices: devices.map(({ record: { version: _, ...record }, ...device }) => ({
      ...record,
      ...device,
      faults: faults.filter(fault => fault.device === record.identity).map(({ code }) => code),
    })),
  }
}

const leastMemoryMiB = 2 * 1024
const leastDiskMiB = 1024
/** Blocks come rarely on an idle chain, so only a gap that no block time explains is a fault. */
const mostClockOffsetMs = 60_000

/** What the environment lacks for work. */
export function environmentFaults(record: EnvironmentRecord, { devices }: Pick<ProbeResult, 'devices'>): Fault[] {
  const faults: Fault[] = []
  const providers = record.executionProviders
  if (providers.length === 0) faults.push(makeFault('HOST_NO_EXECUTION_PROVIDER'))
  else if (hasGpu(devices) && providers.every(provider => provider === 'cpu'))
    faults.push(makeFault('HOST_NO_GPU_PROVIDER', { detail: `loadable: ${providers.join(', ')}` }))
  if (record.memoryMiB < leastMemoryMiB)
    faults.push(makeFault('HOST_MEMORY_LOW', { detail: `${record.memoryMiB} MiB of memory` }))
  if (record.diskFreeMiB !== null && record.diskFreeMiB < leastDiskMiB)
    faults.push(makeFault('HOST_DISK_LOW', { detail: `${record.diskFreeMiB} MiB free on the disk of the data folder` }))
  if (record.clockOffsetMs !== null && Math.abs(record.clockOffsetMs) > mostClockOffsetMs)
    faults.push(
      makeFault('HOST_CLOCK_OFF', { detail: `${(record.clockOffsetMs / 1000).toFixed(0)} s against the latest block` }),
    )
  return faults
}

/** A sentence where no card is listed. */
function noCard(devices: DoctorReport['devices'], state: ProbeState, live: boolean): string | null {
  if (live && devices.length > 0 && devices.every(({ kind }) => kind === 'cpu'))
    return 'This host has no GPU: its CPU takes part as a device of its own class.'
  if (devices.length > 0) return null
  if (state === 'absent') return 'No device: the tool says that there is none.'
  return state === 'unknown'
    ? 'No device is listed: nothing that was read says whether there is one.'
    : 'No device can be read: see the faults.'
}

/** Inside of what this runs. */
function whereabouts({ container, virtualisation }: EnvironmentRecord): string {
  const machine = virtualisation === 'unnamed' ? 'a virtual machine' : `a virtual machine (${virtualisation})`
  const around = [container && `a container (${container})`, virtualisation && machine].filter(Boolean)
  return around.length === 0 ? 'in no container and no virtual machine' : `in ${around.join(' in ')}`
}

/** The report as lines for people. */
export function doctorLines(report: DoctorReport): string[] {
  const { state, devices, faults, notes, environment, executionProviders, signatures, files } = report
  const lines: string[] = []
  for (const { file, formats } of files) lines.push(`${file}: ${formats.join(', ')}`)
  if (environment)
    lines.push(
      `${environment.os}, kernel ${environment.kernel}, ${environment.architecture}, ${whereabouts(environment)}`,
      `Node ${environment.node}, ONNX Runtime ${environment.onnxRuntime ?? 'does not load'}`,
      `${environment.memoryMiB} MiB of memory; ${environment.diskFreeMiB === null ? 'free space on the disk unknown' : `${environment.diskFreeMiB} MiB free on the disk of the data folder`}`,
      ...executionProviders.map(
        ({ provider, loadable, reason }) =>
          `Execution provider ${provider}: ${loadable ? 'works' : `does not load (${reason})`}`,
      ),
    )
  if (signatures)
    lines.push(
      `Signatures: ${signatures === 'native' ? 'native' : 'in JavaScript, slower (no native secp256k1 loads on this platform)'}`,
    )
  for (const device of devices) {
    const facts = [
      device.memoryMiB === null ? null : `${device.memoryMiB} MiB`,
      device.driver && `driver ${device.driver}`,
      device.computeApi && `API ${device.computeApi}`,
      device.pciBusId,
    ]
    lines.push(
      `${device.state.toUpperCase().padEnd(10)} ${device.kind.padEnd(4)} ${device.model}  ${facts.filter(Boolean).join(', ')}  ${device.identity}`,
    )
  }
  const none = noCard(devices, state, environment !== null)
  if (none !== null) lines.push(none)
  for (const fault of faults)
    lines.push(
      `${fault.critical ? 'CRITICAL  ' : 'fault     '} ${fault.code}${fault.device ? `  ${fault.device}` : ''}`,
      `           ${fault.meaning}`,
      ...(fault.detail ? [`           Seen: ${fault.detail}`] : []),
      `           Fix: ${fault.fix}`,
    )
  for (const note of notes) lines.push(`note       ${note.code}  ${note.detail}`)
  return lines
}
