import type { Address } from 'viem'
import { kaisarTokenAbi } from './abi/kaisar-token.ts'
import { rewardVaultAbi } from './abi/reward-vault.ts'
import type { EpochMoney } from './epochs.ts'
import { type ConnectedNetwork, reading } from './network.ts'

const vault = ({ contracts }: ConnectedNetwork) => ({ address: contracts.RewardVault, abi: rewardVaultAbi }) as const
const token = ({ contracts }: ConnectedNetwork) => ({ address: contracts.KaisarToken, abi: kaisarTokenAbi }) as const

/** KAI (wei) that an address holds. */
export const kaiBalance = (network: ConnectedNetwork, holder: Address): Promise<bigint> =>
  reading(
    'balanceOf',
    network.chain.client.readContract({ ...token(network), functionName: 'balanceOf', args: [holder] }),
  )

/** KAI (wei) that `spender` may pull from `holder`. */
export const kaiAllowance = (network: ConnectedNetwork, holder: Address, spender: Address): Promise<bigint> =>
  reading(
    'allowance',
    network.chain.client.readContract({ ...token(network), functionName: 'allowance', args: [holder, spender] }),
  )

/** The money of an epoch as it was opened; where it was not, as opening it now would give. */
export const moneyOf = (network: ConnectedNetwork, epoch: number): Promise<EpochMoney> =>
  reading(
    'moneyOf',
    network.chain.client.readContract({ ...vault(network), functionName: 'moneyOf', args: [BigInt(epoch)] }),
  )

/** The vault's books, in wei of KAI: `balance` is never below `liability`. */
export type VaultBooks = {
  readonly funded: bigint
  readonly paid: bigint
  readonly liability: bigint
  readonly balance: bigint
}

export async function getVaultBooks(network: ConnectedNetwork): Promise<VaultBooks> {
  const { client } = network.chain
  const [funded, paid, liability, balance] = await reading(
    'liability',
    Promise.all([
      client.readContract({ ...vault(network), functionName: 'funded' }),
      client.readContract({ ...vault(network), functionName: 'lifetimePaid' }),
      client.readContract({ ...vault(network), functionName: 'liability' }),
      kaiBalance(network, network.contracts.RewardVault),
    ]),
  )
  return { funded, paid, liability, balance }
}
