/** Makes this operator a bonded Checker that is reached where it listens: bonds once, keeps the endpoint on chain up to date. */
import { type Address, formatEther, type Hex } from 'viem'
import { checkerSeatsAbi } from '../chain/abi/checker-seats.ts'
import { kaisarTokenAbi } from '../chain/abi/kaisar-token.ts'
import { type BondedChecker, getChecker, seatBond } from '../chain/checkers.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import { kaiAllowance, kaiBalance } from '../chain/vault.ts'
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
  const { CheckerSeats } = network.contracts
  const known = await getChecker(network, sender.address)
  if (known === null) {
    await approveBond(network, seats, sender)
    await sender.send({
      key: 'bond',
      to: CheckerSeats,
      abi: checkerSeatsAbi,
      functionName: 'bond',
      args: [payout, seats, endpoint, certificateHash],
    })
    return { checker: (await getChecker(network, sender.address))!, change: 'bonded' }
  }
  if (known.endpoint === endpoint && known.certificateHash === certificateHash)
    return { checker: known, change: 'none' }
  await sender.send({
    key: `endpoint/${endpoint}/${certificateHash}`,
    to: CheckerSeats,
    abi: checkerSeatsAbi,
    functionName: 'setEndpoint',
    args: [endpoint, certificateHash],
  })
  return { checker: (await getChecker(network, sender.address))!, change: 'endpoint-changed' }
}

async function approveBond(network: ConnectedNetwork, seats: number, sender: TransactionSender) {
  const spender = network.contracts.CheckerSeats
  const needed = (await seatBond(network)) * BigInt(seats)
  const [balance, allowance] = await Promise.all([
    kaiBalance(network, sender.address),
    kaiAllowance(network, sender.address, spender),
  ])
  if (balance < needed)
    throw checkerErrors.CHECKER_BOND_MISSING({ needed: formatEther(needed), balance: formatEther(balance) })
  if (allowance >= needed) return
  await sender.send({
    key: `approve/bond/${needed}`,
    to: network.contracts.KaisarToken,
    abi: kaisarTokenAbi,
    functionName: 'approve',
    args: [spender, needed],
  })
}
