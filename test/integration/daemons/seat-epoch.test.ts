/** The end of an epoch at one seat, against the real contracts: what it packs, commits and proves after something went wrong. */
import { type Abi, type Hex, keccak256, toHex } from 'viem'
import { describe, expect, it } from 'vitest'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import { blockAt, readRounds } from '../../../src/core/chain/blocks.ts'
import { commitmentOf, getEpoch, getEpochRounds } from '../../../src/core/chain/epochs.ts'
import { transactionTables } from '../../../src/core/chain/tx/transaction-store.ts'
import { readDuty } from '../../../src/core/checker/duty.ts'
import { createSeatEpoch } from '../../../src/core/checker/epoch/seat-epoch.ts'
import { type CheckerJournal, createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { deriveSeatSecrets } from '../../../src/core/checker/seat-secrets.ts'
import { unpackOpening } from '../../../src/core/epoch/opening.ts'
import { createLogger } from '../../../src/core/platform/log.ts'
import { openStore, type Store } from '../../../src/core/platform/store.ts'
import { storeErrors } from '../../../src/core/platform/store-errors.ts'
import type { Trigger } from '../../../src/core/protocol/trigger.ts'
import { flagBit } from '../../../src/core/protocol/verdict.ts'
import { createSigner } from '../../../src/core/report/signer.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { certainRounds, mineAt, networkForTests, testAccount } from '../../helpers/deploy.ts'
import { playerFor } from '../../helpers/play-epochs.ts'
import { senderForTests } from '../../helpers/sender.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const privateKey = keccak256(toHex('kaisar/test/checker/0'))
const commit = { abi: epochConsensusAbi as Abi, functionName: 'commit' }

/** Epoch 0 is worked and over; the seat of the first Checker has its records of it still to be made. */
async function scene() {
  const anvil = await anvilForTests({ autoImpersonate: true })
  const net = await networkForTests(anvil, {
    seats: [1, 1, 1, 1, 1],
    devices: 1,
    parameters: { rounds: certainRounds },
  })
  const { network } = net
  const player = playerFor(anvil, net)
  await player.work(0)
  await mineAt(anvil, player.startOf(1))
  const epochRounds = (await getEpochRounds(network, 0))!
  const canonicalRounds = async () => (await readRounds(network, epochRounds, await blockAt(network)))!
  const signer = createSigner({ privateKey, network })
  const duty = await readDuty(network, signer.address, 0, epochRounds)

  /** A daemon that starts on these records; `store` stands before them. */
  function start(
    records: Store,
    log = silentLogger,
    wrap: (store: Store) => Store = store => store,
    onGiveWay: (journal: CheckerJournal) => void = () => {},
  ) {
    const store = wrap(records)
    const journal = createCheckerJournal(store)
    const { sender } = senderForTests(network.chain, testAccount('checker', 0), {}, { store })
    const secrets = deriveSeatSecrets(privateKey, network, signer.address)
    const seat = createSeatEpoch(duty, {
      ...{ network, signer, secrets, store, journal, sender, log, canonicalRounds },
      beatShare: 30,
      sendTo: () => null,
      giveWay: async () => onGiveWay(journal),
    })
    return { seat, journal, sender, overview: () => getEpoch(network, 0) }
  }
  const onChain = () => commitmentOf(network, 0, signer.address)
  return { ...net, anvil, player, duty, signer, canonicalRounds, start, onChain }
}

const recordsOf = (): Store => openStore({ path: ':memory:', migrations: [transactionTables, ...checkerMigrations] })

/** What a seat that was there for these rounds has of the first device. */
function judge(records: Store, { deviceId, generation }: { deviceId: Hex; generation: number }, rounds: Trigger[]) {
  const journal = createCheckerJournal(records)
  for (const trigger of rounds) {
    journal.recordVerdict({
      ...{
        round: trigger.hash,
        deviceId,
        epoch: 0,
        generation,
        commitmentHash: null,
        commitment: null,
        evidence: null,
        witness: null,
      },
      ...{ verdict: 'VALID', reason: 'ALL_EQUAL', detail: '', kind: trigger.kind, figures: { tensor: 2000 } },
    })
  }
  return records
}

describe('a seat', () => {
  it('a seat that was down over the end of its epoch judges the rounds it missed as its own fault', async () => {
    const { start, duty, canonicalRounds, onChain } = await scene()
    const [first, ...others] = await canonicalRounds()
    const gone = { ...first!, hash: keccak256('0x09'), ordinal: 1 }
    const { seat, sender, journal, overview } = start(judge(recordsOf(), duty.devices[0]!, [first!, gone]))
    await seat.commit(await overview())
    await sender.outcome('commit/0')
    expect(await onChain()).not.toBeNull()
    expect(journal.rounds(0)).toEqual([first, ...others])
    // The round of its kind that it missed is the only one: it abstains, whatever it had of a round that left the chain.
    const [lane] = unpackOpening(seat.opening(0).words).lanes
    expect(lane!.flags & 0b1000).toBe(0)
    expect(journal.verdicts(0).map(({ round }) => round)).toEqual([first!.hash])
  })

  it('what is recorded while a seat packs is part of what it commits to', async () => {
    const { start, duty, canonicalRounds } = await scene()
    const [device] = duty.devices
    let turns = 0
    const { seat, journal, overview } = start(
      judge(recordsOf(), device!, await canonicalRounds()),
      silentLogger,
      undefined,
      journal => {
        // After the device's own records were read.
        if (++turns > 1) return
        const found = { deviceValid: true, environmentValid: true, environmentHash: keccak256('0x01') }
        journal.recordDeviceCheck({ ...{ epoch: 0, deviceId: device!.deviceId, findings: [], report: '{}' }, ...found })
      },
    )
    await seat.commit(await overview())
    const flags = () => unpackOpening(seat.opening(0).words).lanes[device!.lane]!.flags
    expect(flags() & flagBit.device).toBe(flagBit.device)
    expect(turns).toBeGreaterThan(2)
    expect(journal.deviceCheck(0, device!.deviceId)).toMatchObject({ deviceValid: true })
  })

  it('who answers again and again while a seat packs does not hold up its commitment', async () => {
    const { start, duty, canonicalRounds, onChain } = await scene()
    const [device] = duty.devices
    let turns = 0
    const { seat, overview } = start(
      judge(recordsOf(), device!, await canonicalRounds()),
      silentLogger,
      undefined,
      journal => {
        if (++turns > 10_000) throw new Error('it packs for ever')
        const found = { deviceValid: false, environmentValid: false, environmentHash: keccak256('0x01') }
        journal.recordDeviceCheck({ ...{ epoch: 0, deviceId: device!.deviceId, findings: [], report: '{}' }, ...found })
      },
    )
    await seat.commit(await overview())
    await expect.poll(onChain).not.toBeNull()
  })

  it('a seat commits again when its commitment was mined and reverted, while COMMIT is open', async () => {
    const { start, duty, canonicalRounds, onChain, anvil } = await scene()
    const { seat, sender, journal, overview } = start(judge(recordsOf(), duty.devices[0]!, await canonicalRounds()))
    await anvil.client.setAutomine(false)
    await seat.commit(await overview())
    await expect.poll(() => sender.open()).toMatchObject([{ key: 'commit/0', state: 'pending' }])
    const { to } = sender.open()[0]!
    const bytecode = (await anvil.client.getCode({ address: to }))!
    await anvil.client.setCode({ address: to, bytecode: '0xfe' })
    await anvil.client.mine({ blocks: 1 })
    await anvil.client.setCode({ address: to, bytecode })
    await anvil.client.setAutomine(true)
    await expect(sender.outcome('commit/0')).rejects.toMatchObject({ code: 'CONTRACT_REVERTED' })
    expect(await onChain()).toBeNull()
    await seat.commit(await overview())
    await sender.outcome('commit/0')
    expect(journal.seatCommitment(0)!.root.startsWith((await onChain())!)).toBe(true)
  })

  it('a seat whose records are older than its commitment adopts it where the evidence still gives it, and else leaves it alone', async () => {
    const { start, duty, canonicalRounds, onChain, signer, write, network } = await scene()
    const rounds = await canonicalRounds()
    // What was committed to, by a run whose records of the commitment are lost.
    const lost = start(judge(recordsOf(), duty.devices[0]!, rounds))
    await lost.sender.stop()
    await lost.seat.commit(await lost.overview())
    const { root } = lost.journal.seatCommitment(0)!
    await write({ ...commit, to: network.consensus, from: signer.address, args: [0n, root] })

    const whole = start(judge(recordsOf(), duty.devices[0]!, rounds))
    await whole.seat.commit(await whole.overview())
    expect(whole.journal.seatCommitment(0)).toMatchObject({ root })
    expect(whole.seat.opening(0).words).toEqual(lost.seat.opening(0).words)

    const lines: string[] = []
    const log = createLogger({ level: 'error', format: 'json' }, { write: (line: string) => void lines.push(line) })
    const older = start(judge(recordsOf(), duty.devices[0]!, rounds.slice(0, 1)), log)
    for (let again = 0; again < 2; again++) await older.seat.commit(await older.overview())
    expect(lines.join('').match(/CHECKER_COMMITMENT_FOREIGN/g)).toHaveLength(1)
    expect(older.journal.seatCommitment(0)).toBeNull()
    expect(older.sender.open()).toEqual([])
    expect(() => older.seat.opening(0)).toThrow(expect.objectContaining({ code: 'CHECKER_OPENING_UNAVAILABLE' }))
    expect(root.startsWith((await onChain())!)).toBe(true)
  })

  it('a seat whose disk is full for a while commits to what it had, once there is room', async () => {
    const { start, duty, canonicalRounds, onChain } = await scene()
    let full = true
    const records = judge(recordsOf(), duty.devices[0]!, await canonicalRounds())
    const fullAtTimes = (store: Store): Store => ({
      ...store,
      transaction: work => {
        if (full) throw storeErrors.STORE_DISK_FULL({ path: store.path })
        return store.transaction(work)
      },
    })
    const { seat, sender, journal, overview } = start(records, silentLogger, fullAtTimes)
    for (let again = 0; again < 2; again++)
      await expect(seat.commit(await overview())).rejects.toMatchObject({ code: 'STORE_DISK_FULL' })
    expect(sender.open()).toEqual([])
    expect(journal.seatCommitment(0)).toBeNull()
    full = false
    await seat.commit(await overview())
    await sender.outcome('commit/0')
    await seat.commit(await overview())
    expect(journal.verdicts(0)).toHaveLength((await canonicalRounds()).length)
    expect(journal.seatCommitment(0)!.root.startsWith((await onChain())!)).toBe(true)
    expect(sender.open().filter(({ state }) => state !== 'mined')).toEqual([])
  })

  it('a seat commits although its disk has no room for the trees that its rounds are shown by', async () => {
    const { start, duty, canonicalRounds, onChain } = await scene()
    const records = judge(recordsOf(), duty.devices[0]!, await canonicalRounds())
    const withoutRoom = (store: Store): Store => ({
      ...store,
      run(sql, ...values) {
        if (/evidence_tree/.test(String(sql))) throw storeErrors.STORE_DISK_FULL({ path: store.path })
        return store.run(sql, ...values)
      },
    })
    const warnings: string[] = []
    const warn = (_: object, message: string) => void warnings.push(message)
    const log = { ...silentLogger, warn } as unknown as typeof silentLogger
    const { seat, sender, overview } = start(records, log, withoutRoom)
    await seat.commit(await overview())
    await sender.outcome('commit/0')
    expect(await onChain()).not.toBeNull()
    expect(warnings).toEqual([expect.stringContaining('shown to nobody')])
    expect(seat.evidenceOf(duty.devices[0]!.deviceId)).toBeNull()
  })
})
