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
    const number = { align: 'right' } as const
    await printTable(
      line => this.log(line),
      [
        { title: 'lane', ...number },
        { title: 'device', isHex: true },
        { title: 'operator', isHex: true, rank: 2 },
        { title: 'payout', isHex: true },
        { title: 'gen', ...number, rank: 3 },
        { title: 'epochs', rank: 3 },
        { title: 'standing', ...number },
        { title: 'silent', ...number, rank: 3 },
        { title: 'wallet KAI', ...number, rank: 1 },
      ],
      devices.map(device => [
        String(device.lane),
        device.id,
        device.operator,
        device.payout,
        String(device.generation),
        `${device.since}–${device.until ?? ''}`,
        grouped(device.standing),
        String(device.silentEpochs),
        tokens(device.payoutBalance),
      ]),
      'No device is registered. "kaisar provider run" registers the devices of a machine.',
    )
    return { devices }
  }
}
