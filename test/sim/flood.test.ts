/** Flood, slowloris, giant frames at a Checker that judges: honest Providers complete their jobs there and are paid for them. */
import { readFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { getCohort } from '../../src/core/chain/epochs.ts'
import { createFlood, gibibyte } from '../helpers/flood.ts'
import { createIdentity } from '../helpers/identities.ts'
import { startFaultyDevnet } from './faulty-devnet.ts'

/** Longer phases than a devnet's: its machine is busy with the flood. */
const epochSeconds = 24
const faulty = await startFaultyDevnet({ epochSeconds })
afterAll(() => faulty.close())
const { devnet, events } = faulty
const target = 'checker-1'

const eventsOf = (type: string) =>
  events.flatMap(event =>
    event.type === 'daemon.event' && event.name === target && event.event.type === type ? [event.event] : [],
  )

/** The most memory that a process ever had in RAM. */
const peakBytes = (pid: number) =>
  1024 * Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])

it.skipIf(process.platform !== 'linux')('is survived by who judges and by who is judged', async () => {
  const [listening] = eventsOf('checker.listening')
  const port = Number(new URL(listening!.url as string).port)
  const flood = createFlood({ port, identity: await createIdentity('provider') })
  // Models and code are in memory by the end of the first epoch.
  await devnet.paidEpochs(1)
  const { pid } = devnet.daemon(target)
  const before = peakBytes(pid!)
  const flooded = 2
  await faulty.until(devnet.firstEpochAt + flooded * epochSeconds)
  flood.slowSockets()
  const giants = Promise.all([flood.gigabyteBody(), flood.gigabyteMessage()])
  let isOver = false
  const until = faulty.until(devnet.firstEpochAt + (flooded + 1) * epochSeconds).then(() => {
    isOver = true
  })
  while (!isOver) await flood.requests()
  await until
  flood.stop()

  for (const bytes of await giants) expect(bytes).toBeLessThan(gibibyte / 8)
  expect(peakBytes(pid!) - before).toBeLessThan(256 * 1024 * 1024)
  const epochs = await devnet.paidEpochs(flooded + 1)
  const providers = devnet.roles.filter(({ kind }) => kind === 'provider')
  const paid = epochs[flooded]!.payments.map(({ payout }) => payout)
  expect(paid).toEqual(expect.arrayContaining(providers.map(({ payout }) => payout)))
  const judged = eventsOf('check.completed').filter(({ epoch }) => epoch === flooded)
  const verdicts = new Map(judged.map(({ device, verdict }) => [device, verdict]))
  expect(verdicts.size).toBe(providers.length)
  for (const device of verdicts.keys())
    expect(judged.filter(each => each.device === device).map(({ verdict }) => verdict)).toContain('VALID')
  expect((await getCohort(devnet.network, flooded, 0)).opened).toBe(0b11111)
  expect(faulty.restarts.size).toBe(0)
})
