/** A Provider that is away for half of an epoch's beats keeps the uptime of those that it was there for, and the other loses nothing. */
import { afterAll, expect, it } from 'vitest'
import { blockAt, readRounds } from '../../src/core/chain/blocks.ts'
import { getEpoch, getEpochRounds } from '../../src/core/chain/epochs.ts'
import { unpackOpening } from '../../src/core/epoch/opening.ts'
import { createAuditor } from './audit-network.ts'
import { chainEvidence, seatEvidence } from './seat-evidence.ts'
import { simulationParameters } from './simulation-parameters.ts'
import { startSimulation } from './virtual/simulation.ts'

/** Just long enough for so many beats. */
const [epochSeconds, beatsOfEpoch] = [40, 8]
const parameters = simulationParameters(epochSeconds, {
  phases: { commitSeconds: 4, openSeconds: 3, revealSeconds: 2, finalizeSeconds: 2 },
  rounds: { beats: beatsOfEpoch },
})
const away = 'provider-2'
const simulation = await startSimulation({ seed: 1, epochSeconds, parameters, restarts: ({ name }) => name !== away })
afterAll(simulation.close)

it('a Provider that leaves when half of an epoch’s beats are over has half of its uptime', async () => {
  const { network, roles, events, dataDir } = simulation
  const epoch = 0
  const deviceOf = (name: string) =>
    events.find(event => event.type === 'device.registered' && event.name === name)!.deviceId as string
  const checkers = roles.filter(({ kind }) => kind === 'checker')
  const told = (type: string, name: string) =>
    events.filter(event => event.type === type && event.kind === 'beat' && event.epoch === epoch && event.name === name)
      .length
  // Each seat judges two devices; none of the beats that were worked is still to be judged.
  const isOver = (beats: number) =>
    beats >= beatsOfEpoch / 2 && checkers.every(({ name }) => told('check.completed', name) === 2 * beats)
  await simulation.untilEvent(() => isOver(told('round.committed', away)), epochSeconds)
  const seen = told('round.committed', away)
  simulation.kill(away)
  await simulation.until((await getEpoch(network, epoch)).payAt + 4)

  const rounds = (await getEpochRounds(network, epoch))!
  const beats = (await readRounds(network, rounds, await blockAt(network)))!.filter(({ kind }) => kind === 'beat')
  expect(beats).toHaveLength(beatsOfEpoch)
  expect(seen).toBeLessThanOrEqual(5)
  const onChain = await chainEvidence(network, epoch)
  const seats = await Promise.all(checkers.map(role => seatEvidence(network, dataDir, role, onChain)))
  const uptimesOf = (name: string) =>
    seats.map(({ duty, words }) => {
      const { cohort, lane } = duty.devices.find(({ deviceId }) => deviceId === deviceOf(name))!
      return unpackOpening(words.get(cohort)!).lanes[lane]!.uptime
    })
  expect(uptimesOf(away)).toEqual(Array(5).fill((10_000 * seen) / beatsOfEpoch))
  expect(uptimesOf('provider-1')).toEqual(Array(5).fill(10_000))
  const missed = seats.flatMap(({ verdicts }) =>
    verdicts.filter(each => each.kind === 'beat' && each.deviceId === deviceOf(away) && each.verdict !== 'VALID'),
  )
  expect(missed).toHaveLength(5 * (beatsOfEpoch - seen))
  // One that was offered just before it left has another reason.
  const reasons = missed.map(({ verdict, reason }) => `${verdict} ${reason}`)
  expect(reasons).toContain('OFFLINE NO_SESSION')
  expect(reasons.filter(each => !/^(OFFLINE NO_SESSION|TIMEOUT NO_COMMITMENT)$/.test(each))).toEqual([])

  const auditor = createAuditor(simulation)
  await auditor.audit(epoch)
  expect(await auditor.result()).toMatchObject({ lost: [], doubled: [], mispaid: [], honestFailed: [] })
})
