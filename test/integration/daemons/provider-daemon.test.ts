/**
 * The Provider daemon over epochs of a real chain, with Checkers that answer in this process: what it does when the spec changes, and when
 * it was away over an epoch's edge. Blocks are mined by the test; the engine is the test's too.
 */
import { type Abi, type Hex, keccak256, numberToHex, parseEther, toHex } from 'viem'
import { afterEach, describe, expect, it } from 'vitest'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { lowerCase } from '../../../src/core/chain/network.ts'
import { devnetParameters } from '../../../src/core/chain/network-presets.ts'
import { transactionTables } from '../../../src/core/chain/tx/transaction-store.ts'
import { deviceRecord, probedDevice } from '../../../src/core/devices/probed-device.ts'
import { type Jobs, jobSets, jobsHash } from '../../../src/core/job/jobs.ts'
import type { WorkEngine } from '../../../src/core/job/work-engine.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { openStore, type Store } from '../../../src/core/platform/store.ts'
import type { Signed } from '../../../src/core/protocol/typed-data.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import type { ProviderEvent } from '../../../src/core/provider/provider-event.ts'
import { runProvider } from '../../../src/core/provider/run-provider.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { serveSessions } from '../../../src/core/transport/serve-sessions.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { anvilForTests, devAccount } from '../../helpers/anvil.ts'
import { networkForTests, testAddress, writerFor } from '../../helpers/deploy.ts'
import { environmentRecord } from '../../helpers/environment.ts'
import { eventually } from '../../helpers/eventually.ts'
import { createIdentity } from '../../helpers/identities.ts'
import { createInMemoryNetwork } from '../../helpers/in-memory-transport.ts'
import { playerFor } from '../../helpers/play-epochs.ts'
import { senderForTests } from '../../helpers/sender.ts'
import { recoverOn } from '../../helpers/session-signers.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const account = devAccount(3)
const operator = lowerCase(account.address)
const privateKey = `0x${Buffer.from(account.getHdKey().privateKey!).toString('hex')}` as Hex
const card = probedDevice(
  deviceRecord({ kind: 'gpu', vendor: 'nvidia', model: 'NVIDIA L4', identity: 'GPU-a', identitySource: 'uuid' }),
  { uuid: 'GPU-a' },
)
const blank = { lanes: [], evidenceRoot: `0x${'00'.repeat(32)}` as const }

let close: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of close.reverse()) await end()
  close = []
})

/** A started network with one device and five Checkers of its own, and our operator, who holds what a deposit needs. */
async function world() {
  const anvil = await anvilForTests({ autoImpersonate: true })
  const { rounds, ...others } = devnetParameters(jobsHash(jobSets.devnet), 160)
  // Each slot of 80 s triggers at its fourth second, and thirty seconds later; a busy machine has five seconds to see it.
  const slots = { slots: 2, eligibleFromSeconds: 4, cutoffSeconds: 34 }
  const calm = {
    ...rounds,
    ...slots,
    threshold: 0n,
    graceMs: 5000,
    samplingSeconds: 6,
    openingsMs: 7000,
    refractorySeconds: 30,
  }
  const parameters = { ...others, rounds: calm }
  const net = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 1, parameters })
  const { network } = net
  const write = writerFor(anvil)
  const deployer = devAccount(0).address
  const transfer = [operator, parseEther('100')]
  const token = { to: network.contracts.KaisarToken, abi: kaisarTokenAbi as Abi }
  await write({ ...token, from: deployer, functionName: 'transfer', args: transfer })
  const store = openStore({ path: ':memory:', migrations: [transactionTables, ...providerMigrations] })
  const { sender } = senderForTests(network.chain, account)
  close.push(() => sender.stop())
  const hosts = createInMemoryNetwork()
  const identity = await createIdentity('provider', operator)
  return { anvil, net, network, player: playerFor(anvil, net), write, deployer, store, sender, hosts, identity }
}
type World = Awaited<ReturnType<typeof world>>

/** One Checker's side: it keeps the commitments it gets, and says what the test says on each new session. */
async function checkerIn({ net, network, hosts }: World, i: number, greet: (session: Session) => Promise<void> | void) {
  const seatKey = keccak256(toHex(`kaisar/test/checker/${i}`))
  const commitments: Signed<'Commitment'>[] = []
  const server = await serveSessions(
    { network, checker: net.checkers[i]!, host: '127.0.0.1', port: 9000 + i },
    {
      transport: hosts.transport({ certificateHash: numberToHex(i + 1, { size: 32 }) }),
      recover: recoverOn(network),
      randomNonce: () => keccak256(toHex(Math.random().toString())),
      admit: async () => null,
      clock: systemClock,
      onSession(session) {
        session.on('job.commitment', commitment => void commitments.push(commitment))
        void greet(session)
      },
    },
  )
  close.push(() => server.close())
  return { commitments, signer: createSigner({ privateKey: seatKey, network }) }
}

