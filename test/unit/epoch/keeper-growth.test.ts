/** What a keeper asks the chain and its sender for grows with the number of cohorts, however many blocks they take: counted. */
import { type Address, type Hex, numberToHex } from 'viem'
import { expect, it } from 'vitest'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import type { TransactionSender } from '../../../src/core/chain/tx/transaction-sender.ts'
import type { OpeningWords } from '../../../src/core/epoch/opening.ts'
import { createKeeper } from '../../../src/core/epoch/settlement.ts'
import { committeeSize, openingWords, seatNumbers } from '../../../src/core/protocol/constants.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'

const self = numberToHex(1, { size: 20 })
const word = (n: number): Hex => numberToHex(n, { size: 32 })
const allSeats = 2 ** committeeSize - 1
const perBlock = 16
/** The epoch after the one that is settled lasts all the while. */
const epochSeconds = 100_000
/** Blocks for which the sender says of a mined transaction that it is open. */
const watched = 12

/** A keeper that finalizes this many cohorts in OPEN, by itself. */
async function finalize(cohorts: number) {
  const final = new Set<number>()
  const counts = { reads: 0, asked: 0, mostInHand: 0, blocks: 0 }
  const times = { startsAt: 0n, commitAt: 100n, openAt: 200n, revealAt: 9_000n, finalizeAt: 9_100n, payAt: 9_200n }
  const answers: Record<string, (...args: never[]) => unknown> = {
    timeline: () => ({ firstEpochAt: 1n, epochSeconds, openSeconds: 8_800, auditSeconds: 10, firstPaidEpoch: 0 }),
    epochOverview: () => ({
      ...{ epoch: 0n, phase: 3, seed: word(1), pinnedBlock: 1n, seededAt: 1n, ...times, auditClosesAt: 1_000_000n },
      ...{ members: cohorts, cohorts, totalFixed: false },
      totals: { credits: 0n, openCaps: 0n, resolvedLanes: final.size, lanes: cohorts, unpaid: 0 },
      money: { opened: false, closed: false },
    }),
    seatCount: () => 1,
    seatOwners: () => [self],
    cohortOverview(epoch: never, cohort: never) {
      counts.reads++
      const record = { opened: 0, agreed: [], lanesPaid: 0, checkersPaid: false }
      const members = [word(7)]
      const state = final.has(cohort) ? 1 : 0
      return {
        epoch,
        cohort,
        state,
        seats: seatNumbers.map(() => self),
        committed: allSeats,
        revealed: 0,
        record,
        members,
      }
    },
  }
  const readContract = async ({ functionName, args }: { functionName: string; args: readonly never[] }) =>
    answers[functionName]!(...args)
  const network = {
    contracts: { EpochConsensus: self },
    chain: { client: { readContract } },
  } as unknown as ConnectedNetwork
  const waiting: string[] = []
  const open = new Set<string>()
  const sender = {
    address: self as Address,
    enqueue({ key }: { key: string }) {
      waiting.push(key)
      open.add(key)
    },
    isOpen(key: string) {
      counts.asked++
      return open.has(key)
    },
  } as unknown as TransactionSender
  const troubles: unknown[] = []
  const keeper = createKeeper({}, { network, sender, onTrouble: (_, error) => troubles.push(error) })
  const openings = seatNumbers.map(seat => ({
    ...{ seat, salt: zeroBytes32, proof: [] },
    words: Array.from({ length: openingWords }, () => 0n) as unknown as OpeningWords,
  }))
  const mined: string[][] = []
  for (; final.size < cohorts; counts.blocks++) {
    expect(counts.blocks).toBeLessThan(cohorts)
    await keeper.pass(async () => openings, {
      number: BigInt(counts.blocks),
      timestamp: epochSeconds + 1 + counts.blocks,
    })
    counts.mostInHand = Math.max(counts.mostInHand, open.size)
    const block = waiting.splice(0, perBlock)
    for (const key of block) final.add(Number(key.split('/')[2]))
    mined.push(block)
    for (const key of mined.at(-watched) ?? []) open.delete(key)
  }
  expect(troubles).toEqual([])
  return counts
}

it('four times as many cohorts take four times as much', async () => {
  const [few, many] = [await finalize(320), await finalize(1_280)]
  for (const [cohorts, { reads, asked, mostInHand, blocks }] of [
    [320, few],
    [1_280, many],
  ] as const) {
    // No block goes by empty, and none is waited for.
    expect(blocks).toBeLessThanOrEqual(cohorts / perBlock + 2)
    expect(mostInHand).toBeLessThanOrEqual(256 + 16)
    // When the phase begins, before each step and after it, and as many again as blocks have.
    expect(reads).toBeLessThanOrEqual(5 * cohorts)
    expect(asked).toBeLessThanOrEqual((256 / perBlock + 4) * cohorts)
  }
})
