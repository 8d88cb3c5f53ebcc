import fc from 'fast-check'
import { type Abi, type Address, decodeEventLog, keccak256, type TransactionReceipt, toHex } from 'viem'
import { describe, expect, test } from 'vitest'
import { checkerSeatsAbi } from '../../../src/core/chain/abi/checker-seats.ts'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import { rewardVaultAbi } from '../../../src/core/chain/abi/reward-vault.ts'
import { committeeOf, frozenSeats } from '../../../src/core/chain/checkers.ts'
import { getCohort, getEpoch } from '../../../src/core/chain/epochs.ts'
import { devnetParameters } from '../../../src/core/chain/network-presets.ts'
import {
  buildCommitmentTree,
  commitmentDepth,
  isCommitted,
  openingLeaf,
  packFlags,
  packLanes,
  packOpening,
} from '../../../src/core/epoch/opening.ts'
import { newcomersOf, paymentOf } from '../../../src/core/epoch/rewards.ts'
import { tally } from '../../../src/core/epoch/tally.ts'
import { cohortLanes, quorum } from '../../../src/core/protocol/constants.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { anyBytes32, anyOpening, similarOpenings } from '../../helpers/arbitraries.ts'
import { mineAt, networkForTests } from '../../helpers/deploy.ts'
import { drawCommittee } from '../../helpers/draw-committee.ts'
import { checkerPaymentOf, creditsOf, openCapOf } from '../../helpers/epoch-credits.ts'

// 70 devices: two cohorts, the second with six lanes taken. Seven owners with different numbers of seats.
const devices = 70
const seatCounts = [1, 1, 2, 3, 1, 4, 2]
const { timeline } = devnetParameters(`0x${'5c'.repeat(32)}`)
const occupied = (cohort: number) => Array.from({ length: cohortLanes }, (_, lane) => 64 * cohort + lane < devices)

/** A network on a chain of its own. The first epochs, up to `firstPaidEpoch`, are judged and not paid. */
async function networkWith(firstPaidEpoch: number) {
  const anvil = await anvilForTests({ autoImpersonate: true })
  const made = await networkForTests(anvil, {
    seats: seatCounts,
    devices,
    parameters: { timeline: { ...timeline, firstPaidEpoch } },
  })
  const consensus = { to: made.network.contracts.EpochConsensus, abi: epochConsensusAbi as Abi }
  const keeper = made.checkers[0]!
  return {
    ...made,
    anvil,
    consensus,
    keeper,
    startOf: (epoch: number) => made.firstEpochAt + epoch * timeline.epochSeconds,
    /** In the epoch. */
    async seedFor(epoch: number) {
      await made.write({ ...consensus, from: keeper, functionName: 'pin', args: [BigInt(epoch)] })
      await anvil.client.mine({ blocks: 1 })
      await made.write({ ...consensus, from: keeper, functionName: 'roll', args: [BigInt(epoch)] })
    },
  }
}
type Network = Awaited<ReturnType<typeof networkWith>>

function eventOf<const abi extends Abi>(receipt: TransactionReceipt, abi: abi, name: string) {
  for (const log of receipt.logs) {
    try {
      const event = decodeEventLog({ abi, ...log }) as unknown as { eventName: string; args: Record<string, unknown> }
      if (event.eventName === name) return event.args
    } catch {}
  }
  throw new Error(`no ${name}`)
}
const unpackCredits = (words: readonly bigint[]) =>
  Array.from(
    { length: 64 },
    (_, lane) => (words[Math.floor(lane / 6)]! >> BigInt(42 * (lane % 6))) & ((1n << 42n) - 1n),
  )

const paid = await networkWith(0)

