// Whether HEAD can be handed in: a clean clone, an environment with nothing in it but HOME and the system's PATH, `.ci/run` as often
// as asked, some of the runs beside loops that keep every core busy: the first ones, as they find most. Prints what each tier took and
// what failed, and exits 0 only if every run was green. `npm run ready [-- --runs 2 --busy 1]`: how many runs, and how many of them
// beside two busy loops.
import { spawn, spawnSync } from 'node:child_process'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({
  options: { runs: { type: 'string', default: '2' }, busy: { type: 'string', default: '1' } },
})
const [runs, busyRuns] = [values.runs, values.busy].map(Number)
if (!(Number.isInteger(runs) && runs > 0 && Number.isInteger(busyRuns) && busyRuns >= 0 && busyRuns <= runs)) {
  process.stderr.write('--runs is a number of runs from 1, --busy how many of them run beside busy loops.\n')
  process.exit(2)
}
const loops = 2
/** Ends what runs now, with everything that it started. */
let endRun = () => {}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    endRun()
    process.exit(1)
  })
const env = { HOME: process.env.HOME, PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

if (spawnSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' }).stdout !== '')
  process.stderr.write('What is not committed is not tried.\n')

const results = []
for (let i = 0; i < runs; i++) results.push(await tryOnce(i + 1, i < busyRuns))
printTable()
if (results.some(({ code }) => code !== 0)) process.exitCode = 1

async function tryOnce(number, isBusy) {
  const folder = mkdtempSync(join(tmpdir(), 'kaisar-ready-'))
  const clone = join(folder, 'kaisar')
  const log = join(folder, 'run.log')
  process.stdout.write(`run ${number} of ${runs}${isBusy ? `, beside ${loops} busy loops` : ''}: ${log}\n`)
  const cloned = spawnSync('git', ['clone', '--quiet', '--no-local', root, clone], { stdio: 'inherit' })
  if (cloned.status !== 0) throw new Error('The clone failed.')
  const busy = Array.from({ length: isBusy ? loops : 0 }, () => spawn('sh', ['-c', 'while :; do :; done']))
  const startedAt = performance.now()
  const tiers = new Map()
  let closingLine = 'no closing line'
  const code = await new Promise((resolve, reject) => {
    const child = spawn('bash', ['.ci/run'], { cwd: clone, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    endRun = () => {
      for (const each of busy) each.kill('SIGKILL')
      process.kill(-child.pid, 'SIGTERM')
    }
    const file = createWriteStream(log)
    for (const stream of [child.stdout, child.stderr]) {
      stream.pipe(file, { end: false })
      createInterface(stream).on('line', take)
    }
    child.on('error', reject)
    child.on('close', status => {
      endRun = () => {}
      file.end()
      resolve(status ?? 1)
    })
  }).finally(() => {
    for (const each of busy) each.kill('SIGKILL')
  })
  const wallSeconds = (performance.now() - startedAt) / 1000
  process.stdout.write(`run ${number}: exit code ${code}, ${closingLine}\n`)
  // A run that failed is kept, to be looked into.
  rmSync(code === 0 ? folder : join(clone, 'node_modules'), { recursive: true, force: true })
  return { code, isBusy, tiers, wallSeconds }

  function take(line) {
    if (/^\d+ passed, /.test(line)) closingLine = line
    if (line.startsWith('failed: ')) process.stdout.write(`  ${line}\n`)
    const [, name, wall, cpu] = /^tier (.+): (\d+) s wall, (\d+) s cpu$/.exec(line) ?? []
    if (name === undefined || tiers.has(name)) return
    tiers.set(name, { wall: Number(wall), cpu: Number(cpu) })
    process.stdout.write(`  ${line}\n`)
  }
}

/** Wall minutes and CPU seconds of each tier, a pair of columns for each run. */
function printTable() {
  const names = [...new Set(results.flatMap(({ tiers }) => [...tiers.keys()]))]
  const row = (name, cells) =>
    process.stdout.write(`${name.padEnd(12)}${cells.map(([a, b]) => `${a.padStart(10)}${b.padStart(8)}`).join('')}\n`)
  row(
    '',
    results.map(({ isBusy }) => (isBusy ? ['busy', ''] : ['quiet', ''])),
  )
  row(
    '',
    results.map(() => ['minutes', 'CPU s']),
  )
  for (const name of names)
    row(
      name,
      results.map(({ tiers }) => {
        const tier = tiers.get(name)
        return tier === undefined ? ['-', '-'] : [(tier.wall / 60).toFixed(1), String(tier.cpu)]
      }),
    )
  const cpuOf = ({ tiers }) => [...tiers.values()].reduce((sum, { cpu }) => sum + cpu, 0)
  row(
    'all',
    results.map(result => [(result.wallSeconds / 60).toFixed(1), String(cpuOf(result))]),
  )
  row(
    'exit code',
    results.map(({ code }) => [String(code), '']),
  )
}
