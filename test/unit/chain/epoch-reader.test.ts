import { expect, it } from 'vitest'
import { createEpochReader, type EpochOverview } from '../../../src/core/chain/epochs.ts'

const hash = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as const

it('an epoch is read once for each block, and again where it could not be read', async () => {
  let [reads, tip, fails] = [0, 1, false]
  const readEpoch = createEpochReader(
    async epoch => {
      reads++
      if (fails) throw new Error('no endpoint answers')
      return { epoch, phase: 'open' } as EpochOverview
    },
    () => hash(tip),
  )
  for (let i = 0; i < 200; i++) expect(await readEpoch(7)).toMatchObject({ epoch: 7, phase: 'open' })
  expect((await readEpoch(8)).epoch).toBe(8)
  expect(reads).toBe(2)
  tip++
  fails = true
  await expect(readEpoch(7)).rejects.toThrow('no endpoint')
  fails = false
  await readEpoch(7)
  expect(reads).toBe(4)
})
