import { Args, Flags } from '@oclif/core'
import type { Context } from '../../core/platform/context.ts'
import { platformErrors } from '../../core/platform/platform-errors.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { fileFlag } from '../input-values.ts'
import { usageErrors } from '../usage-errors.ts'

export default class ContextAdd extends BaseCommand<typeof ContextAdd> {
  static override description =
    `Make a network known by its deployment file, which "kaisar chain deploy" writes and whoever runs the network hands on.

The endpoints are asked whether the contracts are there, with the code that was deployed, and name each other. Of a network that
has this name already only the endpoints are changed; another one is refused.`
  static override examples = examples(
    'mainnet --from mainnet.json --rpc-url https://rpc-1.example --rpc-url https://rpc-2.example --use',
  )
  static override args = { name: Args.string({ description: 'Name it is given here', required: true }) }
  static override flags = {
    ...chainFlags,
    from: fileFlag('Deployment file, or the context file of another machine'),
    use: Flags.boolean({ description: 'Work with it from now on, as "kaisar context use" does' }),
    'allow-unknown-code': Flags.boolean({
      description: 'Add it although the file does not say which code the contracts have',
    }),
  }

  async run() {
    const { name } = this.args
    const { assertContextName, contextNames, readContext, rememberContext, writeContext } = await import(
      '../../core/platform/context.ts'
    )
    assertContextName(name)
    const before = contextNames(this.contextHome).includes(name) ? readContext(this.contextHome, name) : null
    const { from, 'rpc-url': given } = this.flags
    if (from === undefined)
      throw usageErrors.USAGE_INVALID({ reason: 'The network has to be named: --from <deployment file>.' })
    const { readHandedOn } = await import('../../core/chain/deployment-file.ts')
    const { rpcUrls: known, ...network } = readHandedOn(from, { allowUnknownCode: this.flags['allow-unknown-code'] })
    if (before !== null && (before.devnet !== null || !isSameNetwork(before, network)))
      throw platformErrors.CONTEXT_EXISTS({ name, chainId: before.chainId })
    const rpcUrls = given ?? [...known]
    if (rpcUrls.length === 0)
      throw usageErrors.USAGE_INVALID({ reason: `${from} names no endpoint: add --rpc-url <url>.` })
    for (const url of rpcUrls) this.redactor.addUrl(url)
    const { contracts, chainId } = await this.connectNetwork({ ...network, rpcUrls })
    const { codeHashes, deployedAtBlock } = network
    writeContext(this.contextHome, {
      name,
      chainId,
      rpcUrls,
      contracts,
      ...(codeHashes === undefined ? {} : { codeHashes }),
      ...(deployedAtBlock === undefined ? {} : { deployedAtBlock }),
      devnet: null,
    })
    if (this.flags.use) rememberContext(this.contextHome, name)
    const was = before === null ? 'is known' : 'was known already, and has these endpoints now'
    this.log(`"${name}" ${was}: chain ${chainId}.${this.flags.use ? ' Commands work with it from now on.' : ''}`)
    this.nextSteps([
      ...(this.flags.use ? [] : [`kaisar context use ${name}`]),
      'kaisar chain info',
      'kaisar provider init, or kaisar checker init',
    ])
    return { name, chainId, contracts, deployedAtBlock: deployedAtBlock ?? null }
  }
}

type Identity = Pick<Context, 'chainId' | 'contracts'>

/** Whether both name the same contracts of the same chain. */
function isSameNetwork(a: Identity, b: Identity): boolean {
  const addressOf = ({ contracts }: Identity, name: string) => contracts[name as keyof typeof contracts]?.toLowerCase()
  const names = Object.keys({ ...a.contracts, ...b.contracts })
  return a.chainId === b.chainId && names.every(name => addressOf(a, name) === addressOf(b, name))
}
