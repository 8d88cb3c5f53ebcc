/**
 * Epochs played on real contracts without daemons: every seat commits to and opens what the test says it saw, a keeper
 * finalizes and pays. Time is the test's: blocks are mined at the seconds where something may happen.
 */
import { type Abi, type Address, type Hex, keccak256, numberToHex } from 'viem'
import { epochConsensusAbi } from '../../src/core/chain/abi/epoch-consensus.ts'
import { rewardVaultAbi } from '../../src/core/chain/abi/reward-vault.ts'
import { committeeOf } from '../../src/core/chain/checkers.ts'
import { countsOf } from '../../src/core/chain/devices.ts'
import { buildCommitmentTree, commitmentDepth, type Opening, packOpening } from '../../src/core/epoch/opening.ts'
import type { anvilForTests } from './anvil.ts'
import { mineAt, type networkForTests } from './deploy.ts'

type Anvil = Awaited<ReturnType<typeof anvilForTests>>
type TestNetwork = Awaited<ReturnType<typeof networkForTests>>

/** What a seat says of a cohort in an epoch; null: its owner committed and does not open. */
export type SeatView = (seat: { epoch: number; cohort: number; seat: number; owner: Address }) => Opening | null

export function playerFor(anvil: Anvil, { network, parameters, write, firstEpochAt, operator: keeper }: TestNetwork) {
  const { epochSeconds, commitSeconds, openSeconds, revealSeconds } = parameters.timeline
  const { EpochConsensus, RewardVault } = network.contracts
  const consensus = { to: EpochConsensus, abi: epochConsensusAbi as Abi }
  const vault = { to: RewardVault, abi: rewardVaultAbi as Abi }
  const startOf = (epoch: number) => firstEpochAt + epoch * epochSeconds
  const saltOf = (owner: Address, epoch: number): Hex => keccak256(numberToHex(BigInt(owner) + BigInt(epoch)))

  /** Mines the blocks of an epoch's work that are still to come, one per second; an epoch that it begins gets its seed. */
  async function work(epoch: number, untilSecond = epochSeconds - 1) {
    if ((await headTime()) < startOf(epoch)) {
      await mineAt(anvil, startOf(epoch))
      await seed(epoch)
    }
    for (let second = Math.max(0, (await headTime()) + 1 - startOf(epoch)); second <= untilSecond; second++)
      await mineAt(anvil, startOf(epoch) + second)
  }

  /** All in the second of the newest block, which the epoch has to have. */
  async function seed(epoch: number) {
    const timestamp = await headTime()
    const about = { ...consensus, from: keeper, args: [BigInt(epoch)] }
    await anvil.client.setNextBlockTimestamp({ timestamp: BigInt(timestamp) })
    await write({ ...about, functionName: 'pin' })
    await mineAt(anvil, timestamp)
    await anvil.client.setNextBlockTimestamp({ timestamp: BigInt(timestamp) })
    await write({ ...about, functionName: 'roll' })
  }

  const headTime = async () => Number((await anvil.client.getBlock()).timestamp)

  async function seatsOf(epoch: number) {
    const { cohorts } = await countsOf(network, epoch)
    const seats = await Promise.all(
      Array.from({ length: cohorts }, async (_, cohort) =>
        (await committeeOf(network, epoch, cohort))!.map((owner, seat) => ({ epoch, cohort, seat, owner })),
      ),
    )
    return { cohorts, seats: seats.flat() }
  }

  /** COMMIT, OPEN, REVEAL and FINALIZE of an epoch, and the seed of the next one. */
  async function settle(epoch: number, view: SeatView) {
    const { cohorts, seats } = await seatsOf(epoch)
    const depth = commitmentDepth(cohorts)
    const trees = new Map(
      [...new Set(seats.map(({ owner }) => owner))].map(owner => {
        const own = seats.filter(seat => seat.owner === owner)
        const scope = { chainId: network.chainId, consensus: EpochConsensus, epoch, owner, salt: saltOf(owner, epoch) }
        const words = own.map(seat => [seat.cohort, packOpening(view(seat) ?? empty)] as const)
        return [owner, buildCommitmentTree(scope, new Map(words), depth)]
      }),
    )
    await mineAt(anvil, startOf(epoch + 1))
    for (const [owner, { root }] of trees)
      await write({ ...consensus, from: owner, functionName: 'commit', args: [BigInt(epoch), root] })
    await seed(epoch + 1)
    const openingsOf = (cohort: number) =>
      seats
        .filter(seat => seat.cohort === cohort && view(seat) !== null)
        .map(seat => ({
          seat: seat.seat,
          salt: saltOf(seat.owner, epoch),
          words: packOpening(view(seat)!),
          proof: trees.get(seat.owner)!.proof(cohort),
        }))
    await mineAt(anvil, startOf(epoch + 1) + commitSeconds)
    const late: number[] = []
    for (let cohort = 0; cohort < cohorts; cohort++) {
      const openings = openingsOf(cohort)
      if (openings.length < 5) late.push(cohort)
      else
        await write({ ...consensus, from: keeper, functionName: 'finalize', args: [BigInt(epoch), cohort, openings] })
    }
    await mineAt(anvil, startOf(epoch + 1) + commitSeconds + openSeconds)
    for (const cohort of late) {
      const args = [BigInt(epoch), cohort, openingsOf(cohort)]
      await write({ ...consensus, from: keeper, functionName: 'reveal', args })
    }
    await mineAt(anvil, startOf(epoch + 1) + commitSeconds + openSeconds + revealSeconds)
    for (const cohort of late) {
      const args = [BigInt(epoch), cohort, openingsOf(cohort)]
      await write({ ...consensus, from: keeper, functionName: 'finalize', args })
    }
  }

  /** Pays the devices (in batches) and Checkers of every final cohort. */
  async function pay(epoch: number, lanesPerBatch = 64) {
    const { cohorts } = await countsOf(network, epoch)
    for (let cohort = 0; cohort < cohorts; cohort++) {
      for (let lane = 0; lane < 64; lane += lanesPerBatch)
        await write({ ...vault, from: keeper, functionName: 'payCohort', args: [BigInt(epoch), cohort, lanesPerBatch] })
      await write({ ...vault, from: keeper, functionName: 'payCheckers', args: [BigInt(epoch), cohort] })
    }
  }

  return { work, settle, pay, startOf }
}

const empty: Opening = { lanes: [], evidenceRoot: `0x${'00'.repeat(32)}` }
