/** What operators see of daemons that really run: status, report, bundles, metrics, health, dashboards. */

import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, describe, expect, it } from 'vitest'
import type { JournaledVerdict } from '../../../src/core/checker/checker-records.ts'
import { devnetRoles } from '../../../src/core/devnet/roles.ts'
import { isProcessAlive } from '../../../src/core/platform/pid-file.ts'
import { runCliHere } from '../../helpers/cli-in-process.ts'
import { eventually } from '../../helpers/eventually.ts'
import { findPromtool, promtoolCheck } from '../../helpers/promtool.ts'
import { cliPath, type isolatedHome } from '../../helpers/run-cli.ts'
import { hasTmux } from '../../helpers/terminal.ts'
import { type DevnetEvent, wordsOfSeats } from '../../helpers/words-of-seats.ts'

const promtool = findPromtool()

type Verified = { valid: boolean; failedStep: string | null; hash: string; facts: { operator: string } | null }
type Proof = { epoch: number; verdict: { verdict: string }; score: string } | null
type ProviderData = {
  providers: {
    operator: string
    daemon: { running: { pid: number } | null }
    devices: {
      id: string
      model: string
      lastProof: Proof
      history: { epoch: number; score: string | null }[]
      earned: string
    }[]
    warnings: { code: string }[]
  }[]
}
type CheckerData = {
  checkers: {
    operator: string
    checker: { endpoint: string; certificateHash: string; earned: string }
    endpoint: { reached: boolean; certificateHash: string }
    duties: { epoch: number; committedTxHash: string | null; state: string }[]
    verdictCounts: Record<string, number>
    verdicts: JournaledVerdict[]
    daemon: { running: object | null }
  }[]
}

const isValid = ({ verdict, evidence }: JournaledVerdict) => verdict === 'VALID' && evidence !== null

/**
 * @param home - where the devnet runs, with an epoch paid
 * @param folder - of the devnet
 */
