import { Args } from '@oclif/core'
import { platformErrors } from '../../core/platform/platform-errors.ts'
import { BaseCommand, confirmFlags, examples } from '../base.ts'

export default class ContextRemove extends BaseCommand<typeof ContextRemove> {
  static override description = 'Forget a network. Nothing of it changes; "kaisar context add" makes it known again.'
  static override examples = examples('testnet --yes')
  static override args = { name: Args.string({ description: 'Name of the context', required: true }) }
  static override flags = { ...confirmFlags }

  async run() {
    const { name } = this.args
    const { isContextAlive, readContext, removeContext } = await import('../../core/platform/context.ts')
    const context = readContext(this.contextHome, name)
    if (context.devnet !== null && isContextAlive(context)) throw platformErrors.CONTEXT_DEVNET_RUNNING({ name })
    await this.confirm(`Forget "${name}" (chain ${context.chainId})?`)
    removeContext(this.contextHome, name)
    this.log(`"${name}" is forgotten.`)
    return { name }
  }
}
