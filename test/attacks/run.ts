/** `npx node test/attacks/run.ts [--json] [name …]`: the attack table without a build. Exit code 1 when a rate disagrees with theory. */
import { report } from './attacks.report.ts'

const words = process.argv.slice(2)
for await (const row of report(words.filter(word => !word.startsWith('--')))) {
  const { ok, attack, seeds, detected, rate, expected, formula } = row
  if (!ok) process.exitCode = 1
  const counts = `${detected}/${seeds}`.padStart(10)
  const text = `${ok ? 'ok ' : 'BAD'} ${counts}  ${rate.toFixed(4)} against ${expected.toFixed(4)}  ${attack}  (${formula})`
  console.log(words.includes('--json') ? JSON.stringify(row) : text)
}
