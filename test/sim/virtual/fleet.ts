/**
 * Many registered devices with light Providers: each has its operator, its registration on chain and a session with every Checker, says
 * what the protocol asks for and does the real work of a small window. What it leaves out is a daemon's own: store, probe, chain reads.
 */
import { bytesToHex, encodeFunctionData, type Hex, keccak256, numberToHex, parseEther, stringToHex } from 'viem'
import { deviceRegistryAbi } from '../../../src/core/chain/abi/device-registry.ts'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { deviceRecord, probedDevice } from '../../../src/core/devices/probed-device.ts'
import type { DevnetContracts } from '../../../src/core/devnet/launch-network.ts'
import { jobBySpecHash, jobSets } from '../../../src/core/job/jobs.ts'
import {
  deviceIdOf,
  encodeDeviceRecord,
  encodeEnvironmentRecord,
  hashRecordText,
} from '../../../src/core/protocol/device-record.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import type { Signed, SignedMessage } from '../../../src/core/protocol/typed-data.ts'
import { commitmentHash, sampleOf, seedOf } from '../../../src/core/report/commitment.ts'
import { createSigner, type Signer, signMessage } from '../../../src/core/report/signer.ts'
import { dialSession } from '../../../src/core/transport/dial-session.ts'
import type { Session } from '../../../src/core/transport/session.ts'
import { environmentRecord } from '../../helpers/environment.ts'
import { startFleetWork } from './fleet-work.ts'
import { identityOf, type Simulation } from './simulation.ts'
import type { VirtualChain } from './virtual-chain.ts'

const jobs = jobSets.devnet
/** Sessions that are being opened with each Checker. */
const dialsAtOnce = 16
const environment = encodeEnvironmentRecord(environmentRecord)
const environmentHash = hashRecordText(environment)

const nameOf = (index: number) => `fleet-${index}`
const keyOf = (index: number): Hex => keccak256(stringToHex(`operator of ${nameOf(index)}`))
const deviceOf = (index: number) =>
  probedDevice(
    deviceRecord({
      kind: 'cpu',
      vendor: 'cpu',
      model: 'Simulated CPU of a fleet',
      identity: nameOf(index),
      identitySource: 'machine-id',
    }),
  )

/** Registers so many devices of as many operators, in blocks of their own; before the network is started. */
export async function registerFleet(
  count: number,
  { network, deployer, parameters }: DevnetContracts,
  chain: VirtualChain,
) {
  const { KaisarToken: token, DeviceRegistry: registry } = network.contracts
  const ether = numberToHex(parseEther('100'))
  const { deviceDeposit } = parameters
  await chain.rpc('anvil_autoImpersonateAccount', [true])
  await chain.rpc('evm_setAutomine', [false])
  const send = (from: Hex, to: Hex, gas: number, data: Hex) =>
    chain.rpc('eth_sendTransaction', [{ from, to, gas: numberToHex(gas), data }])
  for (let index = 0; index < count; index++) {
    const operator = createSigner({ privateKey: keyOf(index), network }).address
    const { localId, deviceHash } = deviceOf(index)
    const payout = `0x${keccak256(stringToHex(`payout of ${nameOf(index)}`)).slice(26)}` as const
    const { certificateHash } = identityOf({ name: nameOf(index) })
    const token_ = { abi: kaisarTokenAbi } as const
    await chain.rpc('anvil_setBalance', [operator, ether])
    await send(
      deployer.address,
      token,
      100_000,
      encodeFunctionData({ ...token_, functionName: 'transfer', args: [operator, deviceDeposit] }),
    )
    await send(
      operator,
      token,
      100_000,
      encodeFunctionData({ ...token_, functionName: 'approve', args: [registry, deviceDeposit] }),
    )
    const args = [localId, payout, deviceHash, certificateHash, zeroBytes32] as const
    await send(
      operator,
      registry,
      600_000,
      encodeFunctionData({ abi: deviceRegistryAbi, functionName: 'register', args }),
    )
    // What waits in the pool is bounded by gas: some thirty of these fill a block.
    if (index % 24 === 23) await chain.mine()
  }
  await chain.mine()
  await chain.rpc('evm_setAutomine', [true])
  await chain.rpc('anvil_autoImpersonateAccount', [false])
}

/** A Checker that can be dialled. */
type Listening = { readonly name: string; readonly operator: Hex; readonly url: string }

export type Fleet = {
  /** Opens every session that is not open, with each of these Checkers. */
  connect(checkers: readonly Listening[]): Promise<void>
  /** Seconds of CPU in which this fleet has computed. */
  readonly workedSeconds: number
  readonly sessions: number
  /** Gives back what was kept of the devices' windows, which no request is about any more. */
  forgetWork(): Promise<void>
  close(): Promise<void>
}

