import { expect, it } from 'vitest'
import { jobSets, jobsHash } from '../../../src/core/job/jobs.ts'
import { isSameWork, jobsInForce } from '../../../src/core/provider/rosters.ts'

const rules = { specHash: jobsHash(jobSets.devnet), windowMs: 1000, beatWindowMs: 250 }

it('the jobs in force are those that the rules name, where their window is the one on chain', () => {
  expect(jobsInForce(rules)).toEqual(jobSets.devnet)
  for (const other of [{ windowMs: 2000 }, { beatWindowMs: 500 }])
    expect(() => jobsInForce({ ...rules, ...other })).toThrow(
      expect.objectContaining({ code: 'PROVIDER_WINDOW_DIFFERS', exit: 3 }),
    )
  expect(() => jobsInForce({ ...rules, specHash: `0x${'00'.repeat(32)}` })).toThrow(
    expect.objectContaining({ code: 'JOB_SPEC_UNKNOWN' }),
  )
})

it('other jobs or another window is other work', () => {
  expect(isSameWork(rules, { ...rules })).toBe(true)
  expect(isSameWork(rules, { ...rules, specHash: jobsHash(jobSets.standard) })).toBe(false)
  expect(isSameWork(rules, { ...rules, windowMs: 2000 })).toBe(false)
  expect(isSameWork(rules, { ...rules, beatWindowMs: 500 })).toBe(false)
})
