/** One Checker of five always lies, one Provider always cheats: everybody is paid what the honest seats' evidence says. */
import { afterAll, expect, it } from 'vitest'
import { getCohort } from '../../src/core/chain/epochs.ts'
import { createAuditor } from './audit-network.ts'
import { startFaultyDevnet } from './faulty-devnet.ts'

const faulty = await startFaultyDevnet({ alterations: { 'checker-3': 'lies', 'provider-2': 'cheats' } })
const dishonest = ['checker-3', 'provider-2']
afterAll(() => faulty.close())

it('false-failing an honest Provider: it loses nothing, the liar loses agreement, the cheat is paid nothing', async () => {
  const { devnet } = faulty
  const epochs = await devnet.paidEpochs(2)
  const [honest, cheat] = devnet.roles.filter(({ kind }) => kind === 'provider')
  const liar = devnet.roles.find(({ name }) => name === 'checker-3')!

  const auditor = createAuditor({ ...faulty.devnet, dataDir: faulty.dataDir, dishonest })
  await auditor.audit(1)
  const audit = await auditor.result()
  // Payments equal, to the wei, a tally of the honest seats' evidence alone.
  expect(audit).toMatchObject({ lost: [], doubled: [], honestFailed: [], mispaid: [] })
  for (const { epoch, payments } of epochs) {
    const paid = payments.filter(({ amount }) => amount > 0n)
    expect(paid.map(({ payout }) => payout)).toEqual([honest!.payout])
    const owed = [...audit.expected.get(epoch)!.values()].reduce((sum, amount) => sum + amount, 0n)
    expect(paid[0]!.amount).toBe(owed)
    const { seats, agreed } = await getCohort(devnet.network, epoch, 0)
    const liarSeat = seats!.indexOf(liar.operator)
    // It says WRONG of both devices, which is true of the cheat: of two lanes it agrees in one.
    expect(agreed[liarSeat]).toBeLessThanOrEqual(1)
    expect(Math.max(...agreed)).toBe(2)
  }
  expect((await devnet.balances())[cheat!.payout]).toBe(0n)
  // Each honest seat found the cheat out by itself.
  const caught = faulty.events.flatMap(event =>
    event.type === 'check.completed' && event.verdict === 'WRONG' ? [event.seat as string] : [],
  )
  expect(new Set(caught).size).toBeGreaterThanOrEqual(4)
})
