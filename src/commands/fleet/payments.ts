import { Flags } from '@oclif/core'
import { exactUnits } from '../../core/platform/exact-units.ts'
import { examples } from '../base.ts'
import { FleetCommand, fleetFlags, walletArg } from '../fleet-command.ts'
import { printTable } from '../print-table.ts'

export default class FleetPayments extends FleetCommand<typeof FleetPayments> {
  static override description =
    `List what a wallet was paid, with blocks and transactions: for its devices, and as Checker or keeper.

A bounty is what the wallet was paid for sending a transaction that paid others. What the token did not move is listed as earned, and with a minus
as owed; once it was withdrawn, as that. So all amounts together are what arrived, to the last digit.

--csv prints every field with amounts to the last digit, for bookkeeping.`
  static override examples = examples(
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --epochs 400 --csv > payments.csv',
  )
  static override args = { wallet: walletArg }
  static override flags = {
    ...fleetFlags,
    csv: Flags.boolean({ description: 'Print comma-separated values (RFC 4180)' }),
  }

  async run() {
    const { wallet } = this.args
    const fleet = await this.openFleet(wallet)
    const { paymentsCsv, paymentTotals } = await import('../../core/fleet/read-payments-of.ts')
    const { firstEpoch, payments } = await fleet.payments()
    const { earned: total, received } = paymentTotals(payments)
    if (this.flags.csv) this.log(paymentsCsv(payments))
    else {
      await printTable(
        this,
        [
          { title: 'epoch', cell: ({ epoch }) => epoch ?? '—', numeric: true },
          {
            title: 'time',
            cell: ({ timestamp }) => new Date(timestamp * 1000).toISOString().slice(0, 16).replace('T', ' '),
          },
          { title: 'for', cell: ({ device, kind }) => device ?? kind, isHex: true },
          { title: 'KAI', cell: ({ amount }) => exactUnits(amount), numeric: true },
          { title: 'transaction', cell: ({ txHash }) => txHash, isHex: true, rank: 1 },
        ],
        payments,
        `Nothing was paid to ${wallet} since epoch ${firstEpoch}. --epochs reads further back.`,
      )
      const arrived = received === total ? '' : `, of which ${exactUnits(received)} arrived`
      if (payments.length > 0) this.log(`\n${exactUnits(total)} KAI since epoch ${firstEpoch}${arrived}`)
    }
    return { wallet, firstEpoch, total, received, payments }
  }
}
