import { createTestClient, http, publicActions, walletActions } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { foundry } from 'viem/chains'
import { afterAll } from 'vitest'
import { type AnvilOptions, startAnvil } from '../../src/core/devnet/anvil.ts'

const mnemonic = 'test test test test test test test test test test test junk'

/** The development account that anvil funds at this index. */
export const devAccount = (index: number) => mnemonicToAccount(mnemonic, { addressIndex: index })

/** Starts anvil for a test file and stops it at the end; `client` mines, sets and reads everything. */
export async function anvilForTests(options: AnvilOptions = {}) {
  const anvil = await startAnvil({ hardfork: 'prague', ...options })
  afterAll(() => anvil.stop())
  const client = createTestClient({
    mode: 'anvil',
    chain: foundry,
    transport: http(anvil.rpcUrl),
    cacheTime: 0,
    pollingInterval: 20,
  })
    .extend(publicActions)
    .extend(walletActions)
  return { ...anvil, client }
}
