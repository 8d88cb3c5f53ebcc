/** One endpoint of each host's three lies all the time, about one thing after the other: nothing that is paid depends on it. */
import { expect, it, onTestFinished } from 'vitest'
import { type Lie, lies } from '../helpers/lying-endpoint.ts'
import { createAuditor, paidEpochs } from './audit-network.ts'
import { startSimulation } from './virtual/simulation.ts'

const epochSeconds = 16
/** All lies are told within three epochs. */
const [epochs, epochsOfEarlyHeads] = process.env.KAISAR_LONG_SIMULATIONS === undefined ? [3, 1] : [5, 3]

async function play(epochs: number, told?: readonly Lie[]) {
  const simulation = await startSimulation({ seed: 2, epochSeconds, endpoints: 3, ...(told && { lies: told }) })
  onTestFinished(simulation.close)
  const { firstEpochAt, injected, events } = simulation
  const auditor = createAuditor(simulation)
  for (let epoch = 0; epoch < epochs; epoch++) {
    await simulation.until(firstEpochAt + epochSeconds * (epoch + 2))
    await auditor.audit(epoch)
  }
  const audit = await auditor.result()
  expect(audit).toMatchObject({ lost: [], absent: [], doubled: [], honestFailed: [], mispaid: [] })
  expect(paidEpochs(audit)).toEqual(Array.from({ length: epochs }, (_, epoch) => epoch))
  expect(events.filter(({ type }) => type === 'round.aborted' || type === 'round.missed')).toEqual([])
  return { injected, events }
}

it('an endpoint of three that forges, forks, stalls, replays or goes back in time changes no verdict and no payment', async () => {
  const { injected, events } = await play(epochs)
  // A beat is sampled a second after it began: a seat that saw it late by a stalled endpoint leaves it out as its own fault.
  const isOff = ({ type, verdict }: (typeof events)[number]) => type === 'check.completed' && verdict !== 'VALID'
  for (const { kind, verdict } of events.filter(isOff)) expect([kind, verdict]).toEqual(['beat', 'CHECKER_FAULT'])
  expect(lies.filter(lie => injected[lie] === undefined)).toEqual([])
})

it('an endpoint of three that shows a next block of its own before there is one ends no round early', async () => {
  const { injected, events } = await play(epochsOfEarlyHeads, ['early-head'])
  expect(injected['early-head']).toBeGreaterThan(25 * (epochsOfEarlyHeads + 1))
  const verdicts = events.filter(({ type }) => type === 'check.completed').map(({ verdict }) => verdict)
  expect(new Set(verdicts)).toEqual(new Set(['VALID']))
})
