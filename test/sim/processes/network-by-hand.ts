/**
 * A network as people make one, by the documented commands: a chain that knows nothing of it, `chain deploy`,
 * transfers, daemons started one by one and in the wrong order, devices that join, change and leave whenever they like. Two devices are
 * recorded cards (provider-with-card.ts), since a CPU has no driver. Keys alone are made by the test: those of `keys new` take two
 * seconds of CPU to open, and here thirty machines that open theirs are one.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import type { Address } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { checkerSeatsAbi } from '../../../src/core/chain/abi/checker-seats.ts'
import { getDevices } from '../../../src/core/chain/devices.ts'
import { getEpoch, getTimeline } from '../../../src/core/chain/epochs.ts'
import { getEvents } from '../../../src/core/chain/events.ts'
import { type ConnectedNetwork, connectNetwork } from '../../../src/core/chain/network.ts'
import { startAnvil } from '../../../src/core/devnet/anvil.ts'
import type { Role } from '../../../src/core/devnet/roles.ts'
import { readContext } from '../../../src/core/platform/context.ts'
import { saveKey } from '../../../src/core/platform/key-folder.ts'
import { type SupervisedProcess, startSupervised } from '../../../src/core/platform/supervised-process.ts'
import { devAccount } from '../../helpers/anvil.ts'
import { cliPath, cliResult } from '../../helpers/run-cli.ts'
import { type Audit, createAuditor, paidEpochs } from '../audit-network.ts'
import { startEdr } from './edr.ts'
import type { Hosts } from './hosts.ts'

export type ByHandOptions = {
  /** anvil as it is, anvil before Shanghai, or an EVM by other people. */
  readonly evm: 'anvil' | 'london' | 'edr'
  /** Seconds of an epoch in which a device joins, one gets a new driver, one a new certificate, and one leaves: one of each an epoch. */
  readonly seconds: readonly number[]
  /** In the end the chain is started anew, with the same addresses, and every daemon with what it keeps of the old one. */
  readonly restart?: boolean
  /** Where the daemons run; default: all on this one. */
  readonly hosts?: Hosts
  readonly onProgress?: (line: string) => void
}

export type ByHandResult = {
  readonly evm: string
  readonly epochs: number
  readonly joins: number
  /** Generations that have another certificate than the one before. */
  readonly renewals: number
  /** Generations that have another driver and nothing else. */
  readonly drivers: number
  readonly leaves: number
  readonly unjudged: number
  readonly underpaid: number
  readonly overpaid: number
  /** Chains that were started anew. */
  readonly restarts: number
  /** The seconds of their epochs in which they were mined, in order. */
  readonly seconds: Readonly<Record<'joins' | 'renewals' | 'drivers' | 'leaves', number[]>>
  readonly audit: Audit
}

/**
 * Where a dozen daemons and the devices that come and go have two cores between them, or 80 ms of line, or a node that is slow to answer
 * many at once, the phases of shorter epochs pass before they are done.
 */
export const epochSeconds = 32

/** The epoch of the first changes: one is worked and judged before them. */
const firstChange = 1
const password = 'correct horse battery staple'
const light = { password, strength: 'light' } as const

const providerWithCard = fileURLToPath(new URL('provider-with-card.ts', import.meta.url))
const recordedCard = readFileSync(new URL('../../../fixtures/gpu/nvidia-smi-h100-claim.xml', import.meta.url), 'utf8')
/** What `nvidia-smi -q -x` prints of a card of this number after so many updates of its driver. */
const cardOf = (number: number, updates: number): string =>
  recordedCard
    .replace(/(<driver_version>)[^<]+/, `$1580.65.${updates}`)
    .replace(/(<uuid>)[^<]+/, `$1GPU-5eed5eed-f00d-4bad-8c1a-${number.toString(16).padStart(12, '0')}`)

/**
 * In a network each Provider has a machine of its own; here twenty of them give way to the chain and to the Checkers. Linux may give every
 * session a share of its own, between which only the session's niceness counts.
 */
const givingWay = [
  'sh',
  '-c',
  'for i in 1 2 3; do { echo 5 > /proc/self/autogroup; } 2>/dev/null && break; sleep 0.1; done; exec nice -n 5 "$@"',
  'sh',
]

/** Time that a Provider takes from its start to its registration, on a machine that is busy with the rest. */
const startUpSeconds = 4

type Participant = Role & {
  readonly folder: string
  readonly env: Record<string, string>
  /** The file of its card; null: its CPU is the device. */
  readonly card: string | null
}

