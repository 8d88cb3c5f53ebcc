/** What keeps one transaction from going on must keep no other one, and is said once. */
import { setImmediate as turn } from 'node:timers/promises'
import { encodeFunctionData, parseAbi } from 'viem'
import { afterEach, describe, expect, test } from 'vitest'
import { type Chain, connectChain } from '../../../src/core/chain/client.ts'
import { priority, type SenderDependencies, type SenderOptions } from '../../../src/core/chain/tx/transaction-sender.ts'
import { transactionTables } from '../../../src/core/chain/tx/transaction-store.ts'
import { signerErrors } from '../../../src/core/platform/signer-errors.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { storeErrors } from '../../../src/core/platform/store-errors.ts'
import { eventually } from '../../helpers/eventually.ts'
import { noteBoard } from '../../helpers/note-board.ts'
import { startRpcProxy } from '../../helpers/rpc-proxy.ts'
import { senderForTests } from '../../helpers/sender.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(() => Promise.all(ends.splice(0).map(end => end())))

/** Mines only when told, so that heads and pools stay as they are while a test looks at them. */
async function scene(options: SenderOptions = {}, change: (chain: Chain) => Chain = chain => chain) {
  const board = await noteBoard()
  await board.anvil.client.setAutomine(false)
  const withSender = (more: SenderOptions = {}, deps: Partial<SenderDependencies> = {}) => {
    const made = senderForTests(change(board.chain), board.account, { ...options, ...more }, deps)
    ends.push(made.sender.stop)
    return made
  }
  const dear = async () => {
    await board.anvil.client.setNextBlockBaseFeePerGas({ baseFeePerGas: 10n ** 11n })
    await board.anvil.client.mine({ blocks: 1 })
  }
  return { ...board, ...withSender(), withSender, dear }
}

const nowhere = `0x${'99'.repeat(20)}` as const
const long = parseAbi(['function note(bytes value)'])
const codesOf = (troubles: readonly { code: string }[]) => troubles.map(({ code }) => code)
const attemptsOf = (store: ReturnType<typeof senderForTests>['store']) =>
  store.all<{ key: string; nonce: bigint }>('SELECT key, nonce FROM tx_attempt ORDER BY nonce, rowid')

describe('caps', () => {
  test('over the spend cap nothing is signed for a later nonce, and this is reported once per head', async () => {
    const { sender, note, store, troubles, anvil } = await scene({ spendCapWei: 3n * 10n ** 14n })
    const value = `0x${'11'.repeat(10_000)}` as const
    const data = encodeFunctionData({ abi: long, functionName: 'note', args: [value] })
    sender.enqueue({ ...note(1), key: 'dear', data, priority: 0 })
    sender.enqueue(note(1))
    for (let i = 0; i < 4; i++) await sender.pass()
    expect(attemptsOf(store)).toEqual([])
    expect(codesOf(troubles)).toEqual(['TRANSACTION_SPEND_CAP'])
    await anvil.client.mine({ blocks: 1 })
    for (let i = 0; i < 4; i++) await sender.pass()
    expect(codesOf(troubles)).toEqual(['TRANSACTION_SPEND_CAP', 'TRANSACTION_SPEND_CAP'])
  })

  test('a quarter of the spend cap is for what has a deadline alone: claims and steps that anybody may take leave it', async () => {
    const { sender, note, store, withSender } = await scene()
    sender.enqueue(note(1))
    await sender.pass()
    await sender.stop()
    const { gas, max_fee } = store.get<{ gas: string; max_fee: string }>('SELECT gas, max_fee FROM tx_attempt')!
    const capped = withSender({ spendCapWei: (BigInt(gas) * BigInt(max_fee) * 44n) / 10n }, { store })
    for (const value of [2, 3, 4, 5, 6])
      capped.sender.enqueue(note(value, { priority: priority.keeper, deadline: 2 ** 40 }))
    await capped.sender.pass()
    expect(attemptsOf(store)).toHaveLength(3)
    expect(codesOf(capped.troubles)).toEqual(['TRANSACTION_SPEND_CAP'])
    capped.sender.enqueue(note(9, { deadline: 2 ** 40 }))
    await capped.sender.pass()
    expect(attemptsOf(store).map(({ key }) => key)).toEqual(['note/1', 'note/2', 'note/3', 'note/9'])
  })

  test('a tip that an endpoint invents is paid up to a quarter of the cap, and reported', async () => {
    const forging = (chain: Chain): Chain => ({
      ...chain,
      client: { ...chain.client, estimateMaxPriorityFeePerGas: async () => 190_000_000_000n },
    })
    const { sender, note, anvil, noted, account, troubles } = await scene({}, forging)
    const balance = () => anvil.client.getBalance({ address: account.address })
    const before = await balance()
    for (const value of [1, 2, 3]) sender.enqueue(note(value))
    await sender.pass()
    await anvil.client.mine({ blocks: 1 })
    await eventually(async () => expect((await noted()).length).toBe(3))
    // Under a tenth of what that tip would have cost.
    expect(before - (await balance())).toBeLessThan((3n * 21_000n * 190_000_000_000n) / 10n)
    expect(codesOf(troubles)).toContain('TRANSACTION_TIP_CAP')
  })

  test('a fee above the cap is reported once per head', async () => {
    const { sender, note, troubles, dear } = await scene({ maxFeePerGas: 3_000_000_000n })
    await dear()
    await sender.pass()
    sender.enqueue(note(1))
    for (let i = 0; i < 4; i++) await sender.pass()
    expect(codesOf(troubles)).toEqual(['TRANSACTION_FEE_CAP'])
  })

  test('a transaction that may not be made dearer is sent again unchanged', async () => {
    const { sender, note, store, noted, anvil, withSender, pooled } = await scene()
    sender.enqueue(note(1))
    await sender.pass()
    await sender.stop()
    const { gas, max_fee } = store.get<{ gas: string; max_fee: string }>('SELECT gas, max_fee FROM tx_attempt')!
    const { hash } = store.get<{ hash: `0x${string}` }>('SELECT hash FROM tx_attempt')!
    await anvil.client.dropTransaction({ hash })
    await anvil.client.mine({ blocks: 3 })
    expect(await pooled()).toBe(0)
    const capped = withSender({ spendCapWei: (BigInt(gas) * BigInt(max_fee) * 11n) / 10n }, { store })
    await capped.sender.pass()
    expect(codesOf(capped.troubles)).toEqual(['TRANSACTION_SPEND_CAP'])
    await anvil.client.mine({ blocks: 1 })
    expect(await noted()).toEqual([1])
    expect(attemptsOf(store)).toHaveLength(1)
  })
})