/** A Provider process on this store. */
function provider({ network, sender, store, hosts, identity }: World, state: Store = store) {
  const events: ProviderEvent[] = []
  const started: Jobs[] = []
  let running = 0
  const stop = new AbortController()
  const startEngine = async (jobs: Jobs) => {
    started.push(jobs)
    running++
    const work = { units: 64, root: keccak256('0x01'), handle: '1' }
    const kind = {
      prepare: async () => ({ groups: 0, megabytes: 0, fillMs: 0, problem: null }),
      runWindow: async () => ({ ...work, figures: { tensor: 1 }, durationMs: 1, kernelMs: 1, lostMs: 0, notes: '' }),
      rework: async () => work,
      open: async () => new Uint8Array([1]),
    }
    return {
      description: { provider: 'cuda', form: 'fp32', memory: 'host', forms: [], refused: [] },
      kinds: { tensor: kind, memory: kind },
      close: async () => void running--,
    } as unknown as WorkEngine
  }
  const run = runProvider(
    { network, payout: testAddress('payout', 50), executionProvider: 'auto', backoff: { baseMs: 20, capMs: 100 } },
    {
      signer: createSigner({ privateKey, network }),
      sender,
      store: state,
      probe: { probe: async () => ({ state: 'healthy', devices: [card], faults: [], notes: [] }) },
      readEnvironment: async () => environment,
      certify: async () => identity,
      attest: async () => null,
      openTransport({ certificateHash }) {
        const host = hosts.transport({ certificateHash })
        // The chain names sockets; here they are hosts of this process.
        return { ...host, dial: ({ url, ...rest }) => host.dial({ ...rest, url: url.replace('ws:', 'memory:') }) }
      },
      startEngine,
      clock: systemClock,
      random: () => 0.5,
      log: silentLogger,
      emit: event => events.push(event),
    },
    stop.signal,
  )
  run.catch(() => undefined)
  const end = async () => {
    stop.abort()
    await run
  }
  close.push(() => end().catch(() => undefined))
  const epochs = () => events.flatMap(event => (event.type === 'epoch.started' ? [event.epoch] : []))
  const committed = () => events.flatMap(event => (event.type === 'round.committed' ? [event] : []))
  return { events, started, running: () => running, run, end, epochs, committed }
}

const environment = { ...environmentRecord, executionProviders: ['cuda' as const], kernels: ['cuda/fp32'] }

describe('a Provider', () => {
  it('a Provider starts anew with another spec in the epoch for which the chain names it, and not before', async () => {
    const here = await world()
    const one = provider(here)
    await eventually(() => expect(one.events.map(({ type }) => type)).toContain('device.registered'))
    const rounds = {
      ...devnetParameters(jobsHash(jobSets.standard), 160).rounds,
      windowMs: jobSets.standard.tensor.windowMs,
      beatWindowMs: jobSets.standard.beat.windowMs,
      beats: 4,
      samplingSeconds: 11,
      openingsMs: 15_000,
      refractorySeconds: 30,
    }
    const args = [rounds]
    const { network, write, deployer, player } = here
    const consensus = { to: network.contracts.EpochConsensus, abi: epochConsensusAbi as Abi }
    await write({ ...consensus, from: deployer, functionName: 'scheduleRoundRules', args })
    await player.work(0)
    await eventually(() => expect(one.epochs()).toContain(0))
    await player.settle(0, () => blank)
    await eventually(() => expect(one.epochs()).toContain(1))
    await player.work(1)
    expect(one.started).toEqual([jobSets.devnet])
    await player.work(2, 0)
    await eventually(() => expect(one.epochs()).toContain(2), 30_000)
    expect(one.started).toEqual([jobSets.devnet, jobSets.standard])
    expect(one.running()).toBe(1)
    await one.end()
    expect(one.running()).toBe(0)
  })

  it('a Provider that was down from the middle of an epoch to the middle of the next takes part again, signs nothing twice, and gets its receipts', async () => {
    const here = await world()
    let receipt: Signed<'Receipt'> | null = null
    const seat = await checkerIn(here, 0, session => {
      if (receipt !== null) return session.send('receipt', receipt)
    })
    const { player, store } = here
    const one = provider(here)
    await eventually(() => expect(one.events.map(({ type }) => type)).toContain('device.registered'))
    await player.work(0, 3)
    await eventually(() => expect(one.epochs()).toContain(0))
    await eventually(() => expect(one.events.map(({ type }) => type)).toContain('session.opened'))
    await player.work(0, 4)
    await eventually(() => expect(seat.commitments).toHaveLength(1))
    await player.work(0, 60)
    await one.end()
    const [first] = seat.commitments
    expect(first?.message.epoch).toBe(0n)

    await player.work(0)
    await player.settle(0, () => blank)
    // Long after the last trigger of epoch 1: what it missed is missed.
    await player.work(1, 155)
    const { deviceId } = first!.message
    receipt = await signMessage(seat.signer, 'Receipt', {
      epoch: 0n,
      cohort: 0,
      lane: 1,
      deviceId,
      generation: 1,
      rate: 9,
      uptime: 8,
      flags: 15,
    })
    const again = provider(here, store)
    await eventually(() => expect(again.epochs()).toContain(1))
    await eventually(() => expect(again.events.map(({ type }) => type)).toContain('receipt.received'))
    await player.work(1)
    await player.work(2, 3)
    await eventually(() => expect(again.epochs()).toContain(2))
    await player.work(2, 4)
    const later = () => seat.commitments.filter(({ message }) => message.epoch > 0n)
    await eventually(() => expect(later()).toHaveLength(1))
    expect(later()[0]!.message).toMatchObject({ epoch: 2n, deviceId })
    expect(again.committed().map(({ epoch }) => epoch)).toEqual([2])
    expect(createProviderJournal(store).receipts(deviceId, 0)).toHaveLength(1)
  })
})
