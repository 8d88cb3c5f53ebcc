import { Flags } from '@oclif/core'
import { BaseCommand } from '../base.ts'
import { daemonFlags } from '../daemon-flags.ts'

export default class ProviderRun extends BaseCommand<typeof ProviderRun> {
  static override description =
    `Run a Provider: check this machine's devices, register those that are not on chain, and prove their work.

It runs until Ctrl-C. The operator key signs; rewards go to the payout wallet.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --payout 0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    '<%= config.bin %> <%= command.id %> --rpc-url https://rpc.example --execution-provider cuda --json',
  ]
  static override flags = {
    ...daemonFlags,
    attest: Flags.boolean({ description: 'Register NVIDIA cards that can attest with their attested identity' }),
  }
  static override readonly streaming = true

  async run() {
    const log = await this.createLog('provider')
    const { systemClock: clock } = await import('../../core/platform/clock.ts')
    const { providerMigrations } = await import('../../core/provider/journal.ts')
    const { providerErrors } = await import('../../core/provider/errors.ts')
    const { openDaemon } = await import('../open-daemon.ts')
    const { payout, threads, confirmations, attest, 'execution-provider': executionProvider } = this.flags
    if (payout === undefined) throw providerErrors.PROVIDER_PAYOUT_MISSING()
    const stop = this.stopSignal()
    const daemon = await openDaemon(
      {
        role: 'provider',
        dataDir: this.dataDir,
        target: await this.chainTarget(),
        migrations: providerMigrations,
        confirmations,
      },
      { unlockKey: () => this.unlockKey(), log, clock },
    )
    try {
      const { startProvider } = await import('../../core/provider/start-provider.ts')
      await startProvider(
        { ...daemon, payout, executionProvider, threads, attest, version: this.config.version },
        { log, clock, emit: ({ type, ...fields }) => this.event(type, fields, describe(type, fields)) },
        stop,
      )
    } finally {
      await daemon.close()
    }
    return { operator: daemon.signer.address }
  }
}

const describe = (type: string, fields: object): string =>
  `${type}  ${Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')}`
