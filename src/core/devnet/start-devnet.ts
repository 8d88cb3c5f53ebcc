/**
 * A whole network on this machine: a real chain, real contracts, real Provider and Checker processes, real work. What
 * `kaisar devnet up` runs, and what other projects use in their tests.
 *
 * @example
 * import { startDevnet } from 'kaisar/devnet'
 * const devnet = await startDevnet({ dataDir: '/tmp/my-devnet' })
 * const [first] = await devnet.paidEpochs(1)
 * await devnet.stop()
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { kaiBalance } from '../chain/kai.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { NetworkParameters } from '../chain/network-presets.ts'
import { type DataDirLock, lockDataDir } from '../daemon/data-dir-lock.ts'
import type { NetworkView } from '../network/network-view.ts'
import { type Clock, systemClock } from '../platform/clock.ts'
import { removeContext, writeContext } from '../platform/context.ts'
import { isKaisarError } from '../platform/errors.ts'
import { processStart, sweepProcesses, writePidFile } from '../platform/pid-file.ts'
import { committeeSize } from '../protocol/constants.ts'
import { feedEpochs, type PaidEpoch } from './epoch-feed.ts'
import { devnetErrors } from './errors.ts'
import { type Daemon, failWhenEnded, launchDaemon, type PrintedEvent } from './launch-daemons.ts'
import { type DevnetNetwork, launchNetwork } from './launch-network.ts'
import { devnetRoles, type Role } from './roles.ts'

export type DevnetOptions = {
  /** Provider processes, one device each; default 2. */
  readonly providers?: number
  /** Checker processes, one seat each; at least and by default as many as a committee has. */
  readonly checkers?: number
  /** Length of an epoch in seconds; default (and least) 16. */
  readonly epochSeconds?: number
  /** Port of the chain's JSON-RPC; default 0, a free one. */
  readonly port?: number
  /** Where its state, keys and logs live. */
  readonly dataDir: string
  /** Where the context file is written that lets other commands find it; default `dataDir`. */
  readonly contextHome?: string
  /** Name of the context; default `devnet`. */
  readonly name?: string
  /** How long it may take to be up, in seconds; default 60. */
  readonly startTimeoutSeconds?: number
  /** What differs from the preset of a devnet, e.g. longer rounds. */
  readonly parameters?: Partial<NetworkParameters>
  /** Further arguments of `provider run` and `checker run`. */
  readonly daemonArgs?: { readonly provider?: readonly string[]; readonly checker?: readonly string[] }
}

export type DevnetEvent =
  | { readonly type: 'devnet.progress'; readonly step: string }
  | {
      readonly type: 'devnet.ready'
      readonly rpcUrl: string
      readonly chainId: number
      readonly contracts: Readonly<Record<string, string>>
      readonly firstEpochAt: number
    }
  | ({ readonly type: 'device.registered' | 'check.completed' } & PrintedEvent)
  | ({ readonly type: 'epoch.paid' } & PaidEpoch)
  | { readonly type: 'daemon.event'; readonly name: string; readonly event: PrintedEvent }
  | { readonly type: 'daemon.ended'; readonly name: string; readonly reason: string }

/** How a process of the devnet is started, where that differs from `kaisar provider run` or `kaisar checker run`. */
export type DaemonStart = {
  readonly env?: Readonly<Record<string, string>>
  /** The endpoint it uses instead of the chain's own. */
  readonly rpcUrl?: string
}

export type DevnetDependencies = {
  /** Asked before every start and restart of a process; for tests that put faults in its way. */
  readonly prepareStart?: (role: Role, rpcUrl: string) => DaemonStart | Promise<DaemonStart>
  readonly clock?: Clock
  readonly onEvent?: (event: DevnetEvent) => void
  readonly onView?: (view: NetworkView) => void
}

