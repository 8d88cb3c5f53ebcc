import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Hex } from 'viem'
import { getEpoch } from '../../src/core/chain/epochs.ts'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import { jobSets, jobsHash } from '../../src/core/job/jobs.ts'
import { stateFile } from '../../src/core/platform/store.ts'
import { cohortLanes } from '../../src/core/protocol/constants.ts'
import { memoryUsed } from '../helpers/memory-used.ts'
import { createFleet, registerFleet } from '../sim/virtual/fleet.ts'
import { bondLightSeats, startLightSeats } from '../sim/virtual/light-seats.ts'
import { type Simulation, startSimulation } from '../sim/virtual/simulation.ts'

/** `KAISAR_SCALE_DEVICES=100,1000` leaves out the largest, which takes most of the time. */
const sizes = (process.env.KAISAR_SCALE_DEVICES ?? '100,1000,10000').split(',').map(Number)
/** Of the network that is run first and not told of: what a process lets go of once its code has run is nothing that a network holds. */
const warmUpDevices = 8
/** One keeper has 157 cohorts of 10,000 devices to finalize in OPEN, and to pay before the next epoch ends. */
const epochSeconds = Number(process.env.KAISAR_SCALE_EPOCH_SECONDS ?? 256)
const { rounds } = devnetParameters(jobsHash(jobSets.devnet), epochSeconds)
const checker = 'checker-1'

const units = {
  sessions: 'sessions',
  memory: 'MiB',
  cpu: 's/epoch',
  reads: 'reads/s',
  database: 'KiB/epoch',
  'database-of-cohort': 'KiB/cohort/epoch',
  gas: 'Mgas/epoch',
} as const
type Figure = keyof typeof units
const figures = Object.keys(units) as Figure[]

export const rowNames = [...sizes, 'slope'].flatMap(size => figures.map(figure => `scale.${figure}.${size}`))
/** Minutes of a large network are not spent by whoever asks for all rows. */
export const isLong = true

/**
 * What one Checker takes that judges a whole network, by how many devices are registered: the real daemon on virtual time, over the real
 * contracts, beside four light seats that commit to what it found; the devices' operators are light Providers with sessions and real rows.
 * Figures are of the second epoch, in which the first is settled and paid by this Checker alone; gas is the network's. Both ends of a
 * session are in this process: memory and CPU are of both, without the rows that the devices computed and kept. Windows are so short that
 * every capacity is 0, so gas is without credits and transfers. `baseline` is what the smallest network would give if all grew with the
 * number of devices, `ratio` that ÷ value: below 1 it grows faster. `slope` is the exponent on log axes over the last two sizes.
 */
export async function* rows() {
  const measured: Record<Figure, number>[] = []
  await measure(warmUpDevices)
  for (const [i, size] of sizes.entries()) {
    const values = await measure(size)
    measured.push(values)
    for (const figure of figures) {
      const value = values[figure]
      const baseline = (measured[0]![figure] * size) / sizes[0]!
      yield { name: `scale.${figure}.${size}`, value, unit: units[figure], baseline, ratio: baseline / value }
    }
    if (i === 0 || i < sizes.length - 1) continue
    for (const figure of figures) {
      const value = Math.log(values[figure] / measured[i - 1]![figure]) / Math.log(size / sizes[i - 1]!)
      yield { name: `scale.${figure}.slope`, value, unit: 'exponent', baseline: 1, ratio: 1 / value }
    }
  }
}