export async function networkByHand(options: ByHandOptions): Promise<ByHandResult> {
  const { evm, seconds, restart = false, hosts, onProgress = () => {} } = options
  const root = mkdtempSync(join(tmpdir(), 'kaisar-by-hand-'))
  const stops: (() => Promise<unknown>)[] = []
  try {
    const plain = { blockTimeSeconds: 1, accounts: 1, ...(hosts && { host: '0.0.0.0' }) }
    const startChain = async () => {
      const started =
        evm === 'edr'
          ? await startEdr()
          : await startAnvil({ ...plain, ...(evm === 'london' && { hardfork: 'london' }) })
      stops.push(() => started.stop())
      return started
    }
    let chain = await startChain()
    let context = 'by-hand'
    return await play()

    async function play(): Promise<ByHandResult> {
      const passwordFile = join(root, 'password')
      writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 })
      const envOf = (folder: string) => ({
        HOME: folder,
        XDG_CONFIG_HOME: join(folder, 'config'),
        XDG_DATA_HOME: join(folder, 'data'),
        XDG_CACHE_HOME: join(folder, 'cache'),
        KAISAR_CONTEXT_HOME: root,
        KAISAR_SKIP_BUILD: '1',
      })
      const run = async (env: Record<string, string>, ...args: string[]) => {
        const command = [cliPath, ...args, '--json']
        const ran = await execa(process.execPath, command, { env: { NO_COLOR: '1', ...env }, reject: false })
        const { success, data, errors } = cliResult(ran).json<Record<string, unknown>>()
        if (!success) throw new Error(`kaisar ${args.join(' ')}: ${JSON.stringify(errors)}`)
        return data
      }

      // Who deploys owns the first funded account.
      const ownerFolder = join(root, 'owner')
      mkdirSync(ownerFolder)
      const owner = envOf(ownerFolder)
      const secret = ['--password-file', passwordFile]
      const signing = ['--data-dir', ownerFolder, '--key', 'owner', ...secret]
      const ownerKey = `0x${Buffer.from(devAccount(0).getHdKey().privateKey!).toString('hex')}` as const
      await saveKey({ ...light, dataDir: ownerFolder, name: 'owner', privateKey: ownerKey })
      async function deploy() {
        onProgress('deploying')
        await run(
          owner,
          ...['chain', 'deploy', '--preset', 'devnet', '--epoch-seconds', String(epochSeconds), '--name', context],
          ...['--rpc-url', chain.rpcUrl, ...signing],
        )
        const connected = await connectNetwork(readContext(root, context), { rpcUrls: [chain.rpcUrl] })
        stops.push(async () => connected.chain.close())
        return connected
      }
      const network = await deploy()

      async function participant(kind: Role['kind'], number: number, hasCard = false): Promise<Participant> {
        const name = `${kind}-${number}`
        const folder = join(root, name)
        mkdirSync(folder)
        const env = envOf(folder)
        const operatorKey = generatePrivateKey()
        await saveKey({ ...light, dataDir: folder, name: 'operator', privateKey: operatorKey })
        const operator = privateKeyToAddress(operatorKey).toLowerCase() as Address
        const payout = `0x${kind === 'checker' ? 'c' : 'b'}${number.toString(16).padStart(39, '0')}` as Address
        const card = hasCard ? join(folder, 'nvidia-smi.xml') : null
        if (card !== null) writeFileSync(card, cardOf(number, 0))
        return { name, kind, folder, env, operatorKey, operator, payout, card }
      }
      async function fund(participants: readonly Participant[]) {
        const list = join(root, `operators-of-${context}.csv`)
        const lines = participants.map(({ kind, operator }) => `${operator},${kind === 'checker' ? 1_000 : 50},10`)
        writeFileSync(list, ['address,kai,coin', ...lines, ''].join('\n'))
        await run(owner, 'wallet', 'send', '--file', list, '--yes', '--context', context, ...signing)
      }
      /** Epochs begin, once five Checkers and a device are there. */
      async function begin(of: ConnectedNetwork) {
        await until(async () => (await activeOwners(of)) === 5)
        await until(async () => (await getDevices(of)).length > 0)
        onProgress('starting')
        await run(owner, 'chain', 'start', '--in', evm === 'edr' ? '20' : '8', '--context', context, ...signing)
      }
      const processes = new Map<string, SupervisedProcess>()
      async function start({ name, kind, folder, env, payout, card }: Participant) {
        const host = hosts?.hostOf(kind, Number(name.split('-')[1]))
        const [command, ...before] = [
          ...(kind === 'provider' ? givingWay : []),
          ...(host ? ['ip', 'netns', 'exec', host.namespace] : []),
          process.execPath,
        ]
        const { port: chainPort } = new URL(chain.rpcUrl)
        const child = await startSupervised({
          name,
          command: command!,
          args: [
            ...before,
            ...(card === null ? [cliPath, kind, 'run'] : [providerWithCard, card]),
            ...['--json', '--data-dir', folder, '--password-file', passwordFile],
            ...['--payout', payout, '--context', context],
            ...(hosts ? ['--rpc-url', `http://${hosts.chainAddress}:${chainPort}`] : []),
            ...(host && kind === 'checker' ? ['--host', host.address] : []),
            ...(kind === 'checker'
              ? ['--port', String(await freePort())]
              : ['--execution-provider', 'cpu', '--threads', '1']),
          ],
          env,
          logFile: join(root, 'logs', `${name}.log`),
        })
        processes.set(name, child)
        stops.push(() => child.stop())
      }

      onProgress('sending KAI')
      const checkers: Participant[] = []
      for (let i = 1; i <= 5; i++) checkers.push(await participant('checker', i))
      const providers: Participant[] = []
      // Two whose certificate changes, two whose driver does, and the newcomers.
      for (let i = 0; i < 4 + seconds.length; i++)
        providers.push(await participant('provider', i + 1, i === 2 || i === 3))
      await fund([...checkers, ...providers])
      const roles: readonly Role[] = [...checkers, ...providers]

      // In the wrong order: four Checkers, a device, the fifth Checker, and epochs that begin before the second device is there.
      const [first, second, ...others] = providers as [Participant, Participant, ...Participant[]]
      const [firstCard, secondCard, ...later] = others as [Participant, Participant, ...Participant[]]
      for (const checker of checkers.slice(0, 4)) await start(checker)
      await start(first)
      await start(checkers[4]!)
      await begin(network)
      for (const provider of [second, firstCard, secondCard]) await start(provider)
      const timeline = (await getTimeline(network))!
      const reach = reachOn(network)

      const auditor = createAuditor({ network, roles, dataDir: root })
      const joined: Participant[] = []
      // One of each kind of change an epoch, so that what one does is not what another did.
      for (const [i, at] of seconds.entries()) {
        const epoch = firstChange + i
        const begins = timeline.firstEpochAt + epoch * epochSeconds
        const newcomer = later[i]!
        const acts = [
          // The process is started as much earlier as it takes to come so far.
          { at: begins + at - startUpSeconds, act: () => start(newcomer) },
          { at: begins + at, act: () => updateDriver(i % 2 === 0 ? firstCard : secondCard, i + 1) },
          { at: begins + at, act: () => renew(i % 2 === 0 ? first : second) },
          { at: begins + at, act: () => leave(joined.at(-1)) },
        ].sort((a, b) => a.at - b.at)
        for (const { at, act } of acts) {
          await reach(at)
          await act()
        }
        joined.push(newcomer)
        // Who left two epochs ago, and was a member until the end of that one, turns its machine off.
        await stop(joined[i - 3])
        onProgress(`epoch ${epoch}, second ${at}: ${(await getDevices(network)).length} devices`)
        await auditor.audit(epoch - 2)
      }
      async function stop(who: Participant | undefined) {
        if (who === undefined) return
        await processes.get(who.name)!.stop()
        processes.delete(who.name)
      }
      /** On a busy machine a process may still be starting: what it has is changed once it is there. */
      async function registered({ operator }: Participant) {
        const find = async () => (await getDevices(network)).find(each => each.operator === operator)
        await until(async () => (await find()) !== undefined)
        return (await find())!
      }
      async function updateDriver(who: Participant, updates: number) {
        await registered(who)
        await processes.get(who.name)!.stop()
        writeFileSync(who.card!, cardOf(providers.indexOf(who) + 1, updates))
        await start(who)
      }
      async function renew(who: Participant) {
        await registered(who)
        await processes.get(who.name)!.stop()
        rmSync(join(who.folder, 'provider', 'device-certificate.pem'))
        await start(who)
      }
      async function leave(who: Participant | undefined) {
        if (who === undefined) return
        const device = await registered(who)
        // Its process goes on: it is a member until the epoch is over.
        await run(
          who.env,
          ...['device', 'exit', device.id, '--yes', '--context', 'by-hand', '--data-dir', who.folder],
          ...['--password-file', passwordFile],
        )
      }

      // Who joins in the first half of an epoch is judged in the next one, and otherwise in the one after that at the latest.
      const lastJoin = seconds.at(-1)
      const last = lastJoin === undefined ? 1 : firstChange + seconds.length + (lastJoin < epochSeconds / 2 ? 0 : 1)
      for (let epoch = Math.max(0, last - 2); epoch <= last; epoch++) {
        await reach((await getEpoch(network, epoch)).payAt + 6)
        await auditor.audit(epoch)
      }
      const audited = await auditor.result()
      const mined = await changes(network, timeline.firstEpochAt)
      const audit = restart ? together(audited, await startAnew()) : audited
      return {
        evm,
        epochs: last + 1,
        restarts: Number(restart),
        joins: mined.joins.length,
        renewals: mined.renewals.length,
        drivers: mined.drivers.length,
        leaves: mined.leaves.length,
        unjudged: audit.unjudged.length,
        underpaid: audit.underpaid,
        overpaid: audit.overpaid,
        seconds: mined,
        audit,
      }

      /** A chain of the same id and contracts at the same addresses, which every daemon takes for what it is: two epochs of it are paid. */
      async function startAnew(): Promise<Audit> {
        for (const child of processes.values()) await child.stop()
        await chain.stop()
        chain = await startChain()
        context = 'anew'
        const anew = await deploy()
        if (JSON.stringify(anew.contracts) !== JSON.stringify(network.contracts))
          throw new Error('not the same addresses')
        const members = [...checkers, first, second]
        await fund(members)
        for (const member of members) await start(member)
        await until(async () => (await getDevices(anew)).length === 2)
        await begin(anew)
        const own = createAuditor({ network: anew, roles: members, dataDir: root })
        for (const epoch of [0, 1]) {
          await reachOn(anew)((await getEpoch(anew, epoch)).payAt + 6)
          await own.audit(epoch)
        }
        const result = await own.result()
        if (paidEpochs(result).length === 0) throw new Error('nobody was paid on the chain that was started anew')
        return result
      }
    }
  } finally {
    for (const stop of stops.reverse()) await stop().catch(() => undefined)
    if (process.env.KAISAR_KEEP_SIM === undefined) rmSync(root, { recursive: true, force: true })
    else process.stderr.write(`kept ${root}\n`)
  }
}

