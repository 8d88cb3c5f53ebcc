import { Flags } from '@oclif/core'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { printTable } from '../print-table.ts'

export default class ChainDevices extends BaseCommand<typeof ChainDevices> {
  static override description =
    'List the registered devices: lane, operator, payout wallet, capacity in the last resolved epoch, standing, wallet.'
  static override examples = examples('', '--sort capacity', '--json')
  static override flags = {
    ...chainFlags,
    sort: Flags.string({
      description: 'Order of the list: by lane, or with the largest capacity or standing first',
      options: ['lane', 'capacity', 'standing'],
      default: 'lane',
    }),
  }

  async run() {
    const { getDevices } = await import('../../core/chain/devices.ts')
    const { grouped, tokens } = await import('../../core/view/figures.ts')
    const { withCapacities } = await import('../../core/network/last-capacities.ts')
    const network = await this.openNetwork()
    const { sort } = this.flags
    const registered = await getDevices(network)
    const devices = await withCapacities(network, registered).catch(error => {
      // An endpoint may refuse the events of two epochs: a list is worth having without.
      if (sort === 'capacity') throw error
      return registered.map(device => ({ ...device, capacity: null, capacityEpoch: null }))
    })
    if (sort === 'capacity' || sort === 'standing') {
      const worth = (device: (typeof devices)[number]) => device[sort] ?? -1n
      devices.sort((a, b) => (worth(a) === worth(b) ? a.lane - b.lane : worth(a) < worth(b) ? 1 : -1))
    }
    await printTable(
      this,
      [
        { title: 'lane', cell: ({ lane }) => lane, numeric: true },
        { title: 'device', cell: ({ id }) => id, isHex: true },
        { title: 'operator', cell: ({ operator }) => operator, isHex: true, rank: 2 },
        { title: 'payout', cell: ({ payout }) => payout, isHex: true },
        { title: 'gen', cell: ({ generation }) => generation, numeric: true, rank: 3 },
        { title: 'epochs', cell: ({ since, until }) => `${since}–${until ?? ''}`, rank: 3 },
        { title: 'capacity', cell: ({ capacity }) => (capacity === null ? '—' : grouped(capacity)), numeric: true },
        { title: 'standing', cell: ({ standing }) => grouped(standing), numeric: true },
        { title: 'silent', cell: ({ silentEpochs }) => silentEpochs, numeric: true, rank: 3 },
        { title: 'wallet KAI', cell: ({ payoutBalance }) => tokens(payoutBalance), numeric: true, rank: 1 },
      ],
      devices,
      'No device is registered. "kaisar provider run" registers the devices of a machine.',
    )
    return { devices }
  }
}
