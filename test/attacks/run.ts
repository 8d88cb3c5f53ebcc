/** `npx node test/attacks/run.ts [--json] [name …]`: the attack table without a build. Exit code 1 when a rate disagrees with theory. */
import { type ReportRow, report } from './attacks.report.ts'

const words = process.argv.slice(2)

function readable(row: ReportRow): string {
  const [counts, rate] =
    'relayMs' in row ? [`${row.relayMs} ms`, row.rateShare] : [`${row.detected}/${row.seeds}`, row.rate]
  const verdict = row.ok ? 'ok ' : 'BAD'
  const against = `${rate.toFixed(4)} against ${row.expected.toFixed(4)}`
  return `${verdict} ${counts.padStart(10)}  ${against}  ${row.attack}  (${row.formula})`
}

for await (const row of report(words.filter(word => !word.startsWith('--')))) {
  if (!row.ok) process.exitCode = 1
  console.log(words.includes('--json') ? JSON.stringify(row) : readable(row))
}
