import { createTestClient, http, publicActions, walletActions } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { foundry } from 'viem/chains'
import { type AnvilOptions, startAnvil } from '../../src/core/devnet/anvil.ts'
import { endWithScope } from '../setup/file-scope.ts'

const mnemonic = 'test test test test test test test test test test test junk'

/** The development account that anvil funds at this index. */
export const devAccount = (index: number) => mnemonicToAccount(mnemonic, { addressIndex: index })

/** Starts anvil, and stops it at the end of the test that asked for it, or else of the file; `client` mines, sets and reads everything. */
export async function anvilForTests(options: AnvilOptions = {}) {
  const anvil = await startAnvil({ hardfork: 'prague', ...options })
  endWithScope(() => anvil.stop())
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
