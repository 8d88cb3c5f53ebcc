import type { CpuInfo as NodeCpu } from 'node:os'
import { deviceRecord, probedDevice } from '../build-device.ts'
import type { GpuProbe, Note } from '../gpu-probe.ts'
import type { HostFiles } from '../host-files.ts'
import { derivedUuid, type NetworkInterfaces, readMachineIdentity } from '../machine-identity.ts'
import { parseCpuInfo } from './parse-cpu-info.ts'

/** What the CPU probe needs of the host; `nodeHost` (host.ts) is the real one. */
export type Host = {
  readonly files: HostFiles
  readonly networkInterfaces: () => NetworkInterfaces
  readonly hostname: () => string
  readonly cpus: () => readonly Pick<NodeCpu, 'model'>[]
  readonly totalMemoryBytes: () => number
  readonly kernelRelease: () => string
  readonly platform: NodeJS.Platform
}

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
