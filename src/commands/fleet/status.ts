import { examples } from '../base.ts'
import { FleetCommand, fleetFlags, hostsFlag, walletArg } from '../fleet-command.ts'
import { printTable } from '../print-table.ts'

export default class FleetStatusCommand extends FleetCommand<typeof FleetStatusCommand> {
  static override description =
    `Show all devices that are paid to one wallet, whichever hosts and operator keys they have.

Faults, verdicts and earnings are the chain's; which release a host runs is what its metrics say.`
  static override examples = examples(
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --hosts hosts.txt --json',
  )
  static override args = { wallet: walletArg }
  static override flags = { ...fleetFlags, hosts: hostsFlag }

  async run() {
    const fleet = await this.openFleet(this.args.wallet)
    const status = await fleet.status((await fleet.payments()).payments)
    const { faultLines, fleetColumns, fleetTotals } = await import('../../core/fleet/fleet-text.ts')
    for (const line of fleetTotals(status)) this.log(line)
    this.log('')
    await printTable(this, fleetColumns, status.devices, 'No device is paid to this wallet.')
    const faults = faultLines(status)
    if (faults.length > 0) this.log(['', ...faults].join('\n'))
    return status
  }
}
