/** Found by the monkey: an endpoint that fails while a mined transaction becomes final must not make it be sent again. */
import { expect, test } from 'vitest'
import { connectChain } from '../../../src/core/chain/client.ts'
import { createTransactionSender } from '../../../src/core/chain/tx/transaction-sender.ts'
import { transactionTables } from '../../../src/core/chain/tx/transaction-store.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { noteBoard } from '../../helpers/note-board.ts'
import { startRpcProxy } from '../../helpers/rpc-proxy.ts'

const board = await noteBoard()

test('a receipt about which no endpoint answers is in doubt, not missing', async () => {
  const proxy = await startRpcProxy({ target: board.anvil.rpcUrl })
  const chain = await connectChain({ rpcUrls: [proxy.url] })
  const store = openStore({ path: ':memory:', migrations: [transactionTables] })
  const sender = createTransactionSender({ watchBlocks: 4, pollMs: 20 }, { chain, account: board.account, store })
  await sender.send(board.note(7))

  const mend = proxy.inject({ fault: 'server-error', method: 'eth_getTransactionReceipt' })
  // Past the depth at which a nonce counts as decided, block by block, while receipts cannot be read.
  for (let block = 0; block < 8; block++) {
    await board.anvil.client.mine({ blocks: 1 })
    await sender.pass().catch(() => undefined)
  }
  expect(proxy.injected['server-error']).toBeGreaterThan(0)
  mend()
  await board.anvil.client.mine({ blocks: 1 })
  await sender.pass()
  await sender.stop()
  expect(await board.noted()).toEqual([7])
  expect(await board.pooled()).toBe(0)
  expect(sender.open()).toEqual([])
  store.close()
  await proxy.stop()
})
