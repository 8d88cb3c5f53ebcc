/**
 * A seeded monkey at a devnet: processes are killed, paused and restarted in every phase, endpoints fail, sends are lost, blocks are
 * reorganised, fees jump. The whole plan follows from the seed; what the chain shows afterwards is held to the oracle.
 */
import { toHex } from 'viem'
import { getEpoch } from '../../src/core/chain/epochs.ts'
import { devnetRoles } from '../../src/core/devnet/roles.ts'
import type { RpcFault } from '../helpers/rpc-proxy.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { type Audit, createAuditor } from './audit-network.ts'
import { type FaultyDevnet, startFaultyDevnet } from './faulty-devnet.ts'
import { simulationParameters } from './simulation-parameters.ts'

export type MonkeyOptions = { readonly seed: number; readonly epochs: number }

export type MonkeyResult = {
  /** Faults that were really injected. */
  readonly injected: number
  readonly byKind: Readonly<Record<string, number>>
  readonly audit: Audit
}

type Act = {
  readonly at: number
  readonly kind: 'kill' | 'pause' | 'restart' | 'reorg' | 'fee-spike'
  readonly target: string
  readonly size: number
}

const epochSeconds = 28
/** Room for sends that are lost; all settling first, then a round: who falls while it settles is back before the next one. */
const phases = { commitSeconds: 6, openSeconds: 4, revealSeconds: 4, finalizeSeconds: 4 }
const rounds = { slots: 1, maxRounds: 2, eligibleFromSeconds: 18, cutoffSeconds: 20, openingsMs: 6_000 }
const roles = { providers: 2, checkers: 5 }
const actsPerEpoch = 3

/** What every endpoint does wrong all the time: chance per request. Three of ten sends are lost or leave their sender in doubt. */
const endpointFaults: readonly { readonly fault: RpcFault; readonly probability: number; readonly method?: string }[] =
  [
    { fault: 'swallow', probability: 0.15 },
    { fault: 'drop-reply', probability: 0.15, method: 'eth_sendRawTransaction' },
    { fault: 'rate-limit', probability: 0.01 },
    { fault: 'server-error', probability: 0.01 },
    { fault: 'hang', probability: 0.0001 },
  ]

/** Everything the monkey will do, by seconds from the start of epoch 0. */
function planMonkey({ seed, epochs }: MonkeyOptions): Act[] {
  const random = seededRandom(seed)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const names = devnetRoles(roles).map(({ name }) => name)
  const acts: Act[] = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let i = 0; i < actsPerEpoch; i++) {
      const at = epoch * epochSeconds + ((i + random()) * epochSeconds) / actsPerEpoch
      acts.push({ at, kind: pick(['kill', 'kill', 'pause', 'restart'] as const), target: pick(names), size: random() })
    }
    // Past the deadlines of the epoch before, which a devnet counts in seconds: there is no time there to send again.
    acts.push({ at: (epoch + 0.7 + 0.2 * random()) * epochSeconds, kind: 'reorg', target: 'chain', size: random() })
    acts.push({ at: (epoch + random()) * epochSeconds, kind: 'fee-spike', target: 'chain', size: random() })
  }
  return acts.sort((a, b) => a.at - b.at)
}

export async function runMonkey(options: MonkeyOptions): Promise<MonkeyResult> {
  const byKind: Record<string, number> = {}
  const count = (kind: string) => {
    byKind[kind] = (byKind[kind] ?? 0) + 1
  }
  const parameters = simulationParameters(epochSeconds, { phases, rounds })
  const faulty = await startFaultyDevnet({ epochSeconds, parameters, ...roles, proxySeed: options.seed })
  try {
    for (const proxy of faulty.proxies.values()) for (const rule of endpointFaults) proxy.inject(rule)
    const auditor = createAuditor(faulty)
    const { network, firstEpochAt } = faulty.devnet
    for (const act of planMonkey(options)) {
      await faulty.until(firstEpochAt + act.at)
      if (await perform(act, faulty)) count(act.kind)
      // An epoch is paid within the next one; then it is held to the oracle, while the chain still has it.
      await auditor.audit(Math.floor(act.at / epochSeconds) - 2)
    }
    const { payAt } = await getEpoch(network, options.epochs - 1)
    await faulty.until(payAt + 6)
    await auditor.audit(options.epochs - 1)
    for (const { injected } of faulty.proxies.values())
      for (const [fault, times] of Object.entries(injected)) byKind[fault] = (byKind[fault] ?? 0) + times
    const audit = await auditor.result()
    return { injected: Object.values(byKind).reduce((sum, times) => sum + times, 0), byKind, audit }
  } finally {
    await faulty.close()
  }
}

/** Fifty times what a devnet starts with, whatever the spike before has left of its own. */
const spikeWei = 50_000_000_000n

/** @returns whether it was done: who is down cannot fall */
async function perform({ kind, target, size }: Act, { devnet, isUp, pause }: FaultyDevnet): Promise<boolean> {
  const rpc = (method: string, params: unknown[]) => devnet.network.chain.all()[0]!.request({ method, params })
  if (kind === 'reorg') await rpc('anvil_reorg', [size < 0.5 ? 1 : 2, []])
  else if (kind === 'fee-spike') await rpc('anvil_setNextBlockBaseFeePerGas', [toHex(spikeWei)])
  else if (!isUp(target)) return false
  else if (kind === 'kill') devnet.daemon(target).kill('SIGKILL')
  else if (kind === 'restart') devnet.daemon(target).kill('SIGTERM')
  else await pause(target, 300 + 1_500 * size)
  return true
}
