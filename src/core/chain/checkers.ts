import type { Address } from 'viem'
import { printable } from '../platform/printable.ts'
import { type ConnectedNetwork, lowerCase } from './network.ts'
import { type Answer, read } from './read.ts'

type RawChecker = Answer<'CheckerSeats', 'checker'>

/**
 * A Checker: the owner of seats. Amounts in wei of KAI, epochs as numbers. `index`: permanent number of this owner, from 1.
 * `certificateHash`: SHA-256 of the TLS certificate of `endpoint`.
 */
export type BondedChecker = Omit<RawChecker, 'unbondingUntil'> & {
  /** Epoch that must be paid and audited before `unbonding` leaves. */
  readonly unbondingUntil: number
}

export type CheckerOverview = BondedChecker & Omit<Answer<'KaisarLens', 'checkers'>[number], 'checker'>

const toChecker = (raw: RawChecker): BondedChecker => ({
  ...raw,
  operator: lowerCase(raw.operator),
  payout: lowerCase(raw.payout),
  endpoint: printable(raw.endpoint).slice(0, 256),
  unbondingUntil: Number(raw.unbondingUntil),
})

/** @returns null when this operator never bonded */
export async function getChecker(network: ConnectedNetwork, operator: Address): Promise<BondedChecker | null> {
  const raw = await read(network, 'CheckerSeats', 'checker', operator)
  return raw.index === 0 ? null : toChecker(raw)
}

/** Every owner that ever bonded, by number, read 50 at a time. */
export async function getCheckers(network: ConnectedNetwork): Promise<CheckerOverview[]> {
  const owners = await read(network, 'CheckerSeats', 'ownerCount')
  const checkers: CheckerOverview[] = []
  for (let from = 1; from <= owners; from += 50) {
    const page = await read(network, 'KaisarLens', 'checkers', from, Math.min(50, owners - from + 1))
    for (const { checker, ...amounts } of page) checkers.push({ ...toChecker(checker), ...amounts })
  }
  return checkers
}

/** KAI (wei) bonded behind one seat. */
export const seatBond = (network: ConnectedNetwork): Promise<bigint> => read(network, 'CheckerSeats', 'seatBond')

/** The owners of every seat of the frozen list of `epoch`, in its order. */
export async function frozenSeats(network: ConnectedNetwork, epoch: number): Promise<Address[]> {
  const count = await read(network, 'CheckerSeats', 'seatCount', BigInt(epoch))
  return (await read(network, 'CheckerSeats', 'seatOwners', BigInt(epoch), 0, count)).map(lowerCase)
}

/** The operators of the committee that judges a cohort, in seat order; null while the epoch has no seed. */
export async function committeeOf(network: ConnectedNetwork, epoch: number, cohort: number): Promise<Address[] | null> {
  if (BigInt(await read(network, 'EpochConsensus', 'seedOf', BigInt(epoch))) === 0n) return null
  return (await read(network, 'EpochConsensus', 'seatsOf', BigInt(epoch), cohort)).map(lowerCase)
}

/** The cohorts of `epoch` in whose committee `operator` sits. */
export async function cohortsJudgedBy(
  network: ConnectedNetwork,
  epoch: number,
  operator: Address,
  cohorts: number,
): Promise<number[]> {
  return [...(await read(network, 'KaisarLens', 'cohortsOf', BigInt(epoch), operator, 0, cohorts))]
}
