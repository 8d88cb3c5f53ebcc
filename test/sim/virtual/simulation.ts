/**
 * A whole network in this process on virtual time: the real daemons over a real chain, real rows, the in-memory transport. A process
 * that falls is brought back, as an init system would. The same seed gives the same run, event for event.
 *
 * Why: docs/why/testing.md
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Hex, keccak256, stringToHex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { connectChain } from '../../../src/core/chain/client.ts'
import { startNetwork } from '../../../src/core/chain/deploy.ts'
import { type ConnectedNetwork, connectNetwork } from '../../../src/core/chain/network.ts'
import type { NetworkParameters } from '../../../src/core/chain/network-presets.ts'
import { createTransactionSender } from '../../../src/core/chain/tx/transaction-sender.ts'
import { transactionTables } from '../../../src/core/chain/tx/transaction-store.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { createRecordPolicy } from '../../../src/core/checker/record-policy.ts'
import { createEvidenceStore } from '../../../src/core/checker/round/record.ts'
import { runChecker } from '../../../src/core/checker/run-checker.ts'
import { deriveSeatSecrets } from '../../../src/core/checker/seat-secrets.ts'
import { asOnlyRun } from '../../../src/core/daemon/operator-session.ts'
import { deviceRecord, probedDevice } from '../../../src/core/devices/probed-device.ts'
import { type DevnetContracts, deployDevnet, leadSeconds } from '../../../src/core/devnet/launch-network.ts'
import { devnetRoles, type Role } from '../../../src/core/devnet/roles.ts'
import { createKeeper } from '../../../src/core/epoch/settlement.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import type { Logger } from '../../../src/core/platform/log.ts'
import { stringifyJson } from '../../../src/core/platform/output.ts'
import { openStore, type Store, stateFile } from '../../../src/core/platform/store.ts'
import { answerControl, type ControlRequest } from '../../../src/core/provider/control.ts'
import { providerMigrations } from '../../../src/core/provider/journal.ts'
import { runProvider } from '../../../src/core/provider/run-provider.ts'
import { createSigner, type Signer } from '../../../src/core/report/signer.ts'
import type { Identity, Limits, Transport } from '../../../src/core/transport/transport.ts'
import { environmentRecord } from '../../helpers/environment.ts'
import { createInMemoryNetwork, type Rewrite } from '../../helpers/in-memory-transport.ts'
import { lies as allLies, type Lie } from '../../helpers/lying-endpoint.ts'
import { seededRandom } from '../../helpers/seeded-random.ts'
import { folderInMemory, makeFolder } from '../../setup/run-folders.ts'
import { type Alteration, cheating, lying, skewOf } from '../alteration.ts'
import { hostileSeat } from './hostile-seat.ts'
import { createLieSchedule } from './lie-schedule.ts'
import { unwrapped } from './raw-bytes.ts'
import { type EndpointFaultRule, startVirtualChain, type VirtualChain } from './virtual-chain.ts'
import { createVirtualEngines } from './virtual-engine.ts'
import { createVirtualTime, type VirtualHost } from './virtual-time.ts'

export type SimulationOptions = {
  readonly seed: number
  readonly epochSeconds?: number
  readonly providers?: number
  readonly checkers?: number
  readonly parameters?: Partial<NetworkParameters>
  /** What is altered on a host, by the name of its role. */
  readonly alterations?: Readonly<Record<string, Alteration>>
  /** What every endpoint does wrong, from the start of epoch 0. */
  readonly faults?: readonly EndpointFaultRule[]
  /** Roles that do not start with the network; see {@link Simulation.start}. */
  readonly later?: readonly string[]
  /** Roles whose certificate is another one, and Providers whose device has another driver, each time that they come back. */
  readonly renewing?: readonly string[]
  readonly updating?: readonly string[]
  /** Checkers that are hostile to Providers on their wire, all the time. */
  readonly hostileSeats?: readonly string[]
  /** What the transport of a role goes through, by its name. */
  readonly wires?: Readonly<Record<string, Wire>>
  /** Told every line that a daemon logs. */
  readonly onLog?: (line: LogLine) => void
  /** Whether {@link Simulation.trace} is kept, which takes longer than most of what it tells of; default false. */
  readonly isTraced?: boolean
  /** Endpoints of each host; of several, one lies all the time, about one thing after the other; default 1. */
  readonly endpoints?: number
  /** What it lies about; default everything. */
  readonly lies?: readonly Lie[]
  /** Whether it lies not, and is away instead, from before its daemon starts; default false. */
  readonly isOneAway?: boolean
  /** Whether a process that ended is brought back by itself, by why it did: the crash point, where it fell at one; default true. */
  readonly restarts?: (role: Role, reason: string) => boolean
  /** Called once the contracts are there and before anybody runs: who else is registered. */
  readonly onDeployed?: (deployed: DevnetContracts, chain: VirtualChain) => Promise<void>
}

