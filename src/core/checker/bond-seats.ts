/** Makes this operator a bonded Checker that is reached where it listens: bonds once, keeps the endpoint on chain up to date. */
import type { Address, Hex } from 'viem'
import { type BondedChecker, getChecker, seatBond } from '../chain/checkers.ts'
import { kaiAllowance, kaiShortage } from '../chain/kai.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { callOf, reading } from '../chain/read.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import { checkerErrors } from './errors.ts'

export type SeatsWanted = {
  readonly payout: Address
  readonly seats: number
  readonly endpoint: string
  readonly certificateHash: Hex
}

/** @throws CHECKER_BOND_MISSING, and what the chain refuses */
export async function bondSeats(
  network: ConnectedNetwork,
  { payout, seats, endpoint, certificateHash }: SeatsWanted,
  { sender }: { readonly sender: TransactionSender },
): Promise<{ readonly checker: BondedChecker; readonly change: 'none' | 'bonded' | 'endpoint-changed' }> {
  const { contracts } = network
  // What a run before this one sent is waited for: then the chain says what is still wanted.
  for (const { key } of sender.open())
    if (/^(bond|endpoint)(\/|$)/.test(key)) await sender.outcome(key).catch(() => undefined)
  const known = await getChecker(network, sender.address)
  if (known === null) {
    await approveBond(network, seats, sender)
    const bond = callOf(contracts, 'CheckerSeats', 'bond', payout, seats, endpoint, certificateHash)
    await sender.send({ key: 'bond', ...bond })
    return { checker: (await getChecker(network, sender.address))!, change: 'bonded' }
  }
  if (known.endpoint === endpoint && known.certificateHash === certificateHash)
    return { checker: known, change: 'none' }
  const setEndpoint = callOf(contracts, 'CheckerSeats', 'setEndpoint', endpoint, certificateHash)
  await sender.send({ key: `endpoint/${await transactionCount(network, sender)}`, ...setEndpoint })
  return { checker: (await getChecker(network, sender.address))!, change: 'endpoint-changed' }
}

/** Names a wish that may come again: what was sent for an earlier one is mined, and counted here. */
const transactionCount = ({ chain }: ConnectedNetwork, { address }: TransactionSender): Promise<number> =>
  reading('eth_getTransactionCount', chain.client.getTransactionCount({ address }))

async function approveBond(network: ConnectedNetwork, seats: number, sender: TransactionSender) {
  const spender = network.contracts.CheckerSeats
  const needed = (await seatBond(network)) * BigInt(seats)
  const shortage = await kaiShortage(network, sender.address, needed)
  if (shortage !== null) throw checkerErrors.CHECKER_BOND_MISSING({ ...shortage, seats })
  if ((await kaiAllowance(network, sender.address, spender)) >= needed) return
  const approve = callOf(network.contracts, 'KaisarToken', 'approve', spender, needed)
  await sender.send({ key: `approve/bond/${needed}/${await transactionCount(network, sender)}`, ...approve })
}
