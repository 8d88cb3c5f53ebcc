import { type Hex, parseEther } from 'viem'
import { type RoundRules, samplingDelaySeconds, type Timeline } from '../protocol/network-parameters.ts'

/** Every parameter that a network is deployed with. Amounts in wei of KAI. The contracts enforce bounds of their own on each. */
export type NetworkParameters = {
  /** `firstEpochAt` is set by `start`. */
  readonly timeline: Omit<Timeline, 'firstEpochAt'>
  readonly rounds: RoundRules
  readonly scores: {
    /** Largest standing a first score can set, and the cap of a device that has none; in units of the capacity. */
    readonly firstStanding: number
    /** Chance, in 1/10000, that an opened seat is audited for a cohort. */
    readonly auditBps: number
    /** Judged epochs in a row without a score after which a device may be delisted. */
    readonly delistAfterEpochs: number
    /** How far from the median uptime, in 1/10000, a seat's uptime agrees. Fixed at construction. */
    readonly uptimeTolerance: number
  }
  readonly seatRules: {
    readonly slashBps: number
    /** Part of one seat's bond, in 1/10000, that is lost for an opening that was committed to and not opened. */
    readonly unopenedBps: number
    readonly strikesToJail: number
    readonly jailEpochs: number
  }
  readonly seatBond: bigint
  readonly deviceDeposit: bigint
  readonly emission: {
    readonly perEpoch: bigint
    readonly checkerBps: number
    readonly keeperBps: number
    readonly bounty: bigint
    /** Wei of KAI per unit of credit at most. */
    readonly maxPrice: bigint
  }
  /** Minted to the treasury. */
  readonly supply: bigint
  /** Moved from the treasury into the vault. */
  readonly vaultFunding: bigint
}

/** For each preset what it is for, and the mean time between blocks for which its rules are made. */
const presets = {
  devnet: { title: 'epochs of seconds on a chain of your own', blockSeconds: 1 },
  peaq: { title: 'epochs of a day on peaq', blockSeconds: 1 },
  'op-stack': { title: 'epochs of a day on an OP-stack chain', blockSeconds: 2 },
  arbitrum: { title: 'epochs of a day on an Arbitrum chain', blockSeconds: 0.25 },
} as const satisfies Record<string, { readonly title: string; readonly blockSeconds: number }>
export type PresetName = keyof typeof presets
const presetNames = Object.keys(presets) as PresetName[]

/** The purpose of each preset, by name. */
export const presetTitles = Object.fromEntries(presetNames.map(name => [name, presets[name].title])) as Readonly<
  Record<PresetName, string>
>

/**
 * @param specs - hashes of the job specifications of a devnet and of a real network
 * @param epochSeconds - length of an epoch, for the devnet preset alone
 */
export const presetParameters = (
  name: PresetName,
  specs: { readonly devnet: Hex; readonly standard: Hex },
  epochSeconds?: number,
): NetworkParameters =>
  name === 'devnet'
    ? devnetParameters(specs.devnet, epochSeconds)
    : productionParameters(specs.standard, presets[name].blockSeconds)

type MeasuredBlocks = { readonly count: number; readonly meanSeconds: number }

/** The presets whose rounds come about as often as meant on a chain with these blocks; none while there are too few blocks to measure. */
export const presetsFor = ({ count, meanSeconds }: MeasuredBlocks): PresetName[] =>
  presetNames.filter(name => {
    const { blockSeconds } = presets[name]
    return count >= 8 && meanSeconds >= 0.75 * blockSeconds && meanSeconds <= 1.5 * blockSeconds
  })

/** One in half an hour, in the mean. */
const dailyBeats = 48

/** Threshold at which a block triggers with this probability. */
const probability = (p: number): bigint => BigInt(Math.floor(p * 2 ** 64))

/**
 * Whether a chain is a development chain, where endpoints at loopback are dialled. It runs on one machine with the processes around it:
 * anvil's and Hardhat's, and those of geth and Ganache.
 */
export const isDevelopmentChain = (chainId: number): boolean => chainId === 31_337 || chainId === 1_337

/**
 * 16-second epochs on 1-second blocks, and longer epochs of the same phases. The seed is there after three seconds, models and
 * sessions some time later: rounds begin at the sixth, two in most epochs and one at least.
 * @param epochSeconds - at least 16; phases and the cutoff stretch with it
 */
