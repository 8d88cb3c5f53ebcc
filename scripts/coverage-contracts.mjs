// npm run coverage:contracts [-- --json]: line and branch coverage of contracts/src; exit code 1 below the bound.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { printRows } from './print-rows.mjs'

const boundPercent = 95
const forge = fileURLToPath(new URL('../node_modules/.bin/forge', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'kaisar-coverage-'))
const report = join(folder, 'lcov.info')
const json = process.argv.includes('--json')

try {
  const { status } = spawnSync(forge, ['coverage', '--report', 'lcov', '--report-file', report], {
    stdio: ['ignore', json ? 'ignore' : 'inherit', 'inherit'],
  })
  if (status !== 0) throw new Error(`forge coverage ended with exit code ${status}`)
  await printRows(rowsOf(readFileSync(report, 'utf8')), { json })
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}

/** One row per source, then `total`, which alone decides. */
function rowsOf(lcov) {
  const files = lcov
    .split('end_of_record')
    .map(record => ({ file: /^SF:(.*)$/m.exec(record)?.[1], record }))
    .filter(({ file }) => file?.startsWith('contracts/src/'))
    .map(({ file, record }) => {
      const sum = key => Number(new RegExp(`^${key}:(\\d+)$`, 'm').exec(record)?.[1] ?? 0)
      return { file, lines: [sum('LH'), sum('LF')], branches: [sum('BRH'), sum('BRF')] }
    })
  const total = key => [0, 1].map(i => files.reduce((sum, file) => sum + file[key][i], 0))
  const percent = ([hit, found]) => (found === 0 ? 100 : (100 * hit) / found)
  const row = ({ file, lines, branches }) => ({
    file,
    lines: percent(lines),
    branches: percent(branches),
    linesFound: lines[1],
    branchesFound: branches[1],
  })
  const whole = row({ file: 'total', lines: total('lines'), branches: total('branches') })
  const ok = whole.linesFound > 0 && whole.lines > boundPercent && whole.branches > boundPercent
  return [...files.map(row), { ...whole, ok }]
}
