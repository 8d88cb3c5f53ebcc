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

/** A system call of a trace: the lines where it begins and ends, and its text, whole. */
type Call = { readonly begins: number; readonly ends: number; readonly text: string }

const resumed = /^.*<\.\.\. \w+ resumed>/

/**
 * The calls of a trace by `strace -f`. Where another thread speaks while a call is under way, strace writes it in two
 * lines, `PID TIME fsync(21 <unfinished ...>` and later `PID TIME <... fsync resumed>) = 0`: they are one call here.
 * A call that never returned keeps its first line alone, without a result.
 */
const callsOf = (trace: string): Call[] => {
  const lines = trace.split('\n')
  return lines.flatMap((line, begins) => {
    if (resumed.test(line)) return []
    const unfinished = /^(\d+) .*(?= <unfinished \.\.\.>$)/.exec(line)
    if (!unfinished) return [{ begins, ends: begins, text: line }]
    const [start, thread] = unfinished
    const ends = lines.findIndex((later, at) => at > begins && later.startsWith(`${thread} `) && resumed.test(later))
    return [{ begins, ends, text: `${start}${lines[ends]?.replace(resumed, '') ?? ''}` }]
  })
}

it('a call that another thread interrupts in the trace is one call, which ends where it is resumed', () => {
  const trace = [
    '7 15:39:20.1 fsync(21</f/state.db-wal> <unfinished ...>',
    '8 15:39:20.2 write(19, "\\1", 1) = 1',
    '7 15:39:20.3 <... fsync resumed>) = 0',
    '8 15:39:20.4 write(19, "\\2", 1 <unfinished ...>',
    '8 15:39:20.5 +++ exited with 0 +++',
  ]
  expect(callsOf(trace.join('\n'))).toEqual([
    { begins: 0, ends: 2, text: '7 15:39:20.1 fsync(21</f/state.db-wal>) = 0' },
    { begins: 1, ends: 1, text: trace[1] },
    { begins: 3, ends: -1, text: '8 15:39:20.4 write(19, "\\2", 1' },
    { begins: 4, ends: 4, text: trace[4] },
  ])
})

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

  const calls = callsOf(readFileSync(trace, 'utf8'))
  const send = calls.find(({ text }) => text.includes('eth_sendRawTransaction'))!
  expect(send, 'the send is in the trace').toBeDefined()
  const toLog = calls.filter(({ begins, text }) => text.includes('state.db-wal') && begins < send.begins)
  const record = toLog.findLast(({ text }) => /pwrite64\(/.test(text))!
  const sync = toLog.findLast(({ text }) => /f(data)?sync\(/.test(text))!
  expect(record, 'a record precedes the send').toBeDefined()
  // The last thing that happens to the log before the send is a sync that succeeded: begun after the last record, ended before the send.
  expect(sync.begins).toBeGreaterThan(record.ends)
  expect(sync.ends).toBeLessThan(send.begins)
  expect(sync.text).toMatch(/= 0$/)
})
