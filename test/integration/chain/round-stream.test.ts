import type { Abi } from 'viem'
import { afterEach, describe, expect, test } from 'vitest'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import { watchEpochs } from '../../../src/core/chain/epoch-watch.ts'
import { getEpochRounds } from '../../../src/core/chain/epochs.ts'
import { createHeadStream } from '../../../src/core/chain/head-stream.ts'
import { devnetParameters } from '../../../src/core/chain/network-presets.ts'
import { createRoundStream } from '../../../src/core/chain/round-stream.ts'
import type { RoundEvent } from '../../../src/core/chain/rounds.ts'
import { type Clock, systemClock } from '../../../src/core/platform/clock.ts'
import { type Trigger, triggersOf } from '../../../src/core/protocol/trigger.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { mineAt, networkForTests } from '../../helpers/deploy.ts'
import { eventually } from '../../helpers/eventually.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const ends: (() => Promise<unknown>)[] = []
// A stream that goes on asks fifty times a second.
afterEach(() => Promise.all(ends.splice(0).map(end => end())))

const anvil = await anvilForTests({ autoImpersonate: true })
const preset = devnetParameters(`0x${'5c'.repeat(32)}`).rounds
/** One round of each kind in each slot of eight seconds, in its second to fourth. */
const rounds = { ...preset, slots: 2, eligibleFromSeconds: 2, cutoffSeconds: 4, refractorySeconds: 2 }
const { network, firstEpochAt, write, checkers } = await networkForTests(anvil, {
  seats: [1, 1, 1, 1, 1],
  devices: 1,
  parameters: { rounds },
})

function listen(clock: Clock = systemClock) {
  const heads = createHeadStream({ pollMs: 20 }, { chain: network.chain, clock })
  const rounds = createRoundStream({ network, heads })
  ends.push(async () => {
    await rounds.stop()
    await heads.stop()
  })
  const events: RoundEvent[] = []
  rounds.onEvent(event => events.push(event))
  const roundsOf = (epoch: number) =>
    events.flatMap(event =>
      event.type === 'round' && event.round.epoch === epoch && isOfSlot(event.round) ? [event.round.hash] : [],
    )
  return { heads, rounds, events, roundsOf }
}

const isOfSlot = ({ kind }: Pick<Trigger, 'kind'>) => kind !== 'beat'

/** What anybody recomputes from the chain: the rounds of the slots. */
const expected = async (epoch: number) => (await recomputed(epoch)).filter(isOfSlot).map(({ hash }) => hash)

async function recomputed(epoch: number) {
  const rounds = await getEpochRounds(network, epoch)
  const head = await anvil.client.getBlockNumber()
  const blocks = await Promise.all(
    Array.from({ length: Number(head) + 1 }, (_, i) => anvil.client.getBlock({ blockNumber: BigInt(i) })),
  )
  const heads = blocks.map(({ number, hash, timestamp }) => ({ number, hash, timestamp: Number(timestamp) }))
  return triggersOf(rounds!, heads)
}

/** Pins, mines the pinned block and rolls, all in the second of the newest block. */
async function seed(epoch: number) {
  const { timestamp } = await anvil.client.getBlock()
  const about = { to: network.consensus, abi: epochConsensusAbi as Abi, from: checkers[1]!, args: [BigInt(epoch)] }
  await anvil.client.setNextBlockTimestamp({ timestamp })
  await write({ ...about, functionName: 'pin' })
  await mineAt(anvil, Number(timestamp))
  await anvil.client.setNextBlockTimestamp({ timestamp })
  await write({ ...about, functionName: 'roll' })
}

