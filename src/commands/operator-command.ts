/** What the commands share that look at somebody's Provider or Checker. */
import { join } from 'node:path'
import type { Command } from '@oclif/core'
import type { ConnectedNetwork } from '../core/chain/network.ts'
import type { FoundOperator } from '../core/operator/find-operator.ts'
import { BaseCommand, chainFlags, type SharedFlags } from './base.ts'
import { addressFlag } from './input-values.ts'
import { keyFlags } from './key-flags.ts'

export const operatorFlags = {
  ...chainFlags,
  key: keyFlags.key,
  operator: addressFlag({
    description: 'Operator to look at. Default: that of --key; on a devnet without one, all of it',
  }),
}

export abstract class OperatorCommand<T extends typeof Command> extends BaseCommand<T> {
  /** The network, and whose daemons on it are meant. */
  protected async openOperators(
    role: 'provider' | 'checker',
  ): Promise<{ network: ConnectedNetwork; operators: FoundOperator[] }> {
    const { findOperators } = await import('../core/operator/find-operator.ts')
    // oclif's types of a generic command do not say that the flags of all of them are there.
    const { key, operator } = this.flags as unknown as SharedFlags<typeof operatorFlags>
    const target = await this.chainTarget()
    const devnetDataDir = target.context?.devnet?.dataDir ?? null
    const operators = findOperators({ role, dataDir: this.dataDir, key, operator, devnetDataDir })
    return { network: await this.connectNetwork(target), operators }
  }
}

/** Where a role keeps its state below a data folder. */
export const roleFolder = (dataDir: string, role: 'provider' | 'checker'): string => join(dataDir, role)