/** Stands between a daemon and its real transport. */
export type Wire = (transport: Transport, host: VirtualHost, signer: Signer) => Transport

export type LogLine = {
  readonly name: string
  readonly level: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string | undefined
}

export type SimulationEvent = { readonly name: string; readonly type: string } & Record<string, unknown>

export type Simulation = {
  readonly chain: VirtualChain
  readonly network: ConnectedNetwork
  readonly roles: readonly Role[]
  readonly firstEpochAt: number
  readonly dataDir: string
  /** What the daemons told, in order. */
  readonly events: readonly SimulationEvent[]
  /** Lets go of what was told so far. */
  forgetEvents(): void
  /** Everything that happened and was logged, each as a line with its time: equal for equal seeds. Empty unless it was asked for. */
  readonly trace: readonly string[]
  /** Times each process fell and was brought back. */
  readonly restarts: ReadonlyMap<string, number>
  /** Faults that endpoints really showed, by kind. */
  readonly injected: Readonly<Record<string, number>>
  /** Whether this process runs and has been at work since it last fell. */
  isUp(name: string): boolean
  /** As SIGKILL: it is gone in the middle of what it does. */
  kill(name: string): void
  /** From now on the first process that comes to one of these crash points falls there. */
  arm(points: readonly string[]): void
  /** Crash points that nobody has come to yet. */
  armed(): readonly string[]
  /** As SIGTERM: it finishes what is open and ends. */
  terminate(name: string): void
  /** As SIGSTOP, and SIGCONT after this many ms. */
  freeze(name: string, ms: number): void
  /** Starts a process that was not started yet. */
  start(name: string): void
  /** Starts a process that was left ended, after a while. */
  bringBack(name: string): void
  /** What the owner of a Provider asks it for, as over its socket. */
  ask(name: string, request: ControlRequest): unknown
  /** A host of a stranger, and its way into the network, with limits and a certificate that it sets itself. */
  stranger(name: string, options?: StrangerOptions): { readonly host: VirtualHost; readonly transport: Transport }
  /** Lets time pass until the chain's head has this timestamp (seconds). */
  until(timestamp: number): Promise<void>
  /** Lets time pass until an event is there. @throws after `seconds` of virtual time */
  untilEvent(isIt: (event: SimulationEvent) => boolean, seconds: number): Promise<SimulationEvent>
  close(): Promise<void>
}

type StrangerOptions = {
  readonly limits?: Partial<Limits>
  /** Default: one of its own. */
  readonly certificateHash?: Hex
  readonly rewrite?: Rewrite
}

type Process = {
  readonly host: VirtualHost
  readonly stop: AbortController
  store: Store | null
  isAtWork: boolean
  control: ((request: unknown) => unknown) | null
}

/** From the end of a process to its next start, in ms. */
const restartMs = { least: 500, most: 2_000 }
/** How long an endpoint tells one lie before the next: all of them together fit no epoch, so that each lie comes in every phase. */
const lieMs = 3_700
/** From one host to another, in ms. */
const wireMs = { least: 0.2, most: 5 }
/** Virtual time that a row takes on the card of each Provider, in turn. */
const rowMs = [40, 50]

