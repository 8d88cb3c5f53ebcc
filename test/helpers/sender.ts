import type { LocalAccount } from 'viem'
import type { Chain } from '../../src/core/chain/client.ts'
import {
  createTransactionSender,
  type SenderDependencies,
  type SenderOptions,
} from '../../src/core/chain/tx/transaction-sender.ts'
import { transactionTables } from '../../src/core/chain/tx/transaction-store.ts'
import type { KaisarError } from '../../src/core/platform/errors.ts'
import { openStore } from '../../src/core/platform/store.ts'
import { endWithScope } from '../setup/file-scope.ts'

/** A sender with a store of its own (in memory, unless a path is given) and a list of what troubled it. */
export function senderForTests(
  chain: Chain,
  account: LocalAccount,
  options: SenderOptions & { readonly path?: string } = {},
  dependencies: Partial<SenderDependencies> = {},
) {
  const store = openStore({ path: options.path ?? ':memory:', migrations: [transactionTables] })
  const troubles: KaisarError[] = []
  const sender = createTransactionSender(
    { pollMs: 20, ...options },
    { chain, account, store, onTrouble: error => troubles.push(error), ...dependencies },
  )
  // Before its chain, which was started earlier.
  endWithScope(sender.stop)
  return { sender, store, account, troubles }
}
