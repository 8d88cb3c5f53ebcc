/**
 * A network whose messages are fuzzed as a whole: strangers, an operator of a registered device and a bonded seat say to the real daemons
 * whatever the grammar of the protocol gives, whole, bent and in pieces, in any order, while an honest Provider works and is judged. All of
 * it follows from the seed.
 */
import { createHash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Address, Hex } from 'viem'
import { getCheckers } from '../../src/core/chain/checkers.ts'
import { getDevices } from '../../src/core/chain/devices.ts'
import { getEpoch } from '../../src/core/chain/epochs.ts'
import { devnetKey } from '../../src/core/devnet/roles.ts'
import { errorCatalogue, isKaisarError } from '../../src/core/platform/errors.ts'
import { readStore } from '../../src/core/platform/store.ts'
import {
  handshakeTypes,
  type MessageType,
  messageBodies,
  protocolVersion,
  toWire,
} from '../../src/core/protocol/messages.ts'
import { createSigner, type Signer, signMessage } from '../../src/core/report/signer.ts'
import { hashClaim } from '../../src/core/transport/session-handshake.ts'
import type { Channel, Frame, Transport } from '../../src/core/transport/transport.ts'
import { memoryUsed } from '../helpers/memory-used.ts'
import { createMessageGrammar, type MessageGrammar } from '../helpers/message-grammar.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { type Audit, createAuditor } from './audit-network.ts'
import { rawBytes, unwrapped } from './virtual/raw-bytes.ts'
import {
  identityOf,
  type LogLine,
  type Simulation,
  type SimulationEvent,
  startSimulation,
  type Wire,
} from './virtual/simulation.ts'
import type { VirtualHost } from './virtual/virtual-time.ts'

export type FuzzOptions = {
  readonly seed: number
  readonly messages: number
  /** Whether it ends when the messages that the fingerprint is of are said; default false. */
  readonly isCutShort?: boolean
}

export type FuzzResult = {
  readonly messages: number
  /** By who said it and how it was made, e.g. `stranger shattered`; and by the type that it had, or was made from. */
  readonly byKind: Readonly<Record<string, number>>
  readonly byType: Readonly<Record<string, number>>
  /** Sessions that hostile parties were let into, connections of theirs in all, and those that were still open at the end. */
  readonly sessions: number
  readonly connections: number
  readonly leftOpen: number
  /** Refusals that came back, by code; of a message that was handled, by the code of why. */
  readonly refusals: Readonly<Record<string, number>>
  /** What must not be: a process that ended, an error without a code in a log or a refusal, a rejection that nobody handled. */
  readonly findings: readonly string[]
  readonly audit: Audit
  /** Verdicts of honest seats about the honest Provider, by name. */
  readonly verdicts: Readonly<Record<string, number>>
  readonly epochs: number
  /** Requests of one daemon to the chain in one epoch, the most of all: in the epoch before, and while it was fuzzed. */
  readonly reads: { readonly quiet: number; readonly fuzzed: number }
  /** Lines that daemons logged, by level. */
  readonly lines: Readonly<Record<string, number>>
  /** Rows of all stores, by table, and bytes of the largest one on disk, at the end of whichever epoch it was largest. */
  readonly rows: Readonly<Record<string, number>>
  readonly storeBytes: number
  /** Growth of the heap and of buffers beside it, after garbage was collected: the most at the end of an epoch. */
  readonly memoryBytes: number
  /** Sessions of the honest Provider that honest seats lost, and the fewest verdicts that one of them gave about it in an epoch. */
  readonly honestSessionsLost: number
  readonly fewestVerdicts: number
  /** Of the first messages, each with its time, who said it and how it was made: equal for equal seeds. */
  readonly fingerprint: string
}

/** Messages that the fingerprint is of. */
const fingerprinted = 1_000

const epochSeconds = 16
/** A signature in form. */
const worthless: Hex = `0x${'11'.repeat(64)}1b`
/** Virtual time is shared out so that every phase of an epoch has its part. */
const messagesPerSecond = 1_500
const hostileProvider = 'provider-2'
const hostileSeat = 'checker-5'
const strangers = 6
const maxMessagesOfSession = 400
const maxBurst = 60
/** Messages of less than an epoch: without the seat that is slashed then no later one has its five. */
const reckless = 15_000

