import { exactUnits } from '../../core/platform/exact-units.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { withdrawalTime } from '../device-command.ts'
import { addressArg } from '../input-values.ts'
import { keyFlags } from '../key-flags.ts'
import { printTable } from '../print-table.ts'

export default class DeviceList extends BaseCommand<typeof DeviceList> {
  static override description = `List the devices of an operator or a payout wallet, and when their deposits may leave.

"kaisar chain devices" lists everybody's.`
  static override examples = examples('', '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json')
  static override args = {
    address: addressArg({ description: 'Operator or payout wallet. Default: the key named by --key' }),
  }
  static override flags = { ...chainFlags, ...keyFlags }

  async run() {
    const target = await this.chainTarget()
    const address = this.args.address ?? (await this.keyAddress())
    const { getDevices } = await import('../../core/chain/devices.ts')
    const { depositWithdrawal } = await import('../../core/chain/withdrawal.ts')
    const network = await this.connectNetwork(target)
    const own = (await getDevices(network)).filter(({ operator, payout }) => [operator, payout].includes(address))
    const devices = await Promise.all(
      own.map(async device => ({ ...device, withdrawal: await depositWithdrawal(network, device) })),
    )
    await printTable(
      this,
      [
        { title: 'device', cell: ({ id }) => id, isHex: true },
        { title: 'operator', cell: ({ operator }) => operator, isHex: true, rank: 2 },
        { title: 'payout', cell: ({ payout }) => payout, isHex: true, rank: 1 },
        { title: 'deposit KAI', cell: ({ deposit }) => exactUnits(deposit), numeric: true },
        {
          title: 'may leave',
          cell: ({ until, withdrawal }) => (until === null ? 'not while the device is in' : withdrawalTime(withdrawal)),
        },
      ],
      devices,
      `No device has ${address} as its operator or payout wallet. "kaisar chain devices" lists everybody’s.`,
    )
    return { address, devices }
  }
}