async function measure(devices: number): Promise<Record<Figure, number>> {
  const began = performance.now()
  const progress = (what: string) => {
    const seconds = Math.round((performance.now() - began) / 1_000)
    const heap = Math.round(process.memoryUsage().heapUsed / 2 ** 20)
    process.stderr.write(`${devices} devices: ${what} after ${seconds} s, heap ${heap} MiB\n`)
  }
  const simulation = await startSimulation({
    seed: devices,
    providers: 0,
    checkers: 1,
    epochSeconds,
    // One round of each kind an epoch: what they cost, and what an epoch costs beside them.
    parameters: { rounds: { ...rounds, beats: 1, maxRounds: 3 } },
    onLog: () => undefined,
    async onDeployed(deployed, chain) {
      await bondLightSeats(deployed, chain)
      await registerFleet(devices, deployed, chain)
      progress('registered')
    },
  })
  const { network, chain, firstEpochAt } = simulation
  const seeds = new Map<bigint, Promise<Hex>>()
  const seedOf = (epoch: bigint) => {
    const known = seeds.get(epoch) ?? getEpoch(network, Number(epoch)).then(({ seed }) => seed!)
    seeds.set(epoch, known)
    return known
  }
  const fleet = createFleet(devices, simulation, seedOf)
  try {
    await startLightSeats(simulation, stateFile(join(simulation.dataDir, checker, 'checker'), network))
    const before = await memoryUsed()
    await simulation.until(firstEpochAt + 4)
    const listening = simulation.roles.map(({ name, operator }) => {
      const told = simulation.events.find(event => event.name === name && event.type === 'checker.listening')
      return { name, operator, url: told!.url as string }
    })
    let isConnected = false
    const connecting = fleet.connect(listening).then(() => {
      isConnected = true
    })
    await simulation.until(firstEpochAt + epochSeconds)
    if (!isConnected) throw new Error('not every session was opened within an epoch')
    await connecting
    progress('connected, and judged once')

    const start = await look(simulation, fleet.workedSeconds)
    const judgedFrom = simulation.events.length
    await simulation.until(firstEpochAt + 2 * epochSeconds)
    const end = await look(simulation, fleet.workedSeconds)
    progress(`judged, ${Math.round(fleet.workedSeconds)} s of CPU of the devices' own,`)
    requireJudged(simulation, judgedFrom, devices)
    const paid = await getEpoch(network, 0)
    const { resolvedLanes, unpaid } = paid.totals
    if (resolvedLanes !== devices || unpaid > 0 || !paid.money.opened)
      throw new Error(
        `epoch 0 is not paid: ${resolvedLanes} of ${devices} lanes are resolved, ${unpaid} cohorts unpaid`,
      )
    const blocks = await Promise.all(
      Array.from({ length: epochSeconds }, (_, i) =>
        chain.rpc('eth_getBlockByNumber', [toHex(start.block + i), false]),
      ),
    )
    const gas = blocks.reduce<number>((sum, block) => sum + Number((block as { gasUsed: Hex }).gasUsed), 0)
    await fleet.forgetWork()
    simulation.forgetEvents()
    const database = (end.databaseBytes - start.databaseBytes) / 1_024
    return {
      sessions: fleet.sessions,
      memory: ((await memoryUsed()) - before) / 2 ** 20,
      cpu: end.cpuSeconds - start.cpuSeconds,
      reads: (end.reads - start.reads) / epochSeconds,
      database,
      'database-of-cohort': database / Math.ceil(devices / cohortLanes),
      gas: gas / 1e6,
    }
  } finally {
    await fleet.close()
    await simulation.close()
  }
}

/** The Checker has found every device VALID, in one round at least. */
function requireJudged({ events }: Simulation, from: number, devices: number) {
  const verdicts = events.slice(from).filter(({ type }) => type === 'check.completed')
  const judged = new Set(verdicts.map(({ device }) => device))
  const kinds = Map.groupBy(verdicts, ({ verdict, reason }) => `${verdict} ${reason}`)
  const wrong = [...kinds]
    .filter(([kind]) => kind !== 'VALID ALL_EQUAL')
    .map(([kind, { length }]) => `${length} ${kind}`)
  if (judged.size !== devices || wrong.length > 0)
    throw new Error(`${judged.size} of ${devices} devices were judged; ${wrong.join(', ')}`)
}

async function look({ chain, dataDir }: Simulation, workedSeconds: number) {
  const { user, system } = process.cpuUsage()
  const folder = join(dataDir, checker, 'checker')
  const files = readdirSync(folder).filter(name => name.endsWith('.db'))
  return {
    cpuSeconds: (user + system) / 1e6 - workedSeconds,
    reads: chain.requests.get(checker) ?? 0,
    databaseBytes: files.reduce((sum, name) => sum + databaseBytes(join(folder, name)), 0),
    block: Number(await chain.rpc('eth_blockNumber')),
  }
}

function databaseBytes(path: string): number {
  if (!existsSync(path)) return 0
  const database = new DatabaseSync(path, { readOnly: true })
  const read = (pragma: string) => Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get()!)[0])
  try {
    return (read('page_count') - read('freelist_count')) * read('page_size')
  } finally {
    database.close()
  }
}

const toHex = (number: number): Hex => `0x${number.toString(16)}`
