import { afterEach, describe, expect, test } from 'vitest'
import { connectChain } from '../../../src/core/chain/client.ts'
import { priority, type SenderDependencies, type SenderOptions } from '../../../src/core/chain/tx/transaction-sender.ts'
import { eventually } from '../../helpers/eventually.ts'
import { noteBoard } from '../../helpers/note-board.ts'
import { type FaultRule, startRpcProxy } from '../../helpers/rpc-proxy.ts'
import { senderForTests } from '../../helpers/sender.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(() => Promise.all(ends.splice(0).map(end => end())))

async function scene(options: SenderOptions = {}, dependencies: Partial<SenderDependencies> = {}) {
  const board = await noteBoard()
  const withSender = (more: SenderOptions = {}, deps: Partial<SenderDependencies> = {}) => {
    const made = senderForTests(board.chain, board.account, { ...options, ...more }, deps)
    ends.push(made.sender.stop)
    return made
  }
  return { ...board, ...withSender({}, dependencies), withSender }
}

/** The same chain through endpoints that fail as told. */
async function through(board: Awaited<ReturnType<typeof noteBoard>>, ...rules: FaultRule[]) {
  const proxy = await startRpcProxy({ target: board.anvil.rpcUrl, seed: 20_261_122 })
  ends.push(proxy.stop)
  // Short only where an answer never comes.
  const isSilent = rules.some(({ fault }) => fault === 'hang')
  const chain = await connectChain({ rpcUrls: [proxy.url], ...(isSilent && { timeoutMs: 1_000 }) })
  for (const rule of rules) proxy.inject(rule)
  return { proxy, chain }
}

describe('sending', () => {
  test('each key is sent once, in the order of nonces, also when asked for again', async () => {
    const { sender, note, noted, nonce } = await scene()
    const receipts = await Promise.all([1, 2, 3].map(i => sender.send(note(i))))
    const again = await sender.send(note(1))
    expect(again.hash).toBe(receipts[0]!.hash)
    expect(await noted()).toEqual([1, 2, 3])
    expect(await nonce()).toBe(3)
  })

  test('a key names one action for ever', async () => {
    const { sender, note } = await scene()
    await sender.send(note(1))
    expect(() => sender.enqueue({ ...note(2), key: 'note/1' })).toThrow(
      expect.objectContaining({ code: 'TRANSACTION_KEY_REUSED' }),
    )
  })

  test('an action that the contract refuses is not sent, and the contract’s error is named', async () => {
    const { sender, refused, nonce, note, noted } = await scene()
    await expect(sender.send(refused)).rejects.toMatchObject({
      code: 'CONTRACT_REVERTED',
      context: { errorName: 'TransferFailed', functionName: 'note' },
    })
    expect(await nonce()).toBe(0)
    await sender.send(note(1))
    expect(await noted()).toEqual([1])
  })

  test('a failed action may be asked for again, and an action of highest priority is tried until its deadline', async () => {
    const { sender, refused, note, anvil, noted } = await scene()
    await sender.send(refused).catch(() => {})
    const { timestamp } = await anvil.client.getBlock()
    const insisting = sender.send({ ...refused, key: 'insists', deadline: Number(timestamp) + 50 })
    insisting.catch(() => {})
    // Others are not held up by it.
    await sender.send(note(1))
    await anvil.client.setCode({ address: refused.to, bytecode: '0x00' })
    await anvil.client.mine({ blocks: 1 })
    expect((await insisting).success).toBe(true)
    expect((await sender.send(refused)).success).toBe(true)
    expect(await noted()).toEqual([1])
  })

  test('deadlines go before keeper calls, and those before claims', async () => {
    const { sender, note, anvil, noted, pooled } = await scene()
    await anvil.client.setAutomine(false)
    sender.enqueue(note(3))
    sender.enqueue(note(2, { priority: priority.keeper }))
    sender.enqueue(note(1, { deadline: 2 ** 40 }))
    await eventually(async () => expect(await pooled()).toBe(3))
    await anvil.client.mine({ blocks: 1 })
    await eventually(async () => expect(await noted()).toEqual([1, 2, 3]))
  })

  test('an action whose deadline has passed ends with an error and delays no other one', async () => {
    const { sender, note, anvil, noted } = await scene()
    await anvil.client.setAutomine(false)
    const { timestamp } = await anvil.client.getBlock()
    const late = sender.send(note(1, { deadline: Number(timestamp) + 5 }))
    late.catch(() => {})
    await eventually(() => expect(sender.open()[0]?.state).toBe('pending'))
    await anvil.client.setNextBlockBaseFeePerGas({ baseFeePerGas: 10n ** 11n })
    await anvil.client.setNextBlockTimestamp({ timestamp: timestamp + 10n })
    await anvil.client.mine({ blocks: 1 })
    await expect(late).rejects.toMatchObject({ code: 'TRANSACTION_EXPIRED' })
    const next = sender.send(note(2))
    next.catch(() => {})
    await anvil.client.setAutomine(true)
    await eventually(async () => {
      await anvil.client.mine({ blocks: 1 })
      expect(await noted()).toContain(2)
    })
    expect((await noted()).filter(value => value === 2)).toHaveLength(1)
    expect(await noted()).not.toContain(1)
  })
})

