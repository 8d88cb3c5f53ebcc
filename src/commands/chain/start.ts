import { Flags } from '@oclif/core'
import { BaseCommand, chainFlags, keyFlags } from '../base.ts'

export default class ChainStart extends BaseCommand<typeof ChainStart> {
  static override description = `Open epoch 0. Once, by the owner, when five different Checkers are bonded.`
  static override examples = ['<%= config.bin %> <%= command.id %> --in 3600']
  static override flags = {
    ...chainFlags,
    ...keyFlags,
    in: Flags.integer({ description: 'Seconds of block time until epoch 0 begins', default: 600, min: 5 }),
  }

  async run() {
    const target = await this.chainTarget()
    const { startNetwork } = await import('../../core/chain/deploy.ts')
    const { systemClock: clock } = await import('../../core/platform/clock.ts')
    const network = await this.connectNetwork(target)
    const { privateKey } = await this.unlockKey()
    const { privateKeyToAccount } = await import('viem/accounts')
    const { chain, consensus } = network
    const { timestamp } = await chain.client.getBlock()
    const firstEpochAt = Number(timestamp) + this.flags.in
    const { hash } = await startNetwork(
      { consensus, firstEpochAt },
      { chain, account: privateKeyToAccount(privateKey), clock },
    )
    this.log(`Epoch 0 begins at ${new Date(firstEpochAt * 1000).toISOString()}.`)
    return { firstEpochAt, txHash: hash }
  }
}