/** What was found on two chains; `expected` and the verdicts are the first one's. */
const together = (one: Audit, other: Audit): Audit => ({
  ...one,
  lost: [...one.lost, ...other.lost],
  doubled: [...one.doubled, ...other.doubled],
  mispaid: [...one.mispaid, ...other.mispaid],
  unjudged: [...one.unjudged, ...other.unjudged],
  underpaid: one.underpaid + other.underpaid,
  overpaid: one.overpaid + other.overpaid,
})

/** Waits until the chain's newest block has this timestamp. */
const reachOn =
  ({ chain }: ConnectedNetwork) =>
  (timestamp: number) =>
    until(async () => Number((await chain.client.getBlock()).timestamp) >= timestamp)

async function until(holds: () => Promise<boolean>, patienceMs = 120_000): Promise<void> {
  const startedAt = performance.now()
  while (!(await holds())) {
    if (performance.now() - startedAt > patienceMs) throw new Error(`not within ${patienceMs} ms: ${holds}`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

/** One that was free a moment ago: operators name the port that they opened. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

async function activeOwners({ chain, contracts }: ConnectedNetwork): Promise<number> {
  const of = { address: contracts.CheckerSeats, abi: checkerSeatsAbi } as const
  return Number(await chain.client.readContract({ ...of, functionName: 'activeOwners' }))
}

/** When devices joined, changed and left, by the second of the epoch in which it was mined; those of before the first epoch are left out. */
async function changes(network: ConnectedNetwork, firstEpochAt: number): Promise<ByHandResult['seconds']> {
  const registered = await getEvents(network, 'DeviceRegistry', 'DeviceRegistered', { fromBlock: 0n })
  const left = await getEvents(network, 'DeviceRegistry', 'DeviceLeft', { fromBlock: 0n })
  const secondsOf = async (events: readonly { readonly blockNumber: bigint }[]) => {
    const seconds: number[] = []
    for (const { blockNumber } of events) {
      const { timestamp } = await network.chain.client.getBlock({ blockNumber })
      if (Number(timestamp) >= firstEpochAt) seconds.push((Number(timestamp) - firstEpochAt) % epochSeconds)
    }
    return seconds.sort((a, b) => a - b)
  }
  type Registered = (typeof registered)[number]
  /** The certificate is bound to the hardware alone: a generation that keeps it has another driver. */
  const keepsCertificate = ({ args: { deviceId, generation, record } }: Registered) =>
    registered.some(
      ({ args }) =>
        args.deviceId === deviceId &&
        args.generation === generation - 1 &&
        args.record.certificateHash === record.certificateHash &&
        args.record.deviceHash !== record.deviceHash,
    )
  const changed = registered.filter(({ args }) => args.generation > 1)
  return {
    joins: await secondsOf(registered.filter(({ args }) => args.generation === 1)),
    renewals: await secondsOf(changed.filter(each => !keepsCertificate(each))),
    drivers: await secondsOf(changed.filter(keepsCertificate)),
    leaves: await secondsOf(left),
  }
}