describe('round stream', () => {
  test('the round stream gives the rounds that anybody recomputes, also when it starts in the middle of an epoch', async () => {
    const early = listen()
    await mineAt(anvil, firstEpochAt)
    await eventually(() => expect(early.events.map(({ type }) => type)).toEqual(['epoch']))
    await seed(0)
    for (let second = 3; second < 9; second++) await mineAt(anvil, firstEpochAt + second)
    const ofFirstSlot = await expected(0)
    await eventually(() => expect(early.roundsOf(0)).toEqual(ofFirstSlot))
    expect(early.roundsOf(0)).toHaveLength(2)

    const late = listen()
    for (let second = 9; second < 18; second++) await mineAt(anvil, firstEpochAt + second)
    const all = await recomputed(0)
    const ofSlots = all.filter(isOfSlot).map(({ hash }) => hash)
    await eventually(() => {
      expect(early.roundsOf(0)).toEqual(ofSlots)
      expect(late.roundsOf(0)).toEqual(ofSlots)
    })
    expect(early.roundsOf(0)).toHaveLength(4)
    // Of the epoch that is over, also who came in the middle of it has all rounds.
    await eventually(() => {
      for (const { rounds } of [early, late]) expect(rounds.finished(0)).toMatchObject(all)
    })
    expect(early.rounds.finished(1)).toBeNull()
    expect(early.rounds.finished(0)!.filter(round => !isOfSlot(round))).toHaveLength(rounds.beats)
    const samplings = early.events.filter(event => event.type === 'sampling').filter(({ round }) => isOfSlot(round))
    expect(samplings).toHaveLength(4)
    for (const { round, block } of samplings) expect(block.timestamp).toBe(round.timestamp + 2)
    expect(early.events.filter(event => event.type === 'epoch').map(({ epoch }) => epoch)).toEqual([0, 1])
  })

  test('a reorg over a trigger drops its round, and the new branch has rounds of its own', async () => {
    const { events, roundsOf } = listen()
    await seed(1)
    for (let second = 20; second < 23; second++) await mineAt(anvil, firstEpochAt + second)
    const ofFirst = await expected(1)
    expect(ofFirst.length).toBeGreaterThan(0)
    await eventually(() => expect(roundsOf(1)).toEqual(ofFirst))
    const [before] = roundsOf(1)
    const head = await anvil.client.getBlockNumber()
    const trigger = await anvil.client.getBlock({ blockHash: before! })
    await anvil.client.request({ method: 'anvil_reorg', params: [Number(head - trigger.number) + 1, []] } as never)
    await mineAt(anvil, firstEpochAt + 26)
    const ofSecond = await expected(1)
    await eventually(() => {
      const dropped = events.flatMap(event => (event.type === 'dropped' ? [event.round.hash] : []))
      expect(dropped).toContain(before)
      expect(roundsOf(1).filter(hash => !dropped.includes(hash))).toEqual(ofSecond)
    })
  })

  test('a reorg over the seed gives the rounds of the other seed, and the epoch is entered again', async () => {
    const { heads, events, roundsOf } = listen()
    const entered: string[] = []
    const visit = async (epoch: number) => {
      const epochRounds = await getEpochRounds(network, epoch)
      if (epoch === 2 && epochRounds !== null) entered.push(epochRounds.seed)
      return epochRounds !== null
    }
    const leave = watchEpochs({}, { network, heads, visit, onTrouble: error => expect(error).toBeUndefined() })
    ends.push(async () => leave())
    await mineAt(anvil, firstEpochAt + 32)
    const start = await anvil.client.getBlockNumber()
    await seed(2)
    const first = (await getEpochRounds(network, 2))!.seed
    // What was read at a block is of that block, whatever came later.
    const unseeded = await anvil.client.getBlock({ blockNumber: start })
    expect(await getEpochRounds(network, 2, unseeded.hash)).toBeNull()
    for (let second = 35; second < 38; second++) await mineAt(anvil, firstEpochAt + second)
    const ofFirst = await expected(2)
    expect(ofFirst).toHaveLength(2)
    await eventually(() => expect(roundsOf(2)).toEqual(ofFirst))
    await eventually(() => expect(entered).toEqual([first]))
    const [before] = roundsOf(2)
    const depth = Number((await anvil.client.getBlockNumber()) - start)
    await anvil.client.request({ method: 'anvil_reorg', params: [depth, []] } as never)
    expect(await getEpochRounds(network, 2)).toBeNull()
    await mineAt(anvil, firstEpochAt + 38)
    await seed(2)
    const other = (await getEpochRounds(network, 2))!.seed
    expect(other).not.toBe(first)
    for (let second = 42; second < 46; second++) await mineAt(anvil, firstEpochAt + second)
    const ofSecond = await expected(2)
    expect(ofSecond).toHaveLength(2)
    await eventually(() => {
      const dropped = events.flatMap(event => (event.type === 'dropped' ? [event.round.hash] : []))
      expect(dropped).toContain(before)
      expect(roundsOf(2).filter(hash => !dropped.includes(hash))).toEqual(ofSecond)
      expect(entered).toEqual([first, other])
    })
  })

  test('an epoch that could not be entered yet is visited again at once where a block came meanwhile, and only then', async () => {
    const { heads } = listen()
    const visits: { readonly epoch: number; readonly end: (done: boolean) => void }[] = []
    const visit = (epoch: number) => new Promise<boolean>(resolve => void visits.push({ epoch, end: resolve }))
    const onTrouble = (error: unknown) => expect(error).toBeUndefined()
    const leave = watchEpochs({ past: 1 }, { network, heads, visit, onTrouble })
    ends.push(async () => leave())
    await eventually(() => expect(visits).toHaveLength(2))
    const both = visits.map(({ epoch }) => epoch)
    const seen = new Promise(resolve => heads.onChange(resolve))
    await anvil.client.mine({ blocks: 1 })
    await seen
    // Two that are not done: each is visited once more for the block, however often the other ends.
    for (let turn = 0; turn < 4; turn++) {
      for (const { end } of visits) end(false)
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(visits.map(({ epoch }) => epoch)).toEqual([...both, ...both])
  })

  test('endpoints that were away for many blocks drop no round, and give those that anybody recomputes, beats among them', async () => {
    const clock = createManualClock()
    const { rounds, events } = listen(clock)
    const triggers = () =>
      events.flatMap(event => (event.type === 'round' && event.round.epoch === 3 ? [event.round] : []))
    const look = () => clock.advance(20)
    const mineSeconds = async (from: number, to: number, blocksEach = 1) => {
      for (let second = from; second < to; second++)
        for (let block = 0; block < blocksEach; block++) await mineAt(anvil, firstEpochAt + 48 + second)
    }
    await mineSeconds(0, 1)
    await seed(3)
    await mineSeconds(3, 5)
    await eventually(async () => {
      await look()
      expect(triggers()).toEqual(expect.arrayContaining([expect.objectContaining({ kind: 'tensor' })]))
    })
    // More than the head stream looks back for one head.
    await mineSeconds(5, 12, 11)
    const during = await recomputed(3)
    const named = (of: readonly Trigger[]) => of.map(({ hash, ordinal, kind }) => ({ hash, ordinal, kind }))
    await eventually(async () => {
      await look()
      expect(named(triggers())).toEqual(named(during))
    })
    await mineSeconds(12, 17)
    const all = await recomputed(3)
    await eventually(async () => {
      await look()
      expect(rounds.finished(3)).toMatchObject(all)
    })
    expect(named(triggers())).toEqual(named(all))
    expect(events.filter(({ type }) => type === 'dropped')).toEqual([])
  })
})
