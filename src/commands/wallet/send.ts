import { Flags } from '@oclif/core'
import { exactUnits } from '../../core/platform/exact-units.ts'
import { addressArg, amountArg } from '../input-values.ts'
import { SendingCommand, sendingFlags } from '../sending-command.ts'

export default class WalletSend extends SendingCommand<typeof WalletSend> {
  static override description = `Send KAI, or the chain's own coin with --gas, and wait until it has arrived.

Amounts are whole units with decimals: 12.5 is twelve and a half KAI.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 100',
    '<%= config.bin %> <%= command.id %> 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 0.05 --gas --key treasury',
  ]
  static override args = {
    address: addressArg({ description: 'Who receives it', required: true }),
    amount: amountArg({ description: 'How much, in whole units with decimals', required: true }),
  }
  static override flags = {
    ...sendingFlags,
    gas: Flags.boolean({ description: 'Send the chain’s own coin, which pays for gas, instead of KAI' }),
  }

  async run() {
    const { address: to, amount } = this.args
    const target = await this.chainTarget()
    const from = await this.keyAddress()
    const { transferOf } = await import('../../core/chain/transfer.ts')
    const network = await this.connectNetwork(target)
    const unit = this.flags.gas ? `of the coin of chain ${network.chainId}` : 'KAI'
    const call = await transferOf(network, { from, to, amount, unit: this.flags.gas ? 'coin' : 'KAI' })
    const question = `Send ${exactUnits(amount)} ${unit} from ${from} to ${to}?`
    const { receipt } = await this.sendCall(network, call, { question })
    this.log(
      `Sent ${exactUnits(amount)} ${unit} to ${to} in block ${receipt.blockNumber}, transaction ${receipt.hash}.`,
    )
    return { from, to, amount, unit: this.flags.gas ? 'coin' : 'KAI', txHash: receipt.hash, block: receipt.blockNumber }
  }
}
