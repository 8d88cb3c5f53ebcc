// npm run bench [-- [name …] [--json]]: every test/bench/*.bench.ts exports `rows()`, which yields {name, value, unit, baseline, ratio}.
import { readdirSync } from 'node:fs'
import { build } from './build.mjs'
import { printRows } from './print-rows.mjs'

const words = process.argv.slice(2)
const names = words.filter(word => !word.startsWith('-'))
const folder = new URL('../test/bench/', import.meta.url)
await build()
process.env.KAISAR_SKIP_BUILD = '1'

async function* allRows() {
  for (const file of readdirSync(folder)
    .filter(name => name.endsWith('.bench.ts'))
    .sort()) {
    const { rows, rowNames, isLong } = await import(new URL(file, folder).href)
    // A file that says which rows it has is skipped when none of them is asked for.
    const isWanted = name => names.length === 0 || names.some(wanted => name.startsWith(wanted))
    if (rowNames && !rowNames.some(isWanted)) continue
    // What takes minutes runs when it is named.
    if (isLong && names.length === 0) continue
    for await (const row of rows(isWanted)) if (isWanted(row.name)) yield row
  }
}

await printRows(allRows(), { json: words.includes('--json') })