describe('fees', () => {
  test('a base fee ×50 with mining stopped: the transaction is replaced by a dearer one and executed once', async () => {
    const { sender, note, anvil, noted } = await scene({ maxFeePerGas: 10n ** 12n })
    await anvil.client.setAutomine(false)
    const sent = sender.send(note(1))
    await eventually(() => expect(sender.open()[0]?.state).toBe('pending'))
    const { baseFeePerGas } = await anvil.client.getBlock()
    await anvil.client.setNextBlockBaseFeePerGas({ baseFeePerGas: baseFeePerGas! * 50n })
    await eventually(async () => {
      await anvil.client.mine({ blocks: 1 })
      expect(await noted()).toEqual([1])
    })
    expect((await sent).success).toBe(true)
  })

  test('a transaction above the fee cap waits, is reported, and is sent when fees fall', async () => {
    const { note, anvil, noted, withSender } = await scene()
    await anvil.client.setAutomine(false)
    await anvil.client.setNextBlockBaseFeePerGas({ baseFeePerGas: 10n ** 11n })
    await anvil.client.mine({ blocks: 1 })
    // One that has never seen the head before, with its low fee.
    const { sender, troubles } = withSender({ maxFeePerGas: 3_000_000_000n })
    sender.enqueue(note(1))
    await eventually(() => expect(troubles.some(({ code }) => code === 'TRANSACTION_FEE_CAP')).toBe(true))
    await anvil.client.setNextBlockBaseFeePerGas({ baseFeePerGas: 10n ** 9n })
    await eventually(async () => {
      await anvil.client.mine({ blocks: 1 })
      expect(await noted()).toEqual([1])
    })
  })

  test('the spend cap stops every transaction that follows', async () => {
    const { sender, note, troubles, noted } = await scene({ spendCapWei: 150_000_000_000_000n })
    for (const value of [1, 2, 3, 4, 5, 6, 7, 8]) sender.enqueue(note(value))
    await eventually(() => expect(troubles.some(({ code }) => code === 'TRANSACTION_SPEND_CAP')).toBe(true))
    await eventually(async () => expect((await noted()).length).toBeGreaterThan(0))
    expect((await noted()).length).toBeLessThan(8)
  })

  test('an account without gas is reported to the operator, and transactions go on when it is funded', async () => {
    const { sender, note, anvil, troubles, noted, account } = await scene()
    await anvil.client.setBalance({ address: account.address, value: 1n })
    sender.enqueue(note(1))
    await eventually(() => expect(troubles.length).toBeGreaterThan(0))
    expect(troubles[0]?.code).toBe('FUNDS_INSUFFICIENT')
    const said = () => troubles.filter(({ code }) => code === 'FUNDS_INSUFFICIENT').length
    await eventually(async () => {
      await anvil.client.mine({ blocks: 1 })
      expect(await anvil.client.getBlockNumber({ cacheTime: 0 })).toBeGreaterThan(20n)
    })
    expect(said()).toBe(1)
    await anvil.client.setBalance({ address: account.address, value: 2n })
    await eventually(async () => {
      await anvil.client.mine({ blocks: 1 })
      expect(said()).toBe(2)
    })
    await anvil.client.setBalance({ address: account.address, value: 10n ** 18n })
    await eventually(async () => expect(await noted()).toEqual([1]))
  })

  test('a claim that is stuck gives its nonce to a deadline, and is done after it', async () => {
    const { sender, note, anvil, noted } = await scene({ maxFeePerGas: 10n ** 12n })
    await anvil.client.setAutomine(false)
    sender.enqueue(note(2))
    await eventually(() => expect(sender.open()[0]?.state).toBe('pending'))
    const dear = async () => {
      await anvil.client.setNextBlockBaseFeePerGas({ baseFeePerGas: 10n ** 11n })
      await anvil.client.mine({ blocks: 1 })
    }
    sender.enqueue(note(1, { deadline: 2 ** 40 }))
    await eventually(async () => {
      await dear()
      expect((await noted()).length).toBeGreaterThan(0)
    })
    await eventually(async () => {
      await dear()
      expect((await noted()).sort()).toEqual([1, 2])
    })
  })
})

