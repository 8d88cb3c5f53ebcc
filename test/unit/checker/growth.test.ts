/** What a Checker does for one operator, connection or batch does not grow with the others: counted in looks, not in time. */
import type { Hex } from 'viem'
import { expect, it, vi } from 'vitest'
import { createTransactionStore, transactionTables } from '../../../src/core/chain/tx/transaction-store.ts'
import { createDeviceJobs } from '../../../src/core/checker/device-check.ts'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { createRecomputeQueue } from '../../../src/core/checker/round/recompute.ts'
import { createRoundEntries, type RoundEntry } from '../../../src/core/checker/round/seat-round.ts'
import { connectionsFor, createConnectionCount } from '../../../src/core/checker/seat-server.ts'
import type { Verification } from '../../../src/core/job/round-kind.ts'
import { openStore, type Sql, type Store } from '../../../src/core/platform/store.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import { createSigner } from '../../../src/core/report/signer.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'
import { network, seatKeys } from './judge-fixture.ts'

const word = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const operatorOf = (n: number): Hex => `0x${n.toString(16).padStart(40, '0')}`

it('who connects is offered its own open rounds, whatever rounds of other operators there are', () => {
  const [rounds, devices] = [8, 500]
  const entries = createRoundEntries()
  let looks = 0
  for (let round = 0; round < rounds; round++)
    for (let n = 0; n < devices; n++)
      entries.add({
        round: { trigger: { hash: word(round) } },
        device: {
          deviceId: word(n),
          get operator() {
            looks++
            return operatorOf(n)
          },
        },
        check: { commitmentHash: null },
      } as unknown as RoundEntry)
  looks = 0
  for (let n = 0; n < devices; n++) {
    const own = entries.ofOperator(operatorOf(n))
    expect(own.map(({ round }) => round.trigger.hash)).toEqual(Array.from({ length: rounds }, (_, i) => word(i)))
  }
  expect(looks).toBe(0)
  entries.drop(word(0))
  expect(entries.ofOperator(operatorOf(0))).toHaveLength(rounds - 1)
})

it('the connections of a duty are counted once, and not at each new connection', () => {
  let looks = 0
  const dutyOf = (operator: Hex) => {
    const operators = () => {
      looks++
      return [operator].values()
    }
    return { operators: { [Symbol.iterator]: operators } as unknown as Set<Hex>, peers: new Set<Hex>() }
  }
  const duty = dutyOf(operatorOf(1))
  const most = createConnectionCount()
  for (let i = 0; i < 1_000; i++) expect(most([duty])).toBe(1_024 + 2)
  expect(looks).toBe(1)
  const other = dutyOf(operatorOf(2))
  expect(most([other, duty])).toBe(connectionsFor([other, duty]))
  expect(most([])).toBe(1_024)
})

it('a batch is taken of what waits without a look at the rest, and what waits of another kind has its turn between', async () => {
  let looks = 0
  const batches: string[] = []
  const verify = (kind: string) => async (request: { readonly items: readonly unknown[] }) => {
    batches.push(`${kind} ${request.items.length}`)
    return request.items.map(() => ({}) as Verification)
  }
  const kinds = { tensor: { verify: verify('tensor') }, memory: { verify: verify('memory') } }
  const queue = createRecomputeQueue({ engine: { kinds } as never, together: take => take() })
  const task = (kind: 'tensor' | 'memory') => ({
    get kind() {
      looks++
      return kind
    },
    epochSeed: word(1),
  })
  const waiting = [
    ...Array.from({ length: 1_281 }, () => queue(task('tensor'), {} as never, () => undefined)),
    queue(task('memory'), {} as never, () => undefined),
  ]
  await Promise.all(waiting)
  // The first one does not wait for others to come.
  expect(batches.slice(0, 3)).toEqual(['tensor 1', 'tensor 64', 'memory 1'])
  expect(batches).toHaveLength(1 + 20 + 1)
  expect(looks).toBeLessThanOrEqual(1_282 + batches.length)
})

