/** What `provider run` and `checker run` share: a daemon is opened, observed, run as the only one of its operator, and closed. */
import type { Command } from '@oclif/core'
import type { Address } from 'viem'
import type { ConnectedNetwork } from '../core/chain/network.ts'
import type { ServiceRole } from '../core/operator/install-service.ts'
import type { DaemonMetricsDependencies } from '../core/platform/daemon-metrics.ts'
import type { MetricsServer, startMetricsServer } from '../core/platform/metrics.ts'
import type { DaemonEvent, ToldEvent } from '../core/view/event-text.ts'
import { BaseCommand } from './base.ts'
import { sendingOptions } from './daemon-flags.ts'
import type { OperatorKey } from './key-flags.ts'
import { createLiveFeed, type Watched, watchDaemon } from './observe-daemon.ts'
import type { OpenDaemonDependencies, openDaemon } from './open-daemon.ts'

/** Of both commands' flags, those that they share. */
type DaemonFlags = Parameters<typeof sendingOptions>[0] & {
  readonly payout?: Address
  readonly watch: boolean
  readonly 'take-over': boolean
  readonly 'metrics-port'?: number
  readonly 'metrics-host': string
}

/** Whose dashboard it is, and the name of its network. */
type Own = { readonly name: string; readonly operator: Address; readonly payout: Address }

/** What is of one role alone. Its parts are loaded when they are needed. */
type Role<Key extends OperatorKey, Event, Metrics, Reading> = {
  readonly role: ServiceRole
  /** SQL of its schema versions. */
  readonly migrations: readonly string[]
  readonly openKey: () => Promise<Key>
  readonly createMetrics: (
    options: { readonly version: string },
    dependencies: DaemonMetricsDependencies,
  ) => Promise<Metrics>
  readonly dashboard: (network: ConnectedNetwork, own: Own) => Promise<Watched<Reading>>
  /** Runs until the signal aborts. */
  readonly start: (
    daemon: Awaited<ReturnType<typeof openDaemon<Key>>> & Pick<Own, 'payout'>,
    dependencies: Pick<OpenDaemonDependencies<Key>, 'log' | 'clock'> & {
      readonly emit: (event: Event) => void
      readonly metrics: Metrics
    },
    stop: AbortSignal,
  ) => Promise<void>
}

export abstract class DaemonCommand<T extends typeof Command> extends BaseCommand<T> {
  static override readonly streaming = true

  /** @throws PAYOUT_MISSING, and what the daemon throws */
  protected async runDaemon<
    Key extends OperatorKey,
    Event extends DaemonEvent,
    Metrics extends Parameters<typeof startMetricsServer>[1] & { observe(event: Event): void },
    Reading,
  >({ role, migrations, openKey, createMetrics, dashboard, start }: Role<Key, Event, Metrics, Reading>) {
    const [{ systemClock: clock }, { operatorErrors }, { openDaemon }, { eventText }] = await Promise.all([
      import('../core/platform/clock.ts'),
      import('../core/operator/errors.ts'),
      import('./open-daemon.ts'),
      import('../core/view/event-text.ts'),
    ])
    // oclif's types of a generic command do not say that these are there.
    const flags = this.flags as unknown as DaemonFlags
    const { payout, 'take-over': takeOver, 'metrics-port': port, 'metrics-host': host } = flags
    if (payout === undefined) throw operatorErrors.PAYOUT_MISSING()
    const watched = flags.watch && Boolean(process.stdout.isTTY) && !this.jsonEnabled()
    const feed = watched ? await createLiveFeed(clock) : null
    const log = await this.createLog(role, feed?.takeLogLine)
    const stop = this.stopSignal()
    const target = await this.chainTarget()
    const daemon = await openDaemon(
      { role, dataDir: this.dataDir, target, migrations, sending: sendingOptions(flags) },
      { openKey, connectNetwork: this.connectNetwork, log, clock },
    )
    const { network } = daemon
    const operator = daemon.signer.address
    const readHead = async () => {
      const { number, timestamp } = await network.chain.client.getBlock()
      return { number, timestamp: Number(timestamp) }
    }
    const metrics = await createMetrics(
      { version: this.config.version },
      { readHead, endpoints: () => network.chain.status(), now: () => clock.now() },
    )
    const tell = (event: ToldEvent) => {
      const { type, ...fields } = event
      this.event(type, fields, eventText(event))
    }
    const emit = (event: Event) => {
      metrics.observe(event)
      if (feed !== null) feed.observe(event)
      else tell(event)
    }
    let closeDashboard: (() => Promise<void>) | null = null
    let server: MetricsServer | null = null
    try {
      const { startMetricsServer } = await import('../core/platform/metrics.ts')
      server = port === undefined ? null : await startMetricsServer({ port, host }, metrics)
      if (server !== null && feed === null) tell({ type: 'metrics.listening', url: server.url })
      if (feed !== null) {
        const name = target.context?.name ?? `chain ${network.chainId}`
        closeDashboard = await watchDaemon(feed, await dashboard(network, { name, operator, payout }))
      }
      await daemon.onlyRun({ takeOver, stop }, only =>
        start({ ...daemon, payout }, { log, clock, emit, metrics }, only),
      )
    } finally {
      await closeDashboard?.()
      await server?.close()
      await daemon.close()
    }
    return { operator }
  }
}
