// Runs a command and says what it took: `node scripts/timed.mjs <name> <command> [argument …]` ends with `tier <name>: 41 s wall, 78 s cpu`.
import { spawn, spawnSync } from 'node:child_process'
import { realpathSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * CPU seconds are those of the command and of everything that it waited for; a daemon that was left to run is not among them.
 *
 * @param options.env - added to ours
 * @param options.capture - stdout is kept and not printed, so that commands side by side do not mix
 * @param options.apart - runs in a session of its own, which is asked to end when this process exits or is interrupted
 * @param options.givesWay - with `apart`: that session leaves the machine to all others. Linux may give each session a share of its own, and
 * between those only the session's niceness counts; daemons have sessions of their own
 * @param options.until - with `givesWay`: when this is fulfilled it gives way no longer
 * @returns {Promise<{ code: number, output: string, wallSeconds: number, cpuSeconds: number }>} `code` is 128 + n after signal n
 */
export function runTimed(command, { env = {}, capture = false, apart = false, givesWay = false, until } = {}) {
  // A shell knows what its children took, and tells it on a stream of its own.
  const script = `${givesWay ? yielding : ''} "$@" 3>&-; code=$?; times >&3; exit $code`
  const startedAt = performance.now()
  const child = spawn('bash', ['-c', script, 'bash', ...command], {
    stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', ...env },
    detached: apart,
  })
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGTERM')
    } catch {
      // It is over, or never began.
    }
  }
  if (apart) {
    exitWhenInterrupted()
    process.once('exit', end)
  }
  until?.then(() => child.exitCode === null && takeFullShare(child.pid))
  let output = ''
  let times = ''
  child.stdout?.on('data', chunk => {
    output += chunk
  })
  child.stdio[3].on('data', chunk => {
    times += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => {
      process.removeListener('exit', end)
      const wallSeconds = (performance.now() - startedAt) / 1000
      resolve({ code: code ?? 1, output, wallSeconds, cpuSeconds: cpuSecondsOf(times) })
    })
  })
}

let exitsWhenInterrupted = false

/** Otherwise nothing is told of the end, and what is in other sessions goes on. */
function exitWhenInterrupted() {
  if (exitsWhenInterrupted) return
  exitsWhenInterrupted = true
  for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }))
    process.once(signal, () => process.exit(128 + number))
}

/** Who is not root may say it ten times a second on a machine, all together. */
const yielding = `if [ -w /proc/$$/autogroup ]; then
  for i in 1 2 3 4 5; do echo 10 2>/dev/null > /proc/$$/autogroup && break; sleep 0.2; done
fi 2>/dev/null
nice -n 10`

/** Of the session that this process leads. Where there are no shares for sessions its niceness counts, and only root may take that back. */
function takeFullShare(pid) {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, '0')
  } catch {
    // There are no such shares.
  }
  spawnSync('renice', ['-n', '0', '-g', String(pid)], { stdio: 'ignore' })
}

/** The line that `npm run ready` reads. */
export const tierLine = (name, { wallSeconds, cpuSeconds }) =>
  `tier ${name}: ${wallSeconds.toFixed(0)} s wall, ${cpuSeconds.toFixed(0)} s cpu`

/** The second line of `times` is about children: `0m1.234s 0m0.056s`, user and system. */
function cpuSecondsOf(times) {
  const children = times.trim().split('\n').at(-1) ?? ''
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, rest]) => sum + 60 * minutes + Number(rest),
    0,
  )
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [name, ...command] = process.argv.slice(2)
  const result = await runTimed(command)
  process.stdout.write(`${tierLine(name, result)}\n`)
  process.exitCode = result.code
}
