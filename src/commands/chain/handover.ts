import { Flags } from '@oclif/core'
import { examples } from '../base.ts'
import { addressArg } from '../input-values.ts'
import { callFlags, SendingCommand } from '../sending-command.ts'
import { usageErrors } from '../usage-errors.ts'

export default class ChainHandover extends SendingCommand<typeof ChainHandover> {
  static override description =
    `Hand the network to another owner, such as a Safe or a timelock: it is offered first, then taken.

Until the successor has taken it, the present owner stays. Both are four calls, one for each contract that has an owner.`
  static override examples = examples(
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --key owner',
    '--take --safe > take.json',
  )
  static override args = { address: addressArg({ description: 'The successor, to whom it is offered' }) }
  static override flags = {
    ...callFlags,
    take: Flags.boolean({ description: 'Take what was offered to this wallet' }),
  }

  async run() {
    const { address: successor } = this.args
    if ((successor === undefined) !== this.flags.take)
      throw usageErrors.USAGE_INVALID({ reason: 'Name the successor, or take what was offered with --take.' })
    const network = await this.openNetwork()
    const { assertWallet } = await import('../../core/chain/kai.ts')
    const { governed, offerCalls, ownerOf, takeCalls } = await import('../../core/chain/governance.ts')
    if (successor !== undefined) assertWallet(network, successor)
    const calls = successor === undefined ? takeCalls(network) : offerCalls(network, successor)
    if (this.printsCall) return this.printCalls(network.chainId, 'handover', calls)
    const allowed = successor === undefined ? {} : { allowed: [await ownerOf(network)] }
    const question = successor === undefined ? 'Own the network with this key?' : `Offer the network to ${successor}?`
    const txHashes: string[] = []
    const from = await this.keyAddress()
    for (const [i, call] of calls.entries()) {
      // A handover that was interrupted goes on: what was taken cannot be taken again.
      if (successor === undefined && (await ownerOf(network, governed[i])) === from) continue
      const { receipt } = await this.sendCall(network, call, {
        ...allowed,
        ...(i === 0 ? { question, transactions: calls.length } : {}),
      })
      txHashes.push(receipt.hash)
    }
    const owner = await ownerOf(network)
    this.log(
      successor === undefined
        ? `${owner} owns the network.`
        : `Offered to ${successor}, which takes it with "kaisar chain handover --take"; ${owner} owns it until then.`,
    )
    return { owner, offeredTo: successor ?? null, txHashes }
  }
}
