/** Of three endpoints behind real sockets one lies: heads and reads are those of the other two. What it lies about in simulations, too. */
import { afterEach, expect, test } from 'vitest'
import { connectChain } from '../../../src/core/chain/client.ts'
import { createHeadStream } from '../../../src/core/chain/head-stream.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { eventually } from '../../helpers/eventually.ts'
import { lies } from '../../helpers/lying-endpoint.ts'
import { startRpcProxy } from '../../helpers/rpc-proxy.ts'

const anvil = await anvilForTests()
let ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.reverse()) await end()
  ends = []
})

/** Those about blocks and reads; lies about transactions are told to a sender (test/sim/lying-endpoint.test.ts). */
const told = lies.filter(lie => !/nonce|receipts|prices/.test(lie))

test.each(told)('an endpoint that lies by %s changes neither heads nor reads', async lie => {
  const proxies = await Promise.all([7, 8, 9].map(seed => startRpcProxy({ target: anvil.rpcUrl, seed })))
  ends.push(...proxies.map(({ stop }) => stop))
  const [liar] = proxies
  const chain = await connectChain({ rpcUrls: proxies.map(({ url }) => url) })
  const stream = createHeadStream({ pollMs: 50 }, { chain, clock: systemClock, onTrouble: () => undefined })
  ends.push(() => stream.stop())
  liar!.inject({ fault: lie })
  const { address } = devAccount(0)
  const truth = await anvil.client.getBalance({ address })
  for (let i = 0; i < 3; i++) {
    await anvil.client.mine({ blocks: 2 })
    const { hash } = await anvil.client.getBlock()
    await eventually(() => expect(stream.tip?.hash).toBe(hash))
    expect(await chain.client.getBalance({ address })).toBe(truth)
  }
  expect(liar!.injected[lie]).toBeGreaterThan(0)
})
