import { committeeSize } from '../../core/protocol/constants.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { printTable } from '../print-table.ts'

export default class ChainSeats extends BaseCommand<typeof ChainSeats> {
  static override description = 'List the Checkers: seats, bond, strikes, endpoint.'
  static override examples = examples('', '--json')
  static override flags = { ...chainFlags }

  async run() {
    const { getCheckers } = await import('../../core/chain/checkers.ts')
    const { tokens } = await import('../../core/view/figures.ts')
    const checkers = await getCheckers(await this.openNetwork())
    await printTable(
      this,
      [
        { title: 'no.', cell: ({ index }) => index, numeric: true },
        { title: 'operator', cell: ({ operator }) => operator, isHex: true },
        { title: 'payout', cell: ({ payout }) => payout, isHex: true, rank: 2 },
        { title: 'seats', cell: ({ seats }) => seats, numeric: true },
        { title: 'bond KAI', cell: ({ bond }) => tokens(bond, 0), numeric: true },
        { title: 'strikes', cell: ({ strikes }) => strikes, numeric: true },
        {
          title: 'state',
          cell: ({ jailed, jailedUntil, seats }) =>
            jailed ? `jailed until epoch ${jailedUntil}` : seats > 0 ? 'seated' : 'out',
        },
        { title: 'endpoint', cell: ({ endpoint }) => endpoint, least: 16, rank: 1 },
      ],
      checkers,
      `No Checker has bonded a seat. "kaisar checker init" and "kaisar checker run" do; an epoch needs ${committeeSize} different owners.`,
    )
    return { checkers }
  }
}