describe('the TypeScript mirrors and the contracts agree', () => {
  const { network, keeper } = paid
  const { EpochConsensus, CheckerSeats } = network.contracts
  const { client } = network.chain

  test('the TypeScript mirror draws the committees of the contracts, for many seeds and cohorts', async () => {
    const list = await frozenSeats(network, 0)
    expect(list).toHaveLength(seatCounts.reduce((sum, count) => sum + count, 0))
    for (const [seed, cohort] of fc.sample(fc.tuple(anyBytes32, fc.nat(100_000)), { numRuns: 100, seed: 7 })) {
      const [operators] = await client.readContract({
        address: CheckerSeats,
        abi: checkerSeatsAbi,
        functionName: 'committee',
        args: [0n, seed, cohort],
      })
      expect(drawCommittee(list, seed, cohort)).toEqual(operators.map(operator => operator.toLowerCase()))
    }
  })

  test('the TypeScript mirror makes the leaf of an opening that the contracts make', async () => {
    for (const [opening, salt, cohort] of fc.sample(fc.tuple(anyOpening, anyBytes32, fc.nat(2 ** 32 - 1)), 50)) {
      const words = packOpening(opening)
      const scope = { chainId: network.chainId, consensus: network.consensus, epoch: 9, owner: keeper, salt }
      const onChain = await client.readContract({
        address: EpochConsensus,
        abi: epochConsensusAbi,
        functionName: 'openingLeaf',
        args: [9n, keeper, cohort, salt, words],
      })
      expect(openingLeaf(scope, cohort, words)).toBe(onChain)
    }
  })

  test('mirrors and contracts agree on medians, flags, credits, standings, totals and payments, epoch after epoch', async () => {
    const { outcomes, standings, held } = await compareEpochs(paid, { epochs: 30 })
    expect(outcomes.final).toBeGreaterThan(20)
    expect(outcomes.void).toBeGreaterThan(2)
    expect(standings.filter(standing => standing > 0n).length).toBeGreaterThan(10)
    expect(held).toBe(0)
  })

  test.each([
    ['judged from the first one on', 0],
    ['nobody judged before the third', 2],
  ])(
    'and where two epochs are unpaid no first credit is paid while nobody has a standing: %s',
    async (_, judgedFrom) => {
      const { outcomes, held } = await compareEpochs(await networkWith(2), { epochs: 5, judgedFrom })
      expect(outcomes.final).toBeGreaterThan(1)
      expect(held).toBeGreaterThan(20)
    },
  )
})

/**
 * Plays epochs with samples of openings, and compares what comes of each with the mirrors.
 *
 * @param judgedFrom - before this epoch no Checker commits
 * @returns `held`: the first credits that were not paid while nobody had a standing
 */
