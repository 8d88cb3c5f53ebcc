import fc from 'fast-check'
import { numberToHex } from 'viem'
import { describe, expect, test } from 'vitest'
import { type PlanInput, planTransactions } from '../../../../src/core/chain/tx/plan.ts'
import type { ActionRow, Attempt } from '../../../../src/core/chain/tx/transaction-store.ts'

const rules = { bumpAfterBlocks: 3, maxInFlight: 4 }
const action = (position: number, changes: Partial<ActionRow> = {}): ActionRow => ({
  key: `a${position}`,
  to: `0x${'11'.repeat(20)}`,
  data: '0x',
  functionName: 'note',
  priority: 2,
  deadline: null,
  position,
  state: 'queued',
  nonce: null,
  receipt: null,
  failure: null,
  ...changes,
})
const attempt = (key: string, nonce: number, atBlock = 0n, id = nonce): Attempt => ({
  hash: numberToHex(id + 1, { size: 32 }),
  key,
  nonce,
  raw: '0x',
  gas: 21_000n,
  maxFeePerGas: 1n,
  maxPriorityFeePerGas: 1n,
  atBlock,
})
const input = (changes: Partial<PlanInput>): PlanInput => ({
  actions: [],
  attempts: [],
  minedNonce: 0,
  headNumber: 100n,
  headTimestamp: 1000,
  baseFeePerGas: 1n,
  ...changes,
})
const pending = (position: number, nonce: number, changes: Partial<ActionRow> = {}) =>
  action(position, { state: 'pending', nonce, ...changes })
const signed = (given: PlanInput) =>
  planTransactions(given, rules).sign.map(({ nonce, action: a }) => [nonce, a?.key ?? null])