export async function startSimulation(options: SimulationOptions): Promise<Simulation> {
  const { seed, epochSeconds = 16, alterations = {}, faults = [], restarts: mayRestart = () => true } = options
  const { endpoints = 1, lies = allLies, later = [], hostileSeats = [], wires = {}, onLog, isOneAway = false } = options
  const { providers = 2, checkers = 5, renewing = [], updating = [] } = options
  const roles = devnetRoles({ providers, checkers })
  // What a disk takes to sync is not what is simulated.
  const dataDir = makeFolder(folderInMemory(), 'sim')
  const randomOf = (what: string) =>
    seededRandom(Number(BigInt(keccak256(stringToHex(`${seed} ${what}`))) & 0xffffffffn))
  const within = ({ least, most }: { readonly least: number; readonly most: number }, random: () => number) =>
    least + (most - least) * random()

  const [chain, engines] = await Promise.all([startVirtualChain(dataDir), createVirtualEngines(providers)])
  const { rpcUrl, openTransport } = chain
  const deployed = await deployDevnet(
    { rpcUrl, epochSeconds, roles, seatsPerChecker: 1, ...(options.parameters && { parameters: options.parameters }) },
    { clock: systemClock, onProgress: () => undefined, openTransport },
  )
  await options.onDeployed?.(deployed, chain)
  await chain.rpc('evm_setAutomine', [false])
  const startsAt = Number((await deployed.chain.client.getBlock()).timestamp)
  const time = createVirtualTime(startsAt * 1_000)
  const { deployment, network } = deployed

  const events: SimulationEvent[] = []
  const trace: string[] = []
  const restarts = new Map<string, number>()
  const injected: Record<string, number> = {}
  const processes = new Map<string, Process>()
  const crashPoints = new Set<string>()
  const strangers = new Map<string, VirtualHost>()
  const wire = randomOf('wire')
  const lieSchedule = createLieSchedule(lies, lieMs, randomOf('lies'))
  const hosts = createInMemoryNetwork({
    deliver: (address, task) =>
      (strangers.get(address) ?? processes.get(address)?.host)?.after(within(wireMs, wire), task),
  })
  /** Outside of every process: the chain's blocks, and who brings processes back. */
  const world = time.host('world')
  let isFaulty = false

  /** Who is not ready is told with what came before. */
  let isTracing = true
  const note = (name: string, what: string, fields: object) =>
    isTracing && trace.push(`${time.nowMs.toFixed(3)} ${name} ${what} ${stringifyJson(fields)}`)
  const tell = (name: string, { type, ...fields }: { readonly type: string }) => {
    note(name, type, fields)
    events.push({ ...fields, name, type })
    const running = processes.get(name)
    if (type === 'epoch.started' && running !== undefined) running.isAtWork = true
  }

  function logOf(name: string): Logger {
    const log = (level: string) => (fields: Record<string, unknown>, message?: string) => {
      const { error, ...rest } = fields
      onLog?.({ name, level, fields, message })
      note(name, level, { ...rest, message, ...(error === undefined ? {} : { error: String(error) }) })
    }
    const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map(level => [level, log(level)])
    return Object.fromEntries(levels) as unknown as Logger
  }

  function boot(role: Role): void {
    const { name, kind, operatorKey: privateKey, payout } = role
    const alteration = alterations[name]
    const host = time.host(name, { skewMs: skewOf(alteration) })
    const own: Process = { host, stop: new AbortController(), store: null, isAtWork: false, control: null }
    processes.set(name, own)
    const run = restarts.get(name) ?? 0
    const random = randomOf(`${name} ${run}`)
    const { clock } = host
    const randomBytes = (size: number) => Uint8Array.from({ length: size }, () => Math.floor(256 * random()))
    const log = logOf(name)
    const emit = (event: { readonly type: string }) => void (host.isAlive && tell(name, event))
    // What it still does before it waits comes to nothing: its store is closed, and nobody hears of it.
    const crashPoint = (point: string) => void (host.isAlive && crashPoints.delete(point) && ended(role, own, point))
    const identity = identityOf(role, renewing.includes(name) ? run : 0)
    const device = deviceOf(role, updating.includes(name) ? run : 0)
    const signer = createSigner({ privateKey, network })
    const onFault = (fault: string) => {
      injected[fault] = (injected[fault] ?? 0) + 1
      lieSchedule.told(fault)
    }
    const openWire = () => {
      const own = { certificateHash: identity.certificateHash, address: name, clock }
      if (wires[name] !== undefined) return wires[name](hosts.transport({ ...own, rewrite: unwrapped }), host, signer)
      const wire = hosts.transport(own)
      return hostileSeats.includes(name) ? hostileSeat(wire, { signer, isOn: () => isFaulty, onFault }) : wire
    }

    const rpcUrls = Array.from({ length: endpoints }, (_, i) => `http://${name}-${i}`)
    // The one that is asked first, second or last, by host.
    const isOdd = (url: string) => endpoints > 1 && url === rpcUrls[roles.indexOf(role) % endpoints]
    const lieOf = (url: string): Lie | null => {
      if (!isFaulty || isOneAway || !isOdd(url)) return null
      return lieSchedule.of(name, time.nowMs)
    }

    async function main() {
      const connected = await connectNetwork(
        deployment,
        // A liar that was found out is believed again soon, to be found out again.
        { rpcUrls, forgedMs: 1_000 },
        {
          clock,
          openTransport: chain.transportOf(host, {
            random,
            faults: () => (isFaulty ? faults : []),
            lie: lieOf,
            isAway: url => isOneAway && isOdd(url),
            onFault: fault => {
              onFault(fault)
              note(name, 'endpoint', { fault })
            },
          }),
        },
      )
      const folder = join(dataDir, name, kind)
      mkdirSync(folder, { recursive: true })
      const migrations = [transactionTables, ...(kind === 'checker' ? checkerMigrations : providerMigrations)]
      const opened = openStore({ path: stateFile(folder, connected), migrations })
      own.store = opened
      const sender = createTransactionSender(
        { pollMs: 250 },
        {
          chain: connected.chain,
          account: privateKeyToAccount(privateKey),
          store: opened,
          clock,
          crashPoint,
          onTrouble: error => log.warn({ code: error.code }, error.message),
        },
      )
      const base = {
        signer: createSigner({ privateKey, network: connected }),
        sender,
        store: opened,
        clock,
        log,
        crashPoint,
      }
      await asOnlyRun(
        { network: connected, role: kind, takeOver: false },
        { sender, store: opened, clock, log, randomBytes },
        own.stop.signal,
        async only => {
          if (kind === 'provider')
            return runProvider(
              { network: connected, payout, executionProvider: 'cpu' },
              {
                ...base,
                probe: { probe: async () => ({ state: 'healthy', devices: [device], faults: [], notes: [] }) },
                readEnvironment: async () => environmentRecord,
                certify: async () => identity,
                attest: async () => null,
                openTransport: openWire,
                async startEngine() {
                  const engine = engines.engineOf(host, rowMs[roles.indexOf(role) % rowMs.length])
                  return alteration === 'cheats' ? cheating(engine) : engine
                },
                random,
                async serveControl(pauses) {
                  own.control = request => answerControl(pauses, request)
                  return async () => undefined
                },
                emit,
              },
              only,
            )
          const keeper = createKeeper(
            {},
            {
              network: connected,
              sender,
              onTrouble: (step, error) => log.warn({ error, step: step.do }, 'a settlement step failed; trying again'),
            },
          )
          return runChecker(
            {
              network: connected,
              payout,
              seats: 1,
              listen: { host: '127.0.0.1', port: 0 },
              publicUrl: null,
            },
            {
              ...base,
              store: alteration === 'lies' ? lying(opened) : opened,
              secrets: deriveSeatSecrets(privateKey, connected, base.signer.address),
              evidence: createEvidenceStore(opened),
              identity,
              transport: openWire(),
              startEngine: async () => engines.engineOf(host),
              policy: known => createRecordPolicy(connected, known),
              seed: async (...given) => void (await keeper.seed(...given)),
              settle: async (...given) => void (await keeper.pass(...given)),
              randomBytes,
              emit,
            },
            only,
          )
        },
      )
      await sender.stop()
    }
    main().then(
      () => ended(role, own, 'it was asked to stop'),
      error => ended(role, own, String(error)),
    )
  }

  function ended(role: Role, own: Process, reason: string) {
    const { name } = role
    if (!own.host.isAlive) return
    own.host.kill()
    hosts.sever(name)
    own.store?.close()
    own.isAtWork = false
    if (processes.get(name) === own) processes.delete(name)
    note(name, 'ended', { reason })
    if (mayRestart(role, reason)) bringBack(name)
  }

  function bringBack(name: string) {
    const role = roles.find(each => each.name === name)!
    const count = (restarts.get(name) ?? 0) + 1
    restarts.set(name, count)
    world.after(within(restartMs, randomOf(`restart of ${name} ${count}`)), () => boot(role))
  }

  async function until(timestamp: number) {
    await time.run((timestamp - startsAt) * 1_000 + 1)
  }

  async function untilEvent(isIt: (event: SimulationEvent) => boolean, seconds: number) {
    let from = events.length
    let found: SimulationEvent | undefined
    await time.run(time.nowMs + seconds * 1_000, () => {
      found = events.slice(from).find(isIt)
      from = events.length
      return found !== undefined
    })
    if (found === undefined) throw new Error(`After ${seconds} seconds of virtual time it had not happened.`)
    return found
  }

  async function mineForever() {
    for (;;) {
      await world.clock.sleep(1_000)
      await world.exclusive(chain.mine)
    }
  }

  const close = async () => {
    for (const { host, store } of processes.values()) {
      host.kill()
      store?.close()
    }
    world.kill()
    deployed.chain.close()
    network.chain.close()
    await Promise.all([chain.stop(), engines.close()])
    rmSync(dataDir, { recursive: true, force: true })
  }

  try {
    void mineForever()
    const first = roles.filter(({ name }) => !later.includes(name))
    for (const role of first) boot(role)
    const ready = new Set<string>()
    await time.run(60_000, () => {
      for (const { name, type } of events)
        if (type === 'checker.listening' || type === 'device.registered') ready.add(name)
      return ready.size === first.length
    })
    if (ready.size < first.length) throw new Error(`Not ready: ${trace.slice(-20).join('\n')}`)
    isTracing = options.isTraced ?? false
    if (!isTracing) trace.length = 0

    const firstEpochAt = startsAt + Math.ceil(time.nowMs / 1_000) + leadSeconds
    const opened = connectChain(
      { rpcUrls: [rpcUrl] },
      { clock: world.clock, openTransport: chain.transportOf(world, { random: randomOf('world') }) },
    ).then(connected =>
      startNetwork(
        { consensus: network.consensus, firstEpochAt },
        { chain: connected, account: deployed.deployer, clock: world.clock },
      ),
    )
    let isOpen = false
    opened.then(() => {
      isOpen = true
    })
    await time.run(time.nowMs + 1_000 * leadSeconds, () => isOpen)
    await opened
    isFaulty = true
    return {
      chain,
      network,
      roles,
      firstEpochAt,
      dataDir,
      events,
      forgetEvents() {
        events.length = 0
      },
      trace,
      restarts,
      injected,
      isUp: name => processes.get(name)?.isAtWork ?? false,
      kill(name) {
        const own = processes.get(name)
        if (own !== undefined) ended(roles.find(each => each.name === name)!, own, 'SIGKILL')
      },
      arm(points) {
        for (const point of points) crashPoints.add(point)
      },
      armed: () => [...crashPoints].sort(),
      terminate: name => processes.get(name)?.stop.abort(),
      freeze(name, ms) {
        note(name, 'frozen', { ms })
        processes.get(name)?.host.freeze(ms)
      },
      start: name => boot(roles.find(each => each.name === name)!),
      bringBack,
      ask: (name, request) => processes.get(name)!.control!(request),
      stranger(name, options = {}) {
        const host = time.host(name)
        strangers.set(name, host)
        const own = { certificateHash: keccak256(stringToHex(name)), address: name, clock: host.clock }
        return { host, transport: hosts.transport({ ...own, ...options }) }
      },
      until,
      untilEvent,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** In memory a certificate is its hash. */
export const identityOf = ({ name }: Pick<Role, 'name'>, renewals = 0): Identity => ({
  certificatePem: '',
  keyPem: '',
  certificateHash: keccak256(stringToHex(`certificate of ${name}${'+'.repeat(renewals)}`)),
})

const deviceOf = ({ name }: Role, updates: number) =>
  probedDevice(
    deviceRecord({
      kind: 'cpu',
      vendor: 'cpu',
      model: `Simulated CPU of ${name}`,
      identity: name,
      identitySource: 'machine-id',
      ...(updates > 0 && { driver: `update ${updates}` }),
    }),
  )
