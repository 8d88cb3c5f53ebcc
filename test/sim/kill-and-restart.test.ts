/** Real processes of a devnet are killed and brought back, as an init system would: epochs are judged and paid as the oracle says. */
import { afterAll, expect, it } from 'vitest'
import { createAuditor } from './audit-network.ts'
import { startFaultyDevnet } from './processes/faulty-devnet.ts'

const faulty = await startFaultyDevnet()
afterAll(() => faulty.close())

it('a Checker and a Provider killed with SIGKILL come back by themselves, and both are paid for the next epoch', async () => {
  const { devnet, restarts, events } = faulty
  const hasWorked = (name: string) =>
    events.some(event => event.type === 'daemon.event' && event.name === name && event.event.type === 'round.committed')
  await expect.poll(() => hasWorked('provider-2'), { timeout: 60_000 }).toBe(true)
  for (const name of ['checker-2', 'provider-2']) devnet.daemon(name).kill('SIGKILL')
  const epochs = await devnet.paidEpochs(2)
  expect([...restarts].sort()).toEqual([
    ['checker-2', 1],
    ['provider-2', 1],
  ])
  const payouts = devnet.roles.filter(({ kind }) => kind === 'provider').map(({ payout }) => payout)
  expect(epochs[1]!.payments.map(({ payout }) => payout).sort()).toEqual([...payouts].sort())
  const auditor = createAuditor({ ...devnet, dataDir: faulty.dataDir })
  await auditor.audit(1)
  expect(await auditor.result()).toMatchObject({ lost: [], doubled: [], honestFailed: [], mispaid: [] })
})
