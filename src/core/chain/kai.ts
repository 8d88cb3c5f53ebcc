/** KAI and who holds it: balances, the vault's books, and the calls that move it. */
import { type Address, zeroAddress } from 'viem'
import type { EpochMoney } from './epochs.ts'
import { chainErrors } from './errors.ts'
import { assertFunds, coinFor } from './funds.ts'
import type { ConnectedNetwork } from './network.ts'
import { callOf, type ReadableNetwork, read, reading } from './read.ts'
import type { Call } from './tx/transact.ts'

/** KAI (wei) that an address holds. */
export const kaiBalance = (network: ReadableNetwork, holder: Address): Promise<bigint> =>
  read(network, 'KaisarToken', 'balanceOf', holder)

/** What an operator lacks where it needs this much KAI (wei); null where it has enough. */
export async function kaiShortage(network: ConnectedNetwork, account: Address, needed: bigint) {
  const balance = await kaiBalance(network, account)
  if (balance >= needed) return null
  return { account, needed, balance, coin: await reading('eth_getBalance', coinFor(network.chain, account)) }
}

/** KAI (wei) that `spender` may pull from `holder`. */
export const kaiAllowance = (network: ConnectedNetwork, holder: Address, spender: Address): Promise<bigint> =>
  read(network, 'KaisarToken', 'allowance', holder, spender)

/** The money of an epoch as it was opened; where it was not, as opening it now would give. */
export const moneyOf = (network: ConnectedNetwork, epoch: number): Promise<EpochMoney> =>
  read(network, 'RewardVault', 'moneyOf', BigInt(epoch))

/** The vault's books, in wei of KAI: `balance` is never below `liability`. */
export async function getVaultBooks(network: ConnectedNetwork) {
  const [funded, paid, liability, balance] = await Promise.all([
    read(network, 'RewardVault', 'funded'),
    read(network, 'RewardVault', 'lifetimePaid'),
    read(network, 'RewardVault', 'liability'),
    kaiBalance(network, network.contracts.RewardVault),
  ])
  return { funded, paid, liability, balance }
}

export type Transfer = {
  readonly from: Address
  readonly to: Address
  /** Wei. */
  readonly amount: bigint
  /** `coin` is the chain's own coin, which pays for gas. */
  readonly unit: 'KAI' | 'coin'
}

/** @throws RECIPIENT_REFUSED for the zero address and the network's own contracts, which could not send the amount back */
export function assertWallet({ contracts }: Pick<ConnectedNetwork, 'contracts'>, address: Address): void {
  if (address === zeroAddress)
    throw chainErrors.RECIPIENT_REFUSED({ address, reason: 'no key belongs to the zero address' })
  const [name] = Object.entries(contracts).find(([, each]) => each === address) ?? []
  if (name !== undefined)
    throw chainErrors.RECIPIENT_REFUSED({ address, reason: `it is the contract ${name}, which would keep it for ever` })
}

/** The call that moves an amount from one wallet to another. @throws RECIPIENT_REFUSED, and as {@link assertKai} */
export async function transferOf(network: ConnectedNetwork, { from, to, amount, unit }: Transfer): Promise<Call> {
  assertWallet(network, to)
  if (unit === 'coin') return { what: 'the transfer', to, value: amount }
  await assertKai(network, { from, amount })
  return callOf(network.contracts, 'KaisarToken', 'transfer', to, amount)
}

/** Gas of a transfer or an approval of KAI, at most. */
const kaiGas = 65_000n

/** @throws KAI_INSUFFICIENT, or KAI_AND_COIN_INSUFFICIENT where gas is missing too; where gas alone is, the transaction says so */
export async function assertKai(
  network: ConnectedNetwork,
  { from, amount }: Pick<Transfer, 'from' | 'amount'>,
): Promise<void> {
  const [KAI, coin] = await Promise.all([
    kaiBalance(network, from),
    reading('eth_getBalance', coinFor(network.chain, from, kaiGas)),
  ])
  if (KAI >= amount) return
  assertFunds(from, { balances: { KAI, coin: coin.balance }, needed: { KAI: amount, coin: coin.needed } })
}

/** The calls that move KAI from a wallet into the vault, in this order. The vault never returns it. */
export const fundingCalls = (
  contracts: Pick<ConnectedNetwork['contracts'], 'KaisarToken' | 'RewardVault'>,
  amount: bigint,
) => [
  callOf(contracts, 'KaisarToken', 'approve', contracts.RewardVault, amount),
  callOf(contracts, 'RewardVault', 'fund', amount),
]
