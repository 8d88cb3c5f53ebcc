import type { Address, Hex } from 'viem'
import { printable } from '../protocol/text.ts'
import { checkerSeatsAbi } from './abi/checker-seats.ts'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import { kaisarLensAbi } from './abi/kaisar-lens.ts'
import { at, type ConnectedNetwork, lowerCase, reading } from './network.ts'

/** A Checker: the owner of seats. Amounts in wei of KAI, epochs as numbers. */
export type BondedChecker = {
  readonly operator: Address
  readonly payout: Address
  /** Permanent number of this owner, from 1. */
  readonly index: number
  readonly seats: number
  readonly strikes: number
  readonly jailed: boolean
  readonly jailedUntil: number
  readonly bond: bigint
  readonly unbonding: bigint
  /** Epoch that must be paid and audited before `unbonding` leaves. */
  readonly unbondingUntil: number
  /** SHA-256 of the TLS certificate of `endpoint`. */
  readonly certificateHash: Hex
  readonly endpoint: string
}

export type CheckerOverview = BondedChecker & {
  readonly operatorBalance: bigint
  readonly payoutBalance: bigint
  readonly owed: bigint
}

type RawChecker = Omit<BondedChecker, 'unbondingUntil'> & { readonly unbondingUntil: bigint }

const toChecker = (raw: RawChecker): BondedChecker => ({
  ...raw,
  operator: lowerCase(raw.operator),
  payout: lowerCase(raw.payout),
  endpoint: printable(raw.endpoint).slice(0, 256),
  unbondingUntil: Number(raw.unbondingUntil),
})

const seats = ({ contracts }: ConnectedNetwork) => ({ address: contracts.CheckerSeats, abi: checkerSeatsAbi }) as const
const lens = ({ contracts }: ConnectedNetwork) => ({ address: contracts.KaisarLens, abi: kaisarLensAbi }) as const

/** @returns null when this operator never bonded */
export async function getChecker(network: ConnectedNetwork, operator: Address): Promise<BondedChecker | null> {
  const call = { ...seats(network), functionName: 'checker', args: [operator] } as const
  const raw = await reading('checker', network.chain.client.readContract(call))
  return raw.index === 0 ? null : toChecker(raw)
}

/** Every owner that ever bonded, by number, read 50 at a time. */
export async function getCheckers(network: ConnectedNetwork): Promise<CheckerOverview[]> {
  const { client } = network.chain
  const owners = await reading('ownerCount', client.readContract({ ...seats(network), functionName: 'ownerCount' }))
  const checkers: CheckerOverview[] = []
  for (let from = 1; from <= owners; from += 50) {
    const call = { ...lens(network), functionName: 'checkers', args: [from, Math.min(50, owners - from + 1)] } as const
    for (const { checker, ...amounts } of await reading('checkers', client.readContract(call)))
      checkers.push({ ...toChecker(checker), ...amounts })
  }
  return checkers
}

/** KAI (wei) bonded behind one seat. */
export const seatBond = (network: ConnectedNetwork): Promise<bigint> =>
  reading('seatBond', network.chain.client.readContract({ ...seats(network), functionName: 'seatBond' }))

/** The owners of every seat of the frozen list of `epoch`, in its order. */
export async function frozenSeats(network: ConnectedNetwork, epoch: number): Promise<Address[]> {
  const { client } = network.chain
  const at = { ...seats(network), args: [BigInt(epoch)] } as const
  const count = await reading('seatCount', client.readContract({ ...at, functionName: 'seatCount' }))
  const call = { ...seats(network), functionName: 'seatOwners', args: [BigInt(epoch), 0, count] } as const
  return (await reading('seatOwners', client.readContract(call))).map(lowerCase)
}

/** The operators of the committee that judges a cohort, in seat order; null while the epoch has no seed. */
export async function committeeOf(network: ConnectedNetwork, epoch: number, cohort: number): Promise<Address[] | null> {
  const { client } = network.chain
  const consensus = { address: network.contracts.EpochConsensus, abi: epochConsensusAbi } as const
  const seedCall = { ...consensus, functionName: 'seedOf', args: [BigInt(epoch)] } as const
  if (BigInt(await reading('seedOf', client.readContract(seedCall))) === 0n) return null
  return drawnSeats(network, epoch, cohort)
}

/** The same of an epoch that has its seed at this block; default: the newest one. */
export async function drawnSeats(
  network: ConnectedNetwork,
  epoch: number,
  cohort: number,
  blockHash?: Hex,
): Promise<Address[]> {
  const consensus = { address: network.contracts.EpochConsensus, abi: epochConsensusAbi } as const
  const call = { ...consensus, functionName: 'seatsOf', args: [BigInt(epoch), cohort], ...at(blockHash) } as const
  return (await reading('seatsOf', network.chain.client.readContract(call))).map(lowerCase)
}

/** The cohorts of `epoch` in whose committee `operator` sits. */
export async function cohortsJudgedBy(
  network: ConnectedNetwork,
  epoch: number,
  operator: Address,
  cohorts: number,
  blockHash?: Hex,
): Promise<number[]> {
  const args = [BigInt(epoch), operator, 0, cohorts] as const
  const call = { ...lens(network), functionName: 'cohortsOf', args, ...at(blockHash) } as const
  return [...(await reading('cohortsOf', network.chain.client.readContract(call)))]
}
