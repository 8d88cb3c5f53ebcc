import { Flags } from '@oclif/core'
import { gpuErrors } from '../../core/devices/errors.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { printLines } from '../print-table.ts'

export default class ProviderDoctor extends BaseCommand<typeof ProviderDoctor> {
  static override description = `Check this machine: every device, its health and driver, and what it runs on.

All checks run and all results are shown, with a fix for each fault. Exit code 3 only where a fault is critical.`
  static override examples = examples('', '--recording gpu.xml --json')
  static override flags = {
    ...chainFlags,
    recording: Flags.string({
      description:
        'Read recorded output of nvidia-smi, amd-smi, rocm-smi, xpu-smi or the kernel log instead of this machine',
      helpValue: '<file|folder>',
    }),
  }

  async run() {
    const { recording } = this.flags
    const { doctorLines, examineRecording } = await import('../../core/devices/doctor.ts')
    const report = recording === undefined ? await this.examineThisHost() : await examineRecording(recording)
    await printLines(this, doctorLines(report))
    const critical = report.faults.filter(fault => fault.critical)
    if (critical.length > 0)
      this.fail(gpuErrors.GPU_NOT_READY({ codes: [...new Set(critical.map(({ code }) => code))] }), report)
    return report
  }

  private async examineThisHost() {
    const { examineHost } = await import('../../core/devices/doctor.ts')
    const { createHostProbe } = await import('../../core/devices/host-probe.ts')
    const { probeVisible } = await import('../../core/devices/pin-devices.ts')
    const { nodeHost: host } = await import('../../core/devices/host.ts')
    const { probeEnvironment } = await import('../../core/devices/environment-probe.ts')
    const curve = await import('../../core/report/curve.ts')
    const webgpu = await import('../../core/job/webgpu-package.ts')
    this.progress('Looking for devices and trying the execution providers …')
    const options = {
      kaisar: this.config.version,
      dataDirectory: this.dataDir,
      clockOffsetMs: await this.clockOffsetMs(),
    }
    const visible = process.env.CUDA_VISIBLE_DEVICES
    return examineHost({
      probe: probeVisible(createHostProbe({}, { host }), { visible, host }),
      visible,
      environment: () => probeEnvironment(options, { host }),
      signatures: curve.openCurve().kind,
      webgpu: { found: webgpu.findWebgpu() !== null, command: webgpu.installWebgpu() },
    })
  }

  /** Against the latest block of the context's chain; null where there is none: the doctor needs no chain. */
  private async clockOffsetMs(): Promise<number | null> {
    try {
      const { rpcUrls } = await this.chainTarget()
      const { createPublicClient, http } = await import('viem')
      const { timestamp } = await createPublicClient({
        transport: http(rpcUrls[0], { timeout: 3_000, retryCount: 0 }),
      }).getBlock()
      return Date.now() - Number(timestamp) * 1000
    } catch {
      return null
    }
  }
}
