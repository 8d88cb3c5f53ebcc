/** The monkey of `../monkey.ts` at real processes, whose real endpoints fail: what virtual time cannot show, and much slower. */
import { toHex } from 'viem'
import { getEpoch } from '../../../src/core/chain/epochs.ts'
import { createAuditor } from '../audit-network.ts'
import {
  type Act,
  endpointFaults,
  epochSeconds,
  type MonkeyOptions,
  type MonkeyResult,
  parameters,
  planMonkey,
  roles,
  spikeWei,
} from '../monkey.ts'
import { type FaultyDevnet, startFaultyDevnet } from './faulty-devnet.ts'

export async function runProcessMonkey(options: MonkeyOptions): Promise<Omit<MonkeyResult, 'trace'>> {
  const byKind: Record<string, number> = {}
  const count = (kind: string, times = 1) => {
    byKind[kind] = (byKind[kind] ?? 0) + times
  }
  const faulty = await startFaultyDevnet({ epochSeconds, parameters, ...roles, proxySeed: options.seed })
  try {
    for (const proxy of faulty.proxies.values()) for (const rule of endpointFaults) proxy.inject(rule)
    const auditor = createAuditor({ ...faulty.devnet, dataDir: faulty.dataDir })
    const { network, firstEpochAt } = faulty.devnet
    for (const act of planMonkey(options)) {
      await faulty.until(firstEpochAt + act.at)
      if (await perform(act, faulty)) count(act.kind)
      await auditor.audit(Math.floor(act.at / epochSeconds) - 2)
    }
    const { payAt } = await getEpoch(network, options.epochs - 1)
    await faulty.until(payAt + 6)
    await auditor.audit(options.epochs - 1)
    for (const { injected } of faulty.proxies.values())
      for (const [fault, times] of Object.entries(injected)) count(fault, times)
    const injected = Object.values(byKind).reduce((sum, times) => sum + times, 0)
    return { injected, byKind, audit: await auditor.result() }
  } finally {
    await faulty.close()
  }
}

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
