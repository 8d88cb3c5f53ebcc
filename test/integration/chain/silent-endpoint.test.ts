/** Of three endpoints the first never answers some kind of request, or forgets what it took: transactions are sent and mined as without it. */
import { expect, it, onTestFinished } from 'vitest'
import { connectChain } from '../../../src/core/chain/client.ts'
import { transact } from '../../../src/core/chain/tx/transact.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { eventually } from '../../helpers/eventually.ts'
import { noteBoard } from '../../helpers/note-board.ts'
import { type FaultRule, startRpcProxy } from '../../helpers/rpc-proxy.ts'
import { senderForTests } from '../../helpers/sender.ts'

/** Longer than a test may take: whatever waits for the silent endpoint does not pass. */
const timeoutMs = 600_000

async function boardBehindThree(rule: FaultRule) {
  const board = await noteBoard()
  const proxies = await Promise.all([1, 2, 3].map(seed => startRpcProxy({ target: board.anvil.rpcUrl, seed })))
  const chain = await connectChain({ rpcUrls: proxies.map(({ url }) => url), timeoutMs })
  proxies[0]!.inject(rule)
  onTestFinished(async () => {
    chain.close()
    for (const proxy of proxies) await proxy.stop()
  })
  return { board, chain, injected: proxies[0]!.injected }
}

async function boardBehindOne() {
  const board = await noteBoard()
  const proxy = await startRpcProxy({ target: board.anvil.rpcUrl })
  const chain = await connectChain({ rpcUrls: [proxy.url] })
  onTestFinished(async () => {
    chain.close()
    await proxy.stop()
  })
  return { board, chain, proxy }
}

it.each([
  'eth_sendRawTransaction',
  'eth_maxPriorityFeePerGas',
  'eth_estimateGas',
  'eth_getTransactionReceipt',
  'eth_getTransactionCount',
  'eth_getBlockByNumber',
])('an endpoint that never answers %s holds up no transaction', { timeout: 60_000 }, async method => {
  const { board, chain, injected } = await boardBehindThree({ fault: 'hang', method })
  const { sender } = senderForTests(chain, board.account)
  for (const value of [1, 2]) await sender.send(board.note(value))
  expect(await board.noted()).toEqual([1, 2])
  await sender.stop()
  expect(injected.hang).toBeGreaterThan(0)
})

it('a command sends its transaction to every endpoint: the first one may forget what it took', async () => {
  const { board, chain, injected } = await boardBehindThree({ fault: 'swallow' })
  const { to } = board.note(1)
  const call = { what: 'note', to, data: board.dataOf(1) }
  const receipt = await transact(call, { timeoutMs: 10_000 }, { chain, account: board.account, clock: systemClock })
  expect(receipt.success).toBe(true)
  expect(await board.noted()).toEqual([1])
  expect(injected.swallow).toBe(1)
})

it('a command is told why a transaction was refused, where every endpoint refuses it', async () => {
  const { board, chain } = await boardBehindThree({ fault: 'swallow', times: 0 })
  const { to } = board.note(1)
  const call = { what: 'note', to, data: board.dataOf(1) }
  const dependencies = { chain, account: board.account, clock: systemClock }
  await transact(call, {}, dependencies)
  const other = { ...call, data: board.dataOf(2) }
  await expect(transact(other, { nonce: 0 }, dependencies)).rejects.toThrow(/nonce too low/i)
})

it.each([
  { fault: 'rate-limited', times: 2 },
  { fault: 'drop-reply', times: 1 },
] as const)('a command of one endpoint sends its transaction once, though the answer is $fault', async rule => {
  const { board, chain, proxy } = await boardBehindOne()
  proxy.inject({ ...rule, method: 'eth_sendRawTransaction' })
  const call = { what: 'note', to: board.note(1).to, data: board.dataOf(1) }
  const dependencies = { chain, account: board.account, clock: systemClock }
  // Mined at once: whoever is given it again says that its nonce is used.
  expect(await transact(call, {}, dependencies)).toMatchObject({ success: true })
  // Still waiting: whoever is given it again says that it has it.
  await board.anvil.client.setAutomine(false)
  proxy.inject({ ...rule, method: 'eth_sendRawTransaction' })
  const onSigned = () => void eventually(async () => expect(await board.pooled()).toBe(1)).then(mine)
  const mine = () => board.anvil.client.mine({ blocks: 1 })
  expect(await transact(call, {}, { ...dependencies, onSigned })).toMatchObject({ success: true })
  expect(await board.noted()).toEqual([1, 1])
  expect(proxy.injected[rule.fault]).toBe(2 * rule.times)
})

it.each([
  // Mined at once, and given again: its nonce is used, by itself.
  { state: 'mined, and its receipt cannot be had at first', isMined: true, cuts: 1, receipts: 3 },
  // Every answer is lost: nobody ever says that it is there.
  { state: 'waiting', isMined: false, cuts: 3, receipts: 0 },
])(
  'a command knows its own transaction where its endpoint took it and cut the connection: it is $state',
  async given => {
    const { board, chain, proxy } = await boardBehindOne()
    await board.anvil.client.setAutomine(given.isMined)
    proxy.inject({ fault: 'drop-reply', method: 'eth_sendRawTransaction', times: given.cuts })
    proxy.inject({ fault: 'rate-limited', method: 'eth_getTransactionReceipt', times: given.receipts })
    const call = { what: 'note', to: board.note(1).to, data: board.dataOf(1) }
    const hashes: string[] = []
    const sent = transact(
      call,
      { timeoutMs: 60_000 },
      { chain, account: board.account, clock: systemClock, onSigned: hash => void hashes.push(hash) },
    )
    if (!given.isMined)
      void eventually(async () => expect(proxy.calls).toContain('eth_getTransactionReceipt')).then(() =>
        board.anvil.client.mine({ blocks: 1 }),
      )
    expect(await sent).toMatchObject({ success: true, hash: hashes[0] })
    expect(await board.noted()).toEqual([1])
    expect(proxy.injected['drop-reply']).toBe(given.cuts)
  },
)

it('a command is told what an endpoint says to its transaction, and not that another one does not answer', async () => {
  const { board, chain } = await boardBehindThree({ fault: 'rate-limited', method: 'eth_sendRawTransaction' })
  const call = { what: 'note', to: board.note(1).to, data: board.dataOf(1) }
  const dependencies = { chain, account: board.account, clock: systemClock }
  await transact(call, {}, dependencies)
  const other = { ...call, data: board.dataOf(2) }
  await expect(transact(other, { nonce: 0 }, dependencies)).rejects.toThrow(/nonce too low/i)
})

it('the chain is the one that most endpoints name, whoever is the first to answer', async () => {
  const board = await noteBoard()
  const proxies = await Promise.all([1, 2, 3].map(seed => startRpcProxy({ target: board.anvil.rpcUrl, seed })))
  onTestFinished(async () => {
    for (const proxy of proxies) await proxy.stop()
  })
  for (const liar of [0, 1, 2]) {
    const heal = proxies[liar]!.inject({ fault: 'wrong-chain' })
    const chain = await connectChain({ rpcUrls: proxies.map(({ url }) => url) })
    expect(chain.chainId).toBe(board.chain.chainId)
    expect(chain.status().map(({ state }) => state)).toEqual([0, 1, 2].map(i => (i === liar ? 'dropped' : 'usable')))
    chain.close()
    heal()
  }
})
