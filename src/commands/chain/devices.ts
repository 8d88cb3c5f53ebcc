import { BaseCommand, chainFlags } from '../base.ts'
import { printTable } from '../print-table.ts'

export default class ChainDevices extends BaseCommand<typeof ChainDevices> {
  static override description = 'List the registered devices: lane, operator, payout wallet, standing, deposit.'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']
  static override flags = { ...chainFlags }

  async run() {
    const target = await this.chainTarget()
    const { getDevices } = await import('../../core/chain/devices.ts')
    const { grouped, tokens } = await import('../../core/view/figures.ts')
    const devices = await getDevices(await this.connectNetwork(target))
    await printTable(
      this,
      [
        { title: 'lane', cell: ({ lane }) => lane, numeric: true },
        { title: 'device', cell: ({ id }) => id, isHex: true },
        { title: 'operator', cell: ({ operator }) => operator, isHex: true, rank: 2 },
        { title: 'payout', cell: ({ payout }) => payout, isHex: true },
        { title: 'gen', cell: ({ generation }) => generation, numeric: true, rank: 3 },
        { title: 'epochs', cell: ({ since, until }) => `${since}–${until ?? ''}`, rank: 3 },
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
