import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createPendingRecords } from '../../../src/core/checker/pending-records.ts'
import { silentLogger } from '../../../src/core/platform/log.ts'

it('writes every record once, in order where all of them fail together, however often the disk is full', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 40 }), isFull => {
      const records = createPendingRecords({ log: silentLogger })
      const written: number[] = []
      let full = false
      isFull.forEach((now, n) => {
        full = now
        records.write(() => {
          if (full) throw new Error('full')
          written.push(n)
        })
      })
      full = false
      records.retry()
      expect(written).toEqual(isFull.map((_, n) => n))
    }),
    { numRuns: 1000 },
  )
})

it('is not held up by a record that never can be written', () => {
  const records = createPendingRecords({ log: silentLogger })
  records.write(() => {
    throw new Error('always')
  })
  let written = false
  records.write(() => {
    written = true
  })
  expect(written).toBe(true)
})