it('a report of a device is taken without a look at those of the others', async () => {
  const devices = 200
  const operator = operatorOf(1)
  const nonces: Hex[] = []
  const session = {
    operator,
    peerCertificateHash: zeroBytes32,
    send: async (_type: string, { message }: { message: { nonce: Hex } }) => void nonces.push(message.nonce),
  } as unknown as Session
  let bytes = 0
  const judged: Hex[] = []
  const jobs = createDeviceJobs({
    network,
    signer: createSigner({ privateKey: seatKeys[0]!, network }),
    journal: { deviceCheck: () => null, recordDeviceCheck: () => undefined } as never,
    policy: async () => [],
    registrationOf: async () => ({ record: {} }) as never,
    clock: createManualClock(),
    randomBytes: size => new Uint8Array(size).fill(++bytes % 256),
    log: silentLogger,
    onJudged: (_, device) => void judged.push(device),
  })
  const own = Array.from({ length: devices }, (_, n) => ({
    ...{ deviceId: word(n + 1), generation: 1, operator, cohort: 0, lane: 0 },
  }))
  await jobs.ask(session, 7, own)
  let looks = 0
  const keys = Map.prototype.keys
  vi.spyOn(Map.prototype, 'keys').mockImplementation(function* (this: Map<unknown, unknown>) {
    for (const key of keys.call(this)) {
      looks++
      yield key
    }
  } as typeof keys)
  try {
    for (const nonce of nonces)
      await jobs.take(session, {
        report: { message: { nonce, environmentHash: zeroBytes32 }, signature: '0x' },
        ...{ device: '{}', environment: '{}', attestation: null },
      } as never)
  } finally {
    vi.restoreAllMocks()
  }
  expect(judged).toEqual(own.map(({ deviceId }) => deviceId))
  expect(looks).toBeLessThanOrEqual(2 * devices)
})

/** How SQLite finds the rows of what `work` asks a store for. */
function plansOf(migrations: readonly string[], work: (store: Store) => unknown): string[] {
  const store = openStore({ path: ':memory:', migrations })
  const plans: string[] = []
  const explain = (sql: Sql, parameters: readonly unknown[]) => {
    const text = `EXPLAIN QUERY PLAN ${typeof sql === 'string' ? sql : sql.join('?')}`
    plans.push(...store.all<{ detail: string }>(text, ...(parameters as string[])).map(({ detail }) => detail))
  }
  work({
    ...store,
    run: (sql, ...parameters) => {
      explain(sql, parameters)
      return store.run(sql, ...parameters)
    },
    get: <T>(sql: Sql, ...parameters: never[]) => {
      explain(sql, parameters)
      return store.get<T>(sql, ...parameters)
    },
    all: <T>(sql: Sql, ...parameters: never[]) => {
      explain(sql, parameters)
      return store.all<T>(sql, ...parameters)
    },
  })
  store.close()
  return plans
}

it('what a Checker reads of one device is found by an index, however many records there are', () => {
  const plans = plansOf(checkerMigrations, store => {
    const journal = createCheckerJournal(store)
    journal.lastRate(word(1))
    journal.verdicts(1, word(1))
    journal.deviceCheck(1, word(1))
    journal.confirmedEnvironments(1, word(1))
    journal.nameReason(word(1), word(2), { reason: 'TIMEOUT', detail: '' })
    journal.evidenceTree(1, 0)
    journal.seatCommitment(1)
  })
  expect(plans.length).toBeGreaterThanOrEqual(7)
  expect(plans.filter(plan => plan.includes('SCAN'))).toEqual([])
})

it('a nonce is settled without a look at those that were settled before', () => {
  const [plan] = plansOf([transactionTables], store => createTransactionStore(store, operatorOf(1)).settleNonce(7))
  expect(plan).toMatch(/nonce=\?/)
})

it('what was spent is forgotten once no cap asks for it any more', () => {
  const store = openStore({ path: ':memory:', migrations: [transactionTables] })
  const transactions = createTransactionStore(store, operatorOf(1))
  const day = 86_400
  for (let hour = 0; hour < 24 * 30; hour++) transactions.addSpend(word(hour), 1n, hour * 3_600)
  expect(transactions.spentSince(29 * day - 1)).toBe(24n)
  expect(store.get`SELECT count(*) AS n FROM tx_spend`).toEqual({ n: 48n })
  expect(transactions.spentSince(29 * day - 1)).toBe(24n)
  store.close()
})
