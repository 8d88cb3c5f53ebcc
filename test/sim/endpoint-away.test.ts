/** Every daemon is started while one of its endpoints is away, and it stays away: with one other or two all goes on as with all of them. */
import { expect, it, onTestFinished } from 'vitest'
import { createAuditor, paidEpochs } from './audit-network.ts'
import { startSimulation } from './virtual/simulation.ts'

const epochSeconds = 16
const epochs = process.env.KAISAR_LONG_SIMULATIONS === undefined ? 1 : 2

it.each([2, 3])(
  'of %i endpoints one is away from the start: every round is judged and every device is paid',
  async endpoints => {
    const simulation = await startSimulation({ seed: 4, epochSeconds, endpoints, isOneAway: true })
    onTestFinished(simulation.close)
    const { firstEpochAt, events, until } = simulation
    const auditor = createAuditor(simulation)
    for (let epoch = 0; epoch < epochs; epoch++) {
      await until(firstEpochAt + epochSeconds * (epoch + 2))
      await auditor.audit(epoch)
    }
    const audit = await auditor.result()
    expect(audit).toMatchObject({ lost: [], absent: [], doubled: [], honestFailed: [], mispaid: [] })
    expect(paidEpochs(audit)).toEqual(Array.from({ length: epochs }, (_, epoch) => epoch))
    const told = (wanted: string) => events.filter(({ type }) => type === wanted)
    expect(told('round.committed').length).toBeGreaterThan(0)
    expect([...told('round.aborted'), ...told('round.missed')]).toEqual([])
    expect(new Set(told('check.completed').map(({ verdict }) => verdict))).toEqual(new Set(['VALID']))
  },
)
