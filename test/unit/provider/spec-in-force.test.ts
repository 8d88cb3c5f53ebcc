import { expect, it } from 'vitest'
import { specHash, tensorSpecs } from '../../../src/core/job/tensor/tensor-spec.ts'
import { isSameWork, specInForce } from '../../../src/core/provider/rosters.ts'

const rules = { specHash: specHash(tensorSpecs.devnet), windowMs: 1000 }

it('the spec in force is the one that the rules name, where its window is the one on chain', () => {
  expect(specInForce(rules)).toEqual(tensorSpecs.devnet)
  expect(() => specInForce({ ...rules, windowMs: 2000 })).toThrow(
    expect.objectContaining({ code: 'PROVIDER_WINDOW_DIFFERS', exit: 3 }),
  )
  expect(() => specInForce({ ...rules, specHash: `0x${'00'.repeat(32)}` })).toThrow(
    expect.objectContaining({ code: 'JOB_SPEC_UNKNOWN' }),
  )
})

it('another spec or another window is other work', () => {
  expect(isSameWork(rules, { ...rules })).toBe(true)
  expect(isSameWork(rules, { ...rules, specHash: specHash(tensorSpecs.standard) })).toBe(false)
  expect(isSameWork(rules, { ...rules, windowMs: 2000 })).toBe(false)
})