/** The light Providers of {@link registerFleet}. `epochSeed`: of the epoch that an offer is for. */
export function createFleet(count: number, simulation: Simulation, epochSeed: (epoch: bigint) => Promise<Hex>): Fleet {
  const { network } = simulation
  const { host } = simulation.stranger('fleet')
  const fleetWork = startFleetWork()
  const sessions = new Map<string, Session>()
  let workedSeconds = 0

  type Worked = { readonly commitment: Signed<'Commitment'>; readonly hash: Hex; readonly seed: Hex }

  function serve(session: Session, signer: Signer, index: number, windows: Map<Hex, Promise<Worked>>) {
    const { record, deviceHash } = deviceOf(index)
    const { certificateHash } = identityOf({ name: nameOf(index) })
    session.on('device.request', async ({ message: { deviceId, nonce } }) => {
      const claim = { deviceId, generation: 1, nonce, deviceHash, environmentHash, certificateHash }
      const report = await signMessage(signer, 'DeviceReport', { ...claim, attestationHash: zeroBytes32 })
      await session.send('device.report', {
        report,
        device: encodeDeviceRecord(record),
        environment,
        attestation: null,
      })
    })
    session.on('job.offer', async ({ message: { epoch, round, deviceId, generation, specHash } }) => {
      const about = { epoch, round, deviceId, generation, specHash }
      const window = windows.get(round) ?? host.exclusive(() => work(about, signer))
      windows.set(round, window)
      for (const old of [...windows.keys()].slice(0, -2)) windows.delete(old)
      await session.send('job.commitment', (await window).commitment)
    })
    session.on('job.request', async ({ message }) => {
      for (const window of windows.values()) {
        const { commitment, hash, seed } = await window
        if (hash !== message.commitmentHash) continue
        const { deviceId, specHash } = commitment.message
        const sample = sampleOf(jobBySpecHash(jobs, specHash)!, commitment.message, message)
        const openings = await host.exclusive(() => counted(() => fleetWork.ask('open', { deviceId, seed, sample })))
        await session.send('job.openings', { commitmentHash: hash, secret: message.secret }, openings)
      }
    })
    session.on('receipt', () => undefined)
  }

  async function work(
    about: Pick<SignedMessage<'Commitment'>, 'epoch' | 'round' | 'deviceId' | 'generation' | 'specHash'>,
    signer: Signer,
  ): Promise<Worked> {
    const seed = seedOf(network, about)
    const request = { ...about, seed, epochSeed: await epochSeed(about.epoch) }
    const { units, root } = await counted(() => fleetWork.ask('work', request))
    const message = { ...about, rows: BigInt(units), root, environmentHash }
    return {
      commitment: await signMessage(signer, 'Commitment', message),
      hash: commitmentHash(network, message),
      seed: bytesToHex(seed),
    }
  }

  /** Nothing else runs meanwhile. What others collect of the garbage of these rows is in it, and in no clock of a thread. */
  async function counted<T>(compute: () => Promise<T>): Promise<T> {
    const before = process.cpuUsage()
    const result = await compute()
    const { user, system } = process.cpuUsage(before)
    workedSeconds += (user + system) / 1e6
    return result
  }

  const operators = Array.from({ length: count }, (_, index) => {
    const signer = createSigner({ privateKey: keyOf(index), network })
    const { certificateHash } = identityOf({ name: nameOf(index) })
    const { transport } = simulation.stranger(nameOf(index), { certificateHash })
    const windows = new Map<Hex, Promise<Worked>>()
    return { signer, transport, windows, deviceId: deviceIdOf(signer.address, deviceOf(index).localId) }
  })

  async function dialOnce(checker: Listening, index: number) {
    const { signer, transport, windows, deviceId } = operators[index]!
    const name = `${checker.name} ${index}`
    if (sessions.get(name)?.closed === false) return
    const { certificateHash } = identityOf({ name: checker.name })
    const endpoint = { checker: checker.operator, url: checker.url, certificateHash }
    const session = await dialSession(
      { endpoint, network, role: 'provider', operator: signer.address, deviceIds: [deviceId] },
      { transport, sign: (type, message) => signer.sign(type, message), clock: host.clock },
    )
    sessions.set(name, session)
    serve(session, signer, index, windows)
  }

  return {
    get workedSeconds() {
      return workedSeconds
    },
    get sessions() {
      return [...sessions.values()].filter(({ closed }) => !closed).length
    },
    async forgetWork() {
      for (const { windows } of operators) windows.clear()
      await fleetWork.ask('forget', null)
    },
    async connect(checkers) {
      const dialsOf = checkers.map(checker => operators.map((_, index) => () => dialOnce(checker, index)))
      await Promise.all(dialsOf.map(dials => Promise.all(Array.from({ length: dialsAtOnce }, () => inTurn(dials)))))
    },
    async close() {
      await fleetWork.close()
    },
  }
}

/** One after the other, beside others that take from the same list. */
async function inTurn(tasks: (() => Promise<void>)[]) {
  for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) await task()
}