describe('one bad action', () => {
  test('of which an endpoint says more gas than a block holds is not signed, and holds up nobody', async () => {
    const forging = (chain: Chain): Chain => ({
      ...chain,
      client: {
        ...chain.client,
        estimateGas: call => (call.to === nowhere ? Promise.resolve(10n ** 12n) : chain.client.estimateGas(call)),
      },
    })
    const { sender, note, anvil, noted, troubles, store } = await scene({}, forging)
    sender.enqueue({ ...note(9), to: nowhere, priority: priority.deadline })
    sender.enqueue(note(1))
    for (let i = 0; i < 3; i++) await sender.pass()
    await anvil.client.mine({ blocks: 1 })
    await eventually(async () => expect(await noted()).toEqual([1]))
    expect(attemptsOf(store)).toHaveLength(1)
    expect(codesOf(troubles)).toContain('RPC_GAS_IMPLAUSIBLE')
  })

  test('an action that a signer refuses is given up, and delays no other one; one that is away is asked again', async () => {
    const { withSender, note, anvil, noted, account } = await scene()
    let isAway = true
    const signer = { signer: 'http://signer', method: 'eth_signTransaction' }
    const choosy = {
      ...account,
      async signTransaction(...[transaction, ...more]: Parameters<typeof account.signTransaction>) {
        if (transaction.to === nowhere) throw signerErrors.SIGNER_REFUSED({ ...signer, reason: 'denied by a rule' })
        if (isAway) throw signerErrors.SIGNER_UNREACHABLE({ ...signer, reason: 'ECONNREFUSED' })
        return account.signTransaction(transaction, ...more)
      },
    }
    const { sender, store, troubles } = withSender({}, { account: choosy as typeof account })
    const denied = { ...note(9), key: 'denied', to: nowhere, priority: priority.deadline }
    const outcome = sender.send(denied).catch((error: unknown) => error)
    sender.enqueue(note(1))
    expect(await outcome).toMatchObject({
      code: 'TRANSACTION_UNSIGNED',
      message: expect.stringContaining('denied by a rule'),
    })
    await eventually(async () => expect(codesOf(troubles)).toContain('SIGNER_UNREACHABLE'))
    expect(attemptsOf(store)).toEqual([])
    isAway = false
    await eventually(async () => {
      await sender.pass()
      expect(attemptsOf(store)).toHaveLength(1)
    })
    await anvil.client.mine({ blocks: 1 })
    await eventually(async () => expect(await noted()).toEqual([1]))
  })

  test('an action whose gas cannot be estimated delays no other one, and is reported once per head', async () => {
    const unanswerable = (chain: Chain): Chain => ({
      ...chain,
      client: {
        ...chain.client,
        estimateGas: call => (call.to === nowhere ? Promise.reject(new Error('out')) : chain.client.estimateGas(call)),
      },
    })
    const { sender, note, anvil, noted, troubles } = await scene({}, unanswerable)
    sender.enqueue({ ...note(9), to: nowhere, priority: priority.deadline })
    sender.enqueue(note(1))
    await sender.pass()
    await sender.pass()
    await anvil.client.mine({ blocks: 1 })
    expect(await noted()).toContain(1)
    expect(codesOf(troubles)).toEqual(['RPC_FAILED'])
  })

  test('an action that the chain refuses takes no nonce from a claim that is stuck', async () => {
    const { sender, note, refused, noted, store, dear } = await scene({ maxFeePerGas: 10n ** 12n })
    sender.enqueue(note(2))
    await sender.pass()
    sender.enqueue({ ...refused, deadline: 2 ** 40 })
    await eventually(async () => {
      await dear()
      await sender.pass()
      expect(await noted()).toEqual([2])
    })
    expect(attemptsOf(store).map(({ key }) => key)).not.toContain('')
    expect(sender.open().map(({ key, state }) => [key, state])).toContainEqual(['refused', 'queued'])
  })
})

