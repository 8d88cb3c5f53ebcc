/**
 * A network by the documented commands alone, in the wrong order, with changes in the first and the last second of an epoch.
 * `npm run network:by-hand` also makes its keys by commands, and changes in every second.
 */
import { expect, it } from 'vitest'
import { runCliHere } from '../helpers/cli-in-process.ts'
import { networkByHand } from './processes/network-by-hand.ts'

it('pays whoever joins, changes and leaves in the middle of epochs what the oracle says', async () => {
  const { audit, joins, renewals, drivers, leaves } = await networkByHand({
    evm: 'anvil',
    seconds: [15, 0],
    firstChange: 0,
    lightKeys: true,
    kaisar: runCliHere,
  })
  const { lost, doubled, mispaid, unjudged } = audit
  expect({ lost, doubled, mispaid, unjudged }).toEqual({ lost: [], doubled: [], mispaid: [], unjudged: [] })
  expect([joins >= 2, renewals, drivers, leaves]).toEqual([true, 2, 2, 1])
})
