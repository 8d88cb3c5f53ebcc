import type { Address } from 'viem'
import { blockAt, firstBlockSince, readRounds } from '../chain/blocks.ts'
import { getCheckers } from '../chain/checkers.ts'
import { getDevices } from '../chain/devices.ts'
import { type EpochOverview, getEpoch, getEpochRounds, getRoundRules, getTimeline } from '../chain/epochs.ts'
import { type NetworkEvent, readNetworkEvents } from '../chain/events.ts'
import { type ConnectedNetwork, lowerCase } from '../chain/network.ts'
import { read, readAt } from '../chain/read.ts'
import { keptEpochs } from '../protocol/constants.ts'
import type { Timeline } from '../protocol/network-parameters.ts'
import { type BlockHead, epochAt, epochStartsAt, type Trigger } from '../protocol/trigger.ts'
import { buildNetworkView, type EpochParts, epochPartsOf } from './build-network-view.ts'
import { cohortKey, type History, indexHistory } from './history.ts'
import type { NetworkView } from './network-view.ts'

export type NetworkReaderOptions = {
  /** No event of the network is older than this block; default that of the network's deployment, else 0. */
  readonly fromBlock?: bigint
  /** How many epochs back are read; sums cover these. Default 64. */
  readonly epochs?: number
  /** Events below head − this are read once. Default 16. */
  readonly confirmations?: number
}

/** What was read of a network at one head. */
export type NetworkReading = {
  readonly head: BlockHead
  readonly timeline: Timeline | null
  readonly currentEpoch: number
  readonly firstEpoch: number
  readonly history: History
  readonly overviews: ReadonlyMap<number, EpochOverview>
}

/** Reads a network again and again; what cannot change any more is read once. */
export type NetworkReader = ReturnType<typeof createNetworkReader>

/** Committees are read only where that is few calls; beyond, agreement is not known. */
const mostCommittees = 64

/** Rounds are recomputed of an epoch with at most so many blocks. */
const mostRoundBlocks = 512

export function createNetworkReader(network: ConnectedNetwork, options: NetworkReaderOptions = {}) {
  const { fromBlock = network.deployedAtBlock ?? 0n, epochs = 64, confirmations = 16 } = options
  const confirmed: NetworkEvent[] = []
  let confirmedThrough: bigint | null = null
  let indexed: { key: string; history: History } | null = null
  const committees = new Map<string, readonly Address[]>()
  let parts: EpochParts | null = null

  async function readEvents(head: BlockHead, timeline: Timeline | null, firstEpoch: number): Promise<History> {
    if (confirmedThrough === null) {
      const oldest =
        timeline === null || firstEpoch === 0
          ? fromBlock
          : await firstBlockSince(network.chain, epochStartsAt(timeline, firstEpoch))
      // Registrations are older than the epochs shown; they alone are read from the beginning.
      const earlier = oldest > fromBlock ? await readNetworkEvents(network, { fromBlock, toBlock: oldest - 1n }) : []
      confirmed.push(
        ...earlier.filter(({ eventName }) => eventName === 'DeviceRegistered' || eventName === 'DeviceLeft'),
      )
      confirmedThrough = oldest - 1n
    }
    const through = head.number - BigInt(confirmations)
    if (through > confirmedThrough) {
      confirmed.push(...(await readNetworkEvents(network, { fromBlock: confirmedThrough + 1n, toBlock: through })))
      confirmedThrough = through
    }
    const tail = await readNetworkEvents(network, { fromBlock: confirmedThrough + 1n, toBlock: head.number })
    const key = `${confirmed.length} ${tail.map(({ blockHash, logIndex }) => `${blockHash}${logIndex}`).join()}`
    if (indexed?.key !== key) indexed = { key, history: indexHistory([...confirmed, ...tail]) }
    return indexed.history
  }

  async function readHistory(): Promise<NetworkReading> {
    const [head, timeline] = await Promise.all([blockAt(network), getTimeline(network)])
    const currentEpoch = timeline === null ? -1 : epochAt(timeline, head.timestamp)
    const firstEpoch = Math.max(0, currentEpoch - epochs + 1)
    const kept = Array.from({ length: keptEpochs }, (_, i) => currentEpoch - i).filter(epoch => epoch >= 0)
    // At the same block, since what is resolved or paid after it would be in one and not in the other; and beside the events, which may take
    // longer than an endpoint keeps the state of a block.
    const [history, overviews] = await Promise.all([
      readEvents(head, timeline, firstEpoch),
      readAt(network, head.hash, at =>
        Promise.all(kept.map(async epoch => [epoch, await getEpoch(at, epoch)] as const)),
      ),
    ])
    return { head, timeline, currentEpoch, firstEpoch, history, overviews: new Map(overviews) }
  }

  async function committeeAt(epoch: number, cohort: number, history: History) {
    const key = cohortKey(epoch, cohort)
    const known = committees.get(key)
    if (known !== undefined) return known
    const resolved = history.finalized.get(key) ?? history.voided.get(key)
    try {
      const at = resolved === undefined ? network : { ...network, blockNumber: resolved.blockNumber }
      const owners = await read(at, 'EpochConsensus', 'seatsOf', BigInt(epoch), cohort)
      const committee = owners.map(lowerCase)
      if (resolved !== undefined) committees.set(key, committee)
      return committee
    } catch {
      // Without a seed there is no committee; and an endpoint forgets the state of old blocks.
      return null
    }
  }

  async function readCommittees({ history, currentEpoch, firstEpoch }: NetworkReading) {
    const wanted = [...history.paidSeats.keys()].filter(key => {
      const epoch = Number(key.split(':')[0])
      return epoch >= firstEpoch && epoch <= currentEpoch && !committees.has(key)
    })
    if (wanted.length > mostCommittees * epochs) return
    await Promise.all(
      wanted.map(key => {
        const [epoch, cohort] = key.split(':').map(Number)
        return committeeAt(epoch!, cohort!, history)
      }),
    )
  }

  async function roundsOf(epoch: number, head: BlockHead): Promise<readonly Trigger[] | null> {
    const rounds = await getEpochRounds(network, epoch)
    return rounds === null ? null : readRounds(network, rounds, head, mostRoundBlocks)
  }

  return {
    network,
    /** What explanations start from. */
    readHistory,
    /** The owners of a cohort's seats as they were when it was resolved; null where the endpoint no longer knows. */
    committeeAt,
    roundsOf,
    async read(): Promise<NetworkView> {
      const reading = await readHistory()
      const { head, currentEpoch } = reading
      const { chainId, contracts } = network
      const [rules, rounds, devices, checkers] = await Promise.all([
        getRoundRules(network),
        currentEpoch < 0 ? null : roundsOf(currentEpoch, head),
        getDevices(network),
        getCheckers(network),
        readCommittees(reading),
      ])
      const readings = { ...reading, chainId, contracts, rules, rounds, devices, checkers, committees }
      parts = epochPartsOf(readings, parts)
      return buildNetworkView(readings, parts)
    },
  }
}
