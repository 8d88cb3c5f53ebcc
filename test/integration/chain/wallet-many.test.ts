/** `kaisar wallet send` to many: everybody once, however often it is begun and wherever it is interrupted. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { type Address, type Hex, parseEther } from 'viem'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import type { Endpoint } from '../../../src/core/chain/endpoint.ts'
import { chainErrors } from '../../../src/core/chain/errors.ts'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import { costOfTransfers, sendTransfers } from '../../../src/core/chain/transfers/send-transfers.ts'
import { readTransferList } from '../../../src/core/chain/transfers/transfer-list.ts'
import { type TransferRecord, withListed } from '../../../src/core/chain/transfers/transfer-record.ts'
import { defaultFeeCaps } from '../../../src/core/chain/tx/fees.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { deployForTests, testAccount, testAddress, testKey, writerFor } from '../../helpers/deploy.ts'
import { eventually } from '../../helpers/eventually.ts'
import { startRpcProxy } from '../../helpers/rpc-proxy.ts'
import { cliPath, runCli } from '../../helpers/run-cli.ts'

const anvil = await anvilForTests({ autoImpersonate: true })
const { network, deployment } = await deployForTests(anvil)
const write = writerFor(anvil)
const payer = testAddress('operator', 700)
const genesis = (await anvil.client.getBlock({ blockNumber: 0n })).hash
const home = await cliHome({ operator: testKey('operator', 700) })
const { kaisar, signing, passwordFile } = home
home.chooseNetwork(deployment, anvil)

/** Addresses that nobody was sent anything before. */
let used = 0
const strangers = (count: number): Address[] =>
  Array.from({ length: count }, () => testAddress('payout', 7000 + used++))
const holdings = async (address: Address) => [
  await kaiBalance(network, address),
  await anvil.client.getBalance({ address }),
]
const count = () => anvil.client.getTransactionCount({ address: payer })
const error = (result: Awaited<ReturnType<typeof signing>>) => result.json().errors[0]

let files = 0
function listFile(lines: readonly string[]): string {
  const path = join(home.path, `list-${files++}.csv`)
  writeFileSync(path, lines.join('\n'))
  return path
}

beforeEach(async () => {
  await anvil.client.setBalance({ address: payer, value: parseEther('100') })
  const missing = parseEther('100000') - (await kaiBalance(network, payer))
  await write({
    from: devAccount(0).address,
    to: network.contracts.KaisarToken,
    abi: kaisarTokenAbi,
    functionName: 'transfer',
    args: [payer, missing],
  })
})

