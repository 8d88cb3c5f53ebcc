#!/usr/bin/env node
// Runs `forge coverage` and prints line and branch coverage of contracts/src; fails below 95%.
// Fuzz and invariant runs are few here: coverage asks whether a line runs, the tests themselves whether it is right. What is measured is not
// optimized and counts each step, so tests of gas have no meaning here, and the long campaign takes more of it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { forgePath } from './forge.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'kaisar-coverage-'))
const report = join(folder, 'lcov.info')
const run = spawnSync(
  forgePath(),
  [
    ...['coverage', '--report', 'lcov', '--report-file', report],
    ...['--no-match-contract', 'GasTest', '--no-match-test', '^test_gas\\('],
  ],
  {
    cwd: root,
    encoding: 'utf8',
    env: {
      ...process.env,
      FOUNDRY_FUZZ_RUNS: '50',
      FOUNDRY_INVARIANT_RUNS: '8',
      FOUNDRY_DENY: 'never',
      FOUNDRY_GAS_LIMIT: '1000000000000',
    },
    maxBuffer: 1 << 28,
  },
)
if (run.status !== 0) {
  process.stderr.write(`${run.stdout.slice(-4000)}\n${run.stderr.slice(-2000)}\n`)
  process.exit(1)
}
const totals = { lines: [0, 0], branches: [0, 0] }
const files = readFileSync(report, 'utf8')
  .split('end_of_record')
  .map(record => Object.fromEntries([...record.matchAll(/^(SF|LF|LH|BRF|BRH):(.*)$/gm)].map(([, k, v]) => [k, v])))
  .filter(({ SF }) => SF?.startsWith('contracts/src/'))
rmSync(folder, { recursive: true })
const percent = (hit, found) => (found === 0 ? '100.0' : ((100 * hit) / found).toFixed(1))
for (const { SF, LH, LF, BRH, BRF } of files) {
  const [lh, lf, bh, bf] = [LH, LF, BRH, BRF].map(Number)
  totals.lines[0] += lh
  totals.lines[1] += lf
  totals.branches[0] += bh
  totals.branches[1] += bf
  process.stdout.write(
    `${SF.padEnd(48)} lines ${percent(lh, lf).padStart(5)}%  branches ${percent(bh, bf).padStart(5)}%\n`,
  )
}
const [lines, branches] = [percent(...totals.lines), percent(...totals.branches)]
process.stdout.write(`contracts/src: lines ${lines}%, branches ${branches}%\n`)
if (Number(lines) < 95 || Number(branches) < 95) process.exitCode = 1
