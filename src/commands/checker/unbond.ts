import { Args } from '@oclif/core'
import { counted } from '../../core/view/figures.ts'
import { examples } from '../base.ts'
import { checkerFlags, findChecker, withdrawalText } from '../device-command.ts'
import { SendingCommand } from '../sending-command.ts'

export default class CheckerUnbond extends SendingCommand<typeof CheckerUnbond> {
  static override description = `Take seats out of the list and let their bond leave. Only the payout wallet may.

Seats stay drawn for the epochs that are frozen, so keep the Checker running until "kaisar checker withdraw" is done.`
  static override examples = examples(
    '--operator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --key payout',
    '1 --operator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --calldata',
  )
  static override args = { seats: Args.integer({ description: 'How many seats. Default: all', min: 1, max: 65_535 }) }
  static override flags = { ...checkerFlags }

  async run() {
    const network = await this.openNetwork()
    const { callOf } = await import('../../core/chain/read.ts')
    const { bondWithdrawal } = await import('../../core/chain/withdrawal.ts')
    const { getChecker } = await import('../../core/chain/checkers.ts')
    const checker = await findChecker(network, this.flags.operator, () => this.keyAddress())
    const { operator, payout } = checker
    const seats = this.args.seats ?? checker.seats
    const call = callOf(network.contracts, 'CheckerSeats', 'unbond', operator, seats)
    const allowed = [payout]
    if (this.printsCall) return this.printCall(network, call, { allowed })
    const question = `Take ${seats} of ${counted(checker.seats, 'seat')} of ${operator} out?`
    const { receipt } = await this.sendCall(network, call, { allowed, question })
    const after = (await getChecker(network, operator))!
    const withdrawal = await bondWithdrawal(network, after)
    this.log(`${counted(after.seats, 'seat stays', 'seats stay')}.`)
    this.log(`${withdrawalText(after.unbonding, withdrawal)}: "kaisar checker withdraw --operator ${operator}".`)
    return { operator, payout, seats: after.seats, unbonding: after.unbonding, withdrawal, txHash: receipt.hash }
  }
}