async function compareEpochs(
  { network, anvil, checkers, parameters, write, consensus, keeper, startOf, seedFor }: Network,
  { epochs, judgedFrom = 0 }: { readonly epochs: number; readonly judgedFrom?: number },
) {
  const { EpochConsensus, RewardVault } = network.contracts
  const { client } = network.chain
  const { commitSeconds, openSeconds, revealSeconds, finalizeSeconds, firstPaidEpoch } = parameters.timeline
  let held = 0
  const outcomes = { final: 0, void: 0 }
  const standings = new Array<bigint>(devices).fill(0n)
  /** Lanes whose last judged epoch earned nothing. */
  const silent = new Set<number>()
  const firstStanding = BigInt(parameters.scores.firstStanding)
  const random = fc.sample(fc.tuple(similarOpenings, similarOpenings, fc.nat(6)), {
    numRuns: epochs,
    seed: 20_261_122,
  })
  await mineAt(anvil, startOf(0))
  await seedFor(0)
  for (let epoch = 0; epoch < epochs; epoch++) {
    const [first, second, absent] = random[epoch]!
    // In it all seats open, so that the same lanes get a standing whoever is drawn.
    const isFirst = epoch === judgedFrom
    const overview = await getEpoch(network, epoch)
    const list = await frozenSeats(network, epoch)
    const salts = checkers.map((_, i) => keccak256(toHex(`${epoch}/${i}`)))
    const cohorts = [0, 1].map(cohort => {
      const committee = drawCommittee(list, overview.seed!, cohort)!
      const sample = cohort === 0 ? first : second
      const given = sample.find(opening => opening !== null) ?? null
      return { cohort, committee, openings: isFirst ? sample.map(opening => opening ?? given) : sample }
    })
    for (const { cohort, committee } of cohorts) expect(await committeeOf(network, epoch, cohort)).toEqual(committee)

    // An owner commits where the sample gives it an opening in each of its cohorts.
    const wordsOf = (owner: Address) => {
      const mine = cohorts.filter(({ committee }) => committee.includes(owner))
      const openings = mine.map(
        ({ cohort, committee, openings }) => [cohort, openings[committee.indexOf(owner)]!] as const,
      )
      if (
        epoch < judgedFrom ||
        mine.length === 0 ||
        openings.some(([, opening]) => opening === null) ||
        (!isFirst && owner === checkers[absent])
      )
        return null
      return new Map(openings.map(([cohort, opening]) => [cohort, packOpening(opening)]))
    }
    const depth = commitmentDepth(2)
    await mineAt(anvil, startOf(epoch + 1))
    const trees = new Map<Address, ReturnType<typeof buildCommitmentTree>>()
    for (const [i, owner] of checkers.entries()) {
      const words = wordsOf(owner)
      if (words === null) continue
      const scope = { chainId: network.chainId, consensus: network.consensus, epoch, owner, salt: salts[i]! }
      const tree = buildCommitmentTree(scope, words, depth)
      trees.set(owner, tree)
      await write({ ...consensus, from: owner, functionName: 'commit', args: [BigInt(epoch), tree.root] })
      for (const [cohort, own] of words)
        expect(isCommitted(scope, cohort, { words: own, proof: tree.proof(cohort) }, { root: tree.root, depth })).toBe(
          true,
        )
    }

    await mineAt(anvil, startOf(epoch + 1) + commitSeconds)
    const credits = new Map<number, bigint>()
    const agreements = new Map<number, readonly number[]>()
    let denominator = 0n
    const caps = standings.reduce((sum, standing) => sum + 2n * standing, 0n)
    const newcomers = newcomersOf(caps, devices, { firstStanding, firstPaidEpoch })
    for (const { cohort, committee, openings } of cohorts) {
      const opened = committee.map((owner, seat) => (trees.has(owner) ? openings[seat]! : null))
      const members = occupied(cohort).filter(Boolean).length
      const before = standings.slice(64 * cohort, 64 * cohort + members)
      if (opened.filter(opening => opening !== null).length < quorum) {
        await write({ ...consensus, from: keeper, functionName: 'voidCohort', args: [BigInt(epoch), cohort] })
        outcomes.void++
        denominator += before.reduce((sum, standing) => sum + openCapOf(standing, newcomers), 0n)
        continue
      }
      const argument = committee.flatMap((owner, seat) => {
        const tree = trees.get(owner)
        const words = packOpening(openings[seat] ?? { lanes: [], evidenceRoot: salts[0]! })
        return tree === undefined
          ? []
          : [{ seat, salt: salts[checkers.indexOf(owner)]!, words, proof: tree.proof(cohort) }]
      })
      const receipt = await write({
        ...consensus,
        from: keeper,
        functionName: 'finalize',
        args: [BigInt(epoch), cohort, argument],
      })
      const event = eventOf(receipt, epochConsensusAbi, 'CohortFinalized')

      outcomes.final++
      const result = tally(opened, occupied(cohort), parameters.scores.uptimeTolerance)
      expect(event.rates).toEqual(packLanes(result.lanes.map(({ rate }) => rate)))
      expect(event.uptimes).toEqual(packLanes(result.lanes.map(({ uptime }) => uptime)))
      expect(event.flags).toBe(packFlags(result.lanes.map(({ flags }) => flags)))
      const outcome = creditsOf(
        before.map((standing, lane) => ({
          lane: result.lanes[lane]!,
          standing,
          silent: silent.has(64 * cohort + lane),
          certain: result.certain[lane]!,
        })),
        firstStanding,
        newcomers,
      )
      denominator += outcome.denominator
      const onChain = unpackCredits(event.credits as bigint[])
      outcome.credits.forEach(({ credit, standing }, lane) => {
        expect(onChain[lane]).toBe(credit)
        credits.set(64 * cohort + lane, credit)
        standings[64 * cohort + lane] = standing
        if (caps === 0n && standing > 0n && credit === 0n) held++
        if (credit > 0n || (before[lane] === 0n && standing > 0n)) silent.delete(64 * cohort + lane)
        else if (result.lanes[lane]!.flags & 8) silent.add(64 * cohort + lane)
      })
      expect(onChain.slice(members).every(credit => credit === 0n)).toBe(true)
      const record = await getCohort(network, epoch, cohort)
      expect(record.agreed).toEqual(result.agreed)
      agreements.set(cohort, result.agreed)
    }

    const { money, totals, members } = await getEpoch(network, epoch)
    expect(members).toBe(devices)
    expect(totals.credits + totals.openCaps).toBe(denominator)
    expect(money.denominator).toBe(denominator)
    await mineAt(anvil, startOf(epoch + 1) + commitSeconds + openSeconds + revealSeconds + finalizeSeconds)
    for (const [cohort, agreed] of agreements) {
      const vault = { to: RewardVault, abi: rewardVaultAbi as Abi, from: keeper }
      if (epoch < firstPaidEpoch) {
        expect(money.emission).toBe(0n)
        const payment = write({ ...vault, functionName: 'payCohort', args: [BigInt(epoch), cohort, 64] })
        await expect(payment).rejects.toThrow(/UnpaidEpoch/)
        continue
      }
      const paid = eventOf(
        await write({ ...vault, functionName: 'payCohort', args: [BigInt(epoch), cohort, 64] }),
        rewardVaultAbi,
        'CohortPaid',
      )
      const expected = occupied(cohort).map((_, lane) => paymentOf(credits.get(64 * cohort + lane) ?? 0n, money))
      expect(paid.amounts).toEqual(expected)
      const checkersPaid = eventOf(
        await write({ ...vault, functionName: 'payCheckers', args: [BigInt(epoch), cohort] }),
        rewardVaultAbi,
        'CheckersPaid',
      )
      expect(checkersPaid.amounts).toEqual(agreed.map(lanes => checkerPaymentOf(lanes, money.checkerPool, 5 * devices)))
    }
    await seedFor(epoch + 1)
  }
  for (const lane of [0, 1, 63, 64, 69]) {
    const args = [lane] as const
    expect(
      await client.readContract({
        address: EpochConsensus,
        abi: epochConsensusAbi,
        functionName: 'standingAtLane',
        args,
      }),
    ).toBe(standings[lane])
  }
  return { outcomes, standings, held }
}
