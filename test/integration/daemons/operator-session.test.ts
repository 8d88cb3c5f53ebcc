/** Two machines with one operator key: the newer one takes over, the older one yields, and both say why. */
import { randomBytes } from 'node:crypto'
import { type Address, parseEther } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TransactionSender } from '../../../src/core/chain/tx/transaction-sender.ts'
import { transactionTables } from '../../../src/core/chain/tx/transaction-store.ts'
import { asOnlyRun, operatorSessionTable } from '../../../src/core/daemon/operator-session.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { deployForTests } from '../../helpers/deploy.ts'
import { senderForTests } from '../../helpers/sender.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const roles = ['provider', 'checker'] as const
let anvil: Awaited<ReturnType<typeof anvilForTests>>
let network: Awaited<ReturnType<typeof deployForTests>>['network']
beforeAll(async () => {
  anvil = await anvilForTests()
  network = (await deployForTests(anvil)).network
})
const senders: TransactionSender[] = []
afterAll(() => Promise.all(senders.map(sender => sender.stop())))
const claims = (address: Address, count: number) =>
  expect.poll(() => anvil.client.getTransactionCount({ address }), { timeout: 30_000 }).toBe(count)

/** A data folder and an account of a machine of its own. */
function machine(account: ReturnType<typeof devAccount>, role: (typeof roles)[number]) {
  const store = openStore({ path: ':memory:', migrations: [transactionTables, operatorSessionTable] })
  const { sender } = senderForTests(network.chain, account, {}, { store })
  const said: string[] = []
  const log = Object.assign(Object.create(silentLogger), {
    warn: (_: object, message: string) => said.push(message),
  })
  const deps = { sender, store, clock: systemClock, randomBytes: (size: number) => randomBytes(size), log }
  const start = (options: { takeOver?: boolean } = {}) => {
    const stop = new AbortController()
    const started = Promise.withResolvers<void>()
    const ended = asOnlyRun({ network, role, pollMs: 20, ...options }, deps, stop.signal, async signal => {
      started.resolve()
      await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }))
    })
    ended.catch(started.reject)
    return { started: started.promise, ended, stop: () => stop.abort() }
  }
  senders.push(sender)
  return { start, said }
}

describe.each(roles)('two machines with the key of one %s', role => {
  it('of two machines with one key the newer run goes on, and the older one stays stopped until it is told to take over', async () => {
    const account = devAccount(4 + roles.indexOf(role))
    await anvil.client.setBalance({ address: account.address, value: parseEther('10') })
    const [first, second] = [machine(account, role), machine(account, role)]
    const older = first.start()
    await older.started
    await claims(account.address, 1)
    const newer = second.start()
    await expect(older.ended).rejects.toMatchObject({
      code: 'OPERATOR_REPLACED',
      exit: 3,
      message: expect.stringMatching(/claimed the operator key at 20\d\d-/),
      fix: expect.stringContaining('--take-over'),
    })
    await newer.started
    expect(second.said).toEqual([expect.stringContaining('another machine may still run')])

    // Its init system starts it again: it does not take the session back by itself.
    await expect(first.start().started).rejects.toMatchObject({ code: 'OPERATOR_REPLACED' })
    newer.stop()
    await newer.ended

    // A restart on the same machine finds its own session and waits for nothing.
    const again = second.start()
    await again.started
    expect(second.said).toHaveLength(1)
    await claims(account.address, 3)
    const back = first.start({ takeOver: true })
    await back.started
    await expect(again.ended).rejects.toMatchObject({ code: 'OPERATOR_REPLACED' })
    back.stop()
    await back.ended
  })
})

it('a run starts only when its claim is in a block, where another machine may still work, and stops when asked to', async () => {
  const account = devAccount(6)
  const [first, second] = [machine(account, 'provider'), machine(account, 'provider')]
  const older = first.start()
  await older.started
  await claims(account.address, 1)
  await anvil.client.setAutomine(false)
  const newer = second.start()
  let isStarted = false
  newer.started.then(
    () => {
      isStarted = true
    },
    () => undefined,
  )
  await expect.poll(async () => (await anvil.client.getTxpoolStatus()).pending).toBe(1)
  expect(isStarted).toBe(false)
  newer.stop()
  await newer.ended
  expect(isStarted).toBe(false)
  // Before the claim can be mined, which would end the older one with a reason.
  older.stop()
  await older.ended
  await anvil.client.setAutomine(true)
})

it('a Provider whose key holds nothing claims no session, works, and yields to a machine that claims one', async () => {
  const account = devAccount(7)
  await anvil.client.setBalance({ address: account.address, value: 0n })
  const [poor, funded] = [machine(account, 'provider'), machine(account, 'provider')]
  const older = poor.start()
  await older.started
  expect(poor.said).toEqual([expect.stringContaining('claims no session')])
  await anvil.client.setBalance({ address: account.address, value: parseEther('10') })
  const newer = funded.start()
  await expect(older.ended).rejects.toMatchObject({ code: 'OPERATOR_REPLACED' })
  await claims(account.address, 1)
  // With nothing left it does not start beside a machine that may still work.
  newer.stop()
  await newer.ended
  await anvil.client.setBalance({ address: account.address, value: 0n })
  await expect(poor.start().started).rejects.toMatchObject({ code: 'OPERATOR_REPLACED' })
})
