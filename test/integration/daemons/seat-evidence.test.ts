/** What a committee's seats show of a device, served over their own ports: a payment is explained from rounds to wei, and a lie shows. */
import { type Abi, type Hex, numberToHex } from 'viem'
import { expect, it } from 'vitest'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import { blockAt, readRounds } from '../../../src/core/chain/blocks.ts'
import { getEpoch, getEpochRounds } from '../../../src/core/chain/epochs.ts'
import { transactionTables } from '../../../src/core/chain/tx/transaction-store.ts'
import { createPeerChecks } from '../../../src/core/checker/check-peers.ts'
import { readDuty } from '../../../src/core/checker/duty.ts'
import { createSeatEpoch } from '../../../src/core/checker/epoch/seat-epoch.ts'
import { createShowEvidence } from '../../../src/core/checker/epoch/show-evidence.ts'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { deriveSeatSecrets } from '../../../src/core/checker/seat-secrets.ts'
import { capacityOf } from '../../../src/core/epoch/capacity.ts'
import { readExplanation } from '../../../src/core/explain/explain-device.ts'
import { jobSets, jobsHash, roundKinds } from '../../../src/core/job/jobs.ts'
import { createNetworkReader } from '../../../src/core/network/network-reader.ts'
import { createEvidenceSource } from '../../../src/core/operator/ask-seats.ts'
import { createLogger } from '../../../src/core/platform/log.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { encodeSeatEvidence, type SeatEvidence, seatEvidencePath } from '../../../src/core/report/seat-evidence.ts'
import { createSigner } from '../../../src/core/report/signer.ts'
import { getContent } from '../../../src/core/transport/get-content.ts'
import { createWebSocketTransport } from '../../../src/core/transport/websocket.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { certainRounds, mineAt, networkForTests, testAccount, testKey } from '../../helpers/deploy.ts'
import { playerFor } from '../../helpers/play-epochs.ts'
import { senderForTests } from '../../helpers/sender.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'
import { endWithScope } from '../../setup/file-scope.ts'

const bytes32 = (byte: string) => `0x${byte.repeat(32)}` as const
const ofMemory = { bandwidth: 9_000, resident: 64 }
const worth = { tensor: { tensor: 40_000 }, memory: ofMemory, beat: ofMemory } as const

