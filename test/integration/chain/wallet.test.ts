import { parseEther, parseGwei, zeroAddress } from 'viem'
import { describe, expect, onTestFinished, test } from 'vitest'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import { tryCall } from '../../../src/core/chain/tx/transact.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { networkForTests, testAddress, testKey } from '../../helpers/deploy.ts'
import { startRpcProxy } from '../../helpers/rpc-proxy.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const { network, deployment, write } = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 1 })
const payer = testAddress('operator', 7)
const receiver = testAddress('payout', 77)
const home = await cliHome({ operator: testKey('operator', 7) })
const { kaisar, signing, passwordFile } = home
home.chooseNetwork(deployment, anvil)

/** So much KAI, from the deployer, and so much gas. */
async function fund(kai: string, coin: string) {
  await anvil.client.setBalance({ address: payer, value: parseEther(coin) })
  const missing = parseEther(kai) - (await kaiBalance(network, payer))
  if (missing > 0n)
    await write({
      from: devAccount(0).address,
      to: network.contracts.KaisarToken,
      abi: kaisarTokenAbi,
      functionName: 'transfer',
      args: [payer, missing],
    })
}

describe('kaisar wallet', () => {
  test('kaisar wallet balance shows the holdings of a key and of any address', async () => {
    await fund('12.5', '2')
    expect((await kaisar('wallet', 'balance', '--json')).json().data).toEqual({
      address: payer,
      chainId: 31337,
      kai: parseEther('12.5').toString(),
      gas: parseEther('2').toString(),
    })
    expect((await kaisar('wallet', 'balance')).stdout).toBe(`${payer}\n  12.5 KAI\n  2 of the coin of chain 31337\n`)
    const empty = await kaisar('wallet', 'balance', receiver, '--json')
    expect(empty.json().data).toMatchObject({ address: receiver, kai: '0', gas: '0' })
  })

  test('kaisar wallet balance shows gas alone where no contracts are known, as before a deployment', async () => {
    await fund('0', '2')
    const { kaisar } = await cliHome()
    const bare = await kaisar('wallet', 'balance', payer, '--rpc-url', anvil.rpcUrl, '--json')
    expect(bare.json().data).toMatchObject({ kai: null, gas: parseEther('2').toString() })
  })

  test('kaisar wallet send moves KAI to the last digit, and says in which transaction', async () => {
    await fund('12.5', '2')
    const sent = await signing('wallet', 'send', receiver, '2.500000000000000001')
    const { data } = sent.json<{ txHash: `0x${string}`; block: string }>()
    expect(data).toMatchObject({ from: payer, to: receiver, amount: '2500000000000000001', unit: 'KAI' })
    expect(await kaiBalance(network, receiver)).toBe(2_500_000_000_000_000_001n)
    const receipt = await anvil.client.getTransactionReceipt({ hash: data.txHash })
    expect([receipt.status, receipt.blockNumber]).toEqual(['success', BigInt(data.block)])
  })

  test('kaisar wallet send moves the chain’s own coin', async () => {
    await fund('0', '2')
    const to = testAddress('payout', 78)
    const sent = await kaisar('wallet', 'send', to, '0.25', '--gas', '--yes', '--password-file', passwordFile)
    expect(sent.stdout).toMatch(
      new RegExp(`^Sent 0.25 of the coin of chain 31337 to ${to} in block \\d+, transaction 0x`),
    )
    expect(sent.stderr).toContain(`Next:\n  kaisar wallet balance ${to}\n`)
    expect(await anvil.client.getBalance({ address: to })).toBe(parseEther('0.25'))
  })

  test('kaisar wallet send names the missing amount of KAI, of the coin, and for the fee', async () => {
    await fund('12.5', '2')
    const kai = await kaiBalance(network, payer)
    const tooMuch = await signing('wallet', 'send', receiver, '1000')
    expect([tooMuch.exitCode, tooMuch.json().errors[0]?.code]).toEqual([3, 'KAI_INSUFFICIENT'])
    expect(tooMuch.json().errors[0]?.context).toEqual({
      account: payer,
      balance: kai.toString(),
      needed: parseEther('1000').toString(),
    })
    const all = await signing('wallet', 'send', receiver, '2', '--gas')
    expect(all.json().errors[0]?.code).toBe('FUNDS_INSUFFICIENT')
    expect(all.json().errors[0]?.message).toMatch(/holds 2 of .* needs 2\.\d+: send it 0\.\d+ or more\.$/)
    await fund('12.5', '0')
    const noGas = await signing('wallet', 'send', receiver, '1')
    expect(noGas.json().errors[0]).toMatchObject({ code: 'FUNDS_INSUFFICIENT', context: { balanceWei: '0' } })
    expect(await kaiBalance(network, payer)).toBe(kai)
  })

  test('kaisar wallet send sends nothing that would be lost, no amount that is invalid, and nothing unasked', async () => {
    await fund('12.5', '2')
    const before = await anvil.client.getTransactionCount({ address: payer })
    const codeOf = async (...args: string[]) => (await signing('wallet', 'send', ...args)).json().errors[0]?.code
    expect(await codeOf(zeroAddress, '1')).toBe('RECIPIENT_REFUSED')
    expect(await codeOf(network.contracts.KaisarToken, '1')).toBe('RECIPIENT_REFUSED')
    expect(await codeOf('0xabc', '1')).toBe('ADDRESS_INVALID')
    expect(await codeOf('0x70997970C51812dc3A010C7d01b50e0d17dc79c8', '1')).toBe('ADDRESS_MISTYPED')
    for (const amount of ['0', '-1', '1e3', '1,5', 'abc', '0.0000000000000000001'])
      expect(await codeOf(receiver, amount), amount).toMatch(/USAGE_INVALID|FLAG_UNKNOWN/)
    const unasked = await kaisar('wallet', 'send', receiver, '1', '--password-file', passwordFile, '--json')
    expect(unasked.json().errors[0]).toMatchObject({
      code: 'PROMPT_REFUSED',
      message: expect.stringContaining(`Send 1 KAI from ${payer} to ${receiver}?`),
    })
    expect(await anvil.client.getTransactionCount({ address: payer })).toBe(before)
  })
})

