import { signerOf } from '../../core/daemon/operator-key.ts'
import { operatorErrors } from '../../core/operator/errors.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { attestFlag, daemonFlags, memoryFlag } from '../daemon-flags.ts'
import { addressFlag } from '../input-values.ts'
import { keyFlags } from '../key-flags.ts'
import { roleFolder } from '../operator-command.ts'

export default class ProviderEnrol extends BaseCommand<typeof ProviderEnrol> {
  static override description =
    `Let another wallet register this machine's devices and pay their deposits: print a signed enrolment.

Nothing is sent, and the operator key needs neither KAI nor gas. Only the payer can use what is printed, for the payout wallet that it names,
once. Whoever holds the payer's key runs "kaisar fleet enrol" over the files of all hosts; then "kaisar provider run" finds its devices
registered.`
  static override examples = examples(
    '--payer 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC > host-7.json',
    '--payer 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC --password-file provider-password > host-7.json',
  )
  static override flags = {
    ...chainFlags,
    ...keyFlags,
    payer: addressFlag({ description: 'Wallet that registers the devices and pays their deposits', required: true }),
    payout: daemonFlags.payout,
    'execution-provider': daemonFlags['execution-provider'],
    threads: daemonFlags.threads,
    'memory-mib': memoryFlag,
    attest: attestFlag,
  }

  async run() {
    const { systemClock: clock } = await import('../../core/platform/clock.ts')
    const { payer, payout, threads, attest, 'execution-provider': executionProvider } = this.flags
    if (payout === undefined) throw operatorErrors.PAYOUT_MISSING()
    const log = await this.createLog('provider')
    const target = await this.chainTarget()
    const folder = roleFolder(this.dataDir, 'provider')
    return this.alone(folder, async () => {
      const key = await this.operatorKey()
      const network = await this.connectNetwork(target)
      const signer = await signerOf(key, network)
      const { startEnrolment } = await import('../../core/provider/start-provider.ts')
      const { CUDA_VISIBLE_DEVICES: cudaVisibleDevices } = process.env
      const work = {
        executionProvider,
        threads,
        memoryMiB: this.flags['memory-mib'] ?? null,
        cudaVisibleDevices,
        attest,
      }
      const enrolment = await startEnrolment({ folder, network, signer, payer, payout, ...work }, { log, clock })
      const { devices, operator } = enrolment
      if (devices.length === 0)
        this.warn('Every device of this machine is registered as it is: there is nothing to enrol.')
      this.log(JSON.stringify(enrolment, null, 2))
      this.nextSteps([
        `Bring this file to whoever holds the key of ${payer}`,
        `kaisar fleet enrol ${payout} <files>   (there)`,
        `kaisar provider run                    (here; operator ${operator})`,
      ])
      return enrolment
    })
  }
}
