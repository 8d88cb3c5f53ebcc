import { chainErrors } from '../../core/chain/errors.ts'
import { exactUnits } from '../../core/platform/exact-units.ts'
import { examples } from '../base.ts'
import { blockTime, checkerFlags, findChecker } from '../device-command.ts'
import { SendingCommand } from '../sending-command.ts'

export default class CheckerWithdraw extends SendingCommand<typeof CheckerWithdraw> {
  static override description = 'Return what a Checker has unbonded to its payout wallet. Anybody may.'
  static override examples = examples('', '--operator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8')
  static override flags = { ...checkerFlags }

  async run() {
    const network = await this.openNetwork()
    const { callOf } = await import('../../core/chain/read.ts')
    const { bondWithdrawal } = await import('../../core/chain/withdrawal.ts')
    const checker = await findChecker(network, this.flags.operator, () => this.keyAddress())
    const { operator, payout, unbonding } = checker
    const { state, epoch, at } = await bondWithdrawal(network, checker)
    if (state === 'held')
      throw chainErrors.WITHDRAWAL_HELD({
        what: `${exactUnits(unbonding)} KAI of the bond of ${operator}`,
        epoch: epoch!,
        at: at === null ? null : blockTime(at),
      })
    const call = callOf(network.contracts, 'CheckerSeats', 'withdrawBond', operator)
    if (this.printsCall) return this.printCall(network, call)
    const { receipt } = await this.sendCall(network, call)
    this.log(`${exactUnits(unbonding)} KAI returned to ${payout}.`)
    return { operator, payout, amount: unbonding, txHash: receipt.hash }
  }
}
