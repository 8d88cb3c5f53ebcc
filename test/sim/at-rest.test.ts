/** What a Checker asks the chain for while there is nothing to do: counted, because that is most of what it takes at rest. */
import { toFunctionSelector } from 'viem'
import { afterAll, expect, it } from 'vitest'
import { startSimulation } from './virtual/simulation.ts'

const epochSeconds = 96
/** The seed of an epoch is not looked at any more, its rounds are over, and the epoch before is paid. */
const restsFrom = 72
const simulation = await startSimulation({ seed: 1, epochSeconds })
afterAll(simulation.close)

const duty = [
  'countsOf(uint64)',
  'cohortsOf(uint64,address,uint32,uint32)',
  'seatsOf(uint64,uint32)',
  'devicesOf(uint64,uint32)',
].map(signature => `eth_call ${toFunctionSelector(`function ${signature}`)}`)

it('a Checker at rest polls the head and reads little more, and its duty once an epoch', async () => {
  const { chain, firstEpochAt, until, events } = simulation
  const asked = () => new Map(Array.from(chain.calls, ([host, calls]) => [host, new Map(calls)]))
  const atStart = asked()
  await until(firstEpochAt + epochSeconds + restsFrom)
  const before = asked()
  const eventsBefore = events.length
  await until(firstEpochAt + 2 * epochSeconds - 2)
  const after = asked()
  const seconds = epochSeconds - 2 - restsFrom
  const since = (from: typeof before, host: string, what: string) =>
    (after.get(host)?.get(what) ?? 0) - (from.get(host)?.get(what) ?? 0)

  // Whoever moved the epoch before on, as its seed has it, may still watch what it sent until that is final.
  const checkers = [...after.keys()].filter(host => host.startsWith('checker-'))
  const resting = checkers.filter(host => since(before, host, 'eth_getTransactionReceipt') === 0)
  expect(resting.length).toBeGreaterThan(checkers.length / 2)
  for (const host of resting) {
    const reads = [...after.get(host)!.keys()].reduce((sum, what) => sum + since(before, host, what), 0)
    // Four polls of the head a second; the sight of the next round's block hangs on them.
    const polls = since(before, host, 'eth_getBlockByNumber')
    expect(polls, host).toBeLessThanOrEqual(4.2 * seconds)
    expect(polls, host).toBeGreaterThan(3 * seconds)
    // On a network of seconds an epoch is looked at with each block; on one of hours once a minute.
    expect(reads - polls, host).toBeLessThanOrEqual(4 * seconds)
    expect(
      duty.map(what => since(before, host, what)),
      host,
    ).toEqual([0, 0, 0, 0])
    // Both devices are in one cohort, and both epochs were entered.
    expect(
      duty.map(what => since(atStart, host, what)),
      host,
    ).toEqual([2, 2, 2, 2])
  }
  // Beats come at any time.
  const checks = events.slice(eventsBefore).filter(({ type, kind }) => type === 'check.completed' && kind !== 'beat')
  expect(checks).toEqual([])
})
