/** Real processes of a devnet fall and are brought back, as an init system would: epochs are judged and paid as the oracle says. */
import { afterAll, expect, it } from 'vitest'
import { createAuditor } from './audit-network.ts'
import { startFaultyDevnet } from './processes/faulty-devnet.ts'

const faulty = await startFaultyDevnet()
afterAll(() => faulty.close())

it('a Checker and a Provider that end between recording and saying come back by themselves, and both are paid for the next epoch', async () => {
  const { devnet, restarts } = faulty
  // One of each; every other point is in crash-points.test.ts, on virtual time.
  faulty.arm(['provider.commitment-recorded', 'checker.verdict-recorded'])
  const epochs = await devnet.paidEpochs(2)
  expect(faulty.armed(), 'points that nobody came to').toEqual([])
  const fallen = devnet.roles.filter(({ name }) => restarts.has(name))
  expect(fallen.map(({ kind }) => kind).sort()).toEqual(['checker', 'provider'])
  expect([...restarts.values()]).toEqual([1, 1])
  const payouts = devnet.roles.filter(({ kind }) => kind === 'provider').map(({ payout }) => payout)
  expect(epochs[1]!.payments.map(({ payout }) => payout).sort()).toEqual([...payouts].sort())
  const auditor = createAuditor({ ...devnet, dataDir: faulty.dataDir })
  await auditor.audit(1)
  expect(await auditor.result()).toMatchObject({ lost: [], doubled: [], honestFailed: [], mispaid: [] })
})
