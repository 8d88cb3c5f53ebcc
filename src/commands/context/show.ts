import { Args } from '@oclif/core'
import { platformErrors } from '../../core/platform/platform-errors.ts'
import { BaseCommand, examples } from '../base.ts'

export default class ContextShow extends BaseCommand<typeof ContextShow> {
  static override description = 'Show a context: chain, endpoints, contracts.'
  static override examples = examples('', 'mainnet --json')
  static override args = { name: Args.string({ description: 'Name of the context. Default: the one in use' }) }

  async run() {
    const { chooseContext, contextNames } = await import('../../core/platform/context.ts')
    const context = chooseContext(this.contextHome, this.args.name ?? this.flags.context)
    if (context === undefined) throw platformErrors.CONTEXT_MISSING({ known: contextNames(this.contextHome) })
    const { name, chainId, rpcUrls, contracts, deployedAtBlock } = context
    for (const url of rpcUrls) this.redactor.addUrl(url)
    this.log(
      `${name}, chain ${chainId}${deployedAtBlock === undefined ? '' : `, deployed at block ${deployedAtBlock}`}`,
    )
    for (const url of rpcUrls) this.log(`  ${this.redactor.result(url)}`)
    for (const [contract, address] of Object.entries(contracts)) this.log(`  ${contract.padEnd(16)} ${address}`)
    return context
  }
}
