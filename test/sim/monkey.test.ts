import { expect, it } from 'vitest'
import { lies } from '../helpers/lying-endpoint.ts'
import { endpointFaults, runMonkey, traceMonkey } from './monkey.ts'

const seed = Number(process.env.KAISAR_MONKEY_SEED ?? 20_261_123)
const again = (given: number) => `KAISAR_MONKEY_SEED=${given} npx vitest run --project sim test/sim/monkey.test.ts`

it(`a network under a seeded monkey shows after four epochs what the oracle says (to repeat: ${again(seed)})`, async () => {
  const options = { seed, epochs: 4 }
  const { byKind, audit, trace } = await runMonkey(options)
  expect(audit).toMatchObject({ lost: [], absent: [], doubled: [], honestFailed: [], mispaid: [] })
  const endpoints = [...lies, ...endpointFaults.map(({ fault }) => fault)].filter(kind => kind !== 'hang')
  const hostile = ['hostile-seat-requests', 'hostile-receipts', 'stranger-connections', 'sampling-reorg']
  const kinds = ['kill', 'pause', 'restart', 'reorg', 'fee-spike', ...hostile, ...endpoints]
  expect(kinds.filter(kind => byKind[kind] === undefined)).toEqual([])

  // The same seed gives the same run, event for event, and another seed another run.
  const first = await traceMonkey(options, 1)
  expect(first.length).toBeGreaterThan(100)
  expect(first).toEqual(trace.slice(0, first.length))
  const other = await traceMonkey({ ...options, seed: seed + 1 }, 0)
  expect(other.length).toBeGreaterThan(10)
  expect(other).not.toEqual(trace.slice(0, other.length))
})
