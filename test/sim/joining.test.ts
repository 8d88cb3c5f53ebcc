/** Devices that join while an epoch lasts are judged and paid from the next one on, in whatever second they come, and dilute nobody. */
import { afterAll, expect, it } from 'vitest'
import { getCohort } from '../../src/core/chain/epochs.ts'
import { readPayments } from '../../src/core/epoch/read-payments.ts'
import { createAuditor } from './audit-network.ts'
import { startSimulation } from './virtual/simulation.ts'

const epochSeconds = 16
/** Seconds into epoch 1 at which each of them starts: before and after the seed of epoch 2 is known, and at the last moment. */
const joins = [1, 7, 10, 12, 14.5]
const names = joins.map((_, i) => `provider-${i + 2}`)
const simulation = await startSimulation({ seed: 1, epochSeconds, providers: 1 + joins.length, later: names })
afterAll(simulation.close)

it('whoever joins in any second of an epoch is judged by every seat in the next, and takes nothing from others', async () => {
  const { network, roles, events, firstEpochAt } = simulation
  const auditor = createAuditor(simulation)
  for (const [i, second] of joins.entries()) {
    await simulation.until(firstEpochAt + epochSeconds + second)
    simulation.start(names[i]!)
  }
  for (const epoch of [0, 1, 2, 3]) {
    await simulation.until(firstEpochAt + epochSeconds * (epoch + 2) - 1)
    await auditor.audit(epoch)
  }
  const registered = events.flatMap(({ type, deviceId, name }) =>
    type === 'device.registered' && names.includes(name) ? [deviceId as string] : [],
  )
  expect(registered).toHaveLength(joins.length)
  const audit = await auditor.result()
  expect(audit).toMatchObject({ lost: [], doubled: [], mispaid: [] })
  const { members } = await getCohort(network, 2, 0)
  for (const device of registered.filter(id => members.includes(id as `0x${string}`))) {
    const judged = events.filter(
      event =>
        event.type === 'check.completed' && event.device === device && event.epoch === 2 && event.verdict === 'VALID',
    )
    expect(new Set(judged.map(({ seat }) => seat)).size).toBe(5)
  }
  // Registered before the epoch began: all but those whose transaction came too late for it.
  expect(registered.filter(id => members.includes(id as `0x${string}`)).length).toBeGreaterThanOrEqual(4)
  const payout = roles.find(({ name }) => name === 'provider-1')!.payout
  const paidTo = async (epoch: number) =>
    (await readPayments(network, epoch)).find(({ payee }) => payee === payout)?.amount ?? 0n
  // While nobody else has a standing, the first device is paid what it was paid alone.
  expect(await paidTo(2)).toBe(await paidTo(1))
})