/** How often each way of making a message is taken. */
type Ways = {
  readonly generated: number
  readonly mutated: number
  readonly replayed: number
  readonly bent: number
  readonly shattered: number
}
/** Bodies that do not fit end a session after some dozens, frames that cannot be read at once. */
const inSession: Ways = { generated: 0.4, mutated: 0.38, replayed: 0.13, bent: 0.085, shattered: 0.005 }
/** A daemon whose session has ended takes its time to come again. */
const inDaemonsSession: Ways = { ...inSession, bent: 0.03, shattered: 0.001 }
const beforeSession: Ways = { generated: 0.25, mutated: 0.25, replayed: 0.1, bent: 0.25, shattered: 0.15 }

type Party = {
  readonly name: string
  readonly signer: Signer
  readonly grammar: MessageGrammar
  /** What its peers listen to. */
  readonly heard: ReadonlySet<MessageType>
}

export async function runFuzz({ seed, messages, isCutShort = false }: FuzzOptions): Promise<FuzzResult> {
  const random = seededRandom(seed)
  const chance = (probability: number) => random() < probability
  const below = (n: number) => Math.floor(n * random())
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!
  const byKind: Record<string, number> = {}
  const byType: Record<string, number> = {}
  const refusals: Record<string, number> = {}
  const lines: Record<string, number> = {}
  const findings = new Map<string, string>()
  const open = new Set<Channel>()
  const dialled = new WeakSet<Channel>()
  const ofProvider = createMessageGrammar(random)
  const ofSeat = createMessageGrammar(random)
  let sessions = 0
  let connections = 0
  let sent = 0
  const begun = Promise.withResolvers<void>()
  let isOn = false
  let dueMs = 0
  const said = createHash('sha256')

  const note = (what: string) => findings.set(what, what)
  const found = (what: string, error: unknown) => findings.set(placeOf(error), `${what}: ${describe(error)}`)
  const onUncaught = (error: unknown) => void found('nobody handled', error)
  process.on('unhandledRejection', onUncaught)
  process.on('uncaughtException', onUncaught)

  function onLog({ name, level, fields, message }: LogLine) {
    lines[level] = (lines[level] ?? 0) + 1
    const { error } = fields
    if (error !== undefined && !isKaisarError(error)) found(`${name} logged ${message}`, error)
    if (uncoded.test(`${message} ${JSON.stringify(toWire(fields))}`)) note(`${name} logged ${message}`)
  }

  /** What comes back: every refusal and every end has a code that is explained. */
  function hear({ type, body }: Frame) {
    if (type !== 'refused') return
    const { code, message } = body as { code: string; message: string }
    const why = code === 'MESSAGE_NOT_PROCESSED' ? (/\((\w+)\)/.exec(message)?.[1] ?? code) : code
    refusals[why] = (refusals[why] ?? 0) + 1
    if (!errorCatalogue.has(code) || /\(INTERNAL\)/.test(message) || uncoded.test(message))
      note(`a peer was told ${code}: ${message}`)
  }

  function attend(channel: Channel): Channel {
    connections++
    open.add(channel)
    channel.onClose(({ code }) => {
      open.delete(channel)
      if (!errorCatalogue.has(code)) note(`a connection ended with ${code}`)
    })
    return channel
  }

  /** Waits for a turn, of so many messages: they are spread over virtual time, whoever says them. */
  async function turn(host: VirtualHost, size = 1): Promise<boolean> {
    const nowMs = host.clock.monotonicMs()
    dueMs = Math.max(dueMs, nowMs) + (1_000 * size) / messagesPerSecond
    await host.clock.sleep(dueMs - nowMs)
    return isOn && sent < messages
  }

  async function make(
    { signer, grammar, heard }: Party,
    ways: Ways,
  ): Promise<{ kind: string; type: string; frame: Frame }> {
    const whole = async (): Promise<readonly [kind: string, frame: Frame]> => {
      const roll = random() * (ways.generated + ways.mutated + ways.replayed) - ways.mutated
      const inTurn = chance(0.7) ? heard : sessionTypes
      const types = ways === beforeSession || chance(0.005) ? everyType : inTurn
      const seen = roll < ways.replayed ? grammar.replay(types) : null
      if (seen !== null) return roll < 0 ? ['mutated', await grammar.mutate(seen, signer)] : ['replayed', seen]
      return ['generated', await grammar.generate(types, signer)]
    }
    const [kind, frame] = await whole()
    const { type } = frame
    const roll = random()
    if (roll < ways.shattered) return { kind: 'shattered', type, frame: rawBytes(grammar.shatter(frame)) }
    if (roll < ways.shattered + ways.bent) return { kind: 'bent', type, frame: grammar.bend(frame) }
    return { kind, type, frame }
  }

  /** Says up to `most` messages, one after the other or many at once. */
  async function talk(party: Party, channel: Channel, host: VirtualHost, ways: Ways, most: number): Promise<void> {
    let burst = 0
    for (let left = most; left > 0 && !channel.closed && sent < messages; left--, burst--) {
      if (burst <= 0) {
        burst = chance(0.03) ? 1 + below(maxBurst) : 1
        if (!(await turn(host, burst))) return
      }
      const { kind, type, frame } = await make(party, ways)
      if (channel.closed || sent >= messages) return
      sent++
      if (sent <= fingerprinted)
        said.update(`${host.clock.monotonicMs().toFixed(3)} ${host.name} ${party.name} ${kind} ${type}\n`)
      byKind[`${party.name} ${kind}`] = (byKind[`${party.name} ${kind}`] ?? 0) + 1
      byType[type] = (byType[type] ?? 0) + 1
      const saying = channel.send(frame, { urgent: chance(0.5) }).catch(() => undefined)
      if (burst === 1 && chance(0.5)) await saying
    }
  }

  /** A daemon's own channel: it says what it has to, not always in order, and the party talks in between. */
  function interfere(
    channel: Channel,
    host: VirtualHost,
    { opensWith, isWithHonest, ...party }: Party & { opensWith: 'send' | 'receive'; isWithHonest: boolean },
  ): Channel {
    attend(channel)
    let held: Frame | null = null
    const begin = () => {
      sessions++
      void begun.promise.then(() => talk(party, channel, host, inDaemonsSession, Number.POSITIVE_INFINITY))
    }
    const send = async (frame: Frame, options?: { readonly urgent?: boolean }) => {
      party.grammar.observe(frame)
      if (frame.type === 'accepted' && opensWith === 'send') begin()
      if (!isOn) return channel.send(frame, options)
      if (handshake.has(frame.type)) {
        const isTrue = opensWith === 'receive' || chance(0.8)
        const other = chance(0.5) ? await party.grammar.mutate(frame, party.signer) : party.grammar.bend(frame)
        return channel.send(isTrue ? frame : other, options)
      }
      if (chance(0.05)) {
        held ??= frame
        return
      }
      // A report is asked for once a round at most.
      const changed = chance(frame.type === 'device.report' ? 0.7 : 0.3)
        ? await party.grammar.mutate(frame, party.signer)
        : frame
      await channel.send(chance(0.03) ? party.grammar.bend(frame) : changed, options)
      if (chance(0.05)) await channel.send(frame, options)
      const late = held
      held = null
      if (late !== null) await channel.send(late, options)
    }
    const onFrame: Channel['onFrame'] = handler =>
      channel.onFrame((frame, bytes) => {
        party.grammar.observe(frame)
        if (isWithHonest) hear(frame)
        if (frame.type === 'accepted' && opensWith === 'receive') begin()
        handler(frame, bytes)
      })
    return new Proxy(channel, {
      get(target, name) {
        if (name === 'send') return send
        if (name === 'onFrame') return onFrame
        const value = Reflect.get(target, name) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  const providerWire: Wire = (transport, host, signer) => ({
    listen: transport.listen,
    dial: async options => {
      const isWithHonest = options.expectedCertificateHash !== identityOf({ name: hostileSeat }).certificateHash
      const party = {
        name: 'provider',
        signer: cautious(signer),
        grammar: ofProvider,
        heard: heard.ofProvider,
      } as const
      const channel = await transport.dial(options)
      dialled.add(channel)
      return interfere(channel, host, { ...party, opensWith: 'receive', isWithHonest })
    },
  })
  const seatWire: Wire = (transport, host, signer) => {
    const party = {
      name: 'seat',
      signer: cautious(signer),
      grammar: ofSeat,
      heard: heard.ofSeat,
      opensWith: 'send',
    } as const
    return {
      dial: transport.dial,
      listen: options =>
        transport.listen({
          ...options,
          onChannel(channel) {
            const isWithHonest = channel.peerAddress !== hostileProvider
            options.onChannel(interfere(channel, host, { ...party, isWithHonest }))
          },
        }),
    }
  }

  /** What it signs costs it neither its deposit nor its bond before the end: it would not be let in any more. */
  const cautious = (signer: Signer): Signer => ({
    ...signer,
    async sign(type, message) {
      const isCostly = (type === 'Commitment' || type === 'Receipt') && (message as { epoch: bigint }).epoch < 1_000n
      return isCostly && sent < messages - Math.min(0.1 * messages, reckless) ? worthless : signer.sign(type, message)
    },
  })

  const simulation = await startSimulation({
    seed,
    epochSeconds,
    wires: { [hostileProvider]: providerWire, [hostileSeat]: seatWire },
    onLog,
  })
  try {
    const { network, roles, firstEpochAt, stranger, chain, until } = simulation
    const honestSeats = roles.filter(({ kind, name }) => kind === 'checker' && name !== hostileSeat)
    const endpoints = (await getCheckers(network)).filter(({ operator }) =>
      honestSeats.some(seat => seat.operator === operator),
    )
    const devices = await getDevices(network)
    const devicesOf = (operator: Address) => devices.filter(each => each.operator === operator).map(({ id }) => id)

    type Claim = {
      readonly role: 'provider' | 'checker'
      readonly deviceIds: readonly Hex[]
      readonly falsified: number
    }
    type Endpoint = (typeof endpoints)[number]

    /** Dials, says who it is, rightly or not, and talks. */
    async function visit(
      party: Party,
      transport: Transport,
      host: VirtualHost,
      to: Endpoint,
      claim: Claim,
      most: number,
    ) {
      const { signer, grammar } = party
      const { endpoint: url, certificateHash: expectedCertificateHash, operator: checker } = to
      const channel = attend(await transport.dial({ url, expectedCertificateHash }))
      dialled.add(channel)
      const accepted = Promise.withResolvers<boolean>()
      channel.onClose(() => accepted.resolve(false))
      channel.onFrame(frame => {
        hear(frame)
        grammar.observe(frame)
        if (frame.type === 'accepted') accepted.resolve(true)
        if (frame.type !== 'welcome') return
        void (async () => {
          const { role, deviceIds } = claim
          const message = {
            operator: signer.address,
            checker,
            clientCertificateHash: channel.ownCertificateHash,
            serverCertificateHash: channel.peerCertificateHash,
            serverNonce: (frame.body as { nonce: Hex }).nonce,
            claimHash: hashClaim(role, deviceIds),
          }
          const session = await signMessage(signer, 'Session', message)
          const own = { type: 'session', body: toWire({ version: protocolVersion, role, session, deviceIds }) }
          grammar.observe(own)
          await channel.send(chance(claim.falsified) ? await grammar.mutate(own, signer) : own)
        })().catch(() => undefined)
      })
      // Some do not wait to be let in.
      if (chance(0.5 * claim.falsified)) await talk(party, channel, host, beforeSession, 1 + below(8))
      if (await accepted.promise) {
        sessions++
        await talk(party, channel, host, inSession, most)
      }
      if (chance(0.9)) channel.close()
    }

    async function visitForever(
      name: string,
      ways: { readonly certificateHash?: Hex },
      next: () => { party: Party; to: Endpoint; claim: Claim; most: number },
      pauseMs: number,
    ) {
      const { host, transport } = stranger(name, { ...ways, limits: { maxFrameBytes: 2 ** 30 }, rewrite: unwrapped })
      while (await turn(host)) {
        const { party, to, claim, most } = next()
        await visit(party, transport, host, to, claim, most).catch(() => undefined)
        await host.clock.sleep(pauseMs * random())
      }
    }

    const keys = Array.from({ length: 40 }, (_, i) => createSigner({ privateKey: devnetKey(`stranger ${i}`), network }))
    const signerOf = (name: string) =>
      cautious(createSigner({ privateKey: roles.find(role => role.name === name)!.operatorKey, network }))
    const honestProvider = roles.find(({ kind }) => kind === 'provider')!.operator
    const honestDevices = devicesOf(honestProvider)
    const everyDevice = devices.map(({ id }) => id)

    function begin() {
      for (let n = 0; n < strangers; n++)
        void visitForever(
          `stranger-${n}`,
          {},
          () => {
            const [role, deviceIds] = [pick(['provider', 'checker'] as const), chance(0.5) ? everyDevice : []]
            const party = {
              name: 'stranger',
              signer: pick(keys),
              grammar: chance(0.5) ? ofProvider : ofSeat,
              heard: everyType,
            }
            return { party, to: pick(endpoints), claim: { role, deviceIds, falsified: 0.5 }, most: 1 }
          },
          20,
        )
      for (const [n, to] of endpoints.entries()) {
        const party = { name: 'peer', signer: signerOf(hostileSeat), grammar: ofSeat, heard: heard.ofPeer }
        const claim = { role: 'checker', deviceIds: [], falsified: 0.1 } as const
        const { certificateHash } = identityOf({ name: hostileSeat })
        const most = () => 1 + below(maxMessagesOfSession)
        void visitForever(`peer-${n}`, { certificateHash }, () => ({ party, to, claim, most: most() }), 200)
      }
      const party = {
        name: 'operator',
        signer: signerOf(hostileProvider),
        grammar: ofProvider,
        heard: heard.ofProvider,
      }
      const claim = { role: 'provider', deviceIds: devicesOf(party.signer.address), falsified: 0.1 } as const
      const { certificateHash } = identityOf({ name: hostileProvider })
      const most = () => 1 + below(maxMessagesOfSession)
      void visitForever(
        'operator',
        { certificateHash },
        () => ({ party, to: pick(endpoints), claim, most: most() }),
        2_000,
      )
    }

    const auditor = createAuditor({ ...simulation, hostile: [hostileProvider] })
    const requests = new Map(chain.requests)
    const mostReads = () => {
      const own = roles.map(({ name }) => (chain.requests.get(name) ?? 0) - (requests.get(name) ?? 0))
      for (const [name, count] of chain.requests) requests.set(name, count)
      return Math.max(...own)
    }

    // An epoch alone, for comparison.
    await until(firstEpochAt)
    mostReads()
    await until(firstEpochAt + epochSeconds)
    const reads = { quiet: mostReads(), fuzzed: 0 }
    const memoryBefore = await memoryUsed()
    let memoryBytes = 0
    let storeBytes = 0
    const weigh = async () => {
      memoryBytes = Math.max(memoryBytes, (await memoryUsed()) - memoryBefore)
      storeBytes = Math.max(storeBytes, ...roles.map(role => stateBytes(simulation, role)))
    }
    isOn = true
    begun.resolve()
    begin()
    // A party that failed by a mistake of its own says nothing more, and nobody waits for it.
    const mostEpochs = 3 + Math.ceil((2 * messages) / (messagesPerSecond * epochSeconds))
    let epoch = 0
    for (let second = 1; isCutShort && sent < fingerprinted && second < epochSeconds; second++)
      await until(firstEpochAt + epochSeconds + second)
    while (!isCutShort && sent < messages && epoch < mostEpochs) {
      epoch++
      await until(firstEpochAt + (epoch + 1) * epochSeconds)
      reads.fuzzed = Math.max(reads.fuzzed, mostReads())
      await weigh()
      await auditor.audit(epoch - 2)
    }
    isOn = false
    if (!isCutShort) {
      await until((await getEpoch(network, epoch)).payAt + 6)
      await auditor.audit(epoch)
    }
    await weigh()
    const atHonestSeats = simulation.events.filter(({ name }) => honestSeats.some(seat => seat.name === name))
    const judged = atHonestSeats.filter(
      ({ type, device }) => type === 'check.completed' && honestDevices.includes(device as Hex),
    )
    const verdicts: Record<string, number> = {}
    for (const { verdict } of judged) verdicts[String(verdict)] = (verdicts[String(verdict)] ?? 0) + 1
    const epochs = Array.from({ length: epoch + 1 }, (_, number) => number)
    const inEpochs = honestSeats.flatMap(({ name }) =>
      epochs.map(number => judged.filter(event => event.name === name && event.epoch === number).length),
    )
    const isLost = ({ type, operator }: SimulationEvent) => type === 'session.closed' && operator === honestProvider
    for (const name of simulation.restarts.keys()) note(`${name} ended`)
    const leftOpen = [...open].filter(channel => dialled.has(channel)).length
    return {
      ...{
        messages: sent,
        byKind,
        byType,
        sessions,
        connections,
        leftOpen,
        refusals,
        lines,
        verdicts,
        reads,
        memoryBytes,
        storeBytes,
        honestSessionsLost: atHonestSeats.filter(isLost).length,
        fewestVerdicts: Math.min(...inEpochs),
        fingerprint: said.digest('hex'),
      },
      ...{ findings: [...findings.values()], audit: await auditor.result(), epochs: epoch + 1 },
      ...readRecords(simulation),
    }
  } finally {
    await simulation.close()
    process.off('unhandledRejection', onUncaught)
    process.off('uncaughtException', onUncaught)
  }
}

const handshake: ReadonlySet<string> = new Set(handshakeTypes)
const everyType = new Set(Object.keys(messageBodies) as MessageType[])
const heardByAll = ['refused'] as const
const heard = {
  ofProvider: new Set<MessageType>([
    'job.commitment',
    'job.mark',
    'job.abort',
    'job.busy',
    'job.openings',
    'device.report',
    ...heardByAll,
  ]),
  ofSeat: new Set<MessageType>([
    'job.offer',
    'job.request',
    'device.request',
    'receipt',
    'opening.reply',
    ...heardByAll,
  ]),
  ofPeer: new Set<MessageType>(['wrong.work', 'opening.request', ...heardByAll]),
}
const sessionTypes = new Set([...everyType].filter(type => !handshake.has(type)))
/** What the runtime says of a mistake in the code. */
const uncoded = /\b(Type|Range|Syntax|Reference|Assertion)Error\b|Cannot read prop|is not a function|Maximum call stack/

/** Where it comes from: the same mistake is told once. */
const placeOf = (error: unknown) =>
  (error instanceof Error && error.stack?.split('\n').find(line => / at /.test(line))) || String(error)

const describe = (error: unknown) =>
  (error instanceof Error ? (error.stack ?? String(error)) : String(error)).split('\n').slice(0, 4).join('\n')

function readRecords({ dataDir, roles }: Simulation) {
  const rows: Record<string, number> = {}
  for (const { name, kind } of roles) {
    const folder = join(dataDir, name, kind)
    const files = readdirSync(folder).filter(file => file.startsWith('state-'))
    const store = readStore(join(folder, files.find(file => file.endsWith('.db'))!))!
    try {
      for (const { table } of store.all<{ table: string }>(
        "SELECT name AS 'table' FROM sqlite_master WHERE type = 'table'",
      )) {
        const count = Number(store.get<{ n: bigint }>(`SELECT count(*) AS n FROM "${table}"`)!.n)
        rows[`${kind} ${table}`] = (rows[`${kind} ${table}`] ?? 0) + count
      }
    } finally {
      store.close()
    }
  }
  return { rows }
}

/** Everything that a daemon has written, its journal too. */
function stateBytes({ dataDir }: Simulation, { name, kind }: Simulation['roles'][number]): number {
  const folder = join(dataDir, name, kind)
  return readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
}
