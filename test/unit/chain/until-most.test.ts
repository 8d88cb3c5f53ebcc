import { expect, it } from 'vitest'
import { untilMost } from '../../../src/core/chain/until-most.ts'

const never = new Promise<never>(() => undefined)
const failed = () => Promise.reject(new Error('no connection'))
const one = Promise.resolve(1)
const two = Promise.resolve(2)

it('what more than half say is taken while the others are silent', async () => {
  expect(await untilMost([never, one, one], each => each)).toEqual({ most: 1, answers: [1, 1] })
})

it('without such a thing all are waited for, and their answers are in the order asked', async () => {
  let answer: (value: number) => void = () => {}
  const late = new Promise<number>(resolve => {
    answer = resolve
  })
  const outcome = untilMost([late, one, two], each => each)
  answer(3)
  expect(await outcome).toEqual({ most: undefined, answers: [3, 1, 2] })
})

it('who fails says nothing, and is one of those of whom most are needed', async () => {
  expect(await untilMost([failed(), one], each => each)).toEqual({ most: undefined, answers: [1] })
  expect(await untilMost([failed(), failed()], each => each)).toEqual({ most: undefined, answers: [] })
  expect(await untilMost([], each => each)).toEqual({ most: undefined, answers: [] })
})
