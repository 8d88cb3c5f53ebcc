import { expect, it } from 'vitest'
import { devnetRoles } from '../../src/core/devnet/roles.ts'
import { lies } from '../helpers/lying-endpoint.ts'
import { seededRandom } from '../helpers/seeded-random.ts'
import { paidEpochs } from './audit-network.ts'
import { endpointFaults, epochSeconds, planMonkey, roles, runMonkey, traceMonkey } from './monkey.ts'
import { createLieSchedule } from './virtual/lie-schedule.ts'

const seed = Number(process.env.KAISAR_MONKEY_SEED ?? 20_261_123)
const epochs = 3
const again = (given: number) => `KAISAR_MONKEY_SEED=${given} npx vitest run --project sim test/sim/monkey.test.ts`

it(`a network under a seeded monkey shows after three epochs what the oracle says (to repeat: ${again(seed)})`, async () => {
  const options = { seed, epochs }
  const { byKind, audit, trace } = await runMonkey(options)
  expect(audit).toMatchObject({ lost: [], absent: [], doubled: [], honestFailed: [], mispaid: [] })
  expect(paidEpochs(audit)).not.toEqual([])
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

it('every kind of fault is planned, and every lie told, whatever the seed', () => {
  const acts = ['fee-spike', 'kill', 'pause', 'reorg', 'restart', 'sampling-reorg', 'stranger-connections']
  const [lieMs, checkMs] = [3_700, 15_000]
  const foundOut = new Set<string>(['forged-head', 'stale', 'forged-read', 'forged-receipts'])
  const ofSending = new Set<string>(['forged-nonce', 'no-receipts', 'forged-receipts', 'forged-prices'])
  const hosts = devnetRoles(roles)
  for (let seed = 0; seed < 200; seed++) {
    const planned = planMonkey({ seed, epochs })
    expect([...new Set(planned.map(({ kind }) => kind))].sort()).toEqual(acts)

    // Whoever is found out is not asked until the next look at all endpoints, and only Checkers send, now and then.
    const random = seededRandom(seed)
    const schedule = createLieSchedule(lies, lieMs, random)
    const told = new Set<string>()
    const outUntilMs = new Map<string, number>()
    for (let nowMs = 0; nowMs < epochs * epochSeconds * 1_000; nowMs += lieMs)
      for (const { name, kind } of hosts) {
        const lie = schedule.of(name, nowMs)
        if (nowMs < (outUntilMs.get(name) ?? 0)) continue
        if (ofSending.has(lie) && (kind === 'provider' || random() < 0.5)) continue
        if (foundOut.has(lie)) outUntilMs.set(name, (Math.floor(nowMs / checkMs) + 1) * checkMs)
        schedule.told(lie)
        told.add(lie)
      }
    expect(
      [...lies].filter(lie => !told.has(lie)),
      `seed ${seed}`,
    ).toEqual([])
  }
})
