import { createTestClient, publicActions, walletActions } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { foundry } from 'viem/chains'
import { type AnvilOptions, startAnvil } from '../../src/core/devnet/anvil.ts'
import { endWithScope } from '../setup/file-scope.ts'
import { transportOver } from './json-rpc.ts'

const mnemonic = 'test test test test test test test test test test test junk'

const devAccounts: ReturnType<typeof mnemonicToAccount>[] = []

/** The development account that anvil funds at this index. */
export function devAccount(index: number) {
  // Deriving one takes 20 ms.
  devAccounts[index] ??= mnemonicToAccount(mnemonic, { addressIndex: index })
  return devAccounts[index]
}

/** Starts anvil, and stops it at the end of the test that asked for it, or else of the file; `client` mines, sets and reads everything. */
export async function anvilForTests(options: AnvilOptions = {}) {
  const anvil = await startAnvil({ hardfork: 'prague', ...options })
  endWithScope(() => anvil.stop())
  const client = createTestClient({
    mode: 'anvil',
    chain: foundry,
    transport: transportOver(anvil.rpcUrl),
    cacheTime: 0,
    pollingInterval: 20,
  })
    .extend(publicActions)
    .extend(walletActions)
  return { ...anvil, client }
}
