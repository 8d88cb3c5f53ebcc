import { examples } from '../base.ts'
import { deviceArg, findRegistered } from '../device-command.ts'
import { addressArg } from '../input-values.ts'
import { callFlags, SendingCommand } from '../sending-command.ts'

export default class DevicePayout extends SendingCommand<typeof DevicePayout> {
  static override description =
    `Move the deposit and the rewards of a device to another wallet. Only its payout wallet may.

Its Provider has to be started with the new wallet as --payout afterwards.`
  static override examples = examples(
    '0x12ab34cd 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --key payout',
    '0x12ab34cd 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --safe > batch.json',
  )
  static override args = { device: deviceArg, address: addressArg({ description: 'The new wallet', required: true }) }
  static override flags = { ...callFlags }

  async run() {
    const network = await this.openNetwork()
    const { callOf } = await import('../../core/chain/read.ts')
    const { id, payout: previous } = await findRegistered(network, this.args.device)
    const { address: payout } = this.args
    const { assertWallet } = await import('../../core/chain/kai.ts')
    assertWallet(network, payout)
    const call = callOf(network.contracts, 'DeviceRegistry', 'setPayout', id, payout)
    const allowed = [previous]
    if (this.printsCall) return this.printCall(network, call, { allowed })
    const question = `Pay deposit and rewards of device ${id} to ${payout} from now on?`
    const { receipt } = await this.sendCall(network, call, { allowed, question })
    this.log(`Device ${id} is paid to ${payout}. Start its Provider with --payout ${payout}.`)
    return { device: id, previous, payout, txHash: receipt.hash }
  }
}