describe('transaction plan', () => {
  test('nonces start from the mined one, and actions are signed by priority', () => {
    const actions = [
      action(1),
      action(2, { priority: 1 }),
      action(3, { priority: 0, deadline: 3000 }),
      action(4, { priority: 0, deadline: 2000 }),
    ]
    expect(signed(input({ actions, minedNonce: 7 }))).toEqual([
      [7, 'a4'],
      [8, 'a3'],
      [9, 'a2'],
      [10, 'a1'],
    ])
  })

  test('claims wait when enough transactions are in flight, and deadlines may go on', () => {
    const actions = [0, 1, 2, 3].map(nonce => pending(nonce, nonce))
    const attempts = actions.map(({ key, nonce }) => attempt(key, nonce!, 100n))
    expect(signed(input({ actions: [...actions, action(9)], attempts }))).toEqual([])
    const urgent = action(8, { priority: 0, deadline: 2000 })
    expect(signed(input({ actions: [...actions, action(9), urgent], attempts }))).toEqual([[4, 'a8']])
  })

  test('a gap in the nonces is filled by the next action, else by an empty transaction', () => {
    const actions = [pending(2, 1), action(5)]
    const attempts = [attempt('gone', 0, 100n), attempt('a2', 1, 100n)]
    expect(signed(input({ actions, attempts }))).toEqual([[0, 'a5']])
    expect(signed(input({ actions: [pending(2, 1)], attempts }))).toEqual([[0, null]])
    const filled = [attempt('', 0, 100n), attempt('a2', 1, 100n)]
    expect(signed(input({ actions: [pending(2, 1)], attempts: filled }))).toEqual([])
  })

  test('an action whose deadline has passed is given up, and its nonce goes to the next', () => {
    const late = pending(1, 0, { deadline: 999 })
    const plan = planTransactions(input({ actions: [late, action(2)], attempts: [attempt('a1', 0, 100n)] }), rules)
    expect(plan.expire).toEqual([late])
    expect(plan.sign).toMatchObject([{ nonce: 0, action: { key: 'a2' } }])
  })

  test('a stuck claim gives its nonce to a deadline, and a fresh claim does not', () => {
    const urgent = action(2, { priority: 0, deadline: 2000 })
    const given = (atBlock: bigint) =>
      input({ actions: [pending(1, 0), urgent], attempts: [attempt('a1', 0, atBlock)] })
    expect(planTransactions(given(97n), rules).sign[0]?.displaces?.key).toBe('a1')
    expect(signed(given(97n))).toEqual([[0, 'a2']])
    expect(planTransactions(given(98n), rules).sign.map(({ displaces }) => displaces)).toEqual([null])
    expect(signed(given(98n))).toEqual([[1, 'a2']])
  })

  test('stuck steps of a keeper that take every place in flight give one to a deadline of this key alone, and fresh ones do not', () => {
    const keepers = Array.from({ length: 2 * rules.maxInFlight }, (_, nonce) =>
      pending(nonce, nonce, { priority: 1, deadline: 9000 }),
    )
    const urgent = action(99, { priority: 0, deadline: 2000 })
    const given = (atBlock: bigint, first: ActionRow = keepers[0]!) =>
      input({
        actions: [first, ...keepers.slice(1), urgent],
        attempts: keepers.map(({ key, nonce }) => attempt(key, nonce!, atBlock)),
      })
    expect(signed(given(97n))).toEqual([[0, 'a99']])
    expect(planTransactions(given(97n), rules).sign[0]?.displaces?.key).toBe('a0')
    expect(signed(given(98n))).toEqual([])
    // What is as urgent keeps its nonce.
    expect(signed(given(97n, { ...keepers[0]!, priority: 0 }))).toEqual([[1, 'a99']])
  })

  test('a transaction that is unmined for three blocks is made dearer', () => {
    const actions = [pending(1, 0), pending(2, 1)]
    const attempts = [attempt('a1', 0, 97n), attempt('a2', 1, 98n)]
    const plan = planTransactions(input({ actions, attempts }), rules)
    expect(plan.bump.map(({ nonce }) => nonce)).toEqual([0])
  })

  test('transactions that offer less than the base fee are replaced at once, up to the last nonce that has a deadline', () => {
    const attempts = [0, 1, 2].map(nonce => attempt(`a${nonce}`, nonce, 99n))
    const actions = [pending(0, 0), pending(1, 1, { priority: 0, deadline: 2000 }), pending(2, 2)]
    const bumped = (given: Partial<PlanInput>) =>
      planTransactions(input({ attempts, actions, ...given }), rules).bump.map(({ nonce }) => nonce)
    expect(bumped({ baseFeePerGas: 2n })).toEqual([0, 1])
    expect(bumped({ baseFeePerGas: 1n })).toEqual([])
    expect(bumped({ baseFeePerGas: 2n, actions: [pending(0, 0), pending(1, 1), pending(2, 2)] })).toEqual([])
  })

  test('every plan uses each nonce at most once, leaves no gap below the highest, and signs no action twice', () => {
    const anyAction = fc.record({
      state: fc.constantFrom('queued', 'pending', 'displaced', 'mined') as fc.Arbitrary<ActionRow['state']>,
      nonce: fc.nat(6),
      priority: fc.nat(2),
      deadline: fc.option(fc.integer({ min: 900, max: 1100 })),
      atBlock: fc.bigInt({ min: 90n, max: 100n }),
    })
    fc.assert(
      fc.property(
        fc.array(anyAction, { maxLength: 10 }),
        fc.nat(6),
        fc.bigInt(1n, 2n),
        (rows, minedNonce, baseFeePerGas) => {
          const taken = new Set<number>()
          const attempts: Attempt[] = []
          const actions = rows.map(({ atBlock, ...row }, i) => {
            const signedBefore = row.state !== 'queued'
            const holdsNonce = row.state === 'pending' && !taken.has(row.nonce)
            if (signedBefore) attempts.push(attempt(`a${i}`, row.nonce, atBlock, i))
            if (holdsNonce) taken.add(row.nonce)
            const state = row.state === 'pending' && !holdsNonce ? 'displaced' : row.state
            return action(i, { ...row, state, nonce: signedBefore ? row.nonce : null })
          })
          attempts.sort((a, b) => a.nonce - b.nonce)
          const given = input({ actions, attempts, minedNonce, baseFeePerGas })
          const plan = planTransactions(given, rules)
          const nonces = plan.sign.map(({ nonce }) => nonce)
          expect(new Set(nonces).size).toBe(nonces.length)
          expect(nonces.every(nonce => nonce >= minedNonce)).toBe(true)
          const keys = plan.sign.flatMap(({ action: chosen }) => (chosen === null ? [] : [chosen.key]))
          expect(new Set(keys).size).toBe(keys.length)
          for (const { action: chosen } of plan.sign) if (chosen !== null) expect(chosen.state).toBe('queued')
          const bumped = plan.bump.map(({ nonce }) => nonce)
          expect(new Set([...nonces, ...bumped]).size).toBe(nonces.length + bumped.length)
          // After the plan every nonce up to the highest in use has a transaction.
          const covered = new Set([...nonces, ...attempts.map(({ nonce }) => nonce)])
          const top = Math.max(minedNonce - 1, ...covered)
          for (let nonce = minedNonce; nonce <= top; nonce++) expect(covered.has(nonce)).toBe(true)
          expect(planTransactions(given, rules)).toEqual(plan)
        },
      ),
      { numRuns: 1000 },
    )
  })
})
