import { type AddressInfo, createServer } from 'node:net'
import { type Hex, keccak256 } from 'viem'
import { afterAll, describe, expect, test } from 'vitest'
import { connectChain } from '../../../src/core/chain/client.ts'
import { codeHashesData, codeHashesOf } from '../../../src/core/chain/code-hashes.ts'
import { chainErrors } from '../../../src/core/chain/errors.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { eventually } from '../../helpers/eventually.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { type FaultRule, startRpcProxy } from '../../helpers/rpc-proxy.ts'

const anvil = await anvilForTests()
const stops: (() => Promise<void>)[] = []
afterAll(() => Promise.all(stops.map(stop => stop())))
async function proxied(...rules: FaultRule[]) {
  const proxy = await startRpcProxy({ target: anvil.rpcUrl })
  stops.push(proxy.stop)
  for (const rule of rules) proxy.inject(rule)
  return proxy
}
const nobody = 'http://127.0.0.1:9'
/** Where an endpoint never answers and is waited for; the others answer within it on a busy machine too. */
const short = { timeoutMs: 1_000 }
const contract = `0x${'77'.repeat(20)}` as const

describe('chain client', () => {
  test('one endpoint on which nothing listens is refused with a code', async () => {
    await expect(connectChain({ rpcUrls: [nobody] })).rejects.toMatchObject({ code: 'RPC_UNREACHABLE', exit: 3 })
  })

  test('one endpoint of another chain is refused with a code', async () => {
    await expect(connectChain({ rpcUrls: [anvil.rpcUrl], chainId: 5 })).rejects.toMatchObject({
      code: 'CHAIN_ID_MISMATCH',
      context: { expected: 5, actual: 31337 },
    })
  })

  test('an endpoint without the contracts, or with other contracts, is refused with a code', async () => {
    const expected = { name: 'RewardVault', address: contract }
    const connect = (codeHash?: `0x${string}`) =>
      connectChain({ rpcUrls: [anvil.rpcUrl], contracts: [codeHash ? { ...expected, codeHash } : expected] })
    await expect(connect()).rejects.toMatchObject({ code: 'CONTRACTS_NOT_DEPLOYED' })
    await anvil.client.setCode({ address: contract, bytecode: '0x00' })
    await expect(connect(`0x${'00'.repeat(32)}`)).rejects.toMatchObject({ code: 'CODE_HASH_MISMATCH' })
    expect((await connect()).chainId).toBe(31337)
  })

  test('the code hashes that the chain gives are those of the code that it gives, and null without any', async () => {
    const [few, none, unused] = ['78', '79', '7a'].map(byte => `0x${byte.repeat(20)}` as const) as [Hex, Hex, Hex]
    await anvil.client.setCode({ address: few, bytecode: '0xef00' })
    await anvil.client.setBalance({ address: none, value: 1n })
    const { data } = await anvil.client.call({ data: codeHashesData([few, none, unused, few]) })
    const hash = keccak256((await anvil.client.getCode({ address: few }))!)
    expect(codeHashesOf(data, 4)).toEqual([hash, null, null, hash])
    for (const other of [undefined, null, '0x', data!.slice(0, -2), `${data}00`, data!.replace(/.$/, 'z')])
      expect(codeHashesOf(other, 4)).toBeNull()
  })

  test('an endpoint whose answer is no list of hashes shows no contracts', async () => {
    await anvil.client.setCode({ address: contract, bytecode: '0x00' })
    const bad = await proxied({ fault: 'wrong-chain', method: 'eth_call' })
    const contracts = [{ name: 'RewardVault', address: contract }]
    await expect(connectChain({ rpcUrls: [bad.url], contracts })).rejects.toMatchObject({
      code: 'CONTRACTS_NOT_DEPLOYED',
    })
  })

  test('a text that is not a URL is refused with a code', async () => {
    await expect(connectChain({ rpcUrls: ['localhost:8545'] })).rejects.toMatchObject({
      code: 'RPC_URL_INVALID',
      exit: 2,
    })
  })

  test('bad endpoints are dropped with their reason, their path is never shown, and reads go on', async () => {
    const wrongChain = await proxied({ fault: 'wrong-chain' })
    const chain = await connectChain({
      rpcUrls: [`${nobody}/v3/secret-key`, wrongChain.url, anvil.rpcUrl],
      chainId: 31337,
    })
    expect(chain.status().map(({ state, reason }) => [state, reason?.code])).toEqual([
      ['dropped', 'RPC_UNREACHABLE'],
      ['dropped', 'CHAIN_ID_MISMATCH'],
      ['usable', undefined],
    ])
    expect(JSON.stringify(chain.status().map(({ name, reason }) => [name, reason?.message]))).not.toContain(
      'secret-key',
    )
    expect(await chain.client.getChainId()).toBe(31337)
  })

  test.each(['hang', 'rate-limited', 'server-error', 'drop-reply'] as const)(
    'where the first endpoint fails with %s, the next one answers',
    async fault => {
      const bad = await proxied()
      const chain = await connectChain({ rpcUrls: [bad.url, anvil.rpcUrl], ...(fault === 'hang' && short) })
      const restore = bad.inject({ fault })
      expect(await chain.client.getBlockNumber()).toBeGreaterThanOrEqual(0n)
      expect(bad.injected[fault]).toBeGreaterThan(0)
      expect(chain.status()[0]).toMatchObject({ state: 'failing' })
      restore()
      // On a machine that is busy with others one answer may still take longer than the short limit.
      await eventually(async () => {
        await chain.check()
        expect(chain.status()[0]).toMatchObject({ state: 'usable', reason: null })
      })
    },
  )

  test('where the chain is not named, a silent endpoint is waited for once: it is not asked for its chain id again', async () => {
    const [silent, other] = [await proxied({ fault: 'hang' }), await proxied()]
    const chain = await connectChain({ rpcUrls: [silent.url, other.url], ...short })
    expect(chain.status().map(({ reason }) => reason?.code)).toEqual(['RPC_TIMEOUT', undefined])
    expect(silent.calls).toEqual(['eth_chainId'])
    expect(other.calls.filter(method => method === 'eth_chainId')).toHaveLength(1)
  })

  test('a socket that accepts the connection and never answers does not delay the others', async () => {
    const silent = createServer()
    await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
    const url = `ws://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const chain = await connectChain({ rpcUrls: [url, anvil.rpcUrl], ...short })
    expect(chain.status().map(({ reason }) => reason?.code)).toEqual(['RPC_TIMEOUT', undefined])
    chain.close()
    silent.close()
  })

  test('an endpoint that refuses one request for a moment still connects', async () => {
    const only = await proxied({ fault: 'rate-limited', times: 2 })
    const chain = await connectChain({ rpcUrls: [only.url] })
    expect(only.injected['rate-limited']).toBe(2)
    expect(chain.status()[0]).toMatchObject({ state: 'usable', reason: null })
  })

  test('a stale endpoint is dropped, and used again when it has caught up', async () => {
    const bad = await proxied()
    const third = await proxied()
    const chain = await connectChain({ rpcUrls: [bad.url, anvil.rpcUrl, third.url] })
    const restore = bad.inject({ fault: 'stall' })
    await chain.check()
    await anvil.client.mine({ blocks: 5 })
    await chain.check()
    expect(chain.status()[0]).toMatchObject({ state: 'dropped', reason: { code: 'RPC_STALE' } })
    restore()
    await chain.check()
    expect(chain.status()[0]?.state).toBe('usable')
  })

  test('of two endpoints neither is dropped for being behind, since either may be right', async () => {
    const bad = await proxied()
    const chain = await connectChain({ rpcUrls: [bad.url, anvil.rpcUrl] })
    bad.inject({ fault: 'stall' })
    await chain.check()
    await anvil.client.mine({ blocks: 5 })
    await chain.check()
    expect(chain.status().map(({ state }) => state)).toEqual(['usable', 'usable'])
  })

  test.each<FaultRule[]>([[{ fault: 'ahead', method: 'eth_blockNumber' }], [{ fault: 'ahead' }]])(
    'a head far ahead, claimed by %o, makes no honest endpoint stale',
    async rule => {
      const liar = await proxied(rule)
      const others = rule.method === undefined ? [await proxied(), await proxied()] : [await proxied()]
      const chain = await connectChain({ rpcUrls: [liar.url, ...others.map(({ url }) => url)] })
      expect(liar.injected.ahead).toBeGreaterThan(0)
      expect(chain.status().map(({ state }) => state)).toEqual(['usable', ...others.map(() => 'usable')])
    },
  )

  test('an endpoint that gave a false answer is asked again after a while, as the last one, and keeps its reason until it passes', async () => {
    const clock = createManualClock()
    const forger = await proxied()
    const chain = await connectChain({ rpcUrls: [forger.url, anvil.rpcUrl], forgedMs: 1000 }, { clock })
    const forger0 = chain.all()[0]!
    const tell = () => forger0.mark('dropped', chainErrors.RPC_FORGED({ endpoint: 'it', claim: 'so' }))
    tell()
    const stateAt = async (at: number) => {
      clock.stall(at - clock.monotonicMs())
      await chain.check()
      return [forger0.status.state, forger0.status.reason?.code]
    }
    expect(await stateAt(10)).toEqual(['dropped', 'RPC_FORGED'])
    expect(await stateAt(1009)).toEqual(['dropped', 'RPC_FORGED'])
    const restore = forger.inject({ fault: 'wrong-chain' })
    expect(await stateAt(1010)).toEqual(['dropped', 'CHAIN_ID_MISMATCH'])
    restore()
    tell()
    expect(await stateAt(1020)).toEqual(['dropped', 'RPC_FORGED'])
    expect(await stateAt(2020)).toEqual(['usable', 'RPC_FORGED'])
    expect(chain.usable().map(({ url }) => url)).toEqual([anvil.rpcUrl, forger.url])
    expect(await stateAt(2030)).toEqual(['usable', undefined])
  })

  test('when all endpoints fail, the error names each one with its reason', async () => {
    const bad = await proxied()
    const chain = await connectChain({ rpcUrls: [bad.url] })
    bad.inject({ fault: 'rate-limited' })
    await expect(chain.client.getBlockNumber()).rejects.toThrow(/HTTP 429/)
  })

  test('a call that the chain itself refuses is asked of two endpoints and of no third', async () => {
    const [first, second, third] = [await proxied(), await proxied(), await proxied()]
    const chain = await connectChain({ rpcUrls: [first.url, second.url, third.url] })
    await anvil.client.setCode({ address: contract, bytecode: '0x60006000fd' })
    await expect(chain.client.call({ to: contract })).rejects.toThrow(/revert/)
    expect([first, second, third].map(({ calls }) => calls.includes('eth_call'))).toEqual([true, true, false])
  })
})
