import { expect, it } from 'vitest'
import type { Round, RoundEvent } from '../../../src/core/chain/rounds.ts'
import { createEarlyRounds } from '../../../src/core/checker/epochs.ts'

const event = (epoch: number, ordinal: number) =>
  ({ type: 'round', round: { epoch, ordinal } as Round }) satisfies RoundEvent

it('rounds that came before their epoch was read are handed over, and kept until they are handled', async () => {
  const early = createEarlyRounds()
  for (const each of [event(3, 0), event(4, 0), event(3, 1), event(3, 2)]) early.keep(each)
  const handled: string[] = []
  let isFull = true
  const handle = async ({ round }: { readonly round: Round }) => {
    if (isFull && round.ordinal === 1) throw new Error('the disk is full')
    handled.push(`${round.epoch}/${round.ordinal}`)
  }
  await expect(early.take(3, handle)).rejects.toThrow('the disk is full')
  isFull = false
  await early.take(3, handle)
  await early.take(3, handle)
  expect(handled).toEqual(['3/0', '3/1', '3/2'])
  early.forgetBefore(5)
  await early.take(4, handle)
  expect(handled).toHaveLength(3)
})
