/** What a Checker asks the chain for while there is nothing to do: counted, because that is most of what it takes at rest. */
import { toFunctionSelector } from 'viem'
import { afterAll, expect, it } from 'vitest'
import { startSimulation } from './virtual/simulation.ts'

const epochSeconds = 96
/** The seed of an epoch is not looked at any more, its rounds are over, and the epoch before is paid. */
const restsFrom = 72
const simulation = await startSimulation({ seed: 1, epochSeconds, onLog: () => undefined })
afterAll(simulation.close)

const duty = [
  'countsOf(uint64)',
  'cohortsOf(uint64,address,uint32,uint32)',
  'seatsOf(uint64,uint32)',
  'devicesOf(uint64,uint32)',
].map(signature => `eth_call ${toFunctionSelector(`function ${signature}`)}`)

it('a Checker at rest polls the head and reads little more, and its duty once an epoch', async () => {
  const { chain, firstEpochAt, until, events } = simulation
  const asked = () => new Map(chain.calls.get('checker-1'))
  const atStart = asked()
  await until(firstEpochAt + epochSeconds + restsFrom)
  const before = asked()
  const eventsBefore = events.length
  await until(firstEpochAt + 2 * epochSeconds - 2)
  const after = asked()
  const seconds = epochSeconds - 2 - restsFrom
  const since = (from: ReadonlyMap<string, number>, what: string) => (after.get(what) ?? 0) - (from.get(what) ?? 0)
  const reads = [...after.keys()].reduce((sum, what) => sum + since(before, what), 0)

  // Four polls of the head a second; the sight of the next round's block hangs on them.
  const polls = since(before, 'eth_getBlockByNumber')
  expect(polls).toBeLessThanOrEqual(4.2 * seconds)
  // On a network of seconds an epoch is looked at with each block; on one of hours once a minute.
  expect(reads - polls).toBeLessThanOrEqual(4 * seconds)
  expect(duty.map(what => since(before, what))).toEqual([0, 0, 0, 0])
  // Beats come at any time.
  const checks = events.slice(eventsBefore).filter(({ type, kind }) => type === 'check.completed' && kind !== 'beat')
  expect(checks).toEqual([])
  // Both devices are in one cohort, and both epochs were entered.
  expect(duty.map(what => since(atStart, what))).toEqual([2, 2, 2, 2])
})