export function describeOperators(home: ReturnType<typeof isolatedHome>, folder: string): void {
  const roles = devnetRoles({ providers: 2, checkers: 5 })
  const kaisar = (...args: string[]) => runCliHere(args, { env: home.env })
  const result = async <T>(...args: string[]) => {
    const { json, stderr } = await kaisar(...args, '--json')
    const envelope = json<T>()
    expect(envelope, stderr).toMatchObject({ success: true, errors: [] })
    return envelope.data
  }
  type Status = Record<string, { daemon: { running: { pid: number } | null } }[]>
  /** The process of a daemon, as its own status has it. */
  const pidOf = async (role: 'provider' | 'checker', name: string) =>
    (await result<Status>(role, 'status', '--data-dir', join(folder, name)))[`${role}s`]![0]!.daemon.running?.pid
  const isGone = (pid: number) => eventually(() => expect(isProcessAlive(pid)).toBe(false), 60_000, 50)

  const log = (name: string) => readFileSync(join(folder, 'logs', `${name}.log`), 'utf8')
  /** What the devnet has told so far; a line that is still being written is left out. */
  const events = () => {
    const lines = readFileSync(join(folder, 'devnet.ndjson'), 'utf8').split('\n').slice(0, -1)
    return lines.map(line => JSON.parse(line) as DevnetEvent)
  }
  const hasEarned = ({ earned }: { earned: string }) => BigInt(earned) > 0n
  /** Where a daemon serves its metrics, by its own word. */
  const metricsUrl = (name: string) =>
    JSON.parse(
      log(name)
        .split('\n')
        .find(line => line.includes('"metrics.listening"'))!,
    ).url as string

  describe('status', () => {
    it('of the Providers is what the chain says, with the daemons beside it', async () => {
      const { providers } = await result<ProviderData>('provider', 'status')
      expect(providers).toHaveLength(2)
      for (const { daemon, devices, operator } of providers) {
        expect(daemon.running?.pid).toBeGreaterThan(0)
        expect(devices).toHaveLength(1)
        expect(devices[0]!.lastProof?.epoch).toBeGreaterThanOrEqual(0)
        expect(devices[0]!.model).not.toBe('')
        const { devices: listed } = await result<{ devices: { id: string; operator: string }[] }>('chain', 'devices')
        expect(listed.find(({ id }) => id === devices[0]!.id)?.operator).toBe(operator)
      }
      const isPaid = providers.some(({ devices }) => devices.some(hasEarned))
      expect(isPaid, wordsOfSeats(events())).toBe(true)
      const { stdout } = await kaisar('provider', 'status', '--operator', providers[0]!.operator)
      expect(stdout).toContain(`provider  ${providers[0]!.operator}`)
      expect(stdout).not.toContain(providers[1]!.operator)
      expect(stdout).toMatch(/last proof {2}epoch \d+ {2}\w+/)
    })

    it('of the devices has the largest capacity first, where that is asked for', async () => {
      type Listed = { devices: { id: string; capacity: string | null; capacityEpoch: number | null }[] }
      // Beside other load an epoch may end in which no device has filled its memory in time.
      await eventually(
        async () => {
          const { devices } = await result<Listed>('chain', 'devices', '--sort', 'capacity')
          const capacities = devices.map(({ capacity }) => BigInt(capacity ?? -1))
          expect(capacities).toHaveLength(2)
          expect(capacities[0]).toBeGreaterThan(0n)
          expect(capacities[0]).toBeGreaterThanOrEqual(capacities[1]!)
          expect(devices[0]!.capacityEpoch).toBeGreaterThanOrEqual(0)
        },
        90_000,
        1_000,
      )
      const { stdout } = await kaisar('chain', 'devices', '--sort', 'capacity')
      const [titles, ...rows] = stdout.trim().split('\n')
      const column = titles!.split(/ {2,}/).indexOf('capacity')
      const shown = rows.map(row => Number(row.split(/ {2,}/)[column]!.replaceAll(',', '').replace('—', '-1')))
      expect(shown).toEqual(shown.toSorted((a, b) => b - a))
    })

    it('of the Checkers asks their endpoints, and knows their duties', async () => {
      const { checkers } = await result<CheckerData>('checker', 'status')
      expect(checkers).toHaveLength(5)
      for (const { checker, endpoint, duties, daemon } of checkers) {
        expect(endpoint).toEqual({ reached: true, certificateHash: checker.certificateHash })
        expect(duties.some(({ committedTxHash, state }) => committedTxHash !== null && state === 'final')).toBe(true)
        expect(daemon.running).not.toBeNull()
      }
      expect(checkers.some(({ verdictCounts }) => (verdictCounts.VALID ?? 0) > 0)).toBe(true)
    })

    it('of a Provider’s journal has its rounds and what Checkers signed', async () => {
      type Report = { reports: { rounds: object[]; receipts: { checker: string }[] }[] }
      const { checkers } = await result<CheckerData>('checker', 'status')
      await eventually(
        async () => {
          const { reports } = await result<Report>('provider', 'report', '--data-dir', join(folder, 'provider-1'))
          expect(reports[0]!.rounds.length).toBeGreaterThan(0)
          const signers = new Set(reports[0]!.receipts.map(({ checker }) => checker))
          for (const signer of signers) expect(checkers.map(({ operator }) => operator)).toContain(signer)
          expect(signers.size).toBeGreaterThanOrEqual(3)
        },
        60_000,
        1_000,
      )
    })
  })

  const kept = join(home.path, 'kept.bundle')
  describe('evidence', () => {
    it('verifies by its hash from the Checker that serves it, and offline once it is kept in a file', async () => {
      const { checkers } = await result<CheckerData>('checker', 'status')
      const { checker, verdicts } = checkers.find(({ verdicts }) => verdicts.some(isValid))!
      const hash = verdicts.find(isValid)!.evidence!
      const served = await result<Verified>('checker', 'verify', hash, '--from', checker.endpoint, '--save', kept)
      expect(served).toMatchObject({ valid: true, hash, failedStep: null })
      const { providers } = await result<ProviderData>('provider', 'status')
      expect(providers.map(({ operator }) => operator)).toContain(served.facts!.operator)
      expect(await result<Verified>('checker', 'verify', kept)).toEqual(served)
      const { stdout } = await kaisar('checker', 'verify', kept)
      expect(stdout).toMatch(/^VALID/)
      expect(stdout).toContain('What a bundle cannot prove by itself')
    })

    it('does not verify once it was tampered with: exit code 4, in text and JSON', async () => {
      const bytes = readFileSync(kept)
      // The last byte is of an opened row's path in the tree.
      bytes[bytes.length - 1]! ^= 1
      const forged = join(home.path, 'forged.bundle')
      writeFileSync(forged, bytes)
      const [text, json] = await Promise.all([
        kaisar('checker', 'verify', forged),
        kaisar('checker', 'verify', forged, '--json'),
      ])
      expect([text.exitCode, json.exitCode]).toEqual([4, 4])
      expect(json.json<Verified>()).toMatchObject({
        success: false,
        data: { valid: false, facts: null },
        errors: [{ code: 'BUNDLE_REFUTED' }],
      })
      expect(text.stdout).toMatch(/^NOT VALID/)
      expect(text.stderr).toContain('[BUNDLE_REFUTED]')
    })
  })

  it('fits a terminal of 80 columns, whatever is listed: no table is cut by it, and no line broken within a word', async () => {
    const { providers } = await result<ProviderData>('provider', 'status')
    const device = providers.flatMap(({ devices }) => devices).find(hasEarned)
    const { devices } = await result<{ devices: { id: string; payout: string }[] }>('chain', 'devices')
    const wallet = devices.find(({ id }) => id === device!.id)!.payout
    // The latest that has a result may wait for its payment, and one beside other load may be paid with nothing.
    const { epoch: lastPaid } = await result<{ epoch: number }>('epoch', 'rewards')
    const paid = device!.history.findLast(({ epoch, score }) => epoch <= lastPaid && BigInt(score ?? 0) > 0n)!.epoch
    for (const words of [
      ...['devices', 'doctor', 'info', 'params', 'seats'].map(each => `chain ${each}`),
      ...['context list', 'context show', 'devnet status', 'keys list', `wallet balance ${wallet}`],
      ...['epoch status', 'epoch rewards', `epoch explain ${device!.id}`],
      ...['provider status', 'provider report', 'provider doctor', 'provider setup-gpu', 'checker status'],
      ...[`device list ${wallet}`, `fleet status ${wallet}`, `fleet payments ${wallet}`],
      ...[`checker verify ${kept}`, 'provider self-test --spec devnet --execution-provider cpu'],
      `wallet send --to ${wallet}=1,0.5 --data-dir ${join(folder, 'provider-1')} --dry-run`,
      `chain deploy --preset devnet --name another --deployer ${providers[0]!.operator} --dry-run`,
    ]) {
      const { stdout } = await runCliHere(words.split(' '), { env: home.env, columns: 80 })
      expect(stdout, words).not.toBe('')
      // The folder of a user has a shorter name.
      for (const line of stdout.replaceAll(home.path, '~').split('\n'))
        expect([...line].length, `${words}: ${line}`).toBeLessThanOrEqual(80)
    }
    const { stdout } = await kaisar('epoch', 'explain', device!.id, '--epoch', String(paid))
    expect(stdout, 'where nothing sets a width').toMatch(/^ +share = .{60,}$/m)
  })

  describe('metrics and health', () => {
    it.each(['provider-1', 'checker-1'])('of %s are served, well-formed, and say that it is ready', async name => {
      const text = await (await fetch(`${metricsUrl(name)}/metrics`)).text()
      const role = name.split('-')[0]
      expect(text).toContain(`kaisar_${role}_chain_reachable 1`)
      if (promtool !== null) expect(promtoolCheck(promtool, ['metrics'], text)).toEqual({ ok: true, output: '' })
      const sessions = Number(new RegExp(`^kaisar_${role}_open_sessions (\\d+)`, 'm').exec(text)?.[1])
      expect(sessions).toBeGreaterThan(0)
      await eventually(
        async () => {
          const response = await fetch(`${metricsUrl(name)}/health`)
          expect(await response.json()).toMatchObject({
            healthy: true,
            reasons: [],
            openSessions: expect.any(Number),
          })
          expect(response.status).toBe(200)
        },
        30_000,
        500,
      )
    })

    it('count real work', async () => {
      const provider = await (await fetch(`${metricsUrl('provider-1')}/metrics`)).text()
      expect(provider).toMatch(/kaisar_provider_rounds_total\{device="0x[0-9a-f]{64}",result="committed"\} [1-9]/)
      const checkers = await Promise.all(
        [1, 2, 3, 4, 5].map(async i => (await fetch(`${metricsUrl(`checker-${i}`)}/metrics`)).text()),
      )
      expect(checkers.some(text => /kaisar_checker_verify_seconds_count [1-9]/.test(text))).toBe(true)
      expect(checkers.some(text => /kaisar_checker_settlement_steps_total\{step="\w+"\} [1-9]/.test(text))).toBe(true)
    })
  })

  describe('a pause', () => {
    const own = ['--data-dir', join(folder, 'provider-2')]
    type State = { devices: { deviceId: string; state: string; since: string | null; until: string | null }[] }
    type Paused = { providers: { devices: { id: string; pause: { until: string | null } | null }[] }[] }
    const pauseOf = async () => (await result<Paused>('provider', 'status', ...own)).providers[0]!.devices[0]!.pause
    const metric = async (line: RegExp) => line.test(await (await fetch(`${metricsUrl('provider-2')}/metrics`)).text())

    it('is asked for over a socket of the daemon’s own user, shown, judged BUSY with evidence, and ended', async () => {
      expect(statSync(join(folder, 'provider-2', 'provider', 'control.sock')).mode & 0o777).toBe(0o600)
      expect(await pauseOf()).toBeNull()
      const [asked] = (await result<State>('provider', 'pause', ...own, '--for', '1h')).devices
      expect(['finishing', 'paused']).toContain(asked!.state)
      expect(Date.parse(asked!.until!) - Date.parse(asked!.since!)).toBe(3_600_000)
      expect(await pauseOf()).toMatchObject({ until: asked!.until })
      expect((await kaisar('provider', 'status', ...own)).stdout).toContain(`paused      since ${asked!.since}`)
      expect(await metric(/^kaisar_provider_device_paused\{device="0x[0-9a-f]{64}"\} 1$/m)).toBe(true)

      // The later end wins, and a word that asks for less changes nothing.
      const shorter = await kaisar('provider', 'pause', ...own, '--for', '5m', '--device', asked!.deviceId.slice(0, 10))
      expect(shorter.stdout).toContain(`until ${asked!.until}`)

      let busy: JournaledVerdict | undefined
      let endpoint = ''
      await eventually(
        async () => {
          const { checkers } = await result<CheckerData>('checker', 'status')
          const seat = checkers.find(({ verdicts }) => verdicts.some(({ verdict }) => verdict === 'BUSY'))!
          endpoint = seat.checker.endpoint
          busy = seat.verdicts.find(({ verdict }) => verdict === 'BUSY')
          expect(busy).toMatchObject({ reason: 'DEVICE_BUSY' })
        },
        60_000,
        500,
      )
      const verified = await result<Verified>('checker', 'verify', busy!.evidence!, '--from', endpoint)
      expect(verified).toMatchObject({ valid: true, facts: { kind: 'busy', deviceId: asked!.deviceId } })
      expect(log('provider-2')).toContain('"round.busy"')

      expect((await result<State>('provider', 'resume', ...own)).devices).toMatchObject([{ state: 'working' }])
      expect(await pauseOf()).toBeNull()
      expect(await metric(/^kaisar_provider_device_paused\{device="0x[0-9a-f]{64}"\} 0$/m)).toBe(true)
    })

    it('without a daemon, of an unknown device or of no length is refused with what to do', async () => {
      const codeOf = async (...args: string[]) => {
        const { exitCode, json } = await kaisar('provider', ...args, '--json')
        return [exitCode, json().errors[0]!.code]
      }
      expect(await codeOf('pause', '--data-dir', join(home.path, 'nobody'))).toEqual([3, 'CONTROL_NO_DAEMON'])
      expect(await codeOf('resume', '--data-dir', join(home.path, 'nobody'))).toEqual([3, 'CONTROL_NO_DAEMON'])
      expect(await codeOf('pause', ...own, '--device', '0xabcdef012345')).toEqual([2, 'PAUSE_DEVICE_UNKNOWN'])
      expect(await codeOf('pause', ...own, '--for', 'soon')).toEqual([2, 'USAGE_INVALID'])
    })
  })

  it('of two machines with one key the newer one goes on, and both say why', async () => {
    const { payout } = roles.find(({ name }) => name === 'provider-1')!
    const older = await pidOf('provider', 'provider-1')
    const other = join(home.path, 'other-machine')
    for (const name of ['keys', 'password', 'config.toml'])
      cpSync(join(folder, 'provider-1', name), join(other, name), { recursive: true })
    const args = [
      '--data-dir',
      other,
      '--config',
      join(other, 'config.toml'),
      '--password-file',
      join(other, 'password'),
    ]
    const newer = execa(
      process.execPath,
      [
        cliPath,
        'provider',
        'run',
        '--json',
        ...args,
        '--payout',
        payout,
        '--execution-provider',
        'cpu',
        '--threads',
        '1',
      ],
      { env: home.env, reject: false, all: true },
    )
    let said = ''
    newer.all.on('data', chunk => {
      said += chunk
    })
    try {
      await isGone(older!)
      // The devnet writes what its daemons say, also after one is gone.
      const resultLine = /^\{.*"type":"result".*\}$/m
      await eventually(() => expect(log('provider-1')).toMatch(resultLine))
      const last = JSON.parse(resultLine.exec(log('provider-1'))![0])
      expect(last).toMatchObject({ success: false, errors: [{ code: 'OPERATOR_REPLACED' }] })
      await eventually(() => expect(said).toContain('"session.opened"'), 60_000, 100)
      expect(said).toContain('another machine may still run this provider')
    } finally {
      newer.kill('SIGTERM')
      await newer
    }
  })

  describe.skipIf(!hasTmux)('--watch in a real terminal (needs tmux)', () => {
    const socket = join(home.path, 'tmux')
    const tmux = (...args: string[]) => execFileSync('tmux', ['-S', socket, ...args], { encoding: 'utf8' })
    let session = ''
    const screen = () => tmux('capture-pane', '-p', '-t', session)
    afterAll(() => {
      try {
        tmux('kill-server')
      } catch {
        // It ended with its last session.
      }
    })

    // Last: it takes the place of daemons of the devnet, which goes on without them.
    it.each([
      ['provider', 2, /Devices\nDEVICE/],
      ['checker', 5, /seats 1 +strikes/],
    ] as const)('shows the %s, and gives the screen back when it is left', async (role, number, expected) => {
      const name = `${role}-${number}`
      const pid = (await pidOf(role, name))!
      process.kill(pid, 'SIGKILL')
      await isGone(pid)
      const at = join(folder, name)
      session = name
      expect(await pidOf(role, name)).toBeUndefined()
      const { payout } = roles.find(each => each.name === name)!
      const words = [process.execPath, cliPath, role, 'run', '--watch', '--data-dir', at, '--payout', payout]
      const more = ['--password-file', join(at, 'password'), '--execution-provider', 'cpu', '--threads', '1']
      const command = `echo before; ${[...words, ...more].join(' ')}; echo "exit code $?"; exec cat`
      const variables = Object.entries(home.env).flatMap(([key, value]) => ['-e', `${key}=${value}`])
      tmux('-f', '/dev/null', 'new-session', '-d', '-s', session, '-x', '100', '-y', '30', ...variables, command)
      await eventually(
        () => {
          const shown = screen()
          expect(shown).toMatch(expected)
          expect(shown.split('\n')[0]).toMatch(new RegExp(`^kaisar ${role} .* q quit$`))
          expect(shown).not.toContain('before')
        },
        60_000,
        200,
      )
      tmux('send-keys', '-t', session, 'q')
      await eventually(() => expect(screen()).toMatch(/^before\n[\s\S]*exit code 0\n/), 60_000, 200)
      tmux('kill-session', '-t', session)
    })
  })
}
