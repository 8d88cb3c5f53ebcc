import { type Address, parseAbi, parseEther } from 'viem'
import { describe, expect, test } from 'vitest'
import { connectChain } from '../../../src/core/chain/client.ts'
import { createTransactionSender, type SenderOptions } from '../../../src/core/chain/tx/transaction-sender.ts'
import { transactionTables } from '../../../src/core/chain/tx/transaction-store.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'

// Calls go to an address whose code accepts anything (a single STOP), so that only the sending is under test.
const sink = '0x00000000000000000000000000000000000051aa' as Address
const abi = parseAbi(['function note(uint256 value)'])

const anvil = await anvilForTests()
await anvil.client.setCode({ address: sink, bytecode: '0x00' })
const chain = await connectChain({ rpcUrls: [anvil.rpcUrl] })

let next = 0
async function freshSender(options: SenderOptions = {}) {
  const account = devAccount(next++)
  await anvil.client.setBalance({ address: account.address, value: parseEther('100') })
  const store = openStore({ path: ':memory:', migrations: [transactionTables] })
  const sender = createTransactionSender({ pollMs: 20, ...options }, { chain, account, store })
  return { sender, store, account }
}
const note = (value: bigint) => ({ to: sink, abi, functionName: 'note', args: [value] }) as const

describe('transaction sender', () => {
  test('sends once per key, in order of nonces', async () => {
    const { sender, account } = await freshSender()
    const receipts = await Promise.all([1n, 2n, 3n].map(i => sender.send({ key: `note/${i}`, ...note(i) })))
    expect(receipts.every(receipt => receipt.success)).toBe(true)
    const again = await sender.send({ key: 'note/1', ...note(1n) })
    expect(again.hash).toBe(receipts[0]!.hash)
    expect(await anvil.client.getTransactionCount({ address: account.address })).toBe(3)
    await sender.stop()
  })
})
