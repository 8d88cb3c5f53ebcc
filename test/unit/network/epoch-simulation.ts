/** One epoch as the contracts would settle it, made from seats' openings by the mirrors: facts to explain, and what is right. */
import type { Address, Hex } from 'viem'
import type { NetworkParameters } from '../../../src/core/chain/network-presets.ts'
import { type LaneOpening, type Opening, packOpening } from '../../../src/core/epoch/opening.ts'
import { newcomersOf, paymentOf } from '../../../src/core/epoch/rewards.ts'
import { tally } from '../../../src/core/epoch/tally.ts'
import type { CohortFacts, DeviceFacts, EpochFacts } from '../../../src/core/network/epoch-facts.ts'
import { cohortLanes, quorum } from '../../../src/core/protocol/constants.ts'
import { creditsOf } from '../../helpers/epoch-credits.ts'

export const hex = (digit: number | string, bytes: number): Hex =>
  `0x${String(digit)
    .padStart(2, '0')
    .repeat(bytes)
    .slice(0, 2 * bytes)}`
const address = (index: number): Address => hex(index, 20)

export type SimulatedEpoch = {
  readonly facts: EpochFacts
  readonly cohort: CohortFacts
  readonly devices: readonly DeviceFacts[]
  readonly credits: readonly bigint[]
  readonly amounts: readonly bigint[]
}

export type SimulationOptions = {
  /** By seat; null: it did not open. */
  readonly openings: readonly (Opening | null)[]
  /** Of each member; members take the lanes of the cohort from its first on. */
  readonly standings: readonly bigint[]
  readonly emission?: Partial<NetworkParameters['emission']>
  readonly firstStanding?: bigint
  /** Credits and caps of other cohorts. */
  readonly others?: bigint
  readonly lanesPerBatch?: number
  readonly epoch?: number
  readonly facts?: Partial<EpochFacts>
}

export const allFlags = 15

/** The members' lanes begin here in the whole network: they are those of its third cohort. */
const firstLane = 2 * cohortLanes

/** An opening in which the first lanes are given and the others empty. */
export const openingOf = (lanes: readonly LaneOpening[], evidenceRoot: Hex = hex('ee', 32)): Opening => ({
  lanes: Array.from({ length: cohortLanes }, (_, i) => lanes[i] ?? { rate: 0, uptime: 0, flags: 0 }),
  evidenceRoot,
})

export function simulateEpoch(options: SimulationOptions): SimulatedEpoch {
  const { openings, standings, others = 0n, lanesPerBatch = 64, epoch = 7, firstStanding = 1_000n } = options
  const emission = {
    perEpoch: 1_000n * 10n ** 18n,
    checkerBps: 1_000,
    keeperBps: 100,
    bounty: 10n ** 15n,
    maxPrice: 10n ** 18n,
    ...options.emission,
  }
  const occupied = Array.from({ length: cohortLanes }, (_, lane) => lane < standings.length)
  const isVoid = openings.filter(opening => opening !== null).length < quorum
  const result = tally(openings, occupied)
  const members = standings.map((standing, lane) => ({ lane: isVoid ? null : result.lanes[lane]!, standing }))
  const { credits, denominator: own } = creditsOf(members, firstStanding)
  const denominator = own + others
  const checkerPool = (emission.perEpoch * BigInt(emission.checkerBps)) / 10_000n
  const keeperPool = (emission.perEpoch * BigInt(emission.keeperBps)) / 10_000n
  const devicePool = emission.perEpoch - checkerPool - keeperPool
  const money = { ...emission, emission: emission.perEpoch, devicePool, checkerPool, keeperPool, denominator }
  const amounts = credits.map(({ credit }) => paymentOf(credit, money))
  const devices = standings.map(
    (standingBefore, lane): DeviceFacts => ({
      id: hex(10 + lane, 32),
      operator: address(10 + lane),
      // Neighbours share a wallet: what arrives there is compared as a sum.
      payout: address(80 - Math.floor(lane / 2)),
      lane: firstLane + lane,
      generation: 1,
      since: 0,
      until: null,
      registeredTxHash: hex('aa', 32),
      standingBefore,
      silentBefore: false,
    }),
  )
  const batches = isVoid ? [] : batchesOf(standings.length, lanesPerBatch)
  return {
    facts: {
      epoch,
      phase: 'pay',
      currentEpoch: epoch + 1,
      firstPaidEpoch: 0,
      startsAt: 1_000,
      seed: hex('5e', 32),
      newcomers: newcomersOf(
        standings.reduce((sum, standing) => sum + 2n * standing, 0n),
        standings.length,
        { firstStanding, firstPaidEpoch: 0 },
      ),
      rounds: [{ ordinal: 0, kind: 'tensor', hash: hex('0b', 32), number: 123n, timestamp: 1_003 }],
      money: { ...money, drawnLanes: 5, paid: 0n, keeperPaid: 0n, opened: true, closed: false, txHash: hex('0f', 32) },
      ...options.facts,
    },
    cohort: {
      cohort: firstLane / cohortLanes,
      state: isVoid ? 'void' : 'final',
      txHash: hex('f1', 32),
      seats: openings.map((opening, seat) => ({
        operator: address(90 + seat),
        endpoint: `wss://checker-${seat}.example`,
        commitTxHash: hex('c0', 32),
        opening: opening === null ? null : packOpening(opening),
        opened: opening !== null,
        evidenceRoot: opening?.evidenceRoot ?? null,
        shown: null,
      })),
      result: isVoid
        ? null
        : {
            rates: result.lanes.map(({ rate }) => rate),
            uptimes: result.lanes.map(({ uptime }) => uptime),
            flags: result.lanes.map(({ flags }) => flags),
            certain: result.certain,
            credits: Array.from({ length: cohortLanes }, (_, lane) => credits[lane]?.credit ?? 0n),
          },
      payments: batches.map(([from, to], i) => {
        const lanes = devices.slice(from, to)
        const paid = lanes.map((device, at) => ({ to: device.payout, amount: amounts[from + at]! }))
        return {
          txHash: hex(70 + i, 32),
          firstLane: firstLane + from,
          payouts: lanes.map(({ payout }) => payout),
          credits: credits.slice(from, to).map(({ credit }) => credit),
          amounts: amounts.slice(from, to),
          transfers: paid.filter(({ amount }) => amount > 0n),
          owed: [],
        }
      }),
    },
    devices,
    credits: credits.map(({ credit }) => credit),
    amounts,
  }
}

const batchesOf = (count: number, size: number): [number, number][] =>
  Array.from({ length: Math.ceil(count / size) }, (_, i) => [i * size, Math.min(count, (i + 1) * size)])