describe('what gets lost', () => {
  test('transaction N, dropped from the pool while N+1 waits, is sent again', async () => {
    const { sender, note, anvil, noted, store } = await scene()
    await anvil.client.setAutomine(false)
    sender.enqueue(note(1))
    sender.enqueue(note(2))
    await eventually(() => expect(sender.open().every(({ state }) => state === 'pending')).toBe(true))
    const { hash } = store.get<{ hash: `0x${string}` }>('SELECT hash FROM tx_attempt ORDER BY nonce LIMIT 1')!
    await eventually(() => anvil.client.getTransaction({ hash }))
    await anvil.client.dropTransaction({ hash })
    await eventually(async () => {
      await anvil.client.mine({ blocks: 1 })
      expect(await noted()).toEqual([1, 2])
    })
  })

  test.each([1, 2])('a transaction that a reorg of depth %i takes out comes back, once', async depth => {
    const { sender, note, anvil, noted, reorg } = await scene()
    await sender.send(note(1))
    await anvil.client.mine({ blocks: depth - 1 })
    await anvil.client.setAutomine(false)
    await reorg(depth)
    expect(await noted()).toEqual([])
    await eventually(async () => {
      await anvil.client.mine({ blocks: 1 })
      expect(await noted()).toEqual([1])
    })
    expect((await sender.outcome('note/1')).success).toBe(true)
  })

  test('a transaction with three confirmations required is not done at two', async () => {
    const { sender, note, anvil } = await scene({ confirmations: 3 })
    let done = false
    const sent = sender.send(note(1)).then(() => {
      done = true
    })
    await eventually(() => expect(sender.open()[0]?.state).toBe('mined'))
    await anvil.client.mine({ blocks: 1 })
    await sender.pass()
    expect(done).toBe(false)
    await anvil.client.mine({ blocks: 1 })
    await sent
    expect(done).toBe(true)
  })

  test('after a reorg before the last confirmation the outcome is that of the new block', async () => {
    const { sender, note, anvil, reorg, noted } = await scene({ confirmations: 3 })
    const sent = sender.send(note(1))
    await eventually(() => expect(sender.open()[0]?.state).toBe('mined'))
    const before = sender.open()[0]!.receipt!.blockHash
    await reorg(1)
    await eventually(async () => {
      await anvil.client.mine({ blocks: 1 })
      expect(await noted()).toEqual([1])
    })
    await anvil.client.mine({ blocks: 3 })
    const receipt = await sent
    expect(receipt.blockHash).not.toBe(before)
    expect((await anvil.client.getBlock({ blockNumber: receipt.blockNumber })).hash).toBe(receipt.blockHash)
  })
})

