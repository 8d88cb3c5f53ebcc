/** The state on disk damaged, gone back in time, or wanted by two: what matters is on chain, and nothing is done a second time. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import { type DevnetNetwork, launchNetwork } from '../../../src/core/devnet/launch-network.ts'
import { devnetRoles } from '../../../src/core/devnet/roles.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { writeContext } from '../../../src/core/platform/context.ts'
import { saveKey } from '../../../src/core/platform/key-folder.ts'
import { writeFileAtomically } from '../../../src/core/platform/write-file-atomically.ts'
import { runCliHere } from '../../helpers/cli-in-process.ts'
import { isFull } from '../../helpers/full-runs.ts'
import { cliPath, isolatedHome } from '../../helpers/run-cli.ts'

const home = isolatedHome()
const roles = devnetRoles({ providers: 1, checkers: 1 })
const passwordFile = join(home.path, 'password')
const env = { ...home.env, KAISAR_CONTEXT_HOME: home.path }
let launched: DevnetNetwork

beforeAll(async () => {
  launched = await launchNetwork(
    { epochSeconds: 16, port: 0, roles, seatsPerChecker: 1 },
    { clock: systemClock, onProgress: () => undefined },
  )
  const { contracts, chainId } = launched.deployment
  writeContext(home.path, { name: 'net', chainId, rpcUrls: [launched.anvil.rpcUrl], contracts, devnet: null })
  writeFileAtomically(passwordFile, 'devnet\n')
  for (const { kind, operatorKey } of roles) {
    const dataDir = join(home.path, kind)
    mkdirSync(dataDir, { mode: 0o700 })
    await saveKey({ dataDir, name: 'operator', privateKey: operatorKey, password: 'devnet', strength: 'light' })
  }
})
afterAll(async () => {
  await launched.anvil.stop()
  rmSync(home.path, { recursive: true, force: true })
})

type Kind = 'provider' | 'checker'
/** What a daemon says once it is up. */
const upEvent = { provider: 'provider.idle', checker: 'checker.listening' } as const
const words = (kind: Kind) => [
  ...[kind, 'run', '--json', '--context', 'net', '--data-dir', join(home.path, kind), '--password-file', passwordFile],
  ...['--payout', `0x${'22'.repeat(20)}`, '--execution-provider', 'cpu', '--threads', '1'],
]

/** Runs until it is up, does `meanwhile`, asks it to stop, and gives its events and log. */
async function upAndDown(kind: Kind, meanwhile: () => Promise<void> = async () => undefined) {
  const run = execa(process.execPath, [cliPath, ...words(kind)], { env, reject: false, timeout: 60_000 })
  const events: { type: string; change?: string }[] = []
  for await (const line of run) {
    const event = JSON.parse(line) as { type: string; change?: string }
    events.push(event)
    if (event.type !== upEvent[kind]) continue
    await meanwhile()
    run.kill('SIGTERM')
  }
  const { exitCode, stderr } = await run
  expect(exitCode, stderr).toBe(0)
  return { events, stderr }
}

const stateFile = (kind: Kind) => {
  const folder = join(home.path, kind, kind)
  return join(folder, readdirSync(folder).find(name => /^state-.*\.db$/.test(name))!)
}
const balance = (kind: Kind) => kaiBalance(launched.network, roles.find(role => role.kind === kind)!.operator)

describe.each(['provider', 'checker'] as const)('a %s', kind => {
  it('a %s pays its deposit or bond once, whatever happens to its records', async () => {
    const before = await balance(kind)
    cpSync(join(home.path, kind), join(home.path, `${kind}-backup`), { recursive: true })
    await upAndDown(kind, async () => {
      // Two daemons on one data folder: the second says who has it.
      const second = await runCliHere(words(kind), { env })
      expect(second.exitCode).toBe(3)
      expect(second.json().errors[0]).toMatchObject({ code: 'DATA_DIR_LOCKED' })
      expect(second.json().errors[0]!.message).toContain(`kaisar ${kind} run`)
    })
    const paid = await balance(kind)
    expect(paid).toBeLessThan(before)

    // Flipped bytes: the file is set aside with all its bytes, and the chain says what was done.
    const file = stateFile(kind)
    const bytes = readFileSync(file)
    for (let at = 4096; at < bytes.length; at += 512) bytes[at]! ^= 0xff
    writeFileSync(file, bytes)
    const damaged = await upAndDown(kind)
    expect(damaged.stderr).toContain('was damaged and set aside')
    const aside = readdirSync(join(home.path, kind, kind)).find(name => /\.db\.damaged-[^w]*$/.test(name))!
    expect(readFileSync(join(home.path, kind, kind, aside))).toEqual(bytes)
    expect(await balance(kind)).toBe(paid)

    // A backup from before everything, which is read alike by both.
    if (kind === 'provider' && !isFull) return
    rmSync(join(home.path, kind), { recursive: true })
    cpSync(join(home.path, `${kind}-backup`), join(home.path, kind), { recursive: true })
    await upAndDown(kind)
    expect(await balance(kind)).toBe(paid)
  })
})
