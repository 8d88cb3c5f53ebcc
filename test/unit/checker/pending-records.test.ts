import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createPendingRecords } from '../../../src/core/checker/round/record.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

/** A disk that can be full; what a transaction wrote is there when it returns, and not where it threw. */
function disk() {
  const state = { isFull: false, kept: [] as number[], told: [] as number[], transactions: 0 }
  const records = createPendingRecords({
    log: silentLogger,
    transaction(work) {
      const before = [...state.kept]
      try {
        const result = work()
        state.transactions++
        return result
      } catch (error) {
        state.kept = before
        throw error
      }
    },
  })
  const numbered = (n: number) => () => {
    if (state.isFull) throw new Error('full')
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
      fc.array(fc.record({ isFull: fc.boolean(), count: fc.integer({ min: 0, max: 4 }) }), { maxLength: 20 }),
      steps => {
        const { state, records, numbered } = disk()
        let n = 0
        for (const { isFull, count } of steps) {
          state.isFull = isFull
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
})
