/** How another project tests against a real network: two epochs of real work, in its own test runner. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDevnet } from 'kaisar/devnet'
import { expect, it } from 'vitest'

it('pays a Provider for its work', { timeout: 180_000 }, async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'devnet-'))
  const devnet = await startDevnet({ dataDir, providers: 1 })
  try {
    const [first] = await devnet.paidEpochs(1)
    expect(first?.payments).toHaveLength(1)
    const { payout, amount } = first!.payments[0]!
    expect(await devnet.balances()).toEqual({ [payout]: amount })
  } finally {
    await devnet.stop()
    rmSync(dataDir, { recursive: true })
  }
})
