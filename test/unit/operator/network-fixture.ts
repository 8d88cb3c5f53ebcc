/** A small network as its chain shows it, for what operators read of it: one Provider, two Checkers, epoch 7 at work. */
import type { Address, Hex } from 'viem'
import type {
  ChainVerdict,
  CheckerView,
  DeviceEpochView,
  DeviceView,
  NetworkView,
} from '../../../src/core/network/network-view.ts'

export const hash = (digit: string): Hex => `0x${digit.repeat(64).slice(0, 64)}`
export const address = (digit: string): Address => `0x${digit.repeat(40).slice(0, 40)}`

export const operator = address('a1')
const epochSeconds = 100
const firstEpochAt = 1_000_000
/** In the middle of epoch 7. */
export const headTimestamp = firstEpochAt + 7 * epochSeconds + 40
export const nowMs = (headTimestamp + 2) * 1000
export const isoAt = (epoch: number): string => new Date((firstEpochAt + epoch * epochSeconds) * 1000).toISOString()

const valid: ChainVerdict = { verdict: 'VALID', reason: 'sampled rows were recomputed and are equal' }

export const deviceEpoch = (epoch: number, changes: Partial<DeviceEpochView> = {}): DeviceEpochView => ({
  epoch,
  rate: 1_000n,
  uptime: 9_950,
  flags: 15,
  score: 995n,
  credit: 995n,
  amount: 5n * 10n ** 18n,
  txHash: hash('7'),
  verdict: valid,
  ...changes,
})

export const device = (changes: Partial<DeviceView> = {}): DeviceView => ({
  id: hash('d'),
  operator,
  payout: address('b2'),
  lane: 3,
  cohort: 0,
  generation: 1,
  generationFrom: 2,
  record: { deviceHash: hash('1'), certificateHash: hash('2'), attestedIdentity: hash('0') },
  payoutBalance: 0n,
  deposit: 10n ** 18n,
  since: 2,
  until: null,
  standing: 1_000n,
  silentEpochs: 0,
  earned: 20n * 10n ** 18n,
  owed: 0n,
  registeredTxHash: null,
  history: [2, 3, 4, 5].map(epoch => deviceEpoch(epoch)),
  ...changes,
})

export const checker = (changes: Partial<CheckerView> = {}): CheckerView => ({
  operator,
  payout: address('b2'),
  endpoint: 'wss://checker.example:7411',
  certificateHash: hash('c'),
  index: 1,
  seats: 2,
  strikes: 0,
  jailed: false,
  jailedUntil: 0,
  bond: 2_000n * 10n ** 18n,
  unbonding: 0n,
  unbondingUntil: 0,
  operatorBalance: 0n,
  payoutBalance: 0n,
  earned: 3n * 10n ** 18n,
  owed: 0n,
  agreedLanes: 9,
  drawnLanes: 10,
  ...changes,
})

export const networkView = (changes: Partial<NetworkView> = {}): NetworkView => ({
  chainId: 31337,
  contracts: {},
  head: { number: 4_321n, hash: hash('e'), timestamp: headTimestamp },
  timeline: {
    firstEpochAt,
    epochSeconds,
    commitSeconds: 20,
    openSeconds: 20,
    revealSeconds: 10,
    finalizeSeconds: 10,
    auditSeconds: 10,
    firstPaidEpoch: 0,
  },
  rules: {
    slots: 2,
    maxRounds: 8,
    windowMs: 1_000,
    graceMs: 500,
    eligibleFromSeconds: 2,
    cutoffSeconds: 4,
    threshold: 2n ** 63n,
    refractorySeconds: 4,
    samplingSeconds: 2,
    openingsMs: 3_500,
    beats: 0,
    beatWindowMs: 250,
    specHash: hash('5'),
  },
  currentEpoch: 7,
  rounds: [],
  devices: [device()],
  checkers: [checker()],
  epochs: [],
  payments: [],
  seatPayments: [],
  keeperPayments: [],
  commitments: [],
  firstEpoch: 0,
  ...changes,
})
