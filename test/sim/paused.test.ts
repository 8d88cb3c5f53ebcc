/** An owner pauses his device: over one epoch and over a half of another. It costs him the pay of what he left out, and no standing. */
import { afterAll, expect, it } from 'vitest'
import { epochConsensusAbi } from '../../src/core/chain/abis.ts'
import { getDevices } from '../../src/core/chain/devices.ts'
import { getEpoch } from '../../src/core/chain/epochs.ts'
import { readPayments } from '../../src/core/epoch/read-payments.ts'
import { createAuditor } from './audit-network.ts'
import { simulationParameters } from './simulation-parameters.ts'
import { startSimulation } from './virtual/simulation.ts'

const epochSeconds = 32
// Two slots of sixteen seconds: a pause over one of them leaves a round of each kind.
const parameters = simulationParameters(epochSeconds, {
  phases: { commitSeconds: 4, openSeconds: 3, revealSeconds: 2, finalizeSeconds: 2 },
  rounds: { slots: 2, cutoffSeconds: 12 },
})
const simulation = await startSimulation({ seed: 1, epochSeconds, parameters })
afterAll(simulation.close)

const paused = 'provider-2'
const [whole, half, after] = [1, 2, 3]
/** An epoch's, by the preset. */
const beats = 4

it('a pause over an epoch pays nothing and leaves the standing, one over half pays half and leaves it too', async () => {
  const { network, roles, events, firstEpochAt, ask } = simulation
  const secondsInto = (epoch: number, seconds: number) =>
    simulation.until(firstEpochAt + epoch * epochSeconds + seconds)
  const operator = roles.find(({ name }) => name === paused)!.operator
  const device = (await getDevices(network)).find(each => each.operator === operator)!
  const auditor = createAuditor(simulation)
  const standing = () =>
    network.chain.client.readContract({
      address: network.contracts.EpochConsensus,
      abi: epochConsensusAbi,
      functionName: 'standing',
      args: [device.id],
    })
  const stateAfter = (answer: unknown) => (answer as { devices: { state: string }[] }).devices.map(({ state }) => state)

  // In the middle of a round: it finishes that one first.
  await simulation.untilEvent(
    ({ type, name, epoch }) => type === 'round.committed' && name === paused && epoch === whole - 1,
    90,
  )
  await secondsInto(whole - 1, 28.5)
  expect(stateAfter(ask(paused, { command: 'pause', device: null, forSeconds: null }))).toEqual(['finishing'])
  await secondsInto(whole, 1)
  expect(stateAfter(ask(paused, { command: 'states' }))).toEqual(['paused'])
  // A restart forgets no pause.
  simulation.kill(paused)
  await secondsInto(whole, 31)
  await auditor.audit(whole - 1)
  await secondsInto(half, 2)
  const before = await standing()
  expect(before).toBeGreaterThan(0n)
  expect(stateAfter(ask(paused, { command: 'resume', device: null }))).toEqual(['working'])
  // The first slot is worked, the second is not; the pause ends by itself after the epoch's last round.
  await secondsInto(half, 17)
  ask(paused, { command: 'pause', device: device.id, forSeconds: 14 })
  for (const epoch of [whole, half, after]) {
    await simulation.until((await getEpoch(network, epoch)).payAt + 4)
    await auditor.audit(epoch)
  }

  const ofDevice = (type: string, epoch: number) =>
    events.filter(
      event => event.type === type && event.epoch === epoch && event.name === paused && event.kind !== 'beat',
    )
  const verdictsOf = (epoch: number, isBeat: boolean) =>
    events.filter(
      event =>
        event.type === 'check.completed' &&
        event.device === device.id &&
        event.epoch === epoch &&
        (event.kind === 'beat') === isBeat,
    )
  const beatsWith = (verdict: string, epoch: number) =>
    new Set(verdictsOf(epoch, true).flatMap(event => (event.verdict === verdict ? [event.round] : []))).size
  expect(ofDevice('round.busy', whole)).toHaveLength(4 + beats)
  expect(ofDevice('round.busy', half)).toHaveLength(2 + beatsWith('BUSY', half))
  expect(ofDevice('round.committed', whole - 1)).toHaveLength(4)
  expect(ofDevice('round.committed', half)).toHaveLength(2)
  expect(ofDevice('round.committed', after)).toHaveLength(4)
  const verdictsIn = (epoch: number) => verdictsOf(epoch, false)
  expect(
    [...verdictsIn(whole), ...verdictsOf(whole, true)].map(({ verdict, reason }) => `${verdict} ${reason}`),
  ).toEqual(Array(20 + 5 * beats).fill('BUSY DEVICE_BUSY'))
  expect(beatsWith('BUSY', half) + beatsWith('VALID', half)).toBe(beats)
  expect(verdictsIn(half).filter(({ verdict }) => verdict === 'BUSY')).toHaveLength(10)
  expect(verdictsIn(half).filter(({ verdict }) => verdict === 'VALID')).toHaveLength(10)

  const payout = roles.find(({ name }) => name === paused)!.payout
  const paidIn = async (epoch: number) =>
    (await readPayments(network, epoch)).find(({ payee }) => payee === payout)?.amount ?? 0n
  expect(await paidIn(whole)).toBe(0n)
  const creditIn = async (epoch: number) =>
    network.chain.client.readContract({
      address: network.contracts.EpochConsensus,
      abi: epochConsensusAbi,
      functionName: 'creditOf',
      args: [BigInt(epoch), device.lane],
    })
  const [full, part] = await Promise.all([creditIn(after), creditIn(half)])
  // Its rows take the same time always: what it shows of itself is the same in every epoch, and so is the standing.
  expect(full).toBe(before)
  // A beat in a pause counts nothing: its uptime is the share of the others, or its presence where that is less.
  const uptime = Math.min(4_999, Math.floor((10_000 * beatsWith('VALID', half)) / beats))
  expect(part).toBe((full * BigInt(uptime)) / 10_000n)
  expect(await paidIn(half)).toBeGreaterThan(0n)
  expect(await standing()).toBe(before)
  expect(await auditor.result()).toMatchObject({ lost: [], doubled: [], mispaid: [] })
})
