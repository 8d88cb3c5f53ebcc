import { chainErrors } from '../../core/chain/errors.ts'
import { exactUnits } from '../../core/platform/exact-units.ts'
import { examples } from '../base.ts'
import { blockTime, deviceArg, findRegistered } from '../device-command.ts'
import { callFlags, SendingCommand } from '../sending-command.ts'

export default class DeviceWithdraw extends SendingCommand<typeof DeviceWithdraw> {
  static override description = 'Return the deposit of a device that has left to its payout wallet. Anybody may.'
  static override examples = examples('0x12ab34cd')
  static override args = { device: deviceArg }
  static override flags = { ...callFlags }

  async run() {
    const network = await this.openNetwork()
    const { callOf } = await import('../../core/chain/read.ts')
    const { depositWithdrawal } = await import('../../core/chain/withdrawal.ts')
    const { id, deposit, payout, ...device } = await findRegistered(network, this.args.device)
    const { state, epoch, at } = await depositWithdrawal(network, device)
    if (state === 'held' && epoch !== null)
      throw chainErrors.WITHDRAWAL_HELD({
        what: `The deposit of ${id}`,
        epoch,
        at: at === null ? null : blockTime(at),
      })
    const call = callOf(network.contracts, 'DeviceRegistry', 'withdrawDeposit', id)
    if (this.printsCall) return this.printCall(network, call)
    const { receipt } = await this.sendCall(network, call)
    this.log(`${exactUnits(deposit)} KAI returned to ${payout}.`)
    return { device: id, payout, amount: deposit, txHash: receipt.hash }
  }
}
