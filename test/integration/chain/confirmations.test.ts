/** Done is what has its confirmations on the chain as it is now, told once, however the chain was before. */
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { connectChain } from '../../../src/core/chain/client.ts'
import type { Receipt } from '../../../src/core/chain/tx/receipt.ts'
import type { SenderOptions } from '../../../src/core/chain/tx/transaction-sender.ts'
import { eventually } from '../../helpers/eventually.ts'
import { noteBoard } from '../../helpers/note-board.ts'
import { startRpcProxy } from '../../helpers/rpc-proxy.ts'
import { senderForTests } from '../../helpers/sender.ts'
import { endWithScope } from '../../setup/file-scope.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(() => Promise.all(ends.splice(0).map(end => end())))

/** A sent action and what was told of it: the receipt, and how deep its block was on the chain at that moment. */
async function scene(options: SenderOptions) {
  const board = await noteBoard()
  await board.anvil.client.mine({ blocks: 5 })
  const proxy = await startRpcProxy({ target: board.anvil.rpcUrl })
  const chain = await connectChain({ rpcUrls: [proxy.url] })
  const { sender } = senderForTests(chain, board.account, options)
  ends.push(sender.stop, proxy.stop)
  const told: Promise<{ depth: bigint; isCanonical: boolean }>[] = []
  const look = async ({ blockHash, blockNumber }: Receipt) => {
    const { client } = board.anvil
    const [{ number }, { hash }] = [await client.getBlock(), await client.getBlock({ blockNumber })]
    return { depth: number - blockNumber + 1n, isCanonical: hash === blockHash }
  }
  sender.send(board.note(1)).then(receipt => told.push(look(receipt)))
  endWithScope(() => Promise.all(told))
  await eventually(() => expect(sender.open()[0]?.state).toBe('mined'))
  /** Twice, since the first may join a look that began before. */
  const settle = async () => {
    await sender.pass()
    await sender.pass()
    await turn()
  }
  return { ...board, proxy, sender, told, settle }
}

describe('three confirmations', () => {
  // The transaction has as many confirmations as blocks are on it, its own included, when the last two or three are replaced.
  test.each([1, 2, 3, 4].flatMap(confirmed => [2, 3].map(depth => [confirmed, depth] as const)))(
    'a reorg at confirmation %i, of depth %i, is reported once from three on, and the transaction is executed once',
    async (confirmed, depth) => {
      const { anvil, sender, told, settle, noted, reorg, nonce } = await scene({ confirmations: 3 })
      const isUndone = depth >= confirmed
      await anvil.client.mine({ blocks: confirmed - 1 })
      await settle()
      expect(told).toHaveLength(confirmed >= 3 ? 1 : 0)
      await Promise.all(told)
      await anvil.client.setAutomine(false)
      await reorg(depth)
      expect(await noted()).toEqual(isUndone ? [] : [1])
      await settle()
      expect(told).toHaveLength(confirmed >= 3 ? 1 : 0)
      await eventually(async () => {
        await anvil.client.mine({ blocks: 1 })
        await sender.pass()
        expect(await noted()).toEqual([1])
      })
      await anvil.client.mine({ blocks: 14 })
      await settle()
      await eventually(() => expect(told).toHaveLength(1))
      const { depth: toldAt, isCanonical } = await told[0]!
      expect(isCanonical).toBe(true)
      expect(toldAt).toBeGreaterThanOrEqual(3n)
      expect(sender.open()).toEqual([])
      expect(await nonce()).toBe(1)
    },
  )

  test('a receipt that cannot be read again does not confirm a transaction', async () => {
    const { anvil, proxy, told, settle } = await scene({ confirmations: 3 })
    const mend = proxy.inject({ fault: 'server-error', method: 'eth_getTransactionReceipt' })
    await anvil.client.mine({ blocks: 3 })
    await settle()
    expect(proxy.injected['server-error']).toBeGreaterThan(0)
    expect(told).toEqual([])
    mend()
    await anvil.client.mine({ blocks: 1 })
    await eventually(() => expect(told).toHaveLength(1))
  })

  test('three confirmations are waited for, also where fewer blocks are watched', async () => {
    const { anvil, sender, told, settle } = await scene({ confirmations: 4, watchBlocks: 1 })
    await anvil.client.mine({ blocks: 2 })
    await settle()
    expect(sender.open()[0]?.state).toBe('mined')
    expect(told).toEqual([])
    await anvil.client.mine({ blocks: 1 })
    await eventually(() => expect(told).toHaveLength(1))
  })
})
