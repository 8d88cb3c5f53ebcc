/** The main job, exactly as the README says it: one command from a clone to paid epochs. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, expect, it } from 'vitest'
import { summaryTable } from '../../src/core/devnet/summary.ts'
import { isolatedHome, runCli } from '../helpers/run-cli.ts'
import { type DevnetEvent, wordsOfSeats } from '../helpers/words-of-seats.ts'

const home = isolatedHome()
const dataDir = join(home.path, 'devnet')
afterAll(async () => {
  // Where a test failed, its devnet may still run.
  await runCli(['devnet', 'down', '--data-dir', dataDir], { env: home.env })
  rmSync(home.path, { recursive: true, force: true })
})

type Payment = { device: string; payout: string; score: string; amount: string; txHash: string }
type Summary = {
  rpcUrl: string
  contracts: Record<string, `0x${string}`>
  epochs: { epoch: number; emission: string; paid: boolean; payments: Payment[] }[]
  devices: {
    device: `0x${string}`
    operator: `0x${string}`
    payout: `0x${string}`
    rounds: number
    verdicts: Record<string, number>
    measures: { tensor: number; bandwidth: number; resident: number }
    share: number
    capacity: string
    score: string
    paid: string
    balance: string
  }[]
  balances: Record<string, string>
}

/** As the command prints it where nobody asks for JSON. */
const tableOf = ({ devices, ...data }: Summary): string[] => {
  const exact = devices.map(({ capacity, score, paid, balance, ...device }) => ({
    ...{ ...device, capacity: BigInt(capacity), score: BigInt(score), paid: BigInt(paid), balance: BigInt(balance) },
  }))
  return summaryTable({ ...data, chainId: 0, epochs: [], balances: {}, devices: exact }, 200).split('\n')
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

/** The epochs of which a Provider said that it has nothing to do in them, for another reason than a seed that came late. */
const idleEpochs = (provider: string): string[] =>
  [
    ...readFileSync(join(dataDir, 'logs', `${provider}.log`), 'utf8').matchAll(
      /"type":"provider\.idle".*"reason":"([^"]*)"/g,
    ),
  ]
    .map(([, reason]) => reason!)
    .filter(reason => /\bepoch [01]\b/.test(reason) && !reason.endsWith('has no seed yet'))

it('works, judges, agrees and pays two epochs, and every wallet holds what was reported, to the wei', async () => {
  const run = execa('npx', ['kaisar', 'devnet', 'up', '--epochs', '2', '--json', '--data-dir', dataDir], {
    env: { ...home.env, NO_COLOR: '1' },
    reject: false,
    timeout: 240_000,
  })
  const events: DevnetEvent[] = []
  const balancesAfterFirst: Record<string, bigint> = {}
  let asked: Promise<unknown> = Promise.resolve()
  for await (const line of run) {
    const event = JSON.parse(line) as DevnetEvent
    events.push(event)
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
  const { exitCode, stderr } = await run
  const result = events.at(-1)!
  expect(result, stderr).toMatchObject({ type: 'result', success: true })
  expect(exitCode).toBe(0)
  const data = result.data as Summary

  const [first, second] = data.epochs
  expect([first?.epoch, second?.epoch]).toEqual([0, 1])
  for (const { epoch, payments, emission } of [first!, second!]) {
    expect(payments).toHaveLength(2)
    for (const { device, amount, score } of payments) {
      const rounds = wordsOfSeats(events, { device, epoch })
      expect(BigInt(score), rounds).toBeGreaterThan(0n)
      expect(BigInt(amount), rounds).toBeGreaterThan(0n)
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

  // What the payments are made of, in what is told to programs and in the table for people.
  expect(data.devices).toHaveLength(2)
  for (const { capacity, measures } of data.devices) {
    const { tensor, bandwidth, resident } = measures
    for (const figure of [tensor, bandwidth, resident, Number(capacity)]) expect(figure).toBeGreaterThan(0)
  }
  const [titles, ...rows] = tableOf(data).map(line => line.trim().split(/ {2,}/))
  expect(rows).toHaveLength(2)
  for (const row of rows)
    for (const title of ['tensor', 'bandwidth', 'memory', 'capacity'])
      expect(row[titles!.indexOf(title)], title).toMatch(/^[\d,.]*[1-9]/)

  const checks = events.filter(({ type }) => type === 'check.completed')
  expect(new Set(checks.map(({ seat }) => seat)).size).toBe(5)
  expect(checks.filter(({ verdict }) => verdict === 'WRONG')).toEqual([])
  expect(events.filter(({ type }) => type === 'device.registered')).toHaveLength(2)
  expect(events.filter(({ type }) => type === 'epoch.paid').map(({ epoch }) => epoch)).toEqual([0, 1])
  // Both devices were judged in both epochs.
  expect(['provider-1', 'provider-2'].flatMap(idleEpochs)).toEqual([])
})
