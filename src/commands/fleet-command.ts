/** What the commands about a fleet share: whose it is, how far back, and its hosts. */
import { type Command, Flags } from '@oclif/core'
import { fleetErrors } from '../core/fleet/errors.ts'
import type { FleetStatus } from '../core/fleet/fleet-status.ts'
import type { FleetPayment } from '../core/fleet/read-payments-of.ts'
import { BaseCommand, chainFlags, eventFlags } from './base.ts'
import { addressArg, fileFlag } from './input-values.ts'

export const walletArg = addressArg({ description: 'Payout wallet of the devices', required: true })

export const fleetFlags = {
  ...chainFlags,
  ...eventFlags,
  epochs: Flags.integer({ description: 'How many epochs back are read; sums cover these', default: 64, min: 1 }),
}

export const hostsFlag = fileFlag(
  'File with the addresses of the Providers’ metrics, one a line; they say which release they run',
)

type FleetFlags = { readonly epochs: number; readonly hosts?: string }

export abstract class FleetCommand<T extends typeof Command> extends BaseCommand<T> {
  /** Reads the chain at each call; what cannot change any more is read once. */
  protected async openFleet(wallet: `0x${string}`) {
    // Of all fleet commands' flags, those that they share: oclif's types of a generic command do not say so.
    const { epochs, hosts: hostList } = this.flags as unknown as FleetFlags
    const { createNetworkReader } = await import('../core/network/network-reader.ts')
    const { fleetStatus } = await import('../core/fleet/fleet-status.ts')
    const { readHostList, readHosts } = await import('../core/fleet/read-hosts.ts')
    const { paymentsOf } = await import('../core/fleet/read-payments-of.ts')
    const urls = hostList === undefined ? [] : readHostList(hostList)
    const network = await this.openNetwork()
    const reader = createNetworkReader(network, { epochs, ...this.readingFrom })
    return {
      network,
      /** How far back they go, and each of them. */
      async payments(): Promise<{ firstEpoch: number; payments: FleetPayment[] }> {
        const history = await reader.readHistory()
        return { firstEpoch: history.firstEpoch, payments: await paymentsOf(network, history, wallet) }
      },
      /** @throws FLEET_EMPTY */
      async status(payments: readonly FleetPayment[]): Promise<FleetStatus> {
        const [view, hosts] = await Promise.all([reader.read(), readHosts(urls)])
        const status = fleetStatus({ view, wallet, hosts, payments, nowMs: Date.now() })
        if (status.devices.length === 0) throw fleetErrors.FLEET_EMPTY({ wallet })
        return status
      },
    }
  }
}
