/** What `provider run` and `checker run` do alike: open the daemon, serve its metrics, show it, run it until the signal, close all of it. */
import type { Command, Interfaces } from '@oclif/core'
import type { Address } from 'viem'
import type { DaemonMetricsDependencies } from '../core/daemon/daemon-metrics.ts'
import type { OpenDaemon } from '../core/daemon/open-daemon.ts'
import type { OperatorKey } from '../core/daemon/operator-key.ts'
import { operatorErrors } from '../core/operator/errors.ts'
import type { Clock } from '../core/platform/clock.ts'
import type { Logger } from '../core/platform/log.ts'
import type { DaemonEvent, ToldEvent } from '../core/view/event-text.ts'
import { BaseCommand } from './base.ts'
import { daemonFlags, sendingOptions } from './daemon-flags.ts'
import { createLiveFeed, type LiveFeed, observeFlags, readHead, serveMetrics } from './observe-daemon.ts'

/** The flags of both: `static flags = { ...runFlags, … }`. */
export const runFlags = { ...daemonFlags, ...observeFlags }

type RunFlags = Interfaces.InferredFlags<typeof runFlags>

type Metrics<Event> = Parameters<typeof serveMetrics>[1] & { observe(event: Event): void }

/** A daemon that is open, with who owns it. */
export type OpenedDaemon<Key extends OperatorKey> = OpenDaemon & { readonly key: Key; readonly payout: Address }

/** What the daemon tells while it runs. */
export type Told<Event, M> = {
  readonly log: Logger
  readonly clock: Clock
  readonly emit: (event: Event) => void
  readonly metrics: M
}

/**
 * The base of both commands that run a daemon.
 *
 * @typeParam Key - how its operator's key is held
 * @typeParam Event - what it emits
 * @typeParam M - what counts those events
 */
export abstract class DaemonCommand<
  T extends typeof Command,
  Key extends OperatorKey,
  Event extends DaemonEvent,
  M extends Metrics<Event>,
> extends BaseCommand<T> {
  static override readonly streaming = true

  protected abstract readonly role: 'provider' | 'checker'

  /** SQL of the role's own schema versions. */
  protected abstract migrations(): Promise<readonly string[]>

  protected abstract openKey(): Promise<Key>

  protected abstract createMetrics(dependencies: DaemonMetricsDependencies): Promise<M>

  /** Shows the daemon on the terminal; `name` is that of its network. @returns what gives the terminal back */
  protected abstract showDashboard(
    daemon: OpenedDaemon<Key>,
    name: string,
    feed: LiveFeed,
  ): Promise<() => Promise<void>>

  /** Runs until the signal aborts. */
  protected abstract start(daemon: OpenedDaemon<Key>, told: Told<Event, M>, stop: AbortSignal): Promise<void>

  async run() {
    const { systemClock: clock } = await import('../core/platform/clock.ts')
    const { openDaemon } = await import('../core/daemon/open-daemon.ts')
    const { eventText } = await import('../core/view/event-text.ts')
    const flags = this.flags as RunFlags
    const { payout, watch, 'take-over': takeOver } = flags
    if (payout === undefined) throw operatorErrors.PAYOUT_MISSING()
    const feed = watch && process.stdout.isTTY && !this.jsonEnabled() ? await createLiveFeed(clock) : null
    const log = await this.createLog(this.role, feed?.takeLogLine)
    const stop = this.stopSignal()
    const target = await this.chainTarget()
    const migrations = await this.migrations()
    const opened = await openDaemon(
      { role: this.role, dataDir: this.dataDir, migrations, sending: sendingOptions(flags) },
      { openKey: () => this.openKey(), connectNetwork: () => this.connectNetwork(target), log, clock },
    )
    const daemon = { ...opened, payout }
    const { network, signer } = daemon
    let closeDashboard: (() => Promise<void>) | null = null
    let server: Awaited<ReturnType<typeof serveMetrics>> = null
    try {
      const metrics = await this.createMetrics({
        readHead: () => readHead(network),
        endpoints: () => network.chain.status(),
        unagreed: () => network.chain.unagreed(),
        now: () => clock.now(),
      })
      const print = (event: ToldEvent) => {
        const { type, ...fields } = event
        this.event(type, fields, eventText(event))
      }
      server = await serveMetrics(flags, metrics)
      if (server !== null && feed === null) print({ type: 'metrics.listening', url: server.url })
      if (feed !== null) {
        const name = target.context?.name ?? `chain ${network.chainId}`
        closeDashboard = await this.showDashboard(daemon, name, feed)
      }
      const emit = (event: Event) => {
        metrics.observe(event)
        if (feed === null) print(event)
        else feed.observe(event)
      }
      await daemon.onlyRun({ takeOver, stop }, only => this.start(daemon, { log, clock, emit, metrics }, only))
    } finally {
      await closeDashboard?.()
      await server?.close()
      await daemon.close()
    }
    return { operator: signer.address }
  }
}