it('an explanation goes down to the rounds that the seats show, and says which seat opened something else', async () => {
  const anvil = await anvilForTests({ autoImpersonate: true })
  const net = await networkForTests(anvil, {
    seats: [1, 1, 1, 1, 1],
    devices: 1,
    parameters: { rounds: { ...certainRounds, specHash: jobsHash(jobSets.devnet) } },
  })
  const { network, write, operator: keeper, parameters } = net
  const player = playerFor(anvil, net)
  await player.work(0)
  await mineAt(anvil, player.startOf(1))
  const epochRounds = (await getEpochRounds(network, 0))!
  const rounds = (await readRounds(network, epochRounds, await blockAt(network)))!
  expect(new Set(rounds.map(({ kind }) => kind))).toEqual(new Set(roundKinds))

  const seats = await Promise.all(
    net.checkers.map(async (_, i) => {
      const store = openStore({ path: ':memory:', migrations: [transactionTables, ...checkerMigrations] })
      const journal = createCheckerJournal(store)
      const signer = createSigner({ privateKey: testKey('checker', i), network })
      const duty = await readDuty(network, signer.address, 0, epochRounds)
      const [{ deviceId, generation }] = duty.devices as [(typeof duty.devices)[number]]
      for (const { hash: round, kind } of rounds)
        journal.recordVerdict({
          ...{ round, deviceId, epoch: 0, generation, commitment: null, commitmentHash: bytes32('c0') },
          ...{ verdict: 'VALID', reason: 'ALL_EQUAL', detail: '', kind, figures: worth[kind as keyof typeof worth] },
          // The last Checker repeats what others say.
          ...{ evidence: bytes32('eb'), witness: i === 4 ? null : bytes32(`a${i}`) },
        })
      journal.recordDeviceCheck({
        ...{ deviceId, epoch: 0, deviceValid: true, environmentValid: true, environmentHash: bytes32('e0') },
        ...{ findings: [], report: '{}' },
      })
      const { sender } = senderForTests(network.chain, testAccount('checker', i), {}, { store })
      const seat = createSeatEpoch(duty, {
        ...{ network, signer, store, journal, sender, log: silentLogger },
        secrets: deriveSeatSecrets(testKey('checker', i), network, signer.address),
        canonicalRounds: async () => rounds,
        beatShare: 30,
        sendTo: () => null,
      })
      await seat.commit(await getEpoch(network, 0))
      await sender.outcome('commit/0')
      return { seat, store, deviceId }
    }),
  )
  const [{ deviceId: device }] = seats as [(typeof seats)[number]]
  // Others may still commit: what this seat found is nobody's business yet.
  expect(seats.map(({ seat }) => seat.evidenceOf(device))).toEqual([null, null, null, null, null])

  await mineAt(anvil, player.startOf(1) + parameters.timeline.commitSeconds)
  const overview = await getEpoch(network, 0)
  expect(overview.phase).toBe('open')
  for (const { seat } of seats) await seat.commit(overview)
  const openings = seats.map(({ seat }) => seat.opening(0)).sort((a, b) => a.seat - b.seat)
  const consensus = { to: network.contracts.EpochConsensus, abi: epochConsensusAbi as Abi, from: keeper }
  await write({ ...consensus, functionName: 'finalize', args: [0n, 0, openings] })

  // The last Checker tells another story than it committed to, and the first is not there.
  seats.at(-1)!.store.run(`UPDATE verdict SET figures = '{"tensor":80000}' WHERE kind = 'tensor'`)
  const urls = await Promise.all(
    seats.map(async ({ seat }) => {
      const show = createShowEvidence({ seatOf: epoch => (epoch === 0 ? seat : null), now: () => 0 })
      const listener = await createWebSocketTransport({ identity: null }).listen({
        ...{ host: '127.0.0.1', port: 0, onChannel: channel => channel.close() },
        async onGet(path) {
          const body = await show(path)
          return body && { contentType: 'application/json', body }
        },
      })
      endWithScope(listener.close)
      return listener.url
    }),
  )
  const evidence = createEvidenceSource(
    { dialsPrivate: true },
    {
      async get(options) {
        const i = Number(new URL(options.endpoint).port) - 9_000
        if (i === 0) throw new Error('nobody is there')
        return getContent({ ...options, endpoint: urls[i]! })
      },
    },
  )
  await mineAt(anvil, (await getEpoch(network, 0)).payAt)
  const self = net.checkers[1]!
  const duty = await readDuty(network, self, 0, epochRounds)
  const looked: unknown[] = []
  const lazy = net.checkers[4]!
  /** By the lot that draws each. */
  const others = openings.map(({ seat }) => duty.committees.get(0)![seat]!).filter(checker => checker !== self)
  const warnings: unknown[] = []
  const log = createLogger({ level: 'warn', format: 'json' }, { write: line => void warnings.push(JSON.parse(line)) })
  const { client } = network.chain
  /** To the next epoch too this one is the one before. */
  const readContract = (call: Parameters<typeof client.readContract>[0]) =>
    client.readContract(call.functionName === 'epochOverview' ? { ...call, args: [0n] } : call)
  const stopped = { ...network, chain: { ...network.chain, client: { ...client, readContract } } } as typeof network
  /** A seat that looks at one other at each call; that one serves this in place of its evidence, or as what it shows of the device. */
  const looker = () => {
    let epoch = 0
    let presented: Hex | null = null
    let lot = 0
    let served: Record<string, Uint8Array> = {}
    const epochs = {
      of: () => ({ duty, engine: null as never, seat: seats[1]!.seat }),
      working: () => ({ epoch }),
    }
    const check = createPeerChecks({
      ...{ network: stopped, self, epochs, log, emit: event => void looked.push(event), now: () => 0 },
      randomBytes: size => new Uint8Array(size).fill(lot),
      async get({ path, ...options }) {
        const i = Number(new URL(options.endpoint).port) - 9_000
        const certificateHash = presented ?? numberToHex(i + 1, { size: 32 })
        if (served[path] !== undefined) return { status: 200, body: served[path], certificateHash }
        return { ...(await getContent({ ...options, path, endpoint: urls[i]! })), certificateHash }
      },
    })
    return async (drawn: number, serves: typeof served = {}, presents: Hex | null = null) => {
      epoch += 1
      lot = drawn
      served = serves
      presented = presents
      await check()
      await check()
      return looked.at(-1)
    }
  }
  const bundlePath = `/evidence/${bytes32('eb')}`
  const witnessed = (from: number) => [0, 1, 2, 3].filter(lot => others[lot] !== lazy)[from]!
  const look = looker()
  const said = { type: 'peer.checked', epoch: 0, device }
  expect(await look(witnessed(0))).toMatchObject({ ...said, result: 'not shown', step: null })
  const other = { [bundlePath]: new Uint8Array([1, 2, 3]) }
  expect(await look(witnessed(1), other)).toMatchObject({ ...said, result: 'refuted', step: 'EVIDENCE' })
  expect(warnings).toMatchObject([{ code: 'CHECKER_PEER_REFUTED', checker: others[witnessed(1)] }])

  // Whoever answers in its place, with a certificate of its own, says nothing of the seat.
  const inItsPlace = await look(witnessed(1), other, bytes32('66'))
  expect(inItsPlace).toMatchObject({ result: 'not shown', checker: others[witnessed(1)] })
  expect(await look(witnessed(1), other)).toMatchObject({ result: 'refuted' })
  warnings.length = 1

  // One that shows nothing again is warned about; one that has shown something since is not.
  expect(await look(witnessed(1))).toMatchObject({ result: 'not shown' })
  expect(await look(witnessed(0))).toMatchObject({ result: 'not shown again', checker: others[witnessed(0)] })
  expect(warnings.slice(1)).toMatchObject([{ code: 'CHECKER_PEER_UNSHOWN', checker: others[witnessed(0)] }])
  expect(await look(witnessed(0), other)).toMatchObject({ result: 'refuted' })
  expect(await look(witnessed(0))).toMatchObject({ result: 'not shown' })

  // No rounds at all, or none of the epoch's, are no way out.
  const shownAs = (rounds: SeatEvidence['rounds']) => ({
    [seatEvidencePath({ epoch: 0, deviceId: device })]: encodeSeatEvidence({ epoch: 0, deviceId: device, rounds }),
  })
  expect(await look(witnessed(2), shownAs([]))).toMatchObject({ result: 'not shown' })
  const ofOther = seats.find((_, i) => net.checkers[i] === others[witnessed(2)])!.seat.evidenceOf(device)!
  expect(await look(witnessed(2), shownAs(ofOther.rounds.slice(0, 1)))).toMatchObject({ step: 'ROUNDS' })

  // Without a witness there is nothing to fetch, and nothing to recompute.
  expect(await look(others.indexOf(lazy))).toMatchObject({ checker: lazy, result: 'refuted', step: 'WITNESS' })
  for (const each of looked) expect(each).not.toMatchObject({ checker: self })
  expect(looked).toHaveLength(11)

  const reader = createNetworkReader(network)
  const explanation = await readExplanation({ device, epoch: 0 }, { reader, evidence })
  const seatOf = (i: number) => explanation.seats.find(({ operator }) => operator === net.checkers[i])!
  const measures = { tensor: 40_000, bandwidth: 9_000, resident: 64 }
  expect(seatOf(0).below).toBeNull()
  for (const i of [1, 2, 3])
    expect(seatOf(i).below).toMatchObject({ measures, capacity: capacityOf(measures), equal: true })
  expect(seatOf(4).below).toMatchObject({ measures: { ...measures, tensor: 80_000 }, equal: false })
  const report = explanation.steps.find(({ step }) => step === 'report')!
  expect(report.summary).toContain('4 of 5 seats showed what is below')
  expect(report.lines.join('\n')).toContain('∛(40000 × 9000 × 64 ÷ 1000) = 284')
  expect(report.lines.filter(line => line.includes('ANOTHER LANE'))).toHaveLength(1)
  expect(explanation.figures?.medianRate).toBe(284n)
})
