// node scripts/run-report.mjs <module> [--json] [argument …]: the module exports `report(arguments)`, which yields rows.
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { printRows } from './print-rows.mjs'

const [module, ...words] = process.argv.slice(2)
await build()
process.env.KAISAR_SKIP_BUILD = '1'
const { report } = await import(pathToFileURL(module).href)
await printRows(report(words.filter(word => word !== '--json')), { json: words.includes('--json') })