export function devnetParameters(specHash: Hex, epochSeconds = 16): NetworkParameters {
  const windowMs = 1000
  const graceMs = 500
  const stretch = (seconds: number) => Math.floor((seconds * epochSeconds) / 16)
  const beats = Math.min(dailyBeats, stretch(2))
  return {
    timeline: {
      epochSeconds,
      commitSeconds: stretch(4),
      openSeconds: stretch(3),
      revealSeconds: stretch(2),
      finalizeSeconds: stretch(2),
      auditSeconds: stretch(8),
      firstPaidEpoch: 0,
    },
    rounds: {
      slots: 1,
      maxRounds: 4 + beats,
      beats,
      windowMs,
      graceMs,
      eligibleFromSeconds: 6,
      cutoffSeconds: stretch(12),
      threshold: probability(0.75),
      refractorySeconds: 4,
      samplingSeconds: samplingDelaySeconds({ windowMs, graceMs }),
      openingsMs: 3500,
      beatWindowMs: 250,
      specHash,
    },
    // Above any CPU's capacity over 64 MiB; a card on a devnet begins there and grows by a quarter an epoch.
    // Covers a late commitment at one seat where an epoch has five beats; of two, no tolerance covers one.
    scores: { firstStanding: 10_000, auditBps: 2_500, delistAfterEpochs: 8, uptimeTolerance: 2_000 },
    seatRules: { slashBps: 1_000, unopenedBps: 100, strikesToJail: 3, jailEpochs: 4 },
    seatBond: parseEther('1000'),
    deviceDeposit: parseEther('10'),
    emission: {
      perEpoch: parseEther('1000'),
      checkerBps: 2_000,
      keeperBps: 500,
      bounty: parseEther('0.5'),
      maxPrice: parseEther('1000'),
    },
    supply: parseEther('100000000'),
    vaultFunding: parseEther('10000000'),
  }
}

/**
 * Epochs of a day: eight rounds a day on average, each slot of twelve hours drawing four (Poisson), so that its cutoff is needed
 * in e^-4 = 1.8% of slots. A keeper has the seed on chain within ten seconds, the last in turn within minutes; a slot lasts until
 * long after that.
 * @param blockSeconds - mean time between blocks of the chain, by which the chance of a block to start a round is set
 */
export function productionParameters(specHash: Hex, blockSeconds = 2): NetworkParameters {
  const windowMs = 10_000
  const graceMs = 500
  const slotSeconds = 43_200
  const eligibleFromSeconds = 60
  const cutoffSeconds = slotSeconds - 600
  return {
    timeline: {
      epochSeconds: 86_400,
      commitSeconds: 1_800,
      openSeconds: 3_600,
      revealSeconds: 3_600,
      finalizeSeconds: 3_600,
      auditSeconds: 43_200,
      firstPaidEpoch: 2,
    },
    rounds: {
      slots: 2,
      maxRounds: 24 + dailyBeats,
      beats: dailyBeats,
      windowMs,
      graceMs,
      eligibleFromSeconds,
      cutoffSeconds,
      threshold: probability((4 * blockSeconds) / (cutoffSeconds - eligibleFromSeconds)),
      refractorySeconds: 60,
      samplingSeconds: samplingDelaySeconds({ windowMs, graceMs }),
      openingsMs: 30_000,
      beatWindowMs: 500,
      specHash,
    },
    // Above any single card's: by vendors' figures an H100 has about 650,000 and a B200 1,500,000 (docs/why/capacity.md).
    // One beat that came late at one seat is 208 of 10,000.
    // A seat that receives nothing is audited twice, and jailed, after some sixteen cohorts: docs/contracts.md.
    scores: { firstStanding: 2_000_000, auditBps: 2_500, delistAfterEpochs: 14, uptimeTolerance: 250 },
    // 10 KAI a cohort: the reveals of the other seats cost half a million gas.
    seatRules: { slashBps: 1_000, unopenedBps: 10, strikesToJail: 3, jailEpochs: 7 },
    seatBond: parseEther('10000'),
    // KAI locked in devices that do not exist earns less than KAI bonded: docs/contracts.md.
    deviceDeposit: parseEther('250'),
    emission: {
      perEpoch: parseEther('100000'),
      checkerBps: 2_000,
      keeperBps: 100,
      bounty: parseEther('5'),
      maxPrice: parseEther('0.0025'),
    },
    supply: parseEther('1000000000'),
    vaultFunding: parseEther('400000000'),
  }
}
