/** A key in a signer that is asked over HTTP: what it signs arrives, and what it signs wrongly is never sent. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseEther } from 'viem'
import { describe, expect, onTestFinished, test } from 'vitest'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import { remoteAccount } from '../../../src/core/chain/tx/account.ts'
import { transact } from '../../../src/core/chain/tx/transact.ts'
import { signerOf } from '../../../src/core/daemon/operator-key.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { connectRemoteSigner } from '../../../src/core/platform/remote-signer.ts'
import { createSigner, isSignedBy } from '../../../src/core/report/signer.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { networkForTests, testAddress, testKey } from '../../helpers/deploy.ts'
import { type SignerServerOptions, startSigner } from '../../helpers/signer-server.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const { network, deployment, write } = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 1 })
const key = testKey('operator', 7)
const payer = testAddress('operator', 7)
const other = testKey('operator', 8)
const { kaisar, writeContext } = await cliHome()
writeContext({
  name: 'test',
  chainId: deployment.chainId,
  rpcUrls: [anvil.rpcUrl],
  contracts: deployment.contracts,
  devnet: null,
})
await anvil.client.setBalance({ address: payer, value: parseEther('5') })
await write({
  from: devAccount(0).address,
  to: network.contracts.KaisarToken,
  abi: kaisarTokenAbi,
  functionName: 'transfer',
  args: [payer, parseEther('10')],
})

const signerWith = (options: Partial<SignerServerOptions> = {}) =>
  startSigner({ dialect: 'web3signer', keys: [key], ...options })
const open = async (options: Partial<SignerServerOptions> = {}, timeoutMs = 20_000) =>
  connectRemoteSigner({ url: (await signerWith(options)).url, timeoutMs })
/** Sends a coin, and says whether anything left the account. */
async function sending(options: Partial<SignerServerOptions>) {
  const { chain } = network
  const before = await chain.client.getTransactionCount({ address: payer })
  const account = remoteAccount(await open(options))
  const caps = { feePerGas: 200_000_000_000n, tipPerGas: 10_000_000_000n }
  const call = { to: testAddress('payout', 80), value: 1n, what: 'transfer' }
  const outcome = await transact(call, { caps }, { chain, account, clock: systemClock }).catch(
    (error: unknown) => error,
  )
  return { outcome, sent: (await chain.client.getTransactionCount({ address: payer })) - before }
}

describe.each(['web3signer', 'clef'] as const)('%s', dialect => {
  test('signs what a command sends, and the command says whose key that was', async () => {
    const { url, asked } = await signerWith({ dialect })
    const to = testAddress('payout', dialect === 'clef' ? 81 : 82)
    const sent = await kaisar('wallet', 'send', to, '1.5', '--signer-url', url, '--yes', '--json')
    expect(sent.json(), sent.stderr).toMatchObject({ success: true, data: { from: payer, to } })
    expect(await kaiBalance(network, to)).toBe(parseEther('1.5'))
    expect(asked).toContain(dialect === 'clef' ? 'account_signTransaction' : 'eth_signTransaction')
  })

  test('signs messages as a key in memory does', async () => {
    const signer = await signerOf(await open({ dialect }), network)
    const message = {
      epoch: 2n ** 63n,
      round: `0x${'ab'.repeat(32)}`,
      deviceId: `0x${'cd'.repeat(32)}`,
      generation: 3,
      specHash: `0x${'01'.repeat(32)}`,
      rows: 2n ** 60n + 1n,
      root: `0x${'02'.repeat(32)}`,
      environmentHash: `0x${'03'.repeat(32)}`,
    } as const
    const signature = await signer.sign('Commitment', message)
    expect(isSignedBy(network, 'Commitment', { message, signature }, payer)).toBe(true)
    expect(signature).toBe(await createSigner({ privateKey: key, network }).sign('Commitment', message))
    const abort = { ...message, reason: 'thermal limit, 96 °C "now"' }
    const { epoch, round, deviceId, generation, reason } = abort
    const small = { epoch, round, deviceId, generation, reason }
    const signed = { message: small, signature: await signer.sign('Abort', small) }
    expect(isSignedBy(network, 'Abort', signed, payer)).toBe(true)
  })

  test('is never sent for where it signed another transaction', async () => {
    for (const [field, alter] of Object.entries({
      value: { value: 2n },
      receiver: { to: testAddress('payout', 99) },
      maxFeePerGas: { maxFeePerGas: 10n ** 12n },
      gas: { gas: 90_000n },
      nonce: { nonce: 77 },
      data: { data: '0x01' as const },
    })) {
      const { outcome, sent } = await sending({ dialect, alter: transaction => ({ ...transaction, ...alter }) })
      expect([outcome, sent]).toMatchObject([{ code: 'SIGNER_TRANSACTION_ALTERED', context: { field } }, 0])
    }
  })

  test('is never sent for where another key signed, nor is its message believed', async () => {
    const { outcome, sent } = await sending({ dialect, signsWith: other })
    const wrong = { code: 'SIGNER_SIGNATURE_WRONG', context: { actual: testAddress('operator', 8) } }
    expect([outcome, sent]).toMatchObject([wrong, 0])
    await expect(signerOf(await open({ dialect, signsWith: other }), network)).rejects.toMatchObject(wrong)
  })

  test('is given a limited time', async () => {
    const silent = dialect === 'clef' ? 'account_signTransaction' : 'eth_signTransaction'
    const account = remoteAccount(await open({ dialect, silentFor: [silent] }, 300))
    const transaction = { type: 'eip1559', chainId: 31337, nonce: 0, gas: 21_000n, maxFeePerGas: 1n } as const
    await expect(account.signTransaction(transaction)).rejects.toMatchObject({
      code: 'SIGNER_TIMEOUT',
      context: { method: silent, seconds: 0.3 },
    })
  })
})

