/** Formats the parameters of a network for people: each value with its unit. */
import { exactUnits } from '../platform/exact-units.ts'
import { duration } from './figures.ts'

type Unit = (value: number | bigint | string) => string

const twoTo64 = 2 ** 64

const count =
  (one: string): Unit =>
  value =>
    `${value} ${one}${Number(value) === 1 ? '' : 's'}`
const seconds: Unit = value => (Number(value) < 60 ? `${value} s` : `${value} s (${duration(Number(value))})`)
/** A value in 1/10000 as per cent. */
const percent: Unit = value => `${Number(value) / 100}%`
const kai: Unit = value => `${exactUnits(BigInt(value))} KAI`

/** The unit of each parameter whose name does not end in it, by group and name. A test fails where one is missing. */
const units: Readonly<Record<string, Readonly<Record<string, Unit>>>> = {
  timeline: {
    firstEpochAt: value => (Number(value) === 0 ? 'not started' : new Date(Number(value) * 1000).toISOString()),
    firstPaidEpoch: value => `epoch ${value}`,
  },
  rounds: {
    slots: value => `${value} an epoch`,
    maxRounds: value => `${value} an epoch`,
    beats: value => `${value} an epoch`,
    threshold: value => `${((Number(value) / twoTo64) * 100).toPrecision(4)}% of blocks start a round`,
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

function unitOf(group: string, name: string): Unit | undefined {
  if (name.endsWith('Seconds')) return seconds
  return name.endsWith('Ms') ? value => `${value} ms` : units[group]?.[name]
}

/** One line for each value of `{ group: { name: value } }`. */
export const parameterTexts = (parameters: Readonly<Record<string, object>>) =>
  Object.entries(parameters).flatMap(([group, values]) =>
    Object.entries(values as Readonly<Record<string, number | bigint | string>>).map(([name, value]) => {
      const unit = unitOf(group, name)
      return { group, name, text: unit === undefined ? String(value) : unit(value), hasUnit: unit !== undefined }
    }),
  )

/** As {@link parameterTexts}, below the name of each group. */
export const parameterLines = (parameters: Readonly<Record<string, object>>): string[] =>
  Object.entries(parameters).flatMap(([group, values]) => [
    group,
    ...parameterTexts({ [group]: values }).map(({ name, text }) => `  ${name.padEnd(20)} ${text}`),
  ])
