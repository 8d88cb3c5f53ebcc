// The whole suite: build, contracts beside the first tiers (of which unit needs none); a line about each says what it
// took. Ends with one line that counts all, `N passed, N failed, N skipped`. Arguments go to vitest.
// Why: docs/why/testing.md
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { forgePath } from './forge.mjs'
import { forgeCounts, forgeRepeats } from './forge-output.mjs'
import { runTimed, tierLine } from './timed.mjs'

const pathOf = path => fileURLToPath(new URL(`../${path}`, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'kaisar-test-'))
process.once('exit', () => rmSync(folder, { recursive: true }))
/** glibc asks for huge pages for large blocks, where a page fault for every 4 KiB took a tenth of the CPU. */
const hugePages = process.env.GLIBC_TUNABLES ?? 'glibc.malloc.hugetlb=1'
const complaints = []
const lines = []
const words = process.argv.slice(2)

const build = [process.execPath, pathOf('scripts/build.mjs')]
await run('build', [...build, 'bundle', 'manifest'])
// Whatever comes after unit waits for the contracts to be compiled; their tests take what the tiers leave of the machine.
const compiled = compileContracts()
const contracts = compiled.then(contractTests)
const counted = [await vitestTier('unit')]
// The others deploy the contracts. Simulations have a time of their own: they take what those that count real seconds leave.
if (await compiled) {
  const others = Promise.withResolvers()
  const sim = vitestTier('sim', { capture: true, apart: true, givesWay: true, until: others.promise })
  for (const name of ['integration', 'e2e']) counted.push(await vitestTier(name))
  others.resolve()
  counted.push(await sim)
}
counted.unshift(await contracts)

const sum = key => counted.reduce((total, counts) => total + counts[key], 0)
if (sum('passed') + sum('failed') === counted[0].passed + counted[0].failed) complaints.push('No TypeScript test ran.')
for (const line of lines) process.stdout.write(`${line}\n`)
for (const failure of counted.flatMap(({ failures = [] }) => failures)) process.stderr.write(`failed: ${failure}\n`)
for (const complaint of complaints) process.stderr.write(`${complaint}\n`)
process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`)
if (complaints.length > 0 || sum('failed') > 0) process.exitCode = 1

/** Once, together with what the tests need of them. False where that fails. */
async function compileContracts() {
  const { code } = await run('contracts', [...build, '--with-tests', 'contracts'])
  if (code !== 0) complaints.push('The contracts do not compile.')
  return code === 0
}

async function contractTests(areCompiled) {
  if (!areCompiled) return { passed: 0, failed: 0, skipped: 0 }
  const { code, output } = await run('forge', [forgePath(), 'test'], { capture: true, apart: true, givesWay: true })
  const counts = forgeCounts(output)
  if (counts.passed + counts.failed === 0) complaints.push('No contract test ran.')
  if (code !== 0 && counts.failed === 0) complaints.push(`forge ended with exit code ${code}.`)
  return { ...counts, failures: forgeRepeats(output).map(command => `a contract test; repeat it: ${command}`) }
}

async function vitestTier(name, options = {}) {
  const countsFile = join(folder, `${name}.json`)
  const command = [pathOf('node_modules/.bin/vitest'), 'run', '--project', name, ...words]
  // Whoever chooses files chooses none of some tiers.
  if (words.length > 0) command.push('--passWithNoTests')
  const env = { KAISAR_TEST_COUNTS: countsFile, KAISAR_SKIP_BUILD: '1', GLIBC_TUNABLES: hugePages }
  const { code } = await run(name, command, { ...options, env })
  let counts = { passed: 0, failed: 0, skipped: 0 }
  try {
    counts = JSON.parse(readFileSync(countsFile, 'utf8'))
  } catch {
    if (words.length === 0) complaints.push(`The ${name} tier ended without a report.`)
  }
  if (code !== 0 && counts.failed === 0) complaints.push(`The ${name} tier ended with exit code ${code}.`)
  if (words.length === 0 && counts.passed + counts.failed === 0) complaints.push(`No test of the ${name} tier ran.`)
  return counts
}

async function run(name, command, options) {
  const result = await runTimed(command, options)
  const line = tierLine(name, result)
  process.stdout.write(`${result.output}${line}\n`)
  lines.push(line)
  if (name === 'build' && result.code !== 0) process.exit(result.code)
  return result
}
