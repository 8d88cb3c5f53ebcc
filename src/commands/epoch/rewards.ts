import { Args } from '@oclif/core'
import { BaseCommand, chainFlags } from '../base.ts'
import { printTable } from '../print-table.ts'

export default class EpochRewards extends BaseCommand<typeof EpochRewards> {
  static override description =
    'List every payment of an epoch: to devices, Checkers and keepers. Default: the last epoch paid.'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> 3 --json']
  static override args = { epoch: Args.integer({ description: 'Number of the epoch', min: 0 }) }
  static override flags = { ...chainFlags }

  async run() {
    const target = await this.chainTarget()
    const { getEpoch, getTimeline } = await import('../../core/chain/epochs.ts')
    const { readPayments } = await import('../../core/epoch/read-payments.ts')
    const { epochAt } = await import('../../core/protocol/trigger.ts')
    const { grouped, tokens } = await import('../../core/platform/ui/figures.ts')
    const network = await this.connectNetwork(target)
    const timeline = await getTimeline(network)
    const { timestamp } = await network.chain.client.getBlock()
    const past = timeline === null ? -1 : epochAt(timeline, Number(timestamp)) - 1
    let epoch = this.args.epoch ?? past
    while (this.args.epoch === undefined && epoch > 0 && !(await getEpoch(network, epoch)).money.opened) epoch--
    if (epoch < 0) {
      this.log('No epoch is over yet.')
      return { epoch: null, emission: null, payments: [], total: 0n }
    }
    const { money } = await getEpoch(network, epoch)
    const payments = await readPayments(network, epoch)
    const total = payments.reduce((sum, { amount }) => sum + amount, 0n)
    const number = { align: 'right' } as const
    await printTable(
      line => this.log(line),
      [
        { title: 'to' },
        { title: 'wallet' },
        { title: 'lane', ...number },
        { title: 'for', ...number },
        { title: 'KAI', ...number },
        { title: 'transaction', rank: 1 },
      ],
      payments.map(({ kind, payee, lane, basis, amount, txHash }) => [
        kind,
        payee,
        lane === null ? '' : String(lane),
        `${grouped(basis)} ${{ device: 'credit', checker: 'lanes', keeper: 'lanes' }[kind]}`,
        tokens(amount),
        txHash,
      ]),
    )
    this.log(`Epoch ${epoch}: ${tokens(total)} of ${tokens(money.emission)} KAI paid.`)
    return {
      epoch,
      emission: money.emission,
      devicePool: money.devicePool,
      checkerPool: money.checkerPool,
      payments,
      total,
    }
  }
}