describe('endpoints that fail', () => {
  test.each<FaultRule>([
    { fault: 'swallow', times: 2 },
    { fault: 'drop-reply', method: 'eth_sendRawTransaction', times: 2 },
    { fault: 'rate-limited', probability: 0.3, times: 20 },
    { fault: 'rate-limited', method: 'eth_getBlockByNumber', probability: 0.5, times: 20 },
    { fault: 'server-error', probability: 0.3, times: 20 },
    { fault: 'hang', probability: 0.2, times: 4 },
  ])('$fault $method: every action is executed, exactly once', async rule => {
    const board = await noteBoard({ blockTimeSeconds: 1 })
    const { proxy, chain } = await through(board, rule)
    const { sender } = senderForTests(chain, board.account)
    ends.push(sender.stop)
    const values = [1, 2, 3, 4, 5]
    await Promise.all(values.map(value => sender.send(board.note(value))))
    expect((await board.noted()).sort()).toEqual(values)
    expect(proxy.injected[rule.fault]).toBeGreaterThan(0)
  })

  test('an endpoint that forges a receipt is dropped, and the other one carries on', async () => {
    const board = await noteBoard()
    const proxy = await startRpcProxy({ target: board.anvil.rpcUrl })
    ends.push(proxy.stop)
    const chain = await connectChain({ rpcUrls: [proxy.url, board.anvil.rpcUrl] })
    proxy.inject({ fault: 'swallow' })
    proxy.inject({ fault: 'forged-receipt' })
    const { sender } = senderForTests(chain, board.account)
    ends.push(sender.stop)
    const receipt = await sender.send(board.note(1))
    expect(receipt.blockHash).not.toMatch(/^0x(f0)+$/)
    expect(await board.noted()).toEqual([1])
    expect(chain.status()[0]).toMatchObject({ state: 'dropped', reason: { code: 'RPC_FORGED' } })
  })

  test('where the only endpoint forges receipts of transactions that it forgets, no transaction counts as done', async () => {
    const board = await noteBoard({ blockTimeSeconds: 1 })
    const { proxy, chain } = await through(board, { fault: 'swallow' }, { fault: 'forged-receipt' })
    const { sender } = senderForTests(chain, board.account)
    ends.push(sender.stop)
    let done = false
    sender.send(board.note(1)).then(() => {
      done = true
    })
    await eventually(() => expect(proxy.injected.swallow).toBeGreaterThan(2))
    expect(done).toBe(false)
    expect(await board.noted()).toEqual([])
  })
})

describe('ends and beginnings', () => {
  test('after a crash between record and send the next start sends the same bytes', async () => {
    const made = await scene({}, { crashPoint: () => crash() })
    const { sender, store, note, noted, chain, account } = made
    const crash = () => {
      void sender.stop()
      throw new Error('power cut')
    }
    sender.enqueue(note(1))
    const recorded = await eventually(() => {
      const row = store.get<{ hash: string }>('SELECT hash FROM tx_attempt')
      expect(row).toBeDefined()
      return row!
    })
    await sender.stop()
    expect(await noted()).toEqual([])
    const { createTransactionSender } = await import('../../../src/core/chain/tx/transaction-sender.ts')
    const second = createTransactionSender({ pollMs: 20 }, { chain, account, store })
    ends.push(second.stop)
    const receipt = await second.outcome('note/1')
    expect(receipt.hash).toBe(recorded.hash)
    expect(await noted()).toEqual([1])
  })

  test('a sender that was stopped in any state goes on from there', async () => {
    const { sender, store, note, noted, chain, account, anvil } = await scene()
    await anvil.client.setAutomine(false)
    for (const value of [1, 2, 3]) sender.enqueue(note(value))
    await eventually(() => expect(sender.open().every(({ state }) => state === 'pending')).toBe(true))
    await sender.stop()
    await anvil.client.mine({ blocks: 1 })
    const { createTransactionSender } = await import('../../../src/core/chain/tx/transaction-sender.ts')
    const second = createTransactionSender({ pollMs: 20 }, { chain, account, store })
    ends.push(second.stop)
    for (const value of [1, 2, 3]) expect((await second.outcome(`note/${value}`)).success).toBe(true)
    expect(await noted()).toEqual([1, 2, 3])
  })

  test('two senders with one key both get their actions done, none twice', async () => {
    const { sender, note, noted, withSender, anvil } = await scene({ watchBlocks: 2 })
    const other = withSender()
    const values = [1, 2, 3, 4, 5, 6]
    for (const value of values) (value % 2 === 0 ? sender : other.sender).enqueue(note(value))
    await eventually(async () => {
      await anvil.client.mine({ blocks: 1 })
      expect((await noted()).sort()).toEqual(values)
    }, 20_000)
    await anvil.client.mine({ blocks: 5 })
    await sender.pass()
    await other.sender.pass()
    expect((await noted()).sort()).toEqual(values)
  })
})
