/** Formats the parameters of a network for people: each value with its unit. */
import { exactUnits } from '../platform/exact-units.ts'
import { duration } from './figures.ts'

type Unit = (value: number | bigint | string) => string

const twoTo64 = 2 ** 64

const count =
  (one: string, many = `${one}s`): Unit =>
  value =>
    `${value} ${Number(value) === 1 ? one : many}`
const seconds: Unit = value => (Number(value) < 60 ? `${value} s` : `${value} s (${duration(Number(value))})`)
const milliseconds: Unit = value => `${value} ms`
/** A value in 1/10000 as per cent. */
const percent: Unit = value => `${Number(value) / 100}%`
const kai: Unit = value => `${exactUnits(BigInt(value))} KAI`
const epoch: Unit = value => `epoch ${value}`

/** The unit of each parameter, by group and name. A test fails where one is missing. */
const units: Readonly<Record<string, Readonly<Record<string, Unit>>>> = {
  timeline: {
    firstEpochAt: value => (Number(value) === 0 ? 'not started' : new Date(Number(value) * 1000).toISOString()),
    epochSeconds: seconds,
    commitSeconds: seconds,
    openSeconds: seconds,
    revealSeconds: seconds,
    finalizeSeconds: seconds,
    auditSeconds: seconds,
    firstPaidEpoch: epoch,
  },
  rounds: {
    slots: value => `${value} an epoch`,
    maxRounds: value => `${value} an epoch`,
    beats: value => `${value} an epoch`,
    windowMs: milliseconds,
    graceMs: milliseconds,
    eligibleFromSeconds: seconds,
    cutoffSeconds: seconds,
    threshold: value => `${((Number(value) / twoTo64) * 100).toPrecision(4)}% of blocks start a round`,
    refractorySeconds: seconds,
    samplingSeconds: seconds,
    openingsMs: milliseconds,
    beatWindowMs: milliseconds,
    specHash: String,
  },
  scores: {
    firstStanding: value => `a capacity of ${value}`,
    auditBps: percent,
    delistAfterEpochs: count('epoch'),
    uptimeTolerance: percent,
  },
  seats: {
    slashBps: value => `${percent(value)} of the bond`,
    unopenedBps: value => `${percent(value)} of a seat’s bond`,
    strikesToJail: count('strike'),
    jailEpochs: count('epoch'),
    seatBond: value => `${kai(value)} a seat`,
    maxSeatsPerOwner: count('seat'),
  },
  devices: { deposit: value => `${kai(value)} a device` },
  emission: {
    perEpoch: value => `${kai(value)} an epoch`,
    checkerBps: value => `${percent(value)} of the emission`,
    keeperBps: value => `${percent(value)} of the emission`,
    bounty: kai,
    maxPrice: value => `${kai(value)} a unit of credit at most`,
  },
  supply: { total: kai, vaultFunding: kai },
}

export type ParameterText = {
  readonly group: string
  readonly name: string
  readonly text: string
  readonly hasUnit: boolean
}

/** One line for each value of `{ group: { name: value } }`. */
export const parameterTexts = (parameters: Readonly<Record<string, object>>): ParameterText[] =>
  Object.entries(parameters).flatMap(([group, values]) =>
    Object.entries(values as Readonly<Record<string, number | bigint | string>>).map(([name, value]) => {
      const unit = units[group]?.[name]
      return { group, name, text: unit === undefined ? String(value) : unit(value), hasUnit: unit !== undefined }
    }),
  )

/** As {@link parameterTexts}, below the name of each group. */
export const parameterLines = (parameters: Readonly<Record<string, object>>): string[] =>
  Object.entries(parameters).flatMap(([group, values]) => [
    group,
    ...parameterTexts({ [group]: values }).map(({ name, text }) => `  ${name.padEnd(20)} ${text}`),
  ])