test('of another chain: nothing is sent, and it says how to start the signer', async () => {
  const { outcome, sent } = await sending({ chainId: 1 })
  const mismatch = { code: 'SIGNER_CHAIN_MISMATCH', context: { expected: 31337, actual: 1 } }
  expect([outcome, sent]).toMatchObject([mismatch, 0])
})

test('that hashes typed data with the prefix of messages is refused before a round begins', async () => {
  await expect(signerOf(await open({ prefixesTypedData: true }), network)).rejects.toMatchObject({
    code: 'SIGNER_SIGNATURE_WRONG',
    fix: expect.stringContaining('update the signer'),
  })
})

describe('on the command line', () => {
  const balance = (...flags: string[]) => kaisar('wallet', 'balance', ...flags, '--json')
  const failing = async (exit: number, ...flags: string[]) => {
    const { exitCode, json } = await balance(...flags)
    expect(exitCode).toBe(exit)
    return json().errors[0]!
  }

  test('one that is not there, and a server that is no signer', async () => {
    const { url, close } = await signerWith()
    await close()
    const gone = await failing(3, '--signer-url', url)
    expect(gone).toMatchObject({ code: 'SIGNER_UNREACHABLE', message: expect.stringContaining('ECONNREFUSED') })
    const page = createServer((_, response) => response.end('<html>'))
    await new Promise<void>(resolve => page.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void page.close())
    const { port } = page.address() as AddressInfo
    const html = await failing(3, '--signer-url', `http://127.0.0.1:${port}`)
    expect(html).toMatchObject({
      code: 'SIGNER_UNREACHABLE',
      message: expect.stringContaining('does not speak JSON-RPC'),
    })
    expect(await failing(2, '--signer-url', 'ws://127.0.0.1:1')).toMatchObject({ code: 'SIGNER_URL_INVALID' })
  })

  test('keys that it does not have, and more than one', async () => {
    const { url } = await signerWith({ keys: [key, other] })
    expect(await failing(2, '--signer-url', url)).toMatchObject({
      code: 'SIGNER_ADDRESS_NEEDED',
      message: expect.stringContaining(`${payer}, ${testAddress('operator', 8)}`),
    })
    const stranger = testAddress('operator', 9)
    expect(await failing(3, '--signer-url', url, '--signer-address', stranger)).toMatchObject({
      code: 'SIGNER_ADDRESS_UNKNOWN',
      context: { address: stranger },
    })
    const chosen = await balance('--signer-url', url, '--signer-address', testAddress('operator', 8))
    expect(chosen.json().data).toMatchObject({ address: testAddress('operator', 8) })
    expect(await failing(3, '--signer-url', (await signerWith({ keys: [] })).url)).toMatchObject({
      code: 'SIGNER_ADDRESS_UNKNOWN',
    })
  })

  test('credentials of the URL are sent as such, and shown to nobody', async () => {
    const { port, authorizations } = await signerWith()
    const url = `http://kaisar:hunter2hunter2@127.0.0.1:${port}`
    expect((await balance('--signer-url', url)).json().data).toMatchObject({ address: payer })
    expect([...authorizations]).toEqual([`Basic ${Buffer.from('kaisar:hunter2hunter2').toString('base64')}`])
    const refused = await balance('--signer-url', url, '--signer-address', testAddress('operator', 9))
    expect(refused.stdout + refused.stderr).not.toContain('hunter2')
  })

  test('a Checker needs the key itself, and says why', async () => {
    const { url } = await signerWith()
    const flags = ['--payout', testAddress('payout', 1), '--signer-url', url, '--json']
    const run = await kaisar('checker', 'run', ...flags)
    expect(run.exitCode).toBe(3)
    expect(run.json().errors[0]).toMatchObject({
      code: 'SIGNER_KEY_NEEDED',
      message: expect.stringContaining('kaisar checker run'),
      meaning: expect.stringContaining('salts'),
    })
  })
})