describe('kaisar wallet send to many', () => {
  test('KAI and coin go to everybody of a file and of the flags, and a second run sends nothing', async () => {
    const [one, two, three] = strangers(3) as [Address, Address, Address]
    const file = listFile(['address,kai,coin', `${one},1000,0.5`, `${two}`, '# the end'])
    const words = ['wallet', 'send', '--file', file, '--each', '10,0.25', '--to', `${three}=,0.125`]
    const before = await count()
    const sent = await signing(...words)
    expect(sent.json(), sent.stdout).toMatchObject({ success: true, warnings: [], data: { sent: 5 } })
    const { data } = sent.json<{
      transfers: { to: string; unit: string; txHash: `0x${string}`; block: number }[]
      totals: object
    }>()
    expect(data.totals).toEqual({ KAI: parseEther('1010').toString(), coin: parseEther('0.875').toString() })
    expect(data.transfers.map(({ to, unit }) => [to, unit])).toEqual([
      [one, 'KAI'],
      [one, 'coin'],
      [two, 'KAI'],
      [two, 'coin'],
      [three, 'coin'],
    ])
    for (const { txHash, block } of data.transfers) {
      const receipt = await anvil.client.getTransactionReceipt({ hash: txHash })
      expect([receipt.status, receipt.blockNumber]).toEqual(['success', BigInt(block)])
    }
    const all = async () => Promise.all([one, two, three].map(holdings))
    const expected = [
      [parseEther('1000'), parseEther('0.5')],
      [parseEther('10'), parseEther('0.25')],
      [0n, parseEther('0.125')],
    ]
    expect(await all()).toEqual(expected)
    expect(await count()).toBe(before + 5)
    const again = await signing(...words)
    expect(again.json()).toMatchObject({
      success: true,
      warnings: [expect.stringContaining('Nothing was sent now: all 5 transfers were sent before')],
      data: { sent: 0 },
    })
    const plain = await kaisar(...words, '--yes', '--password-file', passwordFile)
    expect([plain.exitCode, plain.stdout]).toEqual([0, expect.stringContaining('Sent nothing.')])
    expect(again.json<typeof data>().data.transfers).toEqual(data.transfers)
    expect([await all(), await count()]).toEqual([expected, before + 5])
    // A line more is all that is new; under another name it is a payment of its own.
    const [four] = strangers(1) as [Address]
    await signing(...words, '--to', `${four}=1`)
    expect([await count(), (await holdings(four))[0]]).toEqual([before + 6, parseEther('1')])
    const input = `${four} 1`
    const july = ['wallet', 'send', '--file', '-', '--name', 'july', '--yes', '--password-file', passwordFile, '--json']
    expect((await runCli(july, { env: home.env, input })).json()).toMatchObject({ success: true })
    expect((await holdings(four))[0]).toBe(parseEther('2'))
  })

  test('a file of the same name in another folder is another list, and where it has the same lines that is said', async () => {
    const [one, two] = strangers(2) as [Address, Address]
    const pay = (month: string, ...lines: string[]) => {
      mkdirSync(join(home.path, month), { recursive: true })
      const file = join(home.path, month, 'pay.csv')
      writeFileSync(file, lines.join('\n'))
      return signing('wallet', 'send', '--file', file)
    }
    const may = await pay('may', `${one},1`, `${two},2`)
    expect(may.json()).toMatchObject({ warnings: [], data: { sent: 2 } })
    const june = await pay('june', `${one},1`, `${two},3`)
    const { name } = may.json<{ name: string }>().data
    expect(june.json()).toMatchObject({
      success: true,
      warnings: [expect.stringContaining(`1 of 2 were sent the same under the name "${name}"`)],
      data: { sent: 2 },
    })
    expect([(await holdings(one))[0], (await holdings(two))[0]]).toEqual([parseEther('2'), parseEther('5')])
    // A list that was moved goes on under the name that it had.
    const moved = ['wallet', 'send', '--file', join(home.path, 'may', 'pay.csv'), '--name', name]
    expect((await signing(...moved)).json()).toMatchObject({ data: { sent: 0 } })
  })

  test('given again after a reorganisation took it out, it is offered again, which is said', async () => {
    const [one] = strangers(1) as [Address]
    const words = ['wallet', 'send', '--to', `${one}=1`, '--name', 'taken-out']
    await signing(...words)
    await anvil.client.request({ method: 'anvil_reorg', params: [1, []] } as never)
    expect((await holdings(one))[0]).toBe(0n)
    expect((await signing(...words)).json()).toMatchObject({
      success: true,
      warnings: [expect.stringContaining('took 1 of them out again')],
      data: { sent: 1 },
    })
    expect((await holdings(one))[0]).toBe(parseEther('1'))
  })

  test('a dry run totals what is left, names what is missing, and sends and writes nothing', async () => {
    const [one, two] = strangers(2) as [Address, Address]
    const file = listFile([`${one},1000,0.5`, `${two},500`])
    const before = await count()
    const words = ['wallet', 'send', '--file', file, '--dry-run']
    const { stdout, stderr } = await kaisar(...words)
    expect(stdout).toContain('3 transactions would send 1500 KAI and 0.5 of the chain’s own coin; nothing is sent now.')
    expect(stdout).toContain(`${payer} holds 100000 KAI and 100 of the coin`)
    expect(stderr).toBe('')
    const { file: record } = (await kaisar(...words, '--json')).json<{ file: string }>().data
    await anvil.client.setBalance({ address: payer, value: parseEther('0.5') })
    expect((await kaisar(...words, '--json')).json().warnings).toEqual([
      expect.stringMatching(
        new RegExp(`^${payer} holds 0.5 of the chain’s own coin and needs 0.5\\d+: send it 0.0\\d+ or more`),
      ),
    ])
    const refused = await signing(...words.slice(0, -1))
    expect(error(refused)).toMatchObject({ code: 'FUNDS_INSUFFICIENT', context: { account: payer } })
    expect([await count(), existsSync(record)]).toEqual([before, false])
  })

  test('nothing is sent where a line is wrong, a recipient would lose it, amounts are missing, or nobody was asked', async () => {
    const [one, two] = strangers(2) as [Address, Address]
    const before = await count()
    const bad = await signing('wallet', 'send', '--file', listFile([`${one},1`, 'nobody,1', `${one},2`]))
    expect([bad.exitCode, error(bad)]).toMatchObject([2, { code: 'TRANSFERS_INVALID' }])
    expect(error(bad)?.message).toMatch(/line 2: "nobody" is not an address.*; line 3: .* a second time, after line 1/)
    const lost = await signing('wallet', 'send', '--to', `${one}=1`, '--to', `${network.contracts.RewardVault}=1`)
    expect(error(lost)?.code).toBe('RECIPIENT_REFUSED')
    const noCoin = await signing('wallet', 'send', '--to', `${one}=1`, '--to', `${two}=,99.9999999`)
    expect(error(noCoin)?.code).toBe('FUNDS_INSUFFICIENT')
    const noKai = await signing('wallet', 'send', '--to', `${one}=100000.5`)
    expect(error(noKai)).toMatchObject({ code: 'KAI_INSUFFICIENT', message: expect.stringContaining('0.5 KAI') })
    const unasked = await kaisar('wallet', 'send', '--to', `${one}=3,1`, '--password-file', passwordFile, '--json')
    expect(error(unasked)).toMatchObject({
      code: 'PROMPT_REFUSED',
      message: expect.stringContaining(`Send 3 KAI and 1 of the chain’s own coin from ${payer} in 2 transactions?`),
    })
    const unread = await signing('wallet', 'send', '--file', join(home.path, 'none.csv'))
    expect(error(unread)).toMatchObject({ code: 'TRANSFERS_FILE_UNREADABLE', context: { reason: 'ENOENT' } })
    for (const words of [
      [one],
      [one, '1', '--to', `${two}=1`],
      [one, '1', '--each', '1'],
      ['--gas', '--to', `${two}=1`],
    ])
      expect(error(await signing('wallet', 'send', ...words))?.code, words.join(' ')).toBe('USAGE_INVALID')
    expect(error(await signing('wallet', 'send', '--to', `${one}=1`, '--name', '../x'))?.code).toBe('USAGE_INVALID')
    expect([await count(), await holdings(one), await holdings(two)]).toEqual([before, [0n, 0n], [0n, 0n]])
  })

  test('a recipient that takes no coin is found before anything is sent', async () => {
    const [one, two] = strangers(2) as [Address, Address]
    await anvil.client.setCode({ address: two, bytecode: '0x60006000fd' })
    const before = await count()
    const refused = await signing('wallet', 'send', '--to', `${one}=1,1`, '--to', `${two}=1,1`)
    expect(error(refused)).toMatchObject({
      code: 'CONTRACT_REVERTED',
      message: expect.stringContaining(`The transfer of 1 of the coin to ${two}`),
    })
    expect([await count(), (await holdings(one))[0]]).toEqual([before, 0n])
  })

  test('another amount for somebody who was sent one is refused', async () => {
    const [one] = strangers(1) as [Address]
    await signing('wallet', 'send', '--to', `${one}=1`, '--name', 'differ')
    const other = await signing('wallet', 'send', '--to', `${one}=2`, '--name', 'differ')
    expect(error(other)).toMatchObject({
      code: 'TRANSFERS_DIFFER',
      message: expect.stringContaining(`1 KAI to ${one}, and the list says 2`),
    })
    expect((await holdings(one))[0]).toBe(parseEther('1'))
  })

  test('a process that was killed while its transactions waited goes on, and everybody is sent it once', async () => {
    const all = strangers(10)
    const file = listFile(all.map(address => `${address},2,0.01`))
    const words = ['wallet', 'send', '--file', file, '--yes', '--password-file', passwordFile, '--json']
    const before = await count()
    const { file: record } = (await kaisar('wallet', 'send', '--file', file, '--dry-run', '--json')).json<{
      file: string
    }>().data
    await anvil.client.setAutomine(false)
    onTestFinished(() => anvil.client.setAutomine(true))
    const env = { ...home.env, KAISAR_SKIP_BUILD: '1', NO_COLOR: '1' }
    const first = execa(process.execPath, [cliPath, ...words], { env, reject: false })
    await eventually(async () => {
      const pending = await anvil.client.getTransactionCount({ address: payer, blockTag: 'pending' })
      expect(pending).toBe(before + 16)
    }, 60_000)
    first.kill('SIGKILL')
    await first
    // Of twenty, sixteen wait: those are recorded as they were signed.
    const { transfers } = JSON.parse(readFileSync(record, 'utf8')) as TransferRecord
    expect(transfers.filter(({ nonce }) => nonce !== null)).toHaveLength(16)
    await anvil.client.setAutomine(true)
    await anvil.client.mine({ blocks: 1 })
    const second = await kaisar(...words)
    expect(second.json()).toMatchObject({ success: true })
    expect(await count()).toBe(before + 20)
    expect(await Promise.all(all.map(holdings))).toEqual(all.map(() => [parseEther('2'), parseEther('0.01')]))
  })
})

