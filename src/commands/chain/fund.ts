import { exactUnits } from '../../core/platform/exact-units.ts'
import { examples } from '../base.ts'
import { amountArg } from '../input-values.ts'
import { callFlags, SendingCommand } from '../sending-command.ts'

export default class ChainFund extends SendingCommand<typeof ChainFund> {
  static override description =
    `Move KAI of a wallet into the vault, from where epochs are paid. Anybody may; nothing comes back.

"kaisar chain deploy" does it where the key that deploys is the treasury.`
  static override examples = examples('1000000 --key treasury', '400000000 --safe > fund.json')
  static override args = { amount: amountArg({ description: 'How much KAI', required: true }) }
  static override flags = { ...callFlags }

  async run() {
    const { amount } = this.args
    const network = await this.openNetwork()
    const { assertKai, fundingCalls, getVaultBooks } = await import('../../core/chain/kai.ts')
    const calls = fundingCalls(network.contracts, amount)
    if (this.printsCall) return this.printCalls(network.chainId, 'fund', calls)
    const [approve, fund] = calls as [(typeof calls)[0], (typeof calls)[0]]
    const from = await this.keyAddress()
    await assertKai(network, { from, amount })
    const question = `Give ${exactUnits(amount)} KAI of ${from} to the vault?`
    await this.sendCall(network, approve, { question, transactions: calls.length })
    const { receipt } = await this.sendCall(network, fund)
    const vault = await getVaultBooks(network)
    this.log(`The vault holds ${exactUnits(vault.balance)} KAI.`)
    return { from, amount, vault, txHash: receipt.hash }
  }
}
