/** Devices that join while an epoch lasts are judged and paid from the next one on, in whatever second they come, and dilute nobody. */
import { afterAll, expect, it } from 'vitest'
import { getDevice } from '../../src/core/chain/devices.ts'
import { getCohort } from '../../src/core/chain/epochs.ts'
import { readPayments } from '../../src/core/epoch/read-payments.ts'
import { createAuditor } from './audit-network.ts'
import { startSimulation } from './virtual/simulation.ts'

const epochSeconds = 16
/** Seconds into epoch 1 at which each of them starts, around its seed and up to the last moment, and in the first second of epoch 2. */
const joins = [1, 3, 7, 10, 12, 14.5, 16]
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
  const judgesOf = (device: string, epoch: number) => {
    const judged = events.filter(
      event =>
        event.type === 'check.completed' &&
        event.device === device &&
        event.epoch === epoch &&
        event.verdict === 'VALID',
    )
    return new Set(judged.map(({ seat }) => seat)).size
  }
  const { members } = await getCohort(network, 2, 0)
  const since = await Promise.all(registered.map(async id => (await getDevice(network, id as `0x${string}`))!.since))
  for (const [i, device] of registered.entries()) {
    expect(members.includes(device as `0x${string}`)).toBe(since[i] === 2)
    expect(judgesOf(device, 2)).toBe(since[i] === 2 ? 5 : 0)
    expect(judgesOf(device, 3)).toBe(5)
  }
  // Registered before the epoch began: all but those whose transaction came too late for it.
  expect(since.filter(epoch => epoch === 2).length).toBeGreaterThanOrEqual(5)
  expect(since.filter(epoch => epoch === 3).length).toBeGreaterThanOrEqual(1)
  const payout = roles.find(({ name }) => name === 'provider-1')!.payout
  const paidTo = async (epoch: number) =>
    (await readPayments(network, epoch)).find(({ payee }) => payee === payout)?.amount ?? 0n
  // While nobody else has a standing, the first device is paid what it was paid alone.
  expect(await paidTo(2)).toBe(await paidTo(1))
})
