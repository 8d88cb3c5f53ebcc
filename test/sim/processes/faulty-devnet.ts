/**
 * A devnet whose processes are brought back when they end, as an init system would, with faults put in their way. The chain waits
 * for who is brought back; see chain-clock.ts.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { blockAt, readRounds } from '../../../src/core/chain/blocks.ts'
import { getEpochRounds } from '../../../src/core/chain/epochs.ts'
import type { PrintedEvent } from '../../../src/core/devnet/launch-daemons.ts'
import type { Role } from '../../../src/core/devnet/roles.ts'
import {
  type DaemonStart,
  type Devnet,
  type DevnetEvent,
  type DevnetOptions,
  startDevnet,
} from '../../../src/core/devnet/start-devnet.ts'
import { crashVariable } from '../../../src/core/platform/crash-point.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import { timingOf } from '../../../src/core/protocol/network-parameters.ts'
import { type RpcProxy, startRpcProxy } from '../../helpers/rpc-proxy.ts'
import { type ChainClock, createChainClock } from './chain-clock.ts'

export type FaultyDevnetOptions = Omit<DevnetOptions, 'dataDir'> & {
  /** A faulty endpoint for each process; default none. */
  readonly proxySeed?: number
}

export type FaultyDevnet = {
  readonly devnet: Devnet
  readonly dataDir: string
  readonly events: readonly DevnetEvent[]
  readonly proxies: ReadonlyMap<string, RpcProxy>
  /** Times each process ended and was brought back. */
  readonly restarts: ReadonlyMap<string, number>
  /** From now on the first process that comes to one of these crash points ends there. */
  arm(points: readonly string[]): void
  /** Whether this process runs and has been back at work since it last fell. */
  isUp(name: string): boolean
  /** Crash points that nobody has come to yet. */
  armed(): string[]
  /** Stops a process for this long; the chain goes on. */
  pause(name: string, ms: number): Promise<void>
  /** Resolves with the block time once the chain's head has reached it (seconds). */
  until(timestamp: number): Promise<number>
  close(): Promise<void>
}

/** A process reads blocks four times a second at least; by the third time it has had time to act on the last one. */
const turns = 3
/** As often as a process does. */
const lookMs = 250
/** How long the chain waits for who is brought back, and in each epoch for Providers to be ready. */
const patienceMs = 60_000
const looks = (calls: readonly string[], from: number) =>
  calls.slice(from).filter(method => method === 'eth_getBlockByNumber').length >= turns

