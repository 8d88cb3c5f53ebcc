import { Flags } from '@oclif/core'
import type { KnownFaults } from '../../core/fleet/fleet-status.ts'
import { isKaisarError } from '../../core/platform/errors.ts'
import { examples } from '../base.ts'
import { FleetCommand, fleetFlags, hostsFlag, walletArg } from '../fleet-command.ts'

export default class FleetWatch extends FleetCommand<typeof FleetWatch> {
  static override description = `Look at the devices of a wallet again and again, and tell which faults came and went.

It runs until Ctrl-C, or looks once with --once. A webhook is told what is printed here; the first look tells all faults there are.`
  static override examples = examples(
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --webhook https://discord.com/api/webhooks/… --webhook-form discord',
  )
  static override args = { wallet: walletArg }
  static override flags = {
    ...fleetFlags,
    hosts: hostsFlag,
    webhook: Flags.string({
      description: 'Where faults are posted to; better given as KAISAR_WEBHOOK',
      helpValue: '<url>',
    }),
    'webhook-form': Flags.option({ options: ['generic', 'discord'] as const })({
      description: 'What is posted: JSON of our own, or a message for Discord',
      default: 'generic',
    }),
    'webhook-private': Flags.boolean({ description: 'Allow http:// and addresses of your own network' }),
    'interval-seconds': Flags.integer({ description: 'Time between two looks', default: 60, min: 1, max: 86_400 }),
    once: Flags.boolean({ description: 'Look once, tell all faults there are, and end' }),
  }
  static override readonly streaming = true

  async run() {
    const { wallet } = this.args
    const { 'webhook-form': form, 'webhook-private': allowPrivate, 'interval-seconds': interval, once } = this.flags
    const stop = this.stopSignal()
    const { systemClock: clock } = await import('../../core/platform/clock.ts')
    const { openWebhook } = await import('../../core/fleet/webhook.ts')
    const { faultChanges, faultsOf } = await import('../../core/fleet/fleet-status.ts')
    const { webhook: url } = this.flags
    if (url !== undefined) this.redactor.addUrl(url)
    const webhook = url === undefined ? null : openWebhook({ url, form, allowPrivate }, clock)
    const fleet = await this.openFleet(wallet)
    let known: KnownFaults = new Map()
    for (;;) {
      try {
        // What it earned is nobody’s fault.
        const status = await fleet.status([])
        const now = faultsOf(status)
        const faults = faultChanges(known, now)
        for (const { change, code, device, message, fix } of faults)
          this.event(
            `fault.${change}`,
            { code, device, message, fix },
            `${change}  ${code}  ${device ?? ''}  ${message}`,
          )
        const { chainId } = fleet.network
        if (faults.length > 0) await webhook?.post({ wallet, chainId, time: new Date().toISOString(), faults })
        // Only what was told is known: what a webhook did not take is told again.
        known = now
      } catch (error) {
        if (once || !isKaisarError(error) || error.exit === 2) throw error
        this.warn(error)
      }
      if (once) break
      await clock.sleep(interval * 1_000, stop).catch(() => undefined)
      if (stop.aborted) break
    }
    return { wallet, faults: [...known.values()] }
  }
}
