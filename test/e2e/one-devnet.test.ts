/**
 * One devnet for everything that only reads one: as the docs open it, kept over its first paid epoch, with metrics. In the end it is killed, and what it left is swept by the next `devnet up`.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isProcessAlive } from '../../src/core/platform/pid-file.ts'
import { eventually } from '../helpers/eventually.ts'
import { isolatedHome, runCli } from '../helpers/run-cli.ts'
import { closing, describeBlocks, docsShell, opening } from './one-devnet/docs-blocks.ts'
import { describeOperators } from './one-devnet/operators.ts'

const home = isolatedHome()
const { env } = home
/** Where `devnet up` keeps it when it is told nothing. */
const folder = join(env.XDG_DATA_HOME!, 'kaisar/devnet')
const shell = docsShell(home)
const told = () => readFileSync(join(folder, 'devnet.ndjson'), 'utf8')
const status = () => runCli(['devnet', 'status', '--json'], { env })
const pidOf = async () => (await status()).json<{ pid: number }>().data.pid

let pid = 0
let paid: Promise<void> | undefined

beforeAll(async () => {
  await shell.runNamed(opening, { KAISAR_JSON: '1', KAISAR_EPOCHS: '1', KAISAR_KEEP: '1', KAISAR_METRICS: '1' })
  pid = await pidOf()
}, 120_000)
/** Once an epoch is paid; and the devnet goes on. */
const untilPaid = () => {
  paid ??= eventually(() => expect(told()).toContain('"type":"devnet.kept"'), 120_000, 500).then(async () => {
    expect(await pidOf()).toBe(pid)
    expect(isProcessAlive(pid)).toBe(true)
  })
  return paid
}
afterAll(async () => {
  // Where a test failed, one may still run.
  await runCli(['devnet', 'down'], { env })
  rmSync(home.path, { recursive: true, force: true })
})

describeBlocks(home, shell, untilPaid)
describe('of a paid epoch', () => {
  beforeAll(untilPaid, 150_000)
  describeOperators(home, folder)
})

it('survives nothing of SIGKILL, is swept at the next up, which detaches, is found by another up, and goes down', async () => {
  process.kill(pid, 'SIGKILL')
  await eventually(() => expect(isProcessAlive(pid)).toBe(false))
  const lost = await status()
  expect(lost.exitCode).toBe(3)
  expect(lost.json().errors[0]!.code).toBe('DEVNET_NOT_RUNNING')

  // As the docs open it, with the explorer.
  type Ready = { type: string; data: { rpcUrl: string; explorerUrl: string; contracts: Record<string, string> } }
  const lines = (await shell.runNamed(opening, { KAISAR_JSON: '1', KAISAR_UI: '1' })).trim().split('\n')
  const { rpcUrl, explorerUrl, contracts } = (JSON.parse(lines.at(-1)!) as Ready).data
  expect((await fetch(explorerUrl)).status).toBe(200)

  const second = await runCli(['devnet', 'up', '--detach', '--json'], { env, timeoutMs: 120_000 })
  expect(second.exitCode).toBe(1)
  expect(second.json().errors[0]).toMatchObject({
    code: 'DEVNET_RUNNING',
    message: expect.stringContaining(rpcUrl),
    fix: expect.stringContaining('"kaisar devnet down"'),
  })
  // What the first one tells goes on where it was.
  expect(JSON.parse(told().split('\n')[0]!).type).not.toBe('result')
  expect(readdirSync(folder).filter(name => name.startsWith('.'))).toEqual([])

  const found = (await status()).json<{ pid: number }>().data
  expect(found).toMatchObject({ rpcUrl, contracts })
  expect(isProcessAlive(found.pid)).toBe(true)
  const logs = await runCli(['devnet', 'logs', 'checker-1', '--json'], { env })
  expect(logs.json<{ logs: { lines: string[] }[] }>().data.logs[0]!.lines.length).toBeGreaterThan(0)

  // And as they close it.
  const down = JSON.parse(await shell.runNamed(closing, { KAISAR_JSON: '1' }))
  expect(down).toMatchObject({ success: true, data: { wasRunning: true } })
  const { stdout } = await execa('ps', ['-eo', 'args'])
  expect(stdout.split('\n').filter(line => line.includes(folder))).toEqual([])
  const gone = await runCli(['devnet', 'down', '--json'], { env })
  expect(gone.exitCode).toBe(3)
})
