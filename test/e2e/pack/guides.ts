/**
 * The three guides to a network that pays, each given as it stands by somebody who has an empty home folder and the package, which the deep
 * run installs as its page says: an engineer deploys, an operator judges, an owner of a device works. Their commands are counted. The four other owners of seats that a
 * committee needs are there already.
 */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { execa, type ResultPromise } from 'execa'
import { parseEther } from 'viem'
import { describe, expect, it } from 'vitest'
import { epochConsensusAbi, kaisarLensAbi } from '../../../src/core/chain/abis.ts'
import { saveKey } from '../../../src/core/platform/key-folder.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { testAddress, testKey } from '../../helpers/deploy.ts'
import { commandBlocks } from '../../helpers/doc-pages.ts'
import { eventually } from '../../helpers/eventually.ts'
import { isolatedHome } from '../../helpers/run-cli.ts'
import { endWithScope } from '../../setup/file-scope.ts'

type Device = { id: string; lastProof: { verdict: { verdict: string } } | null }
type CheckerStatus = {
  operator: string
  endpoint: { reached: boolean } | null
  verdictCounts: Record<string, number> | null
  duties: { opened: boolean | null }[]
}

const password = 'correct horse battery staple'

/** The most commands of a guide, with the one that installs kaisar. */
const most = { 'docs/run-a-provider.md': 6, 'docs/run-a-checker.md': 6, 'docs/deploy-a-network.md': 12 } as const
type Page = keyof typeof most

export const guideOf = (page: Page | 'docs/install.md'): string[] =>
  commandBlocks(page).flatMap(({ note, commands }) => (note?.kind === 'guide' ? commands : []))

type Installed = {
  /** Where the command `kaisar` lies. */
  readonly bin: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Somebody with an empty home who gives the commands of a page, in their order. */
function readerOf(page: Page, { bin, env }: Installed) {
  const home = isolatedHome()
  const desk = join(home.path, 'desk')
  mkdirSync(desk)
  const left = guideOf(page)
  const variables: Record<string, string> = {}
  const ended: string[] = []
  const shell = (json: boolean) => ({
    cwd: desk,
    env: {
      ...env,
      ...home.env,
      ...variables,
      PATH: [bin, env.PATH].join(delimiter),
      ...cheap,
      // Who is asked says yes.
      KAISAR_YES: '1',
      ...(json ? { KAISAR_JSON: '1' } : {}),
    },
    reject: false,
  })

  /** Gives the next command, which has to begin so, and returns what it says. */
  async function give<T>(words: string): Promise<T> {
    const command = next(words)
    return run(command)
  }

  function next(words: string): string {
    const command = left.shift()
    expect(command, `${page}: the next command`).toMatch(new RegExp(`^kaisar ${words}( |$)`))
    return command!
  }

  async function run<T>(command: string): Promise<T> {
    const { stdout, all } = await execa('bash', ['-c', `set -euo pipefail\n${command}`], { ...shell(true), all: true })
    const { success, data } = JSON.parse(stdout.split('\n').at(-1)!) as { success: boolean; data: T }
    expect(success, `${command}\n${all}`).toBe(true)
    return data
  }

  return {
    home: home.path,
    desk,
    variables,
    left,
    give,
    /** Gives a command that only looks, and again until it shows what is waited for. */
    async see<T>(words: string, check: (data: T) => void, limitMs = 150_000): Promise<T> {
      const command = next(words)
      return eventually(
        async () => {
          expect(ended, 'daemons that ended').toEqual([])
          const data = await run<T>(command)
          check(data)
          return data
        },
        limitMs,
        3_000,
      )
    },
    /** Starts a daemon in the background, as in a terminal of its own. */
    start(words: string): Daemon {
      const options = { ...shell(true), all: true, forceKillAfterDelay: 40_000 } as const
      const daemon = execa('bash', ['-c', `exec ${next(words)}`], options)
      daemon.then(({ all }) => ended.push(`${page}: ${all.slice(-1_000)}`))
      return listenTo(daemon)
    },
  }
}

/** The others of a committee: they know the network of somebody's home, and have keys that cost no second to open. */
async function otherChecker(number: number, { bin, env }: Installed, contextHome: string) {
  const { path } = isolatedHome()
  const privateKey = testKey('checker', number)
  await saveKey({ dataDir: path, name: 'operator', privateKey, password, strength: 'light' })
  writeFileSync(join(path, 'password'), password, { mode: 0o600 })
  writeFileSync(join(path, 'config.toml'), '')
  const files = ['--data-dir', path, '--config', join(path, 'config.toml'), '--password-file', join(path, 'password')]
  const words = ['checker', 'run', '--payout', testAddress('payout', number), '--host', '127.0.0.1', '--port', '0']
  return {
    operator: testAddress('checker', number),
    start(): Daemon {
      const daemon = execa(join(bin, 'kaisar'), [...words, ...files], {
        env: { ...env, ...cheap, KAISAR_CONTEXT_HOME: contextHome, KAISAR_JSON: '1' },
        reject: false,
        forceKillAfterDelay: 40_000,
      })
      return listenTo(daemon)
    },
  }
}

/** A daemon of a test leaves something of the machine to the others. */
const cheap = { KAISAR_EXECUTION_PROVIDER: 'cpu', KAISAR_THREADS: '1', KAISAR_MEMORY_MIB: '32' }

type Told = { readonly type: string } & Readonly<Record<string, unknown>>
type Daemon = {
  /** Resolves at the first event that is like this one, also where it was told before; rejects when the daemon ends without. */
  said(isIt: (event: Told) => boolean): Promise<void>
  end(): Promise<void>
}

/** A command that looks costs a second of CPU: it is given when the daemons have said what it is to show. */
function listenTo(daemon: ResultPromise): Daemon {
  const events: Told[] = []
  const told = new EventTarget()
  const ended = (async () => {
    for await (const line of daemon) {
      events.push(JSON.parse(String(line)))
      told.dispatchEvent(new Event('event'))
    }
    throw new Error(`a daemon ended after ${events.length} events`)
  })()
  ended.catch(() => {})
  return {
    async said(isIt) {
      while (!events.some(isIt)) await Promise.race([once(told, 'event'), ended])
    },
    async end() {
      daemon.kill('SIGTERM')
      await daemon
    },
  }
}

/**
 * A port outside of those that the system gives away, so that nobody gets it by chance before the Checker listens there. Where the search
 * begins is random, as another run on this machine may search too.
 */
async function quietPort(from: number): Promise<number> {
  for (let port = from + randomInt(1_500); port < from + 2_000; port++) {
    const server = createServer()
    const isFree = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false))
      server.listen(port, '0.0.0.0', () => resolve((server.address() as AddressInfo).port === port))
    })
    await new Promise(resolve => server.close(resolve))
    if (isFree) return port
  }
  throw new Error(`no port is free from ${from} on`)
}

