import { committeeSize } from '../../core/protocol/constants.ts'
import { BaseCommand, chainFlags } from '../base.ts'
import { printTable } from '../print-table.ts'

export default class ChainSeats extends BaseCommand<typeof ChainSeats> {
  static override description = 'List the Checkers: seats, bond, strikes, endpoint.'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']
  static override flags = { ...chainFlags }

  async run() {
    const target = await this.chainTarget()
    const { getCheckers } = await import('../../core/chain/checkers.ts')
    const { tokens } = await import('../../core/view/figures.ts')
    const checkers = await getCheckers(await this.connectNetwork(target))
    const number = { align: 'right' } as const
    await printTable(
      line => this.log(line),
      [
        { title: 'no.', ...number },
        { title: 'operator', isHex: true },
        { title: 'payout', isHex: true, rank: 2 },
        { title: 'seats', ...number },
        { title: 'bond KAI', ...number },
        { title: 'strikes', ...number },
        { title: 'state' },
        { title: 'endpoint', least: 16, rank: 1 },
      ],
      checkers.map(checker => [
        String(checker.index),
        checker.operator,
        checker.payout,
        String(checker.seats),
        tokens(checker.bond, 0),
        String(checker.strikes),
        checker.jailed ? `jailed until epoch ${checker.jailedUntil}` : checker.seats > 0 ? 'seated' : 'out',
        checker.endpoint,
      ]),
      `No Checker has bonded a seat. "kaisar checker init" and "kaisar checker run" do; an epoch needs ${committeeSize} different owners.`,
    )
    return { checkers }
  }
}
