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
const whole = 1
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

  /** Beats of an epoch that count, as most seats say. */
  const countedIn = (epoch: number) => {
    const said = events.filter(
      ({ type, ...of }) => type === 'beats.counted' && of.device === device.id && of.epoch === epoch,
    )
    const counts = said.map(({ results }) => (results as { counted?: number }).counted ?? 0).sort((a, b) => a - b)
    return counts[Math.floor(counts.length / 2)] ?? 0
  }

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
  const first = await standing()
  expect(first).toBeGreaterThan(0n)
  await secondsInto(whole + 1, 2)
  expect(stateAfter(ask(paused, { command: 'resume', device: null }))).toEqual(['working'])
  await secondsInto(whole + 1, 17)
  expect(await standing()).toBe(first)
  // The first slot is worked, the second is not; the pause ends by itself after the epoch's last round. Beats are where the draw has thrown
  // them: it is an epoch that has had one by then, after one whose beats all counted.
  let half = whole + 2
  for (; ; half++) {
    await secondsInto(half, 17)
    await auditor.audit(half - 1)
    if (countedIn(half - 1) === beats && beatsWith('VALID', half) > 0) break
  }
  const before = await standing()
  const after = half + 1
  ask(paused, { command: 'pause', device: device.id, forSeconds: 14 })
  for (const epoch of [half, after]) {
    await simulation.until((await getEpoch(network, epoch)).payAt + 4)
    await auditor.audit(epoch)
    if (epoch === half) expect(await standing()).toBe(before)
  }

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
  const [full, part] = await Promise.all([creditIn(half - 1), creditIn(half)])
  // Its rows take the same time always: it is credited the share of a whole epoch. A beat in a pause counts nothing: that share is the one of
  // the others, or the presence where that is less; and the epoch after is as if there had been no pause.
  const share = (epoch: number) => Math.floor((10_000 * countedIn(epoch)) / beats)
  expect(part).toBe((full * BigInt(Math.min(4_999, share(half)))) / 10_000n)
  expect(await creditIn(after)).toBe((full * BigInt(share(after))) / 10_000n)
  expect((await paidIn(half)) > 0n).toBe(part > 0n)
  expect(await auditor.result()).toMatchObject({ lost: [], doubled: [], mispaid: [] })
})
