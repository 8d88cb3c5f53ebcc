import { Flags } from '@oclif/core'
import { committeeSize } from '../../core/protocol/constants.ts'
import { examples } from '../base.ts'
import { callFlags, SendingCommand } from '../sending-command.ts'

export default class ChainStart extends SendingCommand<typeof ChainStart> {
  static override description = `Open epoch 0. Once, by the owner, when ${committeeSize} different Checkers are bonded.

An owner that is a Safe sends what --safe or --calldata prints; leave enough time for its signatures with --in.`
  static override examples = examples('--in 3600', '--in 172800 --safe > start.json')
  static override flags = {
    ...callFlags,
    in: Flags.integer({ description: 'Seconds of block time until epoch 0 begins', default: 600, min: 5 }),
  }

  async run() {
    const { startCall } = await import('../../core/chain/deploy.ts')
    const { ownerOf } = await import('../../core/chain/governance.ts')
    const network = await this.openNetwork()
    const { chain, consensus } = network
    const owner = await ownerOf(network)
    // A strong key takes seconds to open, which are none of those that --in leaves.
    if (!this.printsCall && (await this.keyAddress()) === owner) await this.operatorKey()
    const { timestamp } = await chain.client.getBlock()
    const firstEpochAt = Number(timestamp) + this.flags.in
    const call = startCall(consensus, firstEpochAt)
    const allowed = [owner]
    if (this.printsCall) return this.printCall(network, call, { allowed })
    const { receipt } = await this.sendCall(network, call, { allowed })
    this.log(`Epoch 0 begins at ${new Date(firstEpochAt * 1000).toISOString()}.`)
    this.nextSteps(['kaisar epoch status', 'kaisar chain watch', 'kaisar provider run, where devices are to work'])
    return { firstEpochAt, txHash: receipt.hash }
  }
}
