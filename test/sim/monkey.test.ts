import { expect, it } from 'vitest'
import { lies } from '../helpers/lying-endpoint.ts'
import { endpointFaults, runMonkey } from './monkey.ts'

const seed = Number(process.env.KAISAR_MONKEY_SEED ?? 20_261_122)
const again = (given: number) => `KAISAR_MONKEY_SEED=${given} npx vitest run --project sim test/sim/monkey.test.ts`

it(`a network under a seeded monkey shows after four epochs what the oracle says (to repeat: ${again(seed)})`, async () => {
  const { byKind, audit } = await runMonkey({ seed, epochs: 4 })
  expect(audit).toMatchObject({ lost: [], absent: [], doubled: [], honestFailed: [], mispaid: [] })
  const endpoints = [...lies, ...endpointFaults.map(({ fault }) => fault)].filter(kind => kind !== 'hang')
  const hostile = ['hostile-seat-requests', 'hostile-receipts', 'stranger-connections', 'sampling-reorg']
  const kinds = ['kill', 'pause', 'restart', 'reorg', 'fee-spike', ...hostile, ...endpoints]
  expect(kinds.filter(kind => byKind[kind] === undefined)).toEqual([])
})

it('the same seed gives the same run, event for event, and another seed another run', async () => {
  const [one, again, other] = [
    await runMonkey({ seed, epochs: 1 }),
    await runMonkey({ seed, epochs: 1 }),
    await runMonkey({ seed: seed + 1, epochs: 1 }),
  ]
  expect(one.trace.length).toBeGreaterThan(100)
  expect(again.trace).toEqual(one.trace)
  expect(other.trace).not.toEqual(one.trace)
})
