/** One Checker of five always lies, one Provider always cheats: everybody is paid what the honest seats' evidence says. */
import { afterAll, expect, it } from 'vitest'
import { getCohort, getEpoch } from '../../src/core/chain/epochs.ts'
import { readPayments } from '../../src/core/epoch/read-payments.ts'
import { createAuditor } from './audit-network.ts'
import { startSimulation } from './virtual/simulation.ts'

const dishonest = ['checker-3', 'provider-2']
const simulation = await startSimulation({ seed: 1, alterations: { 'checker-3': 'lies', 'provider-2': 'cheats' } })
afterAll(simulation.close)

it('an honest Provider that one seat calls wrong loses nothing, the liar loses agreement, a cheat is paid nothing', async () => {
  const { network, roles, events } = simulation
  const epochs = [0, 1]
  await simulation.until((await getEpoch(network, 1)).payAt + 4)
  const [honest, cheat] = roles.filter(({ kind }) => kind === 'provider')
  const liar = roles.find(({ name }) => name === 'checker-3')!

  const auditor = createAuditor({ ...simulation, dishonest })
  await auditor.audit(1)
  const audit = await auditor.result()
  // Payments equal, to the wei, a tally of the honest seats' evidence alone.
  expect(audit).toMatchObject({ lost: [], doubled: [], honestFailed: [], mispaid: [] })
  for (const epoch of epochs) {
    const paid = (await readPayments(network, epoch)).filter(({ kind, amount }) => kind === 'device' && amount > 0n)
    expect(paid.map(({ payee }) => payee)).toEqual([honest!.payout])
    const owed = [...audit.expected.get(epoch)!.values()].reduce((sum, amount) => sum + amount, 0n)
    expect(paid[0]!.amount).toBe(owed)
    expect(paid.map(({ payee }) => payee)).not.toContain(cheat!.payout)
    const { seats, agreed } = await getCohort(network, epoch, 0)
    const liarSeat = seats!.indexOf(liar.operator)
    // It says WRONG of both devices, which is true of the cheat: of two lanes it agrees in one.
    expect(agreed[liarSeat]).toBeLessThanOrEqual(1)
    expect(Math.max(...agreed)).toBe(2)
  }
  // Each honest seat found the cheat out by itself.
  const caught = events.flatMap(({ type, verdict, seat }) =>
    type === 'check.completed' && verdict === 'WRONG' ? [seat as string] : [],
  )
  expect(new Set(caught).size).toBeGreaterThanOrEqual(4)
})
