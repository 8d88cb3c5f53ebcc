/** A small network as its reader would have read it: two devices, five Checkers, epochs 0 to 3, of which 0 and 1 are paid and 2 is void. */
import type { Address, Hex } from 'viem'
import { buildNetworkView, type NetworkReadings } from '../../../src/core/network/build-network-view.ts'
import { cohortKey } from '../../../src/core/network/history.ts'
import type { NetworkView } from '../../../src/core/network/network-view.ts'
import { hex, openingOf, type SimulatedEpoch, simulateEpoch } from './epoch-simulation.ts'

const opening = openingOf([
  { rate: 412, uptime: 10_000, flags: 15 },
  { rate: 0, uptime: 9_000, flags: 15 },
])
const five = [opening, opening, opening, opening, opening]
const played = [0, 1, 2].map(epoch =>
  simulateEpoch({
    epoch,
    openings: epoch === 2 ? [opening, null, null, null, null] : five,
    standings: [400n, 90n],
  }),
)
export const simulated = played[1]!
const deviceIds = simulated.devices.map(({ id }) => id)

const byCohort = <T>(factOf: (epoch: SimulatedEpoch) => T | null) =>
  new Map(
    played.flatMap(epoch => {
      const value = factOf(epoch)
      return value === null ? [] : [[cohortKey(epoch.facts.epoch, 2), value] as const]
    }),
  )

export const networkReadings: NetworkReadings = {
  chainId: 31_337,
  contracts: { KaisarToken: hex(1, 20) },
  head: { number: 120n, hash: hex('4e', 32), timestamp: 1_053 },
  timeline: {
    firstEpochAt: 1_000,
    epochSeconds: 16,
    commitSeconds: 4,
    openSeconds: 3,
    revealSeconds: 2,
    finalizeSeconds: 2,
    auditSeconds: 8,
    firstPaidEpoch: 0,
  },
  rules: {
    slots: 2,
    maxRounds: 4,
    windowMs: 1_000,
    graceMs: 500,
    eligibleFromSeconds: 2,
    cutoffSeconds: 4,
    threshold: 1n << 63n,
    refractorySeconds: 4,
    samplingSeconds: 2,
    openingsMs: 3_500,
    beats: 0,
    beatWindowMs: 250,
    specHash: hex('5c', 32),
  },
  rounds: [{ number: 118n, hash: hex('0a', 32), timestamp: 1_051, ordinal: 0, slot: 0, kind: 'tensor' }],
  devices: simulated.devices.map(({ id, operator, payout, lane, generation, since, until }) => ({
    id,
    operator,
    payout,
    lane,
    cohort: 2,
    generation,
    generationFrom: 0,
    since,
    until,
    deposit: 10n ** 19n,
    record: { deviceHash: hex('d1', 32), certificateHash: hex('d2', 32), attestedIdentity: hex(0, 32) },
    standing: 403n,
    silentEpochs: 0,
    payoutBalance: 0n,
    owed: 0n,
  })),
  checkers: [0, 1, 2, 3, 4].map(i => ({
    operator: hex(90 + i, 20),
    payout: hex(95, 20),
    index: i + 1,
    seats: 1,
    strikes: i === 4 ? 1 : 0,
    jailed: false,
    jailedUntil: 0,
    bond: 10n ** 21n,
    unbonding: 0n,
    unbondingUntil: 0,
    certificateHash: hex('ce', 32),
    endpoint: `wss://checker-${i}.example`,
    operatorBalance: 0n,
    payoutBalance: 0n,
    owed: 0n,
  })),
  overviews: new Map([
    [
      3,
      {
        epoch: 3,
        phase: 'work',
        seed: hex('5e', 32),
        pinnedBlock: null,
        seededAt: null,
        startsAt: 1_048,
        commitAt: 1_064,
        openAt: 1_068,
        revealAt: 1_071,
        finalizeAt: 1_073,
        payAt: 1_075,
        auditClosesAt: 1_088,
        members: 2,
        cohorts: 3,
        totalFixed: false,
        totals: { credits: 0n, openCaps: 0n, resolvedLanes: 0, lanes: 2, unpaid: 0 },
        money: simulated.facts.money!,
      },
    ],
  ]),
  committees: byCohort(({ cohort }) => cohort.seats.map(({ operator }) => operator as Address)),
  firstEpoch: 0,
  history: {
    memberships: simulated.devices.map(({ id, operator, lane, generation, since, until }) => ({
      device: id,
      operator,
      lane,
      generation,
      since,
      until,
      registeredTxHash: hex('aa', 32),
    })),
    counted: new Map(),
    seeds: new Map(played.map(({ facts }) => [facts.epoch, facts.seed as Hex])),
    money: new Map(played.filter(({ facts }) => facts.epoch < 2).map(({ facts }) => [facts.epoch, facts.money!])),
    commits: new Map(),
    finalized: byCohort(({ cohort }) =>
      cohort.result === null
        ? null
        : {
            ...cohort.result,
            txHash: cohort.txHash!,
            blockNumber: 50n,
            opened: cohort.seats.map(({ opened }) => opened),
            evidenceRoots: cohort.seats.map(({ evidenceRoot }) => evidenceRoot!),
          },
    ),
    voided: byCohort(({ cohort }) => (cohort.state === 'void' ? { txHash: cohort.txHash!, blockNumber: 60n } : null)),
    paidLanes: byCohort(({ cohort }) => (cohort.payments.length === 0 ? null : cohort.payments)),
    paidSeats: byCohort(({ cohort }) =>
      cohort.state === 'void'
        ? null
        : {
            txHash: hex('70', 32),
            payouts: cohort.seats.map(() => hex(95, 20)),
            agreed: [2, 2, 2, 2, 1],
            amounts: [5n, 5n, 5n, 5n, 3n],
          },
    ),
    paidKeepers: [{ epoch: 1, keeper: hex(96, 20), amount: 2n, txHash: hex('71', 32) }],
    closed: new Map(),
    owed: new Map(),
  },
}

export const networkView: NetworkView = buildNetworkView(networkReadings)
export const [firstDevice, secondDevice] = deviceIds as [Hex, Hex]