export type Devnet = {
  readonly rpcUrl: string
  readonly chainId: number
  readonly contracts: Readonly<Record<string, string>>
  readonly network: ConnectedNetwork
  readonly roles: readonly Role[]
  readonly firstEpochAt: number
  /** The network as last read from the chain; null before the first reading. */
  view(): NetworkView | null
  /** Resolves when this many epochs are paid, oldest first. @throws DEVNET_EPOCH_UNPAID when it is stopped before */
  paidEpochs(count: number): Promise<readonly PaidEpoch[]>
  /** KAI (wei) by payout wallet of the Providers. */
  balances(): Promise<Record<string, bigint>>
  /** Kills or starts again one of its processes by name, as an operator could. */
  daemon(name: string): {
    /** Of the process that runs or ran last; null before it was started. */
    readonly pid: number | null
    kill(signal: NodeJS.Signals): void
    restart(): Promise<void>
    /** Resolves when its process has ended. */
    exited(): Promise<void>
  }
  /** Ends every process and removes what only a running devnet has. */
  stop(): Promise<void>
}

/** @throws DEVNET_RUNNING, DEVNET_TOO_FEW_CHECKERS, DEVNET_PROCESS_ENDED, DEVNET_START_TIMEOUT, and what anvil refuses */
export async function startDevnet(options: DevnetOptions, dependencies: DevnetDependencies = {}): Promise<Devnet> {
  const { providers = 2, checkers = committeeSize, epochSeconds = 16, port = 0, dataDir, name = 'devnet' } = options
  const { contextHome = dataDir, startTimeoutSeconds = 60 } = options
  const { clock = systemClock, onEvent = () => undefined, onView = () => undefined } = dependencies
  const { prepareStart = () => ({}) } = dependencies
  if (checkers < committeeSize) throw devnetErrors.DEVNET_TOO_FEW_CHECKERS({ checkers })
  const progress = (step: string) => onEvent({ type: 'devnet.progress', step })

  const lock = takeFolder(dataDir)
  const daemons = new Map<string, Daemon>()
  const lastEvents = new Map<string, PrintedEvent>()
  const stopping = new AbortController()
  const paid: PaidEpoch[] = []
  const waiters = new Set<() => void>()
  let launched: DevnetNetwork | null = null
  let following: Promise<void> = Promise.resolve()
  let view: NetworkView | null = null

  async function stop() {
    stopping.abort()
    for (const wake of waiters) wake()
    await Promise.all([...daemons.values()].map(daemon => daemon.process.stop()))
    await following
    await launched?.anvil.stop()
    removeContext(contextHome, name)
    lock.release()
  }

  try {
    await sweepProcesses(join(dataDir, 'pids'))
    const roles = devnetRoles({ providers, checkers })
    // A devnet's chain dies with it, so what its daemons remembered of it would only mislead.
    for (const role of roles) rmSync(join(dataDir, role.name), { recursive: true, force: true })
    launched = await launchNetwork(
      { epochSeconds, port, roles, seatsPerChecker: 1, ...(options.parameters && { parameters: options.parameters }) },
      { clock, onProgress: progress },
    )
    const { anvil, deployment, network } = launched
    writePidFile(join(dataDir, 'pids', 'anvil.pid'), { name: 'anvil', pid: anvil.pid })
    writeContext(contextHome, {
      name,
      chainId: deployment.chainId,
      rpcUrls: [anvil.rpcUrl],
      contracts: deployment.contracts,
      codeHashes: deployment.codeHashes,
      deployedAtBlock: Number(deployment.deployedAtBlock),
      devnet: {
        pid: process.pid,
        startedAt: new Date(clock.now()).toISOString(),
        processStart: processStart(process.pid),
        dataDir,
      },
    })

    const launch = async (role: Role) => {
      const { env, ...start }: DaemonStart = await prepareStart(role, anvil.rpcUrl)
      const extraArgs = options.daemonArgs?.[role.kind] ?? []
      const daemon = await launchDaemon(
        role,
        { dataDir, contextName: name, rpcUrl: anvil.wsUrl, extraArgs, ...start },
        { env: { KAISAR_CONTEXT_HOME: contextHome, ...env }, onEvent: onDaemonEvent },
      )
      daemons.set(role.name, daemon)
      daemon.process.exited.then(({ exitCode, signal }) => {
        if (!stopping.signal.aborted && daemons.get(role.name) === daemon)
          onEvent({ type: 'daemon.ended', name: role.name, reason: signal ?? `exit code ${exitCode}` })
      })
      return daemon
    }
    const ready = new Map(roles.map(({ name: each }) => [each, Promise.withResolvers<void>()]))
    function onDaemonEvent(role: Role, event: PrintedEvent) {
      lastEvents.set(role.name, event)
      if (event.type === 'checker.listening' || event.type === 'device.registered') ready.get(role.name)!.resolve()
      if (event.type === 'device.registered' || event.type === 'check.completed') {
        const { time: _, ...fields } = event
        onEvent({ ...fields, type: event.type } as DevnetEvent)
      }
      onEvent({ type: 'daemon.event', name: role.name, event })
    }

    progress(`Starting ${checkers} Checkers and ${providers} Providers`)
    const started = await Promise.all(roles.map(launch))
    const everybody = Promise.all([...ready.values()].map(({ promise }) => promise))
    const anyEnd = Promise.race(
      started.map(daemon => failWhenEnded(daemon, () => lastEvents.get(daemon.role.name) ?? null)),
    )
    anyEnd.catch(() => undefined)
    await Promise.race([everybody, anyEnd, expire(startTimeoutSeconds, ready)])

    progress('Opening the first epoch')
    const firstEpochAt = await launched.start()
    const { rpcUrl } = anvil
    const { chainId, contracts } = deployment
    onEvent({ type: 'devnet.ready', rpcUrl, chainId, contracts, firstEpochAt })
    following = feedEpochs(
      {
        network,
        clock,
        onView(newest) {
          view = newest
          onView(newest)
        },
        onPaid(epoch) {
          paid.push(epoch)
          onEvent({ type: 'epoch.paid', ...epoch })
          for (const wake of waiters) wake()
        },
        onTrouble: () => undefined,
      },
      stopping.signal,
    )

    return {
      rpcUrl,
      chainId,
      contracts,
      network,
      roles,
      firstEpochAt,
      view: () => view,
      async paidEpochs(count) {
        while (paid.length < count) {
          if (stopping.signal.aborted)
            throw devnetErrors.DEVNET_EPOCH_UNPAID({ epoch: paid.length, reason: 'the devnet was stopped' })
          const { promise, resolve } = Promise.withResolvers<void>()
          waiters.add(resolve)
          await promise
          waiters.delete(resolve)
        }
        return paid.slice(0, count)
      },
      async balances() {
        const wallets = roles.filter(({ kind }) => kind === 'provider').map(({ payout }) => payout)
        return Object.fromEntries(
          await Promise.all(wallets.map(async wallet => [wallet, await kaiBalance(network, wallet)] as const)),
        )
      },
      daemon: which => ({
        pid: daemons.get(which)?.process.pid ?? null,
        kill: signal => daemons.get(which)?.process.kill(signal),
        exited: async () => void (await daemons.get(which)?.process.exited),
        async restart() {
          await daemons.get(which)?.process.stop()
          await launch(roles.find(({ name: each }) => each === which)!)
        },
      }),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }

  function expire(seconds: number, ready: ReadonlyMap<string, PromiseWithResolvers<void>>): Promise<never> {
    const arrived = new Set<string>()
    for (const [each, { promise }] of ready) promise.then(() => arrived.add(each))
    return clock.sleep(seconds * 1000, stopping.signal).then(
      () => {
        const missing = [...ready.keys()].filter(each => !arrived.has(each)).join(', ')
        throw devnetErrors.DEVNET_START_TIMEOUT({ seconds, missing })
      },
      () => new Promise<never>(() => undefined),
    )
  }
}

function takeFolder(dataDir: string): DataDirLock {
  try {
    return lockDataDir({ path: dataDir, owner: 'kaisar devnet up' })
  } catch (error) {
    if (isKaisarError(error, 'DATA_DIR_LOCKED'))
      throw devnetErrors.DEVNET_RUNNING({
        dataDir,
        owner: String(error.context.owner ?? 'another process'),
        cause: error,
      })
    throw error
  }
}
