import { Flags } from '@oclif/core'
import { BaseCommand } from '../base.ts'
import { daemonFlags } from '../daemon-flags.ts'

export default class CheckerRun extends BaseCommand<typeof CheckerRun> {
  static override description =
    `Run a Checker: bond seats, judge the devices they are drawn for, commit and open verdicts, keep epochs moving.

It runs until Ctrl-C. Providers dial in, so the address it listens on must be reachable, or named by --public-url.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --payout 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --host 0.0.0.0 --port 7411 --public-url wss://checker.example:7411',
  ]
  static override flags = {
    ...daemonFlags,
    seats: Flags.integer({ description: 'Seats to bond when this operator has none', default: 1, min: 1, max: 1024 }),
    host: Flags.string({ description: 'Address to listen on', default: '127.0.0.1' }),
    port: Flags.integer({ description: 'Port to listen on; 0 takes a free one', default: 0, min: 0, max: 65535 }),
    'public-url': Flags.string({ description: 'What Providers dial, where it is not the address we listen on' }),
    'heartbeat-seconds': Flags.string({ description: 'Mean time between two heartbeats', default: '60' }),
    keeper: Flags.boolean({ description: 'Call the functions that move epochs on', default: true, allowNo: true }),
  }
  static override readonly streaming = true

  async run() {
    const log = await this.createLog('checker')
    const { systemClock: clock } = await import('../../core/platform/clock.ts')
    const { checkerMigrations } = await import('../../core/checker/journal.ts')
    const { checkerErrors } = await import('../../core/checker/errors.ts')
    const { openDaemon } = await import('../open-daemon.ts')
    const { payout, confirmations, seats, host, port, keeper, threads } = this.flags
    if (payout === undefined) throw checkerErrors.CHECKER_PAYOUT_MISSING()
    const stop = this.stopSignal()
    const daemon = await openDaemon(
      {
        role: 'checker',
        dataDir: this.dataDir,
        target: await this.chainTarget(),
        migrations: checkerMigrations,
        confirmations,
      },
      { unlockKey: () => this.unlockKey(), log, clock },
    )
    try {
      const { startChecker } = await import('../../core/checker/start-checker.ts')
      await startChecker(
        {
          ...daemon,
          payout,
          seats,
          threads,
          keeper,
          executionProvider: this.flags['execution-provider'],
          listen: { host, port },
          publicUrl: this.flags['public-url'] ?? null,
          heartbeatMs: Number(this.flags['heartbeat-seconds']) * 1000,
        },
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