/** Waits until the newest epoch of which anything is paid is one in which a device earned something, and of which all are paid. */
async function paid({ client }: Awaited<ReturnType<typeof anvilForTests>>, file: string): Promise<void> {
  const { EpochConsensus, KaisarLens } = JSON.parse(readFileSync(file, 'utf8')).contracts
  const consensus = { address: EpochConsensus.address, abi: epochConsensusAbi } as const
  const lens = { address: KaisarLens.address, abi: kaisarLensAbi } as const
  await eventually(
    async () => {
      const current = await client.readContract({ ...consensus, functionName: 'currentEpoch' })
      const past = Array.from({ length: Number(current) }, (_, epoch) => BigInt(epoch))
      const epochs = await Promise.all(
        past.map(epoch => client.readContract({ ...lens, functionName: 'epochOverview', args: [epoch] })),
      )
      const { unpaid, credits } = epochs.findLast(({ money }) => money.opened)?.totals ?? { unpaid: 1, credits: 0n }
      expect({ unpaid, earned: credits > 0n }).toEqual({ unpaid: 0, earned: true })
    },
    150_000,
    1_000,
  )
}

/** @param install - the package as its page installs it, for all users of a machine that has nothing else of kaisar */
export function describeGuides(install: () => Promise<Installed>): void {
  describe('the guides, with the package alone', () => {
    it('begin with one command that installs it', () => {
      expect(guideOf('docs/install.md')).toHaveLength(1)
    })

    it.each(Object.entries(most))('%s takes at most %i commands, with installing kaisar', (page, limit) => {
      const commands = guideOf(page as Page)
      expect(commands.length).toBeGreaterThan(2)
      expect(commands.length + 1).toBeLessThanOrEqual(limit)
      // What is counted is what is typed: no line has two.
      for (const command of commands) expect(command).toMatch(/^kaisar [^;&|]+$/)
    })

    it('lead from a funded key to a paid epoch, for all three', { timeout: 400_000 }, async () => {
      const kaisar = await install()
      const anvil = await anvilForTests()
      const network = { RPC_URL: anvil.rpcUrl }

      // The engineer, until everybody else needs the deployment file.
      const engineer = readerOf('docs/deploy-a-network.md', kaisar)
      Object.assign(engineer.variables, network, { PRESET: 'devnet', SECONDS_TO_START: '10' })
      expect(await engineer.give('chain doctor')).toMatchObject({ evm: 'prague' })
      const { address } = await engineer.give<{ address: `0x${string}` }>('keys new')
      await anvil.client.setBalance({ address, value: parseEther('20') })
      engineer.variables.SAFE = address
      await engineer.give('chain deploy')
      const { file } = await engineer.give<{ file: string }>('chain deploy')
      await engineer.give('context use')

      const takePart = async (page: Page, more: Record<string, string>, payout: `0x${string}`) => {
        const reader = readerOf(page, kaisar)
        Object.assign(reader.variables, network, more, { PAYOUT: payout })
        copyFileSync(file, join(reader.desk, 'mainnet.json'))
        await reader.give('context add')
        if (page === 'docs/run-a-provider.md') await reader.give('provider setup-gpu')
        const role = page === 'docs/run-a-provider.md' ? 'provider' : 'checker'
        const { operator } = await reader.give<{ operator: string }>(`${role} init`)
        return { ...reader, operator, payout }
      }
      const publicUrl = `wss://127.0.0.1:${await quietPort(20_000)}`
      const checker = await takePart('docs/run-a-checker.md', { PUBLIC_URL: publicUrl }, testAddress('payout', 510))
      const provider = await takePart('docs/run-a-provider.md', {}, testAddress('payout', 500))

      const contextHome = join(checker.home, 'data/kaisar')
      const others = await Promise.all([1, 2, 3, 4].map(i => otherChecker(510 + i, kaisar, contextHome)))
      const lines = [
        ...[checker, ...others].map(({ operator }) => `${operator},1000,0.5`),
        `${provider.operator},10,0.5`,
      ]
      writeFileSync(join(engineer.desk, 'operators.csv'), ['address,kai,coin', ...lines, ''].join('\n'))
      const sent = await engineer.give<{ transfers: object[] }>('wallet send')
      expect(sent.transfers).toHaveLength(12)

      // From here on time matters: a block a second, as the preset counts on.
      await anvil.client.setAutomine(false)
      await anvil.client.setIntervalMining({ interval: 1 })
      const seat = checker.start('checker run')
      const device = provider.start('provider run')
      const seats = [seat, ...others.map(each => each.start())]
      // All at once: each finishes what is open.
      endWithScope(() => Promise.all([...seats, device].map(each => each.end())))
      await Promise.all(seats.map(each => each.said(({ type }) => type === 'checker.listening')))
      await device.said(({ type }) => type === 'device.registered')
      await engineer.see<{ checkers: { seats: number }[] }>('chain seats', ({ checkers }) =>
        expect(checkers.filter(({ seats }) => seats > 0)).toHaveLength(5),
      )
      await engineer.give('chain start')

      // A round was judged; what was judged in the first epoch is opened and paid in the one after. Each command that looks is given once.
      await seat.said(({ type, verdict }) => type === 'check.completed' && verdict === 'VALID')
      const never = (daemon: Daemon) => daemon.said(() => false)
      await Promise.race([paid(anvil, file), ...[...seats, device].map(never)])
      // What they look at is of this epoch, however long each command takes.
      await anvil.client.setIntervalMining({ interval: 0 })

      // The owner of the device.
      const { providers } = await provider.give<{ providers: { devices: Device[] }[] }>('provider status')
      expect(providers[0]!.devices[0]!.lastProof?.verdict.verdict).toBe('VALID')
      // The operator.
      const { checkers } = await checker.give<{ checkers: CheckerStatus[] }>('checker status')
      const [status] = checkers
      expect(status).toMatchObject({ operator: checker.operator, endpoint: { reached: true } })
      expect(status!.verdictCounts?.VALID).toBeGreaterThan(0)
      expect(status!.duties.some(({ opened }) => opened === true)).toBe(true)

      // The engineer: an epoch was paid, and every figure of it explained.
      const { payments } = await engineer.give<{ payments: { payee: string; amount: string }[] }>('epoch rewards')
      expect(payments.filter(({ amount }) => BigInt(amount) > 0n).map(({ payee }) => payee)).toContain(provider.payout)
      engineer.variables.DEVICE = providers[0]!.devices[0]!.id
      await engineer.give('epoch explain')
      expect([engineer, provider, checker].flatMap(({ left }) => left)).toEqual([])
      // Who is asked to stop finishes its rounds.
      await anvil.client.setIntervalMining({ interval: 1 })
    })
  })
}