test('a transaction that the nodes already have is sent once per head, without an error', async () => {
  const { sender, note, store, anvil, account } = await scene()
  sender.enqueue(note(1))
  await sender.pass()
  await sender.stop()
  const proxy = await startRpcProxy({ target: anvil.rpcUrl })
  ends.push(proxy.stop)
  const second = senderForTests(await connectChain({ rpcUrls: [proxy.url] }), account, {}, { store })
  ends.push(second.sender.stop)
  for (let i = 0; i < 4; i++) await second.sender.pass()
  expect(proxy.calls.filter(method => method === 'eth_sendRawTransaction')).toHaveLength(1)
  expect(second.troubles).toEqual([])
})

describe('the store', () => {
  test('at a head at which nothing can change, no action is read or written, however many are mined and watched', async () => {
    const { chain, account, anvil, note, noted } = await noteBoard()
    const sound = openStore({ path: ':memory:', migrations: [transactionTables] })
    let [isCounting, rows, writes] = [false, 0, 0]
    const nameOf = (sql: string | TemplateStringsArray) => (typeof sql === 'string' ? sql : sql.join('?'))
    const countedRow = <T>(row: T): T => {
      if (isCounting && row !== undefined && 'data' in (row as object)) rows++
      if (isCounting && row !== undefined && 'raw' in (row as object)) rows++
      return row
    }
    const store: typeof sound = {
      ...sound,
      all: <T>(...query: Parameters<typeof sound.all>) => sound.all<T>(...query).map(countedRow),
      get: <T>(...query: Parameters<typeof sound.get>) => countedRow(sound.get<T>(...query)),
      run(sql, ...parameters) {
        if (isCounting && /tx_/.test(nameOf(sql))) writes++
        return sound.run(sql, ...parameters)
      },
    }
    const { sender } = senderForTests(chain, account, { watchBlocks: 100 }, { store })
    ends.push(sender.stop)
    const values = Array.from({ length: 20 }, (_, i) => i + 1)
    await Promise.all(values.map(value => sender.send(note(value))))
    expect(await noted()).toHaveLength(20)
    await sender.pass()
    isCounting = true
    for (let i = 0; i < 3; i++) {
      await anvil.client.mine({ blocks: 1 })
      await sender.pass()
    }
    expect([rows, writes]).toEqual([0, 0])
    expect(sender.isOpen('note/1')).toBe(true)
    expect(sender.isOpen('note/99')).toBe(false)
  })

  test('the sender does not touch its store after stop has resolved', async () => {
    const { chain, account, note } = await noteBoard()
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<bigint>()
    const getBalance = () => {
      asked.resolve()
      return answer.promise
    }
    const client = { ...chain.client, getBlock: () => Promise.reject(new Error('gone')), getBalance }
    const { sender, store } = senderForTests({ ...chain, client }, account)
    sender.enqueue(note(1))
    await asked.promise
    let isOver = false
    const ended = sender.stop().then(() => {
      isOver = true
    })
    await turn()
    expect(isOver).toBe(false)
    answer.resolve(10n ** 18n)
    await ended
    store.close()
  })

  test('a store that fails is reported, and used again when it works', async () => {
    const { chain, account, note, noted } = await noteBoard()
    const sound = openStore({ path: ':memory:', migrations: [transactionTables] })
    let isFull = false
    const store: typeof sound = {
      ...sound,
      all: (...query) => {
        if (isFull) throw storeErrors.STORE_DISK_FULL({ path: 'state.db' })
        return sound.all(...query)
      },
    }
    const { sender, troubles } = senderForTests(chain, account, {}, { store })
    ends.push(sender.stop)
    sender.enqueue(note(1))
    isFull = true
    await eventually(() => expect(codesOf(troubles)).toContain('STORE_DISK_FULL'))
    isFull = false
    await eventually(async () => expect(await noted()).toEqual([1]))
  })
})
