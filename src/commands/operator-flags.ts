import { join } from 'node:path'
import type { ConnectedNetwork } from '../core/chain/network.ts'
import type { FoundOperator } from '../core/operator/find-operator.ts'
import { type ChainTarget, chainFlags } from './base.ts'
import { addressFlag } from './input-values.ts'
import { keyFlags } from './key-flags.ts'

/** The flags of commands that look at somebody's Provider or Checker. */
export const operatorFlags = {
  ...chainFlags,
  key: keyFlags.key,
  operator: addressFlag({
    description: 'Operator to look at. Default: that of --key; on a devnet without one, all of it',
  }),
}

/** The network, and whose daemons on it are meant. */
export async function openOperators(
  role: 'provider' | 'checker',
  flags: { readonly key: string; readonly operator?: `0x${string}` | undefined },
  {
    target,
    dataDir,
    connectNetwork,
  }: {
    readonly target: ChainTarget
    readonly dataDir: string
    readonly connectNetwork: (target: ChainTarget) => Promise<ConnectedNetwork>
  },
): Promise<{ network: ConnectedNetwork; operators: FoundOperator[] }> {
  const { findOperators } = await import('../core/operator/find-operator.ts')
  const { key, operator } = flags
  const devnetDataDir = target.context?.devnet?.dataDir ?? null
  const operators = findOperators({ role, dataDir, key, operator, devnetDataDir })
  return { network: await connectNetwork(target), operators }
}

/** Where a role keeps its state below a data folder. */
export const roleFolder = (dataDir: string, role: 'provider' | 'checker'): string => join(dataDir, role)
