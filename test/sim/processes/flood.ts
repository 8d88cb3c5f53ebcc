/** Flood, slowloris, giant frames over real sockets at a Checker process that judges, for one epoch of a devnet. */
import { readFileSync } from 'node:fs'
import { getCohort } from '../../../src/core/chain/epochs.ts'
import { createFlood } from '../../helpers/flood.ts'
import { createIdentity } from '../../helpers/identities.ts'
import { startFaultyDevnet } from './faulty-devnet.ts'

export type FloodResult = {
  /** Most bytes of an endless body or message that were taken. */
  readonly bytesTaken: number
  /** What the flood added to the most memory that the process ever had. */
  readonly memoryBytes: number
  /** Providers, those that were paid for the epoch, and those that the flooded seat judged VALID in it. */
  readonly providers: number
  readonly paid: number
  readonly valid: number
  /** Seats of five that opened. */
  readonly opened: number
  readonly restarts: number
}

/** Longer phases than a devnet's: its machine is busy with the flood. */
const epochSeconds = 24
/** Models and code are in memory by then. */
const flooded = 2
const target = 'checker-1'

/** Linux only: the memory of a process is read from /proc. */
export async function runFlood(): Promise<FloodResult> {
  const faulty = await startFaultyDevnet({ epochSeconds })
  const { devnet, events } = faulty
  const eventsOf = (type: string) =>
    events.flatMap(event =>
      event.type === 'daemon.event' && event.name === target && event.event.type === type ? [event.event] : [],
    )
  try {
    const port = Number(new URL(eventsOf('checker.listening')[0]!.url as string).port)
    const flood = createFlood({ port, identity: await createIdentity('provider') })
    await devnet.paidEpochs(1)
    const pid = devnet.daemon(target).pid!
    const before = peakBytes(pid)
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
    const bytesTaken = Math.max(...(await giants))
    const memoryBytes = peakBytes(pid) - before

    const epochs = await devnet.paidEpochs(flooded + 1)
    const providers = devnet.roles.filter(({ kind }) => kind === 'provider')
    const paid = new Set(epochs[flooded]!.payments.map(({ payout }) => payout))
    const judged = eventsOf('check.completed').filter(({ epoch, verdict }) => epoch === flooded && verdict === 'VALID')
    const { opened } = await getCohort(devnet.network, flooded, 0)
    return {
      bytesTaken,
      memoryBytes,
      providers: providers.length,
      paid: providers.filter(({ payout }) => paid.has(payout)).length,
      valid: new Set(judged.map(({ device }) => device)).size,
      opened: opened.toString(2).replaceAll('0', '').length,
      restarts: faulty.restarts.size,
    }
  } finally {
    await faulty.close()
  }
}

/** The most memory that a process ever had in RAM. */
const peakBytes = (pid: number) =>
  1024 * Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
