import { Flags } from '@oclif/core'
import type { Jobs } from '../../core/job/jobs.ts'
import { isKaisarError } from '../../core/platform/errors.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { daemonFlags, memoryFlag } from '../daemon-flags.ts'
import { roleFolder } from '../operator-command.ts'
import { printLines } from '../print-table.ts'

export default class ProviderSelfTest extends BaseCommand<typeof ProviderSelfTest> {
  static override description =
    `Run the real jobs once on each device, unscored, and check them as a Checker would: figures, capacity, soundness, window lost.

Exit code 4 where a recomputed row is not equal, or nothing was finished in time.`
  static override examples = examples('', '--spec standard --execution-provider cuda --json')
  static override flags = {
    ...chainFlags,
    spec: Flags.option({ options: ['devnet', 'standard'] as const })({
      description: 'Job to run. Default: that of the network; without one, standard',
    }),
    'execution-provider': daemonFlags['execution-provider'],
    threads: daemonFlags.threads,
    'memory-mib': memoryFlag,
  }

  async run() {
    const { threads, 'execution-provider': executionProvider } = this.flags
    const { createHostProbe } = await import('../../core/devices/host-probe.ts')
    const { probeVisible } = await import('../../core/devices/pin-devices.ts')
    const { nodeHost: host } = await import('../../core/devices/host.ts')
    const { engineOptions, ownDevices } = await import('../../core/provider/own-devices.ts')
    const { createWorkEngine } = await import('../../core/job/work-engine.ts')
    const { selfTestDevice, selfTestLines } = await import('../../core/operator/self-test.ts')
    const { systemClock: clock } = await import('../../core/platform/clock.ts')
    const { randomBytes } = await import('node:crypto')
    await this.warnOfDaemon()
    const jobs = await this.chooseJobs()
    const devices = executionProvider === 'cpu' ? 'cpu' : 'auto'
    const { CUDA_VISIBLE_DEVICES: cudaVisibleDevices } = process.env
    const visible = { visible: cudaVisibleDevices, host }
    const probed = await probeVisible(createHostProbe({ devices }, { host }), visible).probe()
    // Which operator it is for changes nothing here.
    const own = ownDevices(probed, `0x${'00'.repeat(20)}`)
    const choice = { executionProvider, threads, memoryMiB: this.flags['memory-mib'] ?? null, cudaVisibleDevices }
    const results = []
    for (const { probed: device } of own) {
      const { model } = device.record
      const result = await selfTestDevice(device, jobs, {
        startEngine: () => createWorkEngine(engineOptions(choice, jobs, device, probed.devices)),
        startVerifier: () => createWorkEngine({ jobs, provider: 'cpu', threads }),
        randomBytes: size => new Uint8Array(randomBytes(size)),
        clock,
        onStep: step => this.progress(`${model}: ${step} …`),
      })
      await printLines(this, selfTestLines(result))
      results.push(result)
    }
    const data = { devices: results }
    for (const { device, tests, memory } of results) {
      const { operatorErrors } = await import('../../core/operator/errors.ts')
      const { model } = device
      if (memory.problem !== null)
        this.fail(operatorErrors.SELF_TEST_NO_MEMORY({ model, problem: memory.problem.message }), data)
      for (const { check, units, windowMs } of tests) {
        if (!check.ok)
          this.fail(operatorErrors.SELF_TEST_WRONG({ model, step: check.step ?? '', detail: check.detail ?? '' }), data)
        if (units === 0) this.fail(operatorErrors.SELF_TEST_NO_WORK({ model, windowMs }), data)
      }
    }
    return data
  }

  /** A daemon that shares the device makes both slower, and the figures of the test too low. */
  private async warnOfDaemon() {
    const { dataDirOwner } = await import('../../core/daemon/data-dir-lock.ts')
    const running = dataDirOwner(roleFolder(this.dataDir, 'provider'))
    if (running !== null)
      this.warn(`A Provider runs here (process ${running.pid}): it shares the device, so both are slower than alone.`)
  }

  private async chooseJobs(): Promise<Jobs> {
    const { jobsByHash, jobSets } = await import('../../core/job/jobs.ts')
    const { spec } = this.flags
    if (spec !== undefined) return jobSets[spec]
    try {
      const { getRoundRules } = await import('../../core/chain/epochs.ts')
      const { specHash } = await getRoundRules(await this.openNetwork())
      return jobsByHash(specHash).jobs
    } catch (error) {
      if (!isKaisarError(error, 'CONTEXT_MISSING') && !isKaisarError(error, 'RPC_UNREACHABLE')) throw error
      return jobSets.standard
    }
  }
}
