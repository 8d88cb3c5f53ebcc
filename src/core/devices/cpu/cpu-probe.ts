import type { Host } from '../host.ts'
import { derivedUuid, readMachineIdentity } from '../machine-identity.ts'
import { deviceRecord, type GpuProbe, type Note, probedDevice } from '../probed-device.ts'

/** The CPU of a host without a GPU: a device of its own class, measured by the same jobs. */
export function createCpuProbe(host: Host): GpuProbe {
  return {
    async probe() {
      const machine = await readMachineIdentity(host)
      const info = parseCpuInfo((await host.files.readText('/proc/cpuinfo', 4 * 1024 * 1024)) ?? '')
      const cpus = host.cpus()
      const uuid = `CPU-${derivedUuid('cpu', machine.uuid)}`
      const record = deviceRecord({
        kind: 'cpu',
        vendor: 'cpu',
        model: info.model ?? (cpus[0]?.model.trim() || 'unknown'),
        identity: uuid,
        identitySource: machine.source,
        // To the nearest GiB and without the kernel: what firmware and kernels reserve varies between boots.
        memoryMiB: Math.round(host.totalMemoryBytes() / 2 ** 30) * 1024,
        cores: cpus.length || info.logicalCores || null,
        isa: [...info.isa],
      })
      const notes: Note[] = machine.reason
        ? [{ code: 'CPU_IDENTITY_FALLBACK', device: record.identity, detail: machine.reason }]
        : []
      const device = probedDevice(record, { uuid, index: 0, deviceClass: 'cpu', sources: ['os'] })
      return { state: 'healthy', devices: [device], faults: [], notes }
    },
  }
}

/** What /proc/cpuinfo says of the processors: x86, Arm, RISC-V, POWER and s390 spell it differently. */
export type CpuInfo = { readonly model: string | null; readonly logicalCores: number; readonly isa: readonly string[] }

/** Instruction sets that decide which kernels run and how fast; the other flags say nothing about work. */
const relevant = new Set(
  `sse4_2 avx avx2 fma f16c avx_vnni avx_vnni_int8 avx512f avx512bw avx512vl avx512dq avx512_vnni avx512_bf16 avx512_fp16
   amx_tile amx_int8 amx_bf16 asimd asimddp asimdhp sve sve2 i8mm bf16 svei8mm svebf16 sme neon vsx`.split(/\s+/),
)

export function parseCpuInfo(text: string): CpuInfo {
  let model: string | null = null
  let logicalCores = 0
  const isa = new Set<string>()
  for (const line of text.split('\n')) {
    const at = line.indexOf(':')
    if (at < 0) continue
    const key = line.slice(0, at).trim().toLowerCase()
    const value = line.slice(at + 1).trim()
    // s390 numbers its processors in the key ("processor 0"), everybody else in the value.
    if (key === 'processor' ? /^\d+$/.test(value) : /^processor \d+$/.test(key)) logicalCores++
    if (value !== '' && ['model name', 'cpu model', 'cpu', 'uarch'].includes(key)) model ??= value
    if (value !== '' && key === 'hardware' && model === null) model = value
    if (key === 'flags' || key === 'features')
      for (const flag of value.toLowerCase().split(/\s+/)) if (relevant.has(flag)) isa.add(flag)
  }
  return { model, logicalCores, isa: [...isa].sort() }
}
