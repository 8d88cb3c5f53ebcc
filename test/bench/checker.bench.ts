import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchDaemon, type PrintedEvent } from '../../src/core/devnet/launch-daemons.ts'
import { launchNetwork } from '../../src/core/devnet/launch-network.ts'
import { devnetRoles, type Role } from '../../src/core/devnet/roles.ts'
import { systemClock } from '../../src/core/platform/clock.ts'
import { writeContext } from '../../src/core/platform/context.ts'

const starts = 5

export const rowNames = ['checker.listening']

/**
 * CPU seconds (median, user and system, all threads) that `kaisar checker run` takes from its start until it listens: key opened,
 * chain read, engine tested, certificate made, seat bonded. Baseline: a bare `node` that does nothing; ratio: how many of those.
 * Read from /proc, so on Linux only.
 */
export async function* rows() {
  const roles = devnetRoles({ providers: 0, checkers: starts })
  const dataDir = mkdtempSync(join(tmpdir(), 'kaisar-bench-'))
  const { anvil, deployment } = await launchNetwork(
    { epochSeconds: 16, port: 0, roles, seatsPerChecker: 1 },
    { clock: systemClock, onProgress: () => undefined },
  )
  try {
    const { chainId, contracts, codeHashes } = deployment
    writeContext(dataDir, { name: 'bench', chainId, rpcUrls: [anvil.rpcUrl], contracts, codeHashes, devnet: null })
    const bare: number[] = []
    const listening: number[] = []
    // In turn, so that a busy moment of the machine hits both.
    for (const role of roles) {
      bare.push(bareCpuSeconds())
      listening.push(await cpuSecondsToListening(role, { dataDir, contextName: 'bench', rpcUrl: anvil.wsUrl }))
    }
    const [value, baseline] = [median(listening), median(bare)]
    yield { name: 'checker.listening', value, unit: 's', baseline, ratio: value / baseline }
  } finally {
    await anvil.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function cpuSecondsToListening(
  role: Role,
  options: { readonly dataDir: string; readonly contextName: string; readonly rpcUrl: string },
): Promise<number> {
  const { promise: event, resolve } = Promise.withResolvers<PrintedEvent>()
  const { process: daemon } = await launchDaemon(role, options, {
    env: { KAISAR_CONTEXT_HOME: options.dataDir },
    onEvent: (_role, told) => ['checker.listening', 'result'].includes(told.type) && resolve(told),
  })
  const told = await event
  const seconds = cpuSeconds(daemon.pid)
  await daemon.stop()
  if (told.type !== 'checker.listening') throw new Error(`${role.name} ended: ${JSON.stringify(told)}`)
  return seconds
}

/** Clock ticks of a hundredth of a second, user and system: fields 14 and 15, counted behind the name. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** By its own account, since a process that has ended is in no table any more. */
function bareCpuSeconds(): number {
  const { stdout } = spawnSync(process.execPath, ['-p', 'JSON.stringify(process.cpuUsage())'], { encoding: 'utf8' })
  const { user, system } = JSON.parse(stdout) as NodeJS.CpuUsage
  return (user + system) / 1e6
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!