describe('sending transfers', () => {
  const account = testAccount('operator', 700)
  const recordOf = (...lines: string[]): TransferRecord =>
    withListed(
      {
        version: 1,
        name: 'core',
        chainId: 31337,
        genesis,
        token: network.contracts.KaisarToken,
        from: payer,
        transfers: [],
      },
      readTransferList(lines.map(text => ({ place: text, text }))),
    )
  /** Sends a record; `saves` are what was on disk, in their order, and `failAt` is the save at which the process ends. */
  async function send(
    record: TransferRecord,
    { failAt = Number.POSITIVE_INFINITY, clock = systemClock, chain = network.chain } = {},
  ) {
    const saves: TransferRecord[] = []
    const { gas } = await costOfTransfers(network, record, defaultFeeCaps)
    const save = (now: TransferRecord) => {
      saves.push(now)
      if (saves.length === failAt) throw new Error('the process ends')
    }
    const dependencies = { network: { ...network, chain }, account, clock, save }
    const ended = await sendTransfers(record, { gas, caps: defaultFeeCaps }, dependencies).catch(
      (reason: Error) => reason,
    )
    return { saves, ended }
  }

  test('what was recorded and not sent is sent by the next run, with the same nonce', async () => {
    const [one] = strangers(1) as [Address]
    const before = await count()
    const { saves, ended } = await send(recordOf(`${one},1`), { failAt: 1 })
    expect([ended, await count()]).toEqual([new Error('the process ends'), before])
    expect(saves[0]!.transfers[0]).toMatchObject({ nonce: before, block: null })
    const resumed = await send(saves[0]!)
    expect(resumed.ended).toMatchObject({
      transfers: [{ nonce: before, transaction: saves[0]!.transfers[0]!.attempts[0]!.hash }],
    })
    expect([await count(), (await holdings(one))[0]]).toEqual([before + 1, parseEther('1')])
  })

  test('what was mined and not recorded as mined is found, and not sent again', async () => {
    const [one, two] = strangers(2) as [Address, Address]
    const before = await count()
    const { saves } = await send(recordOf(`${one},1,0.5`, `${two},2`), { failAt: 2 })
    expect(await count()).toBe(before + 3)
    const resumed = await send(saves[0]!)
    expect((resumed.ended as TransferRecord).transfers.every(({ block }) => block !== null)).toBe(true)
    expect([await count(), await holdings(one)]).toEqual([before + 3, [parseEther('1'), parseEther('0.5')]])
  })

  test('where another transaction took the nonce, a person decides; nothing is sent', async () => {
    const [one, two] = strangers(2) as [Address, Address]
    const { saves } = await send(recordOf(`${one},1`), { failAt: 1 })
    await signing('wallet', 'send', two, '1')
    await anvil.client.mine({ blocks: 15 })
    const before = await count()
    const { ended } = await send(saves[0]!)
    expect(ended).toMatchObject({ code: 'TRANSFER_DISPLACED', context: { nonce: before - 1 } })
    expect([await count(), (await holdings(one))[0]]).toEqual([before, 0n])
  })

  test('where another transaction takes the nonce meanwhile, it is signed anew once that is decided', async () => {
    const [one, two] = strangers(2) as [Address, Address]
    const { saves } = await send(recordOf(`${one},1`), { failAt: 1 })
    await signing('wallet', 'send', two, '1')
    const before = await count()
    // A block for each wait: the nonce is taken in the newest block at first, and for good after twelve more.
    const sleep = () => anvil.client.mine({ blocks: 1 })
    const { ended } = await send(saves[0]!, { clock: { ...systemClock, sleep } })
    expect(ended).toMatchObject({ transfers: [{ nonce: before, attempts: [expect.anything()] }] })
    expect([await count(), (await holdings(one))[0]]).toEqual([before + 1, parseEther('1')])
  })

  test('what no block takes is offered again for a higher fee, with the same nonce, and is sent once', async () => {
    const [one] = strangers(1) as [Address]
    const before = await count()
    await anvil.client.setAutomine(false)
    onTestFinished(() => anvil.client.setAutomine(true))
    let [now, waits] = [0, 0]
    const sleep = async () => {
      now += 61_000
      if (++waits === 3) await anvil.client.mine({ blocks: 1 })
    }
    const { ended } = await send(recordOf(`${one},1`), { clock: { ...systemClock, monotonicMs: () => now, sleep } })
    const [transfer] = (ended as TransferRecord).transfers
    expect(transfer).toMatchObject({ nonce: before, transaction: transfer!.attempts.at(-1)!.hash })
    expect(transfer!.attempts.length).toBeGreaterThan(1)
    expect(transfer!.attempts.map(({ maxFeePerGas }) => maxFeePerGas)).toEqual(
      transfer!.attempts.map(({ maxFeePerGas }) => maxFeePerGas).toSorted((a, b) => (a < b ? -1 : 1)),
    )
    expect([await count(), (await holdings(one))[0]]).toEqual([before + 1, parseEther('1')])
  })

  test('where no block takes it for ten minutes the run ends, and the next one goes on', async () => {
    const [one] = strangers(1) as [Address]
    const before = await count()
    await anvil.client.setAutomine(false)
    let now = 0
    const sleep = async () => {
      now += 61_000
    }
    const { saves, ended } = await send(recordOf(`${one},1`), {
      clock: { ...systemClock, monotonicMs: () => now, sleep },
    })
    await anvil.client.setAutomine(true)
    expect(ended).toMatchObject({ code: 'TRANSACTION_UNCONFIRMED' })
    await anvil.client.mine({ blocks: 1 })
    const resumed = await send(saves.at(-1)!)
    expect(resumed.ended).toMatchObject({ transfers: [{ nonce: before }] })
    expect([await count(), (await holdings(one))[0]]).toEqual([before + 1, parseEther('1')])
  })

  test('what reverted in its block moved nothing; it is sent again once that is decided', async () => {
    const [one] = strangers(1) as [Address]
    await anvil.client.setAutomine(false)
    onTestFinished(() => anvil.client.setAutomine(true))
    const sleep = async () => {
      // By the time it is mined the recipient has code, for which its gas is too little.
      await anvil.client.setCode({ address: one, bytecode: '0x60006000fd' })
      await anvil.client.mine({ blocks: 1 })
    }
    const { saves, ended } = await send(recordOf(`${one},,1`), { clock: { ...systemClock, sleep } })
    await anvil.client.setAutomine(true)
    await anvil.client.setCode({ address: one, bytecode: '0x' })
    expect(ended).toMatchObject({ code: 'CONTRACT_REVERTED' })
    expect((await send(saves.at(-1)!)).ended).toMatchObject({ code: 'CONTRACT_REVERTED' })
    await anvil.client.mine({ blocks: 15 })
    const { ended: done } = await send(saves.at(-1)!)
    expect((done as TransferRecord).transfers[0]!.block).not.toBeNull()
    expect((await holdings(one))[1]).toBe(parseEther('1'))
  })

  /** Takes the newest blocks out, with what is in them; `instead` are transactions of the first block that comes in their place. */
  const reorg = (depth: number, instead: readonly Hex[] = []) =>
    anvil.client.request({ method: 'anvil_reorg', params: [depth, instead.map(raw => [raw, 0])] } as never)
  /** Once that many transactions of the payer are mined: a node answers before it has mined. */
  const isMined = (mined: number) => eventually(async () => expect(await count()).toBe(mined))
  const reorgAt = async (mined: number, ...how: Parameters<typeof reorg>) => {
    await isMined(mined)
    await reorg(...how)
  }

  test('what a reorganisation takes out after the run has ended is offered again by the next one, with the same nonce', async () => {
    const [one, two] = strangers(2) as [Address, Address]
    const before = await count()
    const { ended } = await send(recordOf(`${one},1,0.5`, `${two},2`))
    await reorgAt(before + 3, 2)
    expect(await count()).toBe(before + 1)
    const { ended: again } = await send(ended as TransferRecord)
    const nonces = (record: unknown) => (record as TransferRecord).transfers.map(({ nonce }) => nonce)
    expect(nonces(again)).toEqual([before, before + 1, before + 2])
    expect([await count(), await holdings(one), await holdings(two)]).toEqual([
      before + 3,
      [parseEther('1'), parseEther('0.5')],
      [parseEther('2'), 0n],
    ])
    // Twelve blocks deep nothing is looked at any more.
    await anvil.client.mine({ blocks: 12 })
    const { ended: decided } = await send(again as TransferRecord)
    expect((decided as TransferRecord).transfers.map(each => each.decided)).toEqual([true, true, true])
    expect((await send(decided as TransferRecord)).saves).toEqual([])
  })

  test('what a reorganisation takes out while others wait is offered again by the same run', async () => {
    const all = strangers(18)
    const before = await count()
    let [now, waits] = [0, 0]
    // Of eighteen, two are signed once the first sixteen are mined.
    const sleep = async () => {
      if (++waits === 1) await isMined(before + 16)
      if (waits > 2) now += 10_000
      if (waits === 2) await reorgAt(before + 18, 4)
    }
    const clock = { ...systemClock, monotonicMs: () => now, sleep }
    const { ended } = await send(recordOf(...all.map(each => `${each},1`)), { clock })
    expect(ended).toMatchObject({ transfers: all.map(() => ({ block: expect.any(Number) })) })
    expect(await count()).toBe(before + 18)
    expect(await Promise.all(all.map(holdings))).toEqual(all.map(() => [parseEther('1'), 0n]))
  })

  test('another transaction that a reorganisation puts in its place is found before the run ends, and it is signed anew', async () => {
    const all = strangers(17)
    const [stranger] = strangers(1) as [Address]
    const before = await count()
    const instead = await account.signTransaction({
      type: 'eip1559',
      chainId: 31337,
      to: stranger,
      value: 1n,
      nonce: before + 15,
      gas: 21_000n,
      maxFeePerGas: 10n ** 11n,
    })
    let [now, waits] = [0, 0]
    const sleep = async () => {
      if (++waits === 1) await isMined(before + 16)
      if (waits > 2) now += 10_000
      if (waits === 2) await reorgAt(before + 17, 2, [instead])
      if (waits > 2) await anvil.client.mine({ blocks: 1 })
    }
    const clock = { ...systemClock, monotonicMs: () => now, sleep }
    const { ended } = await send(recordOf(...all.map(each => `${each},1`)), { clock })
    const nonces = [...Array.from({ length: 15 }, (_, i) => before + i), before + 17, before + 16]
    expect(ended).toMatchObject({ transfers: nonces.map(nonce => ({ nonce })) })
    expect(await count()).toBe(before + 18)
    expect(await Promise.all(all.map(holdings))).toEqual(all.map(() => [parseEther('1'), 0n]))
  })

  test('a fresh nonce is above those that a reorganisation may free: it takes nobody else’s', async () => {
    const [one, two] = strangers(2) as [Address, Address]
    const before = await count()
    const { ended } = await send(recordOf(`${one},1`))
    const longer = withListed(ended as TransferRecord, readTransferList([{ place: '', text: `${two},2` }]))
    const { client } = network.chain
    // The block of the first goes between the look at it and the count for the second.
    const getTransactionCount: typeof client.getTransactionCount = async given => {
      if (given.blockTag === 'pending') await reorg(1)
      return client.getTransactionCount(given)
    }
    const chain = { ...network.chain, client: { ...client, getTransactionCount } }
    const { ended: done } = await send(longer, { chain })
    expect(done).toMatchObject({ transfers: [{ nonce: before }, { nonce: before + 1 }] })
    expect([await count(), (await holdings(one))[0], (await holdings(two))[0]]).toEqual([
      before + 2,
      parseEther('1'),
      parseEther('2'),
    ])
  })

  test('where no endpoint is left to offer it to, that is what is said, and the next run goes on', async () => {
    const [one] = strangers(1) as [Address]
    const before = await count()
    const { saves, ended } = await send(recordOf(`${one},1`), { chain: { ...network.chain, usable: () => [] } })
    expect(ended).toMatchObject({ code: 'RPC_UNREACHABLE' })
    expect((await send(saves.at(-1)!)).ended).toMatchObject({ transfers: [{ nonce: before }] })
    expect([await count(), (await holdings(one))[0]]).toEqual([before + 1, parseEther('1')])
  })

  test('what an endpoint says to a transfer is told, and not that another one does not answer', async () => {
    const [one] = strangers(1) as [Address]
    const says = (answer: unknown) => ({ request: () => Promise.reject(answer) })
    const silent = says(chainErrors.RPC_TIMEOUT({ endpoint: 'silent', method: 'eth_sendRawTransaction' }))
    const usable = () => [silent, says(new Error('exceeds block gas limit')), silent] as unknown as Endpoint[]
    const { ended } = await send(recordOf(`${one},1`), { chain: { ...network.chain, usable } })
    expect(ended).toMatchObject({ code: 'RPC_FAILED', message: expect.stringContaining('exceeds block gas limit') })
  })

  test('an endpoint that cuts the connection after it took a transaction does not make a second one', async () => {
    const [one] = strangers(1) as [Address]
    const before = await count()
    const proxy = await startRpcProxy({ target: anvil.rpcUrl })
    onTestFinished(() => proxy.stop())
    proxy.inject({ fault: 'drop-reply', method: 'eth_sendRawTransaction' })
    const words = ['wallet', 'send', '--to', `${one}=1`, '--name', 'cut', '--rpc-url', proxy.url]
    const cut = await signing(...words)
    expect(error(cut)?.code).toMatch(/^RPC_/)
    const again = await signing(...words)
    expect(again.json()).toMatchObject({ success: true })
    expect([await count(), (await holdings(one))[0]]).toEqual([before + 1, parseEther('1')])
  })
})
