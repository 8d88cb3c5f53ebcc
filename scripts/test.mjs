// The whole suite: build, contracts, then every tier; ends with one line that counts both, `N passed, N failed, N skipped`.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from './build.mjs'
import { forgePath } from './forge.mjs'

const bin = name => new URL(`../node_modules/.bin/${name}`, import.meta.url).pathname
const folder = mkdtempSync(join(tmpdir(), 'kaisar-test-'))
const countsFile = join(folder, 'counts.json')
const complaints = []

await build()
const contracts = await contractTests()
const tiers = await tierTests()
rmSync(folder, { recursive: true })

const sum = key => contracts[key] + tiers[key]
for (const complaint of complaints) process.stderr.write(`${complaint}\n`)
process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped\n`)
if (complaints.length > 0 || sum('failed') > 0) process.exitCode = 1

/** forge ends with `Ran 3 test suites in …: 41 tests passed, 0 failed, 0 skipped (41 total tests)`. */
async function contractTests() {
  const { code, output } = await run(forgePath(), ['test'], {}, true)
  const line = [...output.matchAll(/^Ran .* (\d+) tests passed, (\d+) failed, (\d+) skipped/gm)].at(-1)
  const [passed, failed, skipped] = (line ?? [0, 0, 0, 0]).slice(1).map(Number)
  if (passed + failed === 0) complaints.push('No contract test ran.')
  if (code !== 0 && failed === 0) complaints.push(`forge ended with exit code ${code}.`)
  return { passed, failed, skipped }
}

async function tierTests() {
  const arguments_ = ['run', ...process.argv.slice(2)]
  const { code } = await run(bin('vitest'), arguments_, { KAISAR_TEST_COUNTS: countsFile, KAISAR_SKIP_BUILD: '1' })
  let counts = { passed: 0, failed: 0, skipped: 0 }
  try {
    counts = JSON.parse(readFileSync(countsFile, 'utf8'))
  } catch {
    complaints.push('vitest ended without a report.')
  }
  if (counts.passed + counts.failed === 0) complaints.push('No TypeScript test ran.')
  if (code !== 0 && counts.failed === 0) complaints.push(`vitest ended with exit code ${code}.`)
  return counts
}

function run(command, arguments_, env, capture = false) {
  return new Promise((resolve, reject) => {
    const stdio = ['ignore', capture ? 'pipe' : 'inherit', 'inherit']
    const child = spawn(command, arguments_, { stdio, env: { ...process.env, ...env } })
    let output = ''
    child.stdout?.on('data', chunk => {
      output += chunk
      process.stdout.write(chunk)
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code, output }))
  })
}
