/**
 * Epochs without a device, the first one, those that join in whatever second of an epoch, and then around the edge of one: new certificates, new drivers, a
 * Checker's new certificate, and a device that leaves. Real processes do the same, by commands, in `npm run network:by-hand`.
 */
import { type Hex, numberToHex } from 'viem'
import { afterAll, expect, it } from 'vitest'
import { getChecker } from '../../src/core/chain/checkers.ts'
import { getDevice } from '../../src/core/chain/devices.ts'
import { getCohort, getEpoch } from '../../src/core/chain/epochs.ts'
import { getVaultBooks } from '../../src/core/chain/kai.ts'
import { callOf } from '../../src/core/chain/read.ts'
import { readPayments } from '../../src/core/epoch/read-payments.ts'
import { createAuditor } from './audit-network.ts'
import { identityOf, startSimulation } from './virtual/simulation.ts'

const epochSeconds = 16
/** Seconds into an epoch at which each of them starts, around its seed and up to the last moment, and in the first second of the next. */
const joins = process.env.KAISAR_LONG_SIMULATIONS === undefined ? [1, 10, 14.5, 16] : [1, 3, 7, 10, 12, 14.5, 16]
const names = joins.map((_, i) => `provider-${i + 2}`)
const [first, renewing, updating] = [
  'provider-1',
  ['provider-1', 'provider-2', 'checker-2'],
  ['provider-3', 'provider-4'],
]
const simulation = await startSimulation({
  ...{ seed: 1, epochSeconds, providers: 1 + joins.length, later: [first, ...names], renewing, updating },
})
afterAll(simulation.close)

const { network, roles, events, firstEpochAt, chain, until } = simulation
const auditor = createAuditor(simulation)
const secondOf = (epoch: number, second: number) => until(firstEpochAt + epochSeconds * epoch + second)
const roleOf = (name: string) => roles.find(each => each.name === name)!
const paidTo = async (name: string, epoch: number) =>
  (await readPayments(network, epoch)).find(({ payee }) => payee === roleOf(name).payout)?.amount ?? 0n
const deviceOf = (name: string) =>
  events.find(event => event.type === 'device.registered' && event.name === name)!.deviceId as Hex
const judgesOf = (device: string, epoch: number) => {
  const isVerdict = ({ type, ...of }: (typeof events)[number]) =>
    type === 'check.completed' && of.device === device && of.epoch === epoch && of.verdict === 'VALID'
  return new Set(events.filter(isVerdict).map(({ seat }) => seat)).size
}
const allIsWell = { lost: [], doubled: [], mispaid: [], unjudged: [] }

it('epochs without a device pay nobody and reserve nothing; the device that comes then is paid in the next', async () => {
  const before = await getVaultBooks(network)
  await secondOf(1, 8)
  expect((await getEpoch(network, 0)).members).toBe(0)
  simulation.start(first)
  await until((await getEpoch(network, 1)).payAt + 4)
  await auditor.audit(1)
  expect(await readPayments(network, 0)).toEqual([])
  expect(await getVaultBooks(network)).toMatchObject({ balance: before.balance, liability: 0n, paid: 0n })
})

it('whoever joins in any second of an epoch is judged by every seat in the next, and takes nothing from others', async () => {
  for (const [i, second] of joins.entries()) {
    await secondOf(3, second)
    simulation.start(names[i]!)
  }
  await auditor.audit(2)
  expect(await paidTo(first, 2)).toBeGreaterThan(0n)
  expect(await auditor.result()).toMatchObject({ ...allIsWell, honestFailed: [] })
  await secondOf(4, 14)
  const registered = names.map(deviceOf)
  const { members } = await getCohort(network, 4, 0)
  const since = await Promise.all(registered.map(async id => (await getDevice(network, id))!.since))
  for (const [i, device] of registered.entries()) {
    expect(members.includes(device)).toBe(since[i] === 4)
    expect(judgesOf(device, 4)).toBe(since[i] === 4 ? 5 : 0)
  }
  // Registered before the epoch began: all but those whose transaction came too late for it.
  expect(since.filter(epoch => epoch === 4).length).toBeGreaterThanOrEqual(joins.length - 2)
  expect(since.filter(epoch => epoch === 5).length).toBeGreaterThanOrEqual(1)
})

it('who changes or leaves around the edge of an epoch is judged and paid what the oracle says', async () => {
  const leaver = names.at(-1)!
  const registrations = () =>
    Promise.all([first, ...names].map(async name => (await getDevice(network, deviceOf(name)))!))
  const before = await registrations()
  await secondOf(4, 15)
  for (const name of ['provider-2', 'provider-3', 'checker-2']) simulation.terminate(name)
  await secondOf(5, 0)
  for (const name of ['provider-1', 'provider-4']) simulation.terminate(name)
  await leave(leaver)
  await secondOf(6, -1)
  await auditor.audit(4)
  // While nobody else has a standing, the first device is paid what it was paid alone.
  expect(await paidTo(first, 4)).toBe(await paidTo(first, 3))
  for (const epoch of [5, 6]) {
    await secondOf(epoch + 2, -1)
    await auditor.audit(epoch)
  }
  expect(await auditor.result()).toMatchObject({ ...allIsWell, absent: [], honestFailed: [] })
  const changes = (await registrations()).map(({ generation, record: now }, i) => {
    const { record: then } = before[i]!
    const [certificate, driver] = [now.certificateHash !== then.certificateHash, now.deviceHash !== then.deviceHash]
    return { generation, certificate, driver }
  })
  const renewed = { generation: 2, certificate: true, driver: false }
  const updated = { generation: 2, certificate: false, driver: true }
  expect(changes.slice(0, 4)).toEqual([renewed, renewed, updated, updated])
  expect((await getChecker(network, roleOf('checker-2').operator))!.certificateHash).toBe(
    identityOf({ name: 'checker-2' }, 1).certificateHash,
  )
  for (const name of [first, ...names]) {
    expect(judgesOf(deviceOf(name), 5)).toBe(5)
    expect(judgesOf(deviceOf(name), 6)).toBe(name === leaver ? 0 : 5)
  }
})

/** By its operator, beside its daemon, which goes on. */
async function leave(name: string) {
  const { to, data } = callOf(network.contracts, 'DeviceRegistry', 'requestExit', deviceOf(name))
  const from = roleOf(name).operator
  await chain.rpc('anvil_impersonateAccount', [from])
  await chain.rpc('eth_sendTransaction', [{ from, to, data, gas: numberToHex(500_000) }])
}