export async function startFaultyDevnet(options: FaultyDevnetOptions = {}): Promise<FaultyDevnet> {
  const { proxySeed, epochSeconds = 16, ...rest } = options
  const dataDir = mkdtempSync(join(tmpdir(), 'kaisar-sim-'))
  const crashFolder = join(dataDir, 'crash-points')
  mkdirSync(crashFolder)
  const events: DevnetEvent[] = []
  const proxies = new Map<string, RpcProxy>()
  const restarts = new Map<string, number>()
  const restarting = new Set<Promise<void>>()
  /** Who waits to hear that a process works again. */
  const awaited = new Map<string, () => void>()
  const down = new Set<string>()
  const paused = new Set<string>()
  const isAway = (name: string) => down.has(name) || paused.has(name)
  /** Requests of each process by the time of the last block; those without a proxy are not waited for. */
  const seen = new Map<string, number>()
  let devnet: Devnet | null = null
  let chainClock: ChainClock | null = null
  let closing = false
  let seenHead = ''
  let isOpen = false
  /** When the chain was asked for its head, in milliseconds; null: not since the last block. */
  let lookedAtMs: number | null = null
  /** The head's epoch, as long as a round may begin in it. */
  let epochWithRounds: number | null = null
  /** By Provider, the epoch for which it last said that it has a device's memory, or cannot have it. */
  const readyFor = new Map<string, number>()
  /** Until when Providers are waited for, by the seed of the epoch. */
  const patience = new Map<Hex, number>()
  /** By epoch, that of the chain when it was last looked at. */
  const seeds = new Map<number, Hex>()

  async function prepareStart(role: Role, rpcUrl: string): Promise<DaemonStart> {
    if (proxySeed !== undefined && !proxies.has(role.name)) {
      const seed = proxySeed + Number.parseInt(role.operator.slice(2, 8), 16)
      proxies.set(role.name, await startRpcProxy({ target: rpcUrl, seed }))
    }
    const proxy = proxies.get(role.name)
    return {
      ...(proxy === undefined ? {} : { rpcUrl: proxy.url }),
      env: { [crashVariable]: crashFolder },
    }
  }

  function onEvent(event: DevnetEvent) {
    events.push(event)
    if (event.type === 'daemon.event') {
      noteReady(event.name, event.event)
      if (isBackAtWork(event.name, event.event)) awaited.get(event.name)?.()
    }
    if (event.type !== 'daemon.ended' || devnet === null || closing) return
    const { name } = event
    down.add(name)
    readyFor.delete(name)
    restarts.set(name, (restarts.get(name) ?? 0) + 1)
    const restarted = bringBack(name).finally(() => restarting.delete(restarted))
    restarting.add(restarted)
  }

  async function bringBack(name: string): Promise<void> {
    const isBack = Promise.withResolvers<void>()
    awaited.set(name, isBack.resolve)
    chainClock?.hold()
    try {
      await devnet!.daemon(name).restart()
      await Promise.race([isBack.promise.then(() => down.delete(name)), devnet!.daemon(name).exited()])
    } finally {
      chainClock?.release()
    }
  }

  /** Whether one that fell takes part again with this. A Provider needs its memory filled, as long as its epoch may have a round. */
  function isBackAtWork(name: string, { type }: PrintedEvent): boolean {
    const isProvider = devnet?.roles.find(role => role.name === name)?.kind === 'provider'
    return type === 'memory.filled' || (type === 'epoch.started' && !(isProvider && epochWithRounds !== null))
  }

  /** A Provider whose device is a member of the epoch has to fill its memory; with another, the epoch alone. */
  function noteReady(name: string, { type, epoch, devices }: PrintedEvent) {
    if (type === 'memory.filled' || (type === 'epoch.started' && devices === 0)) readyFor.set(name, Number(epoch))
  }

  function isReady(): boolean {
    if (epochWithRounds === null) return true
    const seed = seeds.get(epochWithRounds)!
    const untilMs = patience.get(seed) ?? performance.now() + patienceMs
    patience.set(seed, untilMs)
    const isAwaited = ({ kind, name }: Role) =>
      kind === 'provider' && !isAway(name) && readyFor.get(name) !== epochWithRounds
    return performance.now() > untilMs || !devnet!.roles.some(isAwaited)
  }

  /** Whether the last round of the head's epoch is not over yet. Read once for each head. */
  async function isRoundOpen({ network, firstEpochAt }: Devnet): Promise<boolean> {
    const head = await blockAt(network)
    if (head.hash === seenHead) return isOpen
    const epoch = Math.floor((head.timestamp - firstEpochAt) / epochSeconds)
    const rounds = epoch < 0 ? null : await getEpochRounds(network, epoch)
    const last = rounds === null ? undefined : (await readRounds(network, rounds, head))?.at(-1)
    const seconds = (kind: RoundKindName) => Math.ceil(timingOf(rounds!.rules, kind).openingsMs / 1_000)
    isOpen = last !== undefined && head.timestamp < last.timestamp + seconds(last.kind)
    const mayHaveRounds = rounds !== null && head.timestamp + seconds('tensor') < rounds.startsAt + epochSeconds
    epochWithRounds = mayHaveRounds ? epoch : null
    // What was filled for another seed of this epoch is of no use.
    if (rounds !== null && (seeds.get(epoch) ?? rounds.seed) !== rounds.seed)
      for (const [name, of] of readyFor) if (of === epoch) readyFor.delete(name)
    if (rounds !== null) seeds.set(epoch, rounds.seed)
    seenHead = head.hash
    return isOpen
  }

  try {
    devnet = await startDevnet({ ...rest, epochSeconds, dataDir, startTimeoutSeconds: 120 }, { onEvent, prepareStart })
    const endpoint = devnet.network.chain.all()[0]!
    chainClock = await createChainClock(
      {
        patienceMs,
        isRoundOpen: async () => {
          // While it waits for others the chain has another head only after a reorganisation.
          if (lookedAtMs !== null && performance.now() - lookedAtMs < lookMs) return isOpen
          await isRoundOpen(devnet!)
          lookedAtMs = performance.now()
          return isOpen
        },
        isReady,
        hasBeenSeen: () => [...proxies].every(([name, { calls }]) => isAway(name) || looks(calls, seen.get(name) ?? 0)),
        onBlock() {
          lookedAtMs = null
          for (const [name, { calls }] of proxies) seen.set(name, calls.length)
        },
      },
      (method, params) => endpoint.request({ method, params }),
    )
  } catch (error) {
    await devnet?.stop()
    rmSync(dataDir, { recursive: true, force: true })
    throw error
  }
  const { network } = devnet
  return {
    devnet,
    dataDir,
    events,
    proxies,
    restarts,
    arm(points) {
      for (const point of points) writeFileSync(join(crashFolder, point), '')
    },
    armed: () =>
      readdirSync(crashFolder)
        .filter(file => !file.includes('@'))
        .sort(),
    isUp: name => !down.has(name),
    async pause(name, ms) {
      paused.add(name)
      devnet!.daemon(name).kill('SIGSTOP')
      await new Promise(resolve => setTimeout(resolve, ms))
      devnet!.daemon(name).kill('SIGCONT')
      paused.delete(name)
    },
    async until(timestamp) {
      for (;;) {
        const head = Number((await network.chain.client.getBlock()).timestamp)
        if (head >= timestamp) return head
        await new Promise(resolve => setTimeout(resolve, 100))
      }
    },
    async close() {
      closing = true
      await chainClock?.stop().catch(() => undefined)
      for (const isBack of awaited.values()) isBack()
      await Promise.all(restarting)
      await devnet?.stop()
      for (const proxy of proxies.values()) await proxy.stop()
      if (process.env.KAISAR_KEEP_SIM === undefined) rmSync(dataDir, { recursive: true, force: true })
      else process.stderr.write(`kept ${dataDir}\n`)
    },
  }
}
