/** A devnet whose processes are brought back when they end, as an init system would, with faults put in their way. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Role } from '../../src/core/devnet/roles.ts'
import {
  type DaemonStart,
  type Devnet,
  type DevnetEvent,
  type DevnetOptions,
  startDevnet,
} from '../../src/core/devnet/start-devnet.ts'
import { crashVariable } from '../../src/core/platform/crash-point.ts'
import { type RpcProxy, startRpcProxy } from '../helpers/rpc-proxy.ts'

export type FaultyDevnetOptions = Omit<DevnetOptions, 'dataDir'> & {
  /** Crash points a process is started with, asked at each start. */
  readonly crashAt?: (role: Role) => readonly string[]
  /** A script that stands in for `kaisar` in this role. */
  readonly entryOf?: (role: Role) => string | undefined
  /** A faulty endpoint for each process; default none. */
  readonly proxySeed?: number
  /** Whether an ended process is brought back at once; default true. */
  readonly restarts?: (role: Role) => boolean
}

export type FaultyDevnet = {
  readonly devnet: Devnet
  readonly dataDir: string
  readonly events: readonly DevnetEvent[]
  readonly proxies: ReadonlyMap<string, RpcProxy>
  /** Times each process ended and was brought back. */
  readonly restarts: ReadonlyMap<string, number>
  /** Crash points that were reached, by process. */
  crashes(): { readonly name: string; readonly point: string }[]
  /** Resolves with the block time once the chain's head has reached it (seconds). */
  until(timestamp: number): Promise<number>
  close(): Promise<void>
}

export async function startFaultyDevnet(options: FaultyDevnetOptions = {}): Promise<FaultyDevnet> {
  const {
    crashAt = () => [],
    entryOf = () => undefined,
    restarts: mayRestart = () => true,
    proxySeed,
    ...rest
  } = options
  const dataDir = mkdtempSync(join(tmpdir(), 'kaisar-sim-'))
  const events: DevnetEvent[] = []
  const proxies = new Map<string, RpcProxy>()
  const restarts = new Map<string, number>()
  const restarting = new Set<Promise<void>>()
  let devnet: Devnet | null = null
  let closing = false

  async function prepareStart(role: Role, rpcUrl: string): Promise<DaemonStart> {
    const entry = entryOf(role)
    const points = crashAt(role)
    if (proxySeed !== undefined && !proxies.has(role.name))
      proxies.set(role.name, await startRpcProxy({ target: rpcUrl, seed: proxySeed + proxies.size }))
    const proxy = proxies.get(role.name)
    return {
      ...(entry === undefined ? {} : { entry }),
      ...(proxy === undefined ? {} : { rpcUrl: proxy.url }),
      env: points.length === 0 ? {} : { [crashVariable]: points.join(',') },
    }
  }

  function onEvent(event: DevnetEvent) {
    events.push(event)
    if (event.type !== 'daemon.ended' || devnet === null || closing) return
    const { name } = event
    const role = devnet.roles.find(each => each.name === name)!
    if (!mayRestart(role)) return
    restarts.set(name, (restarts.get(name) ?? 0) + 1)
    const restarted: Promise<void> = devnet
      .daemon(name)
      .restart()
      .finally(() => restarting.delete(restarted))
    restarting.add(restarted)
  }

  try {
    devnet = await startDevnet({ ...rest, dataDir, startTimeoutSeconds: 120 }, { onEvent, prepareStart })
  } catch (error) {
    rmSync(dataDir, { recursive: true, force: true })
    throw error
  }
  const { roles, network } = devnet
  return {
    devnet,
    dataDir,
    events,
    proxies,
    restarts,
    crashes: () =>
      roles.flatMap(({ name }) =>
        readFileSync(join(dataDir, 'logs', `${name}.log`), 'utf8')
          .split('\n')
          .filter(line => line.startsWith('{"crash"'))
          .map(line => ({ name, point: (JSON.parse(line) as { crash: string }).crash })),
      ),
    async until(timestamp) {
      for (;;) {
        const head = Number((await network.chain.client.getBlock()).timestamp)
        if (head >= timestamp) return head
        await new Promise(resolve => setTimeout(resolve, 100))
      }
    },
    async close() {
      closing = true
      await Promise.all(restarting)
      await devnet?.stop()
      for (const proxy of proxies.values()) await proxy.stop()
      if (process.env.KAISAR_KEEP_SIM === undefined) rmSync(dataDir, { recursive: true, force: true })
      else process.stderr.write(`kept ${dataDir}\n`)
    },
  }
}
