/**
 * A seeded monkey at a network: processes are killed, stand still and are restarted in every phase, endpoints fail, sends are lost,
 * blocks are reorganised, fees jump, two seats of five are hostile to Providers, strangers crowd Checkers. The whole run follows from the seed; what the chain shows afterwards is held to the oracle.
 */
import { type Hex, toHex } from 'viem'
import { getChecker } from '../../src/core/chain/checkers.ts'
import { getEpoch } from '../../src/core/chain/epochs.ts'
import { devnetRoles } from '../../src/core/devnet/roles.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { type Audit, createAuditor } from './audit-network.ts'
import { simulationParameters } from './simulation-parameters.ts'
import { shuffled } from './virtual/lie-schedule.ts'
import { type Simulation, startSimulation } from './virtual/simulation.ts'
import type { EndpointFaultRule } from './virtual/virtual-chain.ts'

export type MonkeyOptions = { readonly seed: number; readonly epochs: number }

export type MonkeyResult = {
  /** Faults that were really injected. */
  readonly injected: number
  readonly byKind: Readonly<Record<string, number>>
  readonly audit: Audit
  readonly trace: readonly string[]
}

export type Act = {
  /** Seconds from the start of epoch 0. */
  readonly at: number
  readonly kind: 'kill' | 'pause' | 'restart' | 'reorg' | 'fee-spike' | 'sampling-reorg' | 'stranger-connections'
  readonly target: string
  readonly size: number
}

export const epochSeconds = 40
/** Room for sends that are lost, and for an endpoint that takes its five seconds to say nothing. */
const phases = { commitSeconds: 12, openSeconds: 5, revealSeconds: 5, finalizeSeconds: 4 }
/** Two slots: a reorg takes a round from everybody when it replaces the trigger too late for it to be worked. */
const rounds = { slots: 2, maxRounds: 4, eligibleFromSeconds: 4, cutoffSeconds: 8, openingsMs: 6_000 }
export const parameters = simulationParameters(epochSeconds, { phases, rounds })
export const roles = { providers: 2, checkers: 5 }
const actsPerEpoch = 3
/** All of them come before one comes again: every kind is there whatever the seed. */
const falls = ['kill', 'kill', 'pause', 'restart'] as const
/** Two of five, whatever else falls on them. */
const hostileSeats = ['checker-2', 'checker-5']
/** Connections of one crowd, each from an address of its own. */
const crowd = 20
/** Fifty times what a devnet starts with, whatever the spike before has left of its own. */
export const spikeWei = 50_000_000_000n

/** What every endpoint does wrong all the time: chance per request. A quarter of all sends are lost or leave their sender in doubt. */
export const endpointFaults: readonly EndpointFaultRule[] = [
  { fault: 'swallow', probability: 0.12 },
  { fault: 'drop-reply', probability: 0.15, method: 'eth_sendRawTransaction' },
  { fault: 'rate-limited', probability: 0.01 },
  { fault: 'server-error', probability: 0.01 },
  { fault: 'hang', probability: 0.0001 },
]

/** Everything the monkey will do, in order. */
export function planMonkey({ seed, epochs }: MonkeyOptions): Act[] {
  const random = seededRandom(seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const names = devnetRoles(roles).map(({ name }) => name)
  const acts: Act[] = []
  const deck: (typeof falls)[number][] = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let i = 0; i < actsPerEpoch; i++) {
      const at = epoch * epochSeconds + ((i + random()) * epochSeconds) / actsPerEpoch
      if (deck.length === 0) deck.push(...shuffled(falls, random))
      acts.push({ at, kind: deck.pop()!, target: pick(names), size: random() })
    }
    // Past the deadlines of the epoch before, which a devnet counts in seconds: there is no time there to send again.
    acts.push({ at: (epoch + 0.7 + 0.2 * random()) * epochSeconds, kind: 'reorg', target: 'chain', size: random() })
    acts.push({ at: (epoch + random()) * epochSeconds, kind: 'fee-spike', target: 'chain', size: random() })
    // The round of the second slot: what a reorg takes then can be sent again.
    acts.push({ at: (epoch + 0.5) * epochSeconds, kind: 'sampling-reorg', target: 'chain', size: random() })
    const target = pick(names.filter(name => name.startsWith('checker')))
    acts.push({ at: (epoch + random()) * epochSeconds, kind: 'stranger-connections', target, size: random() })
  }
  return acts.sort((a, b) => a.at - b.at)
}

