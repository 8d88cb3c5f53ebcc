import type { Address } from 'viem'
import { mapSome } from '../platform/map-some.ts'
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

/** Most that is read in one call, so that it stays far below the gas that endpoints allow one, which may be 10 million: see docs/scale.md. */
const pageOf = { checkers: 50, seats: 512, cohorts: 128 } as const
const pagesAtOnce = 4

/** A list of so many entries, in pages. */
async function readPages<T>(
  count: number,
  size: number,
  readPage: (from: number, count: number) => Promise<readonly T[]>,
): Promise<T[]> {
  const starts = Array.from({ length: Math.ceil(count / size) }, (_, page) => page * size)
  const pages = await mapSome(pagesAtOnce, starts, from => readPage(from, Math.min(size, count - from)))
  return pages.flat()
}

/** Every owner that ever bonded, by number, which begins with 1. */
export async function getCheckers(network: ConnectedNetwork): Promise<CheckerOverview[]> {
  const owners = await read(network, 'CheckerSeats', 'ownerCount')
  const checkers = await readPages(owners, pageOf.checkers, (from, count) =>
    read(network, 'KaisarLens', 'checkers', from + 1, count),
  )
  return checkers.map(({ checker, ...amounts }) => ({ ...toChecker(checker), ...amounts }))
}

/** KAI (wei) bonded behind one seat. */
export const seatBond = (network: ConnectedNetwork): Promise<bigint> => read(network, 'CheckerSeats', 'seatBond')

/** The owners of every seat of the frozen list of `epoch`, in its order. */
export async function frozenSeats(network: ConnectedNetwork, epoch: number): Promise<Address[]> {
  const count = await read(network, 'CheckerSeats', 'seatCount', BigInt(epoch))
  const owners = await readPages(count, pageOf.seats, (from, some) =>
    read(network, 'CheckerSeats', 'seatOwners', BigInt(epoch), from, some),
  )
  return owners.map(lowerCase)
}

/** The operators of the committee that judges a cohort, in seat order; null while the epoch has no seed. */
export async function committeeOf(network: ConnectedNetwork, epoch: number, cohort: number): Promise<Address[] | null> {
  if (BigInt(await read(network, 'EpochConsensus', 'seedOf', BigInt(epoch))) === 0n) return null
  return (await read(network, 'EpochConsensus', 'seatsOf', BigInt(epoch), cohort)).map(lowerCase)
}

/** The cohorts of `epoch` in whose committee `operator` sits. */
export const cohortsJudgedBy = (
  network: ConnectedNetwork,
  epoch: number,
  operator: Address,
  cohorts: number,
): Promise<number[]> =>
  readPages(cohorts, pageOf.cohorts, (from, count) =>
    read(network, 'KaisarLens', 'cohortsOf', BigInt(epoch), operator, from, count),
  )
