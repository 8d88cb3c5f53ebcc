/**
 * The main job, as the README says it: one command from a clone to paid epochs. With `--keep`, so that the same network is asked something
 * afterwards, and ends at Ctrl-C.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, it } from 'vitest'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import { devnetPidFile } from '../../src/core/devnet/devnet-folder.ts'
import { readPidFile } from '../../src/core/platform/pid-file.ts'
import { runCliHere } from '../helpers/cli-in-process.ts'
import { type CliResult, isolatedHome, runCli } from '../helpers/run-cli.ts'

const home = isolatedHome()
const dataDir = join(home.path, 'devnet')
afterAll(async () => {
  // Where a test failed, its devnet may still run.
  await runCli(['devnet', 'down', '--data-dir', dataDir], { env: home.env })
  rmSync(home.path, { recursive: true, force: true })
})

type Payment = { device: string; payout: string; score: string; amount: string; txHash: string }
type Event = { type: string } & Record<string, unknown>
type Summary = {
  rpcUrl: string
  contracts: Record<string, `0x${string}`>
  epochs: { epoch: number; emission: string; paid: boolean; payments: Payment[] }[]
  devices: { device: string; operator: string; payout: string; paid: string }[]
  balances: Record<string, string>
}

/** Plain JSON-RPC, so that nothing of ours stands between the test and the chain. */
async function tokenBalance(rpcUrl: string, token: string, holder: string): Promise<bigint> {
  const data = `0x70a08231${holder.slice(2).padStart(64, '0')}`
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params: [{ to: token, data }, 'latest'] })
  const response = await fetch(rpcUrl, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const { result } = (await response.json()) as { result: string }
  return BigInt(result)
}

const isSum = (payments: readonly Payment[], wallet: string) =>
  payments.filter(({ payout }) => payout === wallet).reduce((sum, { amount }) => sum + BigInt(amount), 0n)

/** Why a Provider said that it has nothing to do. */
const idleReasons = (provider: string): string[] =>
  [
    ...readFileSync(join(dataDir, 'logs', `${provider}.log`), 'utf8').matchAll(
      /"type":"provider\.idle".*"reason":"([^"]*)"/g,
    ),
  ].map(([, reason]) => reason!)

it('works, judges, agrees and pays two epochs, and every wallet holds what was reported, to the wei; kept, it goes on until Ctrl-C', async () => {
  const run = execa('npx', ['kaisar', 'devnet', 'up', '--epochs', '2', '--keep', '--json', '--data-dir', dataDir], {
    env: { ...home.env, NO_COLOR: '1' },
    reject: false,
    timeout: 240_000,
  })
  const events: Event[] = []
  const balancesAfterFirst: Record<string, bigint> = {}
  let asked: Promise<unknown> = Promise.resolve()
  let askedKept: Promise<CliResult[]> = Promise.resolve([])
  const ask = (...words: string[]) => runCliHere(['epoch', ...words, '--json'], { env: home.env })
  for await (const line of run) {
    const event = JSON.parse(line) as Event
    events.push(event)
    if (event.type === 'devnet.kept') {
      const { device } = (event as unknown as Summary).devices[0]!
      // The signal of Ctrl-C, to the command itself: npx would hand on a second one.
      const interrupt = () => process.kill(readPidFile(devnetPidFile(dataDir))!.pid, 'SIGINT')
      askedKept = Promise.all([ask('explain', device, '--epoch', '1'), ask('status')]).finally(interrupt)
    }
    if (event.type !== 'epoch.paid' || event.epoch !== 0) continue
    // The chain is still there: the next epoch is a quarter of a minute away.
    const { rpcUrl, contracts } = events.find(({ type }) => type === 'devnet.ready') as unknown as Summary
    asked = Promise.all(
      (event.payments as Payment[]).map(async ({ payout }) => {
        balancesAfterFirst[payout] = await tokenBalance(rpcUrl, contracts.KaisarToken!, payout)
      }),
    )
  }
  await asked
  const [explained, status] = await askedKept
  const { exitCode, stderr } = await run
  const result = events.at(-1)!
  expect(result, stderr).toMatchObject({ type: 'result', success: true })
  expect(exitCode).toBe(0)
  const kept = events.findIndex(({ type }) => type === 'devnet.kept')
  const data = events[kept] as unknown as Summary
  const bothPaid = [0, 1].map(epoch => ({ epoch, paid: true }))
  expect((result.data as Summary).epochs.slice(0, 2)).toMatchObject(bothPaid)

  const [first, second] = data.epochs
  expect(data.epochs.slice(0, 2)).toMatchObject(bothPaid)
  for (const { payments, emission } of [first!, second!]) {
    expect(payments).toHaveLength(2)
    for (const { amount, score } of payments) {
      expect(BigInt(amount)).toBeGreaterThan(0n)
      expect(BigInt(score)).toBeGreaterThan(0n)
    }
    expect(payments.reduce((sum, { amount }) => sum + BigInt(amount), 0n)).toBeLessThanOrEqual(BigInt(emission))
  }
  for (const [wallet, balance] of Object.entries(balancesAfterFirst))
    expect(balance).toBe(isSum(first!.payments, wallet))
  expect(Object.keys(balancesAfterFirst)).toHaveLength(2)
  for (const [wallet, balance] of Object.entries(data.balances))
    expect(BigInt(balance)).toBe(
      isSum(
        data.epochs.flatMap(({ payments }) => payments),
        wallet,
      ),
    )
  for (const { operator, payout } of data.devices) expect(payout).not.toBe(operator)

  const checks = events.filter(({ type }) => type === 'check.completed')
  expect(new Set(checks.map(({ seat }) => seat)).size).toBe(5)
  expect(checks.filter(({ verdict }) => verdict === 'WRONG')).toEqual([])
  expect(events.filter(({ type }) => type === 'device.registered')).toHaveLength(2)
  const paidBefore = events.slice(0, kept).filter(({ type }) => type === 'epoch.paid')
  expect(paidBefore.map(({ epoch }) => epoch)).toEqual([0, 1])

  // What only a network that goes on has: seats that show what they saw.
  const { data: explanation } = explained!.json<{ outcome: string; seats: { below: { equal: boolean } | null }[] }>()
  expect(explanation.outcome).toBe('paid')
  expect(explanation.seats.filter(({ below }) => below?.equal === true).length).toBeGreaterThan(0)

  // Both devices were judged in both epochs: nobody says that there is nothing to do, unless the seed is later than rounds may begin.
  const { eligibleFromSeconds } = devnetParameters(`0x${'00'.repeat(32)}`).rounds
  const late = status!
    .json<{ epochs: { epoch: number; startsAt: number; seededAt: number }[] }>()
    .data.epochs.filter(({ startsAt, seededAt }) => seededAt - startsAt > eligibleFromSeconds)
    .map(({ epoch }) => `epoch ${epoch} has no seed yet`)
  const saidOfBoth = ['provider-1', 'provider-2'].flatMap(idleReasons).filter(reason => /\bepoch [01]\b/.test(reason))
  expect(saidOfBoth.filter(reason => !late.includes(reason))).toEqual([])
})
