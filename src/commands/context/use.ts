import { Args } from '@oclif/core'
import { BaseCommand, examples } from '../base.ts'

export default class ContextUse extends BaseCommand<typeof ContextUse> {
  static override description =
    'Choose the network that all commands work with, also while a devnet runs; --context still names another.'
  static override examples = examples('mainnet')
  static override args = { name: Args.string({ description: 'Name of the context', required: true }) }

  async run() {
    const { rememberContext, readContext } = await import('../../core/platform/context.ts')
    const { name } = this.args
    rememberContext(this.contextHome, name)
    const { chainId } = readContext(this.contextHome, name)
    this.log(`Commands work with "${name}" (chain ${chainId}) from now on.`)
    this.nextSteps(['kaisar chain info', 'kaisar provider init, or kaisar checker init'])
    return { name, chainId }
  }
}
