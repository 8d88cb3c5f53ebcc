import { Flags } from '@oclif/core'
import { BaseCommand, chainFlags, keyFlags } from '../base.ts'
import { addressFlag } from '../input-values.ts'

export default class ChainDeploy extends BaseCommand<typeof ChainDeploy> {
  static override description = `Deploy the contracts, fund the vault, and write a context that the other commands use.

The key that signs pays the gas and, unless told otherwise, owns the network and holds its treasury. Epochs begin with
"kaisar chain start", once five different Checkers are bonded.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --rpc-url http://127.0.0.1:8545 --name local',
    '<%= config.bin %> <%= command.id %> --preset production --name mainnet --owner 0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  ]
  static override flags = {
    ...chainFlags,
    ...keyFlags,
    name: Flags.string({
      description: 'Name of the context that is written',
      default: 'deployed',
      helpValue: '<name>',
    }),
    preset: Flags.option({ options: ['devnet', 'production'] as const })({
      description: 'Parameters: seconds per epoch, or a day',
      default: 'devnet',
    }),
    'epoch-seconds': Flags.integer({ description: 'Length of an epoch of the devnet preset', default: 16, min: 16 }),
    owner: addressFlag({ description: 'Who may schedule changes: a timelock. Default: the key that signs' }),
    guardian: addressFlag({ description: 'Who may pause for seven days. Default: the owner' }),
    treasury: addressFlag({ description: 'Who receives the supply and what is slashed. Default: the key that signs' }),
  }

  async run() {
    const { name, preset, owner, guardian, treasury } = this.flags
    const { rpcUrls } = await this.chainTarget()
    const { privateKey } = await this.unlockKey()
    const { privateKeyToAccount } = await import('viem/accounts')
    const { connectChain } = await import('../../core/chain/client.ts')
    const { deployNetwork } = await import('../../core/chain/deploy.ts')
    const { readArtifact } = await import('../../core/chain/artifacts.ts')
    const { devnetParameters, productionParameters } = await import('../../core/chain/network-presets.ts')
    const { specHash, specs } = await import('../../core/job/spec.ts')
    const { systemClock } = await import('../../core/platform/clock.ts')
    const { writeContext } = await import('../../core/platform/context.ts')
    const parameters =
      preset === 'devnet'
        ? devnetParameters(specHash(specs.devnet), this.flags['epoch-seconds'])
        : productionParameters(specHash(specs.standard))
    const chain = await connectChain({ rpcUrls })
    this.chains.push(chain)
    const deployment = await deployNetwork(
      {
        parameters,
        ...(owner === undefined ? {} : { owner }),
        ...(guardian === undefined ? {} : { guardian }),
        ...(treasury === undefined ? {} : { treasury }),
      },
      {
        chain,
        account: privateKeyToAccount(privateKey),
        clock: systemClock,
        artifact: readArtifact,
        onProgress: step => this.progress(step),
      },
    )
    const { chainId, contracts, codeHashes, deployedAtBlock } = deployment
    writeContext(this.contextHome, {
      name,
      chainId,
      rpcUrls: [...rpcUrls],
      contracts,
      codeHashes,
      deployedAtBlock: Number(deployedAtBlock),
      devnet: null,
    })
    for (const [contract, address] of Object.entries(contracts)) this.log(`${contract.padEnd(16)} ${address}`)
    this.log(`Context "${name}" written; choose it with --context ${name}.`)
    return { chainId, contracts, codeHashes, deployedAtBlock, context: name }
  }
}
