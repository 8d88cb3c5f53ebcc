import { devnetPlace } from '../../core/devnet/devnet-folder.ts'
import { devnetErrors } from '../../core/devnet/errors.ts'
import { exactUnits } from '../../core/platform/exact-units.ts'
import { BaseCommand, examples } from '../base.ts'
import { addressArg, amountFlag } from '../input-values.ts'

export default class DevnetFund extends BaseCommand<typeof DevnetFund> {
  static override description = `Give an address KAI and gas on a devnet of this machine.

The KAI is that of the devnet's treasury. On any other network it is refused: there "kaisar wallet send" moves what you hold.`
  static override examples = examples(
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --amount 50000',
  )
  static override args = { address: addressArg({ description: 'Who receives it', required: true }) }
  static override flags = {
    amount: amountFlag(18)({
      description: 'How much KAI',
      default: 10_000n * 10n ** 18n,
      defaultHelp: async () => '10000',
    }),
    gas: amountFlag(18)({
      description: 'How much of the chain’s own coin, beside what is there',
      default: 10n * 10n ** 18n,
      defaultHelp: async () => '10',
    }),
  }

  async run() {
    const { address: to } = this.args
    const { amount: kai, gas } = this.flags
    const network = await this.connectNetwork(await this.runningDevnet())
    const { fundOnDevnet } = await import('../../core/devnet/launch-network.ts')
    const { systemClock: clock } = await import('../../core/platform/clock.ts')
    await fundOnDevnet(network, { to, kai, gas }, { clock })
    this.log(`${to} received ${exactUnits(kai)} KAI and ${exactUnits(gas)} for gas.`)
    return { address: to, kai, gas }
  }

  /** The one named by --context, else that of this data folder. */
  private async runningDevnet() {
    const { isContextAlive, listContexts, readContext } = await import('../../core/platform/context.ts')
    const { context: named, 'data-dir': dataDir } = this.flags
    const { folder, name } = devnetPlace(dataDir, this.config.dataDir)
    const context =
      named === undefined
        ? listContexts(this.contextHome).find(each => each.name === name)
        : readContext(this.contextHome, named)
    if (context !== undefined && context.devnet === null)
      throw devnetErrors.DEVNET_FAUCET_REFUSED({ name: context.name })
    if (context === undefined || !isContextAlive(context))
      throw devnetErrors.DEVNET_NOT_RUNNING({ dataDir: context?.devnet?.dataDir ?? folder })
    return context
  }
}
