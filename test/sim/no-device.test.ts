/** Five Checkers and no device: epochs pass, cost nothing, and do not keep the first device from being paid. */
import { afterAll, expect, it } from 'vitest'
import { getEpoch } from '../../src/core/chain/epochs.ts'
import { getVaultBooks } from '../../src/core/chain/kai.ts'
import { readPayments } from '../../src/core/epoch/read-payments.ts'
import { createAuditor } from './audit-network.ts'
import { startSimulation } from './virtual/simulation.ts'

const simulation = await startSimulation({ seed: 1, providers: 1, later: ['provider-1'] })
afterAll(simulation.close)

it('epochs without a device pay nobody and reserve nothing; the device that comes then is paid in the next', async () => {
  const { network, firstEpochAt, roles } = simulation
  const auditor = createAuditor(simulation)
  const before = await getVaultBooks(network)
  await simulation.until(firstEpochAt + 16 + 8)
  expect((await getEpoch(network, 0)).members).toBe(0)
  simulation.start('provider-1')
  await simulation.until((await getEpoch(network, 1)).payAt + 4)
  expect(await readPayments(network, 0)).toEqual([])
  expect(await getVaultBooks(network)).toMatchObject({ balance: before.balance, liability: 0n, paid: 0n })

  await simulation.until((await getEpoch(network, 2)).payAt + 6)
  await auditor.audit(2)
  expect(await auditor.result()).toMatchObject({ lost: [], mispaid: [], honestFailed: [] })
  const payout = roles.find(({ kind }) => kind === 'provider')!.payout
  expect((await readPayments(network, 2)).filter(({ payee }) => payee === payout)).toHaveLength(1)
})
