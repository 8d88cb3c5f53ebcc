import type { Address } from 'viem'
import type { EpochMoney } from './epochs.ts'
import type { ConnectedNetwork } from './network.ts'
import { read } from './read.ts'

/** KAI (wei) that an address holds. */
export const kaiBalance = (network: ConnectedNetwork, holder: Address): Promise<bigint> =>
  read(network, 'KaisarToken', 'balanceOf', holder)

/** KAI (wei) that `spender` may pull from `holder`. */
export const kaiAllowance = (network: ConnectedNetwork, holder: Address, spender: Address): Promise<bigint> =>
  read(network, 'KaisarToken', 'allowance', holder, spender)

/** The money of an epoch as it was opened; where it was not, as opening it now would give. */
export const moneyOf = (network: ConnectedNetwork, epoch: number): Promise<EpochMoney> =>
  read(network, 'RewardVault', 'moneyOf', BigInt(epoch))

/** The vault's books, in wei of KAI: `balance` is never below `liability`. */
export type VaultBooks = {
  readonly funded: bigint
  readonly paid: bigint
  readonly liability: bigint
  readonly balance: bigint
}

export async function getVaultBooks(network: ConnectedNetwork): Promise<VaultBooks> {
  const [funded, paid, liability, balance] = await Promise.all([
    read(network, 'RewardVault', 'funded'),
    read(network, 'RewardVault', 'lifetimePaid'),
    read(network, 'RewardVault', 'liability'),
    kaiBalance(network, network.contracts.RewardVault),
  ])
  return { funded, paid, liability, balance }
}
