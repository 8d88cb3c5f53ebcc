/** Whoever vanishes or misbehaves, the others are paid, epochs go on, and who comes back takes part again. */
import { afterAll, expect, it } from 'vitest'
import { getChecker } from '../../src/core/chain/checkers.ts'
import { getEpoch } from '../../src/core/chain/epochs.ts'
import { readPayments } from '../../src/core/epoch/read-payments.ts'
import { createAuditor } from './audit-network.ts'
import { type SimulationEvent, startSimulation } from './virtual/simulation.ts'

const away = new Set<string>()
// Two hosts keep wrong time all along: every deadline is block time, so it must not matter.
const simulation = await startSimulation({
  seed: 1,
  alterations: { 'provider-1': 'clock+1h', 'checker-4': 'clock-1h' },
  restarts: ({ name }) => !away.has(name),
})
afterAll(simulation.close)

const isWorkedIn = (epoch: number) => (event: SimulationEvent) =>
  event.type === 'round.committed' && event.epoch === epoch

it('a Checker that vanishes in a round and a Provider killed in an epoch harm nobody else, and both take part again', async () => {
  const { network, roles, events, restarts } = simulation
  await simulation.untilEvent(isWorkedIn(0), 60)
  away.add('checker-2')
  simulation.kill('checker-2')
  const url = events.find(({ type, name }) => type === 'checker.listening' && name !== 'checker-2')!.url as string
  const { transport } = simulation.stranger('stranger')
  // Somebody who is let in by nobody: the handshake's deadline ends it.
  const stranger = await transport.dial({ url, expectedCertificateHash: await certificateAt(url) })

  // It was away while the round was judged, which is its own fault and nobody else's; its commitment says so.
  const { timestamp } = await network.chain.client.getBlock()
  await simulation.until(Number(timestamp) + 4)
  simulation.bringBack('checker-2')
  await simulation.untilEvent(isWorkedIn(1), 60)
  simulation.kill('provider-2')
  await simulation.until((await getEpoch(network, 2)).payAt + 4)
  expect(stranger.closed).toBe(true)

  const [one, two] = roles.filter(({ kind }) => kind === 'provider').map(({ payout }) => payout)
  const paidIn = async (epoch: number) => (await readPayments(network, epoch)).map(({ payee }) => payee)
  for (const epoch of [0, 1, 2]) expect(await paidIn(epoch)).toContain(one)
  // In the epoch after its death it works whole rounds again.
  expect(await paidIn(2)).toContain(two)
  expect(restarts.get('provider-2')).toBe(1)

  const auditor = createAuditor(simulation)
  await auditor.audit(2)
  expect(await auditor.result()).toMatchObject({ lost: [], doubled: [], honestFailed: [], mispaid: [] })
  expect((await getEpoch(network, 2)).totals.unpaid).toBe(0)
  const judged = events.filter(
    ({ type, name, epoch }) => type === 'check.completed' && name === 'checker-2' && epoch === 2,
  )
  expect(judged.length).toBeGreaterThan(0)
})

async function certificateAt(url: string) {
  const { network, roles, events } = simulation
  const { name } = events.find(event => event.type === 'checker.listening' && event.url === url)!
  return (await getChecker(network, roles.find(role => role.name === name)!.operator))!.certificateHash
}
