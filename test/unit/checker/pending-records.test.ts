import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createPendingRecords } from '../../../src/core/checker/round/record.ts'
import { storeErrors } from '../../../src/core/platform/store-errors.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const full = () => storeErrors.STORE_DISK_FULL({ path: 'state.db' })

/** A disk that can be full; what a transaction wrote is there when it returns, and not where it threw. */
function disk() {
  const lists = { kept: [] as number[], told: [] as number[] }
  const state = { isFull: false, isFullAtItsEnd: false, made: 0, transactions: 0, ...lists }
  const records = createPendingRecords({
    log: silentLogger,
    transaction(work) {
      const before = [...state.kept]
      try {
        const result = work()
        if (state.isFull) throw full()
        state.transactions++
        return result
      } catch (error) {
        state.kept = before
        throw error
      }
    },
  })
  const numbered = (n: number) => () => {
    state.made++
    if (state.isFull && !state.isFullAtItsEnd) throw full()
    state.kept.push(n)
    return () => {
      expect(state.kept).toContain(n)
      state.told.push(n)
    }
  }
  return { state, records, numbered }
}

it('every record is written and told once and in order, however often the disk is full', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          ...{ isFull: fc.boolean(), isFullAtItsEnd: fc.boolean(), isRetried: fc.boolean() },
          count: fc.integer({ min: 0, max: 4 }),
        }),
        { maxLength: 20 },
      ),
      steps => {
        const { state, records, numbered } = disk()
        let n = 0
        for (const { count, isRetried, ...disk } of steps) {
          Object.assign(state, disk)
          if (isRetried) records.retry()
          records.together(() => {
            for (let i = 0; i < count; i++) records.write(numbered(n++))
          })
        }
        state.isFull = false
        records.retry()
        const all = Array.from({ length: n }, (_, each) => each)
        expect(state.kept).toEqual(all)
        expect(state.told).toEqual(all)
      },
    ),
    { numRuns: 1000 },
  )
})

it.each([false, true])(
  'while the disk is full one verdict is tried at each block, however many wait; refused at the end of its transaction: %s',
  isFullAtItsEnd => {
    const { state, records, numbered } = disk()
    Object.assign(state, { isFull: true, isFullAtItsEnd })
    const verdicts = Array.from({ length: 1_000 }, (_, n) => n)
    for (const n of verdicts) records.write(numbered(n))
    records.together(() => records.write(numbered(1_000)))
    expect(state.made).toBe(1)
    for (let block = 0; block < 10; block++) records.retry()
    expect(state.made).toBe(11)

    state.isFull = false
    records.retry()
    expect([state.kept, state.told]).toEqual([
      [...verdicts, 1_000],
      [...verdicts, 1_000],
    ])
    expect(state.transactions, 'the first, and all others together').toBe(2)
  },
)

it('records that come together are written in one transaction', () => {
  const { state, records, numbered } = disk()
  records.together(() => {
    for (const n of [0, 1, 2]) records.write(numbered(n))
    expect(state.kept).toEqual([])
  })
  expect([state.kept, state.told, state.transactions]).toEqual([[0, 1, 2], [0, 1, 2], 1])
})

it('a record that can never be written does not hold up the others', () => {
  const { state, records, numbered } = disk()
  records.together(() => {
    records.write(() => {
      throw new Error('always')
    })
    records.write(numbered(1))
  })
  expect([state.kept, state.told]).toEqual([[1], [1]])
  records.write(numbered(2))
  records.retry()
  expect([state.kept, state.told]).toEqual([
    [1, 2],
    [1, 2],
  ])
})
