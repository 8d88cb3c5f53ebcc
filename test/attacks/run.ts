/** `npx node test/attacks/run.ts [--json] [name …]`: the attack table without a build. Exit code 1 when a rate disagrees with theory. */

import { tableRow } from './attack.ts'
import { type ReportRow, report } from './attacks.report.ts'

const words = process.argv.slice(2)

const readable = (row: ReportRow): string =>
  `${row.ok ? 'ok ' : 'BAD'} ${'detected' in row ? tableRow(row) : JSON.stringify(row)}`

for await (const row of report(words.filter(word => word !== '--json'))) {
  if (!row.ok) process.exitCode = 1
  console.log(words.includes('--json') ? JSON.stringify(row) : readable(row))
}