/** Of each host one endpoint of three lies all the time, besides. */
const startMonkey = (seed: number) =>
  startSimulation({
    ...{ seed, epochSeconds, parameters, ...roles, faults: endpointFaults, endpoints: 3, hostileSeats },
    isTraced: true,
  })

export async function runMonkey(options: MonkeyOptions): Promise<MonkeyResult> {
  const byKind: Record<string, number> = {}
  const count = (kind: string, times = 1) => {
    byKind[kind] = (byKind[kind] ?? 0) + times
  }
  const { seed, epochs } = options
  const simulation = await startMonkey(seed)
  try {
    const auditor = createAuditor(simulation)
    const { network, firstEpochAt, trace } = simulation
    for (const act of planMonkey(options)) {
      await simulation.until(firstEpochAt + act.at)
      if (await perform(act, simulation)) count(act.kind)
      // An epoch is paid within the next one; then it is held to the oracle, while the chain still has it.
      await auditor.audit(Math.floor(act.at / epochSeconds) - 2)
    }
    const { payAt } = await getEpoch(network, epochs - 1)
    await simulation.until(payAt + 6)
    await auditor.audit(epochs - 1)
    for (const [fault, times] of Object.entries(simulation.injected)) count(fault, times)
    const injected = Object.values(byKind).reduce((sum, times) => sum + times, 0)
    return { injected, byKind, audit: await auditor.result(), trace }
  } finally {
    await simulation.close()
  }
}

/** What happens in the same run until this many epochs are over. */
export async function traceMonkey(options: MonkeyOptions, epochs: number): Promise<readonly string[]> {
  const simulation = await startMonkey(options.seed)
  try {
    const { firstEpochAt, trace } = simulation
    for (const act of planMonkey(options).filter(({ at }) => at < epochs * epochSeconds)) {
      await simulation.until(firstEpochAt + act.at)
      await perform(act, simulation)
    }
    await simulation.until(firstEpochAt + epochs * epochSeconds)
    return trace
  } finally {
    await simulation.close()
  }
}

/** @returns whether it was done. Who is down cannot fall: another one does. */
async function perform({ kind, target: named, size }: Act, simulation: Simulation): Promise<boolean> {
  const { chain, roles, isUp } = simulation
  const names = roles.map(({ name }) => name)
  const inTurn = [...names.slice(names.indexOf(named)), ...names]
  const target = inTurn.find(name => isUp(name) && (kind !== 'stranger-connections' || name.startsWith('checker')))
  if (kind === 'reorg') await chain.reorganise(size < 0.5 ? 1 : 2)
  else if (kind === 'sampling-reorg') return reorganiseSampling(simulation)
  else if (kind === 'fee-spike') await chain.rpc('anvil_setNextBlockBaseFeePerGas', [toHex(spikeWei)])
  else if (target === undefined) return false
  else if (kind === 'stranger-connections') return gatherStrangers(target, simulation)
  else if (kind === 'kill') simulation.kill(target)
  else if (kind === 'restart') simulation.terminate(target)
  else simulation.freeze(target, 300 + 1_500 * size)
  return true
}

/** Puts another block in place of the one that draws the next round's samples, just after it was seen. */
async function reorganiseSampling({ chain, network, untilEvent, until }: Simulation): Promise<boolean> {
  const committed = await untilEvent(({ type }) => type === 'round.committed', epochSeconds / 2).catch(() => null)
  if (committed === null) return false
  const { client } = network.chain
  const trigger = await client.getBlock({ blockHash: committed.round as Hex })
  const samplingAt = Number(trigger.timestamp) + parameters.rounds.samplingSeconds
  await until(samplingAt + 0.1)
  if (Number((await client.getBlock()).timestamp) !== samplingAt) return false
  await chain.reorganise(1)
  return true
}

/** Strangers connect to a Checker: some say nothing, some claim what is not theirs, some send all that they can. */
async function gatherStrangers(target: string, simulation: Simulation): Promise<boolean> {
  const { network, roles, stranger, events } = simulation
  const { operator } = roles.find(({ name }) => name === target)!
  const known = await getChecker(network, operator)
  if (known === null) return false
  const { endpoint: url, certificateHash: expectedCertificateHash } = known
  for (let n = 0; n < crowd; n++) {
    const { host, transport } = stranger(`stranger-${events.length}-${n}`)
    const come = async () => {
      const channel = await transport.dial({ url, expectedCertificateHash })
      for (let i = 0; i < (n % 3) * 50; i++) channel.send({ type: 'session', body: {} }).catch(() => undefined)
    }
    host.after(20 * n, () => void come().catch(() => undefined))
  }
  return true
}