describe('what a command pays for gas', () => {
  const to = testAddress('payout', 79)

  test('a command’s tip has a bound of its own where an endpoint asks for an absurd one', async () => {
    await fund('0', '2')
    const proxy = await startRpcProxy({ target: anvil.rpcUrl })
    onTestFinished(() => proxy.stop())
    proxy.inject({ fault: 'forged-prices', method: 'eth_maxPriorityFeePerGas' })
    const sent = await signing('wallet', 'send', to, '0.5', '--gas', '--rpc-url', proxy.url)
    const { data, warnings } = sent.json<{ txHash: `0x${string}` }>()
    expect(warnings).toEqual([
      expect.stringMatching(/ask for a tip of 1000000000000 wei per gas; 2500000000 is offered/),
    ])
    const transaction = await anvil.client.getTransaction({ hash: data.txHash })
    expect(transaction.maxPriorityFeePerGas).toBe(parseGwei('2.5'))
    const raised = await signing('wallet', 'send', to, '0.5', '--gas', '--rpc-url', proxy.url, '--max-tip-gwei', '100')
    const { txHash } = raised.json<{ txHash: `0x${string}` }>().data
    expect((await anvil.client.getTransaction({ hash: txHash })).maxPriorityFeePerGas).toBe(parseGwei('25'))
    expect(await anvil.client.getBalance({ address: payer })).toBeGreaterThan(parseEther('0.999'))
  })

  test('a command names the cost of gas in its question, and sends nothing above that or above the cap', async () => {
    await fund('0', '2')
    const before = await anvil.client.getTransactionCount({ address: payer })
    const send = ['wallet', 'send', to, '0.5', '--gas', '--json']
    const unasked = (await kaisar(...send, '--password-file', passwordFile)).json().errors[0]
    expect(unasked?.message).toMatch(/ Its fee is at most 0\.0\d+ of the chain’s own coin\./)
    const capped = await signing('wallet', 'send', to, '0.5', '--gas', '--max-fee-gwei', '0.000000001')
    expect(capped.json().errors[0]?.code).toBe('TRANSACTION_FEE_CAP')
    const { chain } = network
    const call = { what: 'the transfer', to, value: 1n }
    const { most } = await tryCall(chain, payer, call)
    expect((await tryCall(chain, payer, call, { mostWei: most })).most).toBe(most)
    await expect(tryCall(chain, payer, call, { mostWei: 21_000n })).rejects.toMatchObject({
      code: 'TRANSACTION_FEE_CAP',
    })
    expect(await anvil.client.getTransactionCount({ address: payer })).toBe(before)
  })
})

describe('kaisar chain fund', () => {
  const vaultHolds = () => kaiBalance(network, network.contracts.RewardVault)

  test('kaisar chain fund moves KAI into the vault, and no more than there is', async () => {
    await fund('12.5', '2')
    const [before, own] = [await vaultHolds(), await kaiBalance(network, payer)]
    const funded = await signing('chain', 'fund', '2.5')
    expect(funded.json().data).toMatchObject({ from: payer, amount: parseEther('2.5').toString() })
    expect([await vaultHolds(), await kaiBalance(network, payer)]).toEqual([
      before + parseEther('2.5'),
      own - parseEther('2.5'),
    ])
    expect((await signing('chain', 'fund', '1000')).json().errors[0]?.code).toBe('KAI_INSUFFICIENT')
  })

  test('kaisar chain fund prints both calls for a treasury elsewhere, and they work in their order', async () => {
    const batch = JSON.parse((await kaisar('chain', 'fund', '3', '--safe')).stdout)
    const printed = (await kaisar('chain', 'fund', '3', '--calldata', '--json')).json<{
      calls: { to: string; data: string }[]
    }>()
    expect(batch.transactions.map(({ to, data }: { to: string; data: string }) => [to, data])).toEqual(
      printed.data.calls.map(({ to, data }) => [to, data]),
    )
    const before = await vaultHolds()
    for (const { to, data } of batch.transactions) {
      const hash = await anvil.client.sendTransaction({ account: devAccount(0).address, to, data, chain: null })
      await anvil.client.waitForTransactionReceipt({ hash, pollingInterval: 20 })
    }
    expect(await vaultHolds()).toBe(before + parseEther('3'))
  })
})
