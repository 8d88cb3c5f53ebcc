/** What devices were last found to be worth, read from the newest results alone: a list of devices needs no older event. */
import { blockAt, firstBlockSince } from '../chain/blocks.ts'
import type { DeviceOverview } from '../chain/devices.ts'
import { getTimeline } from '../chain/epochs.ts'
import { readNetworkEvents } from '../chain/events.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { decodeRate } from '../epoch/minifloat.ts'
import { laneInCohort } from '../protocol/constants.ts'
import { epochAt, epochStartsAt } from '../protocol/trigger.ts'
import { cohortKey, indexHistory } from './history.ts'

/** The newest epoch that can have a result is the one before the present; one more where that is not resolved yet. */
const epochsBack = 2

export type WithCapacity<D> = D & {
  /** The committee's median of the newest epoch with a result, and that epoch; null where the last two have none for it. */
  readonly capacity: bigint | null
  readonly capacityEpoch: number | null
}

/** @throws when the chain cannot be read */
export async function withCapacities<D extends Pick<DeviceOverview, 'lane' | 'cohort' | 'since'>>(
  network: ConnectedNetwork,
  devices: readonly D[],
): Promise<WithCapacity<D>[]> {
  const [timeline, head] = await Promise.all([getTimeline(network), blockAt(network)])
  const present = timeline === null ? -1 : epochAt(timeline, head.timestamp)
  const oldest = Math.max(0, present - epochsBack)
  const events =
    present < 1 || devices.length === 0
      ? []
      : await readNetworkEvents(network, {
          // An epoch is resolved after it has ended.
          fromBlock: await firstBlockSince(network.chain, epochStartsAt(timeline!, oldest + 1)),
          toBlock: head.number,
        })
  const { finalized } = indexHistory(events)
  return devices.map(device => {
    for (let epoch = present - 1; epoch >= Math.max(oldest, device.since); epoch--) {
      const rate = finalized.get(cohortKey(epoch, device.cohort))?.rates[laneInCohort(device.lane)]
      if (rate !== undefined) return { ...device, capacity: decodeRate(rate), capacityEpoch: epoch }
    }
    return { ...device, capacity: null, capacityEpoch: null }
  })
}
