/** A Provider that is away for half of an epoch keeps the uptime of the beats that it was there for, and the other loses nothing. */
import { afterAll, expect, it } from 'vitest'
import { getEpochRounds } from '../../src/core/chain/epochs.ts'
import { blockAt, readRounds } from '../../src/core/chain/read-rounds.ts'
import { unpackOpening } from '../../src/core/epoch/opening.ts'
import { createAuditor } from './audit-network.ts'
import { seatEvidence } from './seat-evidence.ts'
import { startSimulation } from './virtual/simulation.ts'

/** Eight beats, and all rounds of the slot in the first half. */
const epochSeconds = 64
const away = 'provider-2'
const simulation = await startSimulation({ seed: 1, epochSeconds, restarts: ({ name }) => name !== away })
afterAll(simulation.close)

it('a Provider that is away for the second half of an epoch has the uptime of the first', async () => {
  const { network, roles, events, firstEpochAt, dataDir } = simulation
  const epoch = 1
  const startsAt = firstEpochAt + epoch * epochSeconds
  await simulation.until(startsAt + epochSeconds / 2)
  simulation.kill(away)
  await simulation.until(startsAt + epochSeconds)
  const rounds = (await getEpochRounds(network, epoch))!
  const beats = (await readRounds(network, rounds, await blockAt(network)))!.filter(({ kind }) => kind === 'beat')
  expect(beats).toHaveLength(8)
  await simulation.until(startsAt + 2 * epochSeconds - 1)

  const deviceOf = (name: string) =>
    events.find(event => event.type === 'device.registered' && event.name === name)!.deviceId as string
  const seats = await Promise.all(
    roles.filter(({ kind }) => kind === 'checker').map(role => seatEvidence(network, dataDir, role, epoch)),
  )
  const uptimesOf = (name: string) =>
    seats.map(({ duty, words }) => {
      const { cohort, lane } = duty.devices.find(({ deviceId }) => deviceId === deviceOf(name))!
      return unpackOpening(words.get(cohort)!).lanes[lane]!.uptime
    })
  // A beat whose openings were still to come when it went is lost too.
  const isSeen = (before: number) => beats.filter(({ timestamp }) => timestamp <= startsAt + before).length
  const [certain, most] = [isSeen(epochSeconds / 2 - 2), isSeen(epochSeconds / 2)]
  const [uptime, ...others] = uptimesOf(away)
  expect(others).toEqual(others.map(() => uptime))
  expect(uptime).toBeGreaterThanOrEqual((10_000 * certain) / 8)
  expect(uptime).toBeLessThanOrEqual((10_000 * most) / 8)
  expect(Math.abs(uptime! - 5_000)).toBeLessThanOrEqual(2_500)
  expect(uptimesOf('provider-1')).toEqual(Array(5).fill(10_000))
  const reasons = seats.flatMap(({ verdicts }) =>
    verdicts.filter(
      ({ kind, deviceId, verdict }) => kind === 'beat' && deviceId === deviceOf(away) && verdict !== 'VALID',
    ),
  )
  expect(new Set(reasons.map(({ reason }) => reason))).toContain('NO_SESSION')

  const auditor = createAuditor(simulation)
  await auditor.audit(epoch)
  expect(await auditor.result()).toMatchObject({ lost: [], doubled: [], mispaid: [], honestFailed: [] })
})
