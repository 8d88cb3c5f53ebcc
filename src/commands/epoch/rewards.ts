import { Args } from '@oclif/core'
import type { ConnectedNetwork } from '../../core/chain/network.ts'
import { keptEpochs } from '../../core/protocol/constants.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { askedEpoch, epochFlag } from '../input-values.ts'
import { printTable } from '../print-table.ts'

export default class EpochRewards extends BaseCommand<typeof EpochRewards> {
  static override description =
    'List every payment of an epoch: to devices, Checkers and keepers. Default: the last epoch paid.'
  static override examples = examples('', '--epoch 3 --json')
  static override args = { epoch: Args.integer({ description: 'The same as --epoch', min: 0 }) }
  static override flags = { ...chainFlags, ...epochFlag('Epoch whose payments are listed. Default: the last one paid') }

  async run() {
    const { currentEpoch, getEpoch } = await import('../../core/chain/epochs.ts')
    const { readPayments } = await import('../../core/epoch/read-payments.ts')
    const { grouped, tokens } = await import('../../core/view/figures.ts')
    const network = await this.openNetwork()
    const past = (await currentEpoch(network)) - 1
    const asked = askedEpoch(this.flags, this.args)
    const epoch = asked ?? (await lastPaid(network, past))
    if (epoch < 0) {
      this.log('No epoch is over yet; "kaisar epoch status" says when the first one begins.')
      return { epoch: null, emission: null, payments: [], total: 0n }
    }
    const { money } = await getEpoch(network, epoch)
    const payments = await readPayments(network, epoch)
    const total = payments.reduce((sum, { amount }) => sum + amount, 0n)
    const bases = { device: 'credit', checker: 'lanes', keeper: 'lanes' }
    await printTable(
      this,
      [
        { title: 'to', cell: ({ kind }) => kind },
        { title: 'wallet', cell: ({ payee }) => payee, isHex: true },
        { title: 'lane', cell: ({ lane }) => lane ?? '', numeric: true },
        { title: 'for', cell: ({ basis, kind }) => `${grouped(basis)} ${bases[kind]}`, numeric: true },
        { title: 'KAI', cell: ({ amount }) => tokens(amount), numeric: true },
        { title: 'transaction', cell: ({ txHash }) => txHash, isHex: true, rank: 1 },
      ],
      payments,
      `Nobody was paid for epoch ${epoch}: see "kaisar epoch status --epoch ${epoch}".`,
    )
    this.log(`Epoch ${epoch}: ${tokens(total)} of ${tokens(money.emission)} KAI paid.`)
    return {
      epoch,
      emission: money.emission,
      devicePool: money.devicePool,
      checkerPool: money.checkerPool,
      payments,
      total,
    }
  }
}

/**
 * The newest epoch up to `past` of which all devices and Checkers are paid. Where those that the chain has kept since the newest that is
 * being paid are not, that one; where there is none, the first.
 */
async function lastPaid(network: ConnectedNetwork, past: number): Promise<number> {
  const { getEpoch } = await import('../../core/chain/epochs.ts')
  let begun: number | null = null
  for (let epoch = past; epoch >= 0 && (begun === null || epoch > begun - keptEpochs); epoch--) {
    const { money, totals } = await getEpoch(network, epoch)
    if (money.opened && totals.unpaid === 0) return epoch
    if (money.opened) begun ??= epoch
  }
  return begun ?? Math.min(past, 0)
}
