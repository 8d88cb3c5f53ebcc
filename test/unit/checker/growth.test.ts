/** What a Checker does for one operator, connection or batch does not grow with the others: counted in looks, not in time. */
import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import { createRecomputeQueue } from '../../../src/core/checker/round/recompute.ts'
import { createRoundEntries, type RoundEntry } from '../../../src/core/checker/round/seat-round.ts'
import { connectionsFor, createConnectionCount } from '../../../src/core/checker/seat-server.ts'
import type { Verification } from '../../../src/core/job/round-kind.ts'

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
