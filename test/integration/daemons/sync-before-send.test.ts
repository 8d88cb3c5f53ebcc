/** Record before you speak, seen from the kernel: the fdatasync of the record ends before the first byte of the send leaves. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-sync-'))
afterAll(() => rmSync(folder, { recursive: true }))

const probe = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'])
// Needs strace and the right to trace: `apt-get install strace`.
const canTrace = probe.status === 0
const anvil = await anvilForTests()

type Call = { readonly at: number; readonly text: string }

it.runIf(canTrace)('the record of a transaction is synced before it is sent (needs strace)', () => {
  const src = (path: string) => JSON.stringify(new URL(`../../../src/core/${path}`, import.meta.url).href)
  const script = `
    import { connectChain } from ${src('chain/client.ts')}
    import { createTransactionSender } from ${src('chain/tx/transaction-sender.ts')}
    import { transactionTables } from ${src('chain/tx/transaction-store.ts')}
    import { openStore } from ${src('platform/store.ts')}
    import { mnemonicToAccount } from 'viem/accounts'
    const store = openStore({ path: ${JSON.stringify(join(folder, 'state.db'))}, migrations: [transactionTables] })
    const account = mnemonicToAccount('test test test test test test test test test test test junk', { addressIndex: 3 })
    const chain = await connectChain({ rpcUrls: [${JSON.stringify(anvil.rpcUrl)}] })
    const sender = createTransactionSender({ pollMs: 50 }, { chain, account, store })
    const to = ${JSON.stringify(devAccount(4).address)}
    const receipt = await sender.send({ key: 'note', what: 'note', to, data: '0x00000000' })
    console.log(receipt.hash)
    await sender.stop()
    process.exit(0)`
  const trace = join(folder, 'trace')
  const { stdout, stderr, status } = spawnSync(
    'strace',
    [
      ...['-f', '-tt', '-y', '-s', '400', '-e', 'trace=fsync,fdatasync,write,writev,sendto,sendmsg,pwrite64'],
      ...['-o', trace, process.execPath, '--input-type=module', '-e', script],
    ],
    { encoding: 'utf8', cwd: new URL('../../..', import.meta.url).pathname },
  )
  expect(status, stderr).toBe(0)
  expect(stdout.trim()).toMatch(/^0x[0-9a-f]{64}$/)

  const calls: Call[] = readFileSync(trace, 'utf8')
    .split('\n')
    .map((text, at) => ({ at, text }))
  const toLog = ({ text }: Call) => text.includes('state.db-wal')
  const send = calls.find(({ text }) => text.includes('eth_sendRawTransaction'))!
  expect(send, 'the send is in the trace').toBeDefined()
  const records = calls.filter(call => toLog(call) && /pwrite64\(/.test(call.text) && call.at < send.at)
  const syncs = calls.filter(call => toLog(call) && /f(data)?sync\(/.test(call.text) && call.at < send.at)
  expect(records.length).toBeGreaterThan(0)
  // The last thing that happens to the log before the send is a sync that succeeded, after the last record.
  expect(syncs.at(-1)!.at).toBeGreaterThan(records.at(-1)!.at)
  expect(syncs.at(-1)!.text).toMatch(/= 0$/)
})
