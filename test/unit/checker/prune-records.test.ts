import { expect, it } from 'vitest'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import { pruneRecords } from '../../../src/core/checker/epochs.ts'

/** The first epoch kept in epoch `current`. */
async function pruned(current: number, settled: number | null) {
  const pruned: number[] = []
  await pruneRecords({} as ConnectedNetwork, current, {
    journal: {
      *prune(first) {
        yield
        pruned.push(first)
      },
    },
    readSettled: async () => settled,
  })
  return pruned
}

it.each([
  ['everything while nothing is paid and audited', 100, null, 0],
  ['the last eight epochs', 100, 98, 92],
  ['what is not settled, however long that takes', 100, 40, 40],
  ['all of a young network', 5, 3, 0],
])('pruning keeps %s', async (what, current, settled, first) => {
  expect(await pruned(current, settled), what).toEqual([first])
})
