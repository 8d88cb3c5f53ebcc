#!/usr/bin/env node
// A compiler for forge: the part of solc's command line that it uses, over the npm `solc` package.
import { readFileSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const solc = createRequire(import.meta.url)('solc')

/** Answers forge's question. `compile` makes a standard JSON output of a standard JSON input, both as text. */
export function answer(compile = solc.compile) {
  if (process.argv.includes('--version')) {
    process.stdout.write(
      `solc, the solidity compiler commandline interface\nVersion: ${solc.version().replace('.Emscripten.clang', '.Linux.g++')}\n`,
    )
  } else if (process.argv.includes('--standard-json')) {
    process.stdout.write(compile(readFileSync(0, 'utf8')))
  } else {
    process.stderr.write('usage: solc.mjs --version | --standard-json\n')
    process.exitCode = 2
  }
}

/**
 * As `solc.compile`, but what only tests are made of is compiled without the optimizer, which takes three quarters of the time.
 * Contracts are compiled as they are deployed, and so are the tests that measure gas.
 */
export function compileTestsQuickly(text) {
  const input = JSON.parse(text)
  const { outputSelection, ...settings } = input.settings
  const outputOf = (isQuick, optimizer) => {
    const selected = Object.entries(outputSelection).filter(([path]) => isQuickTest(path) === isQuick)
    if (selected.length === 0) return {}
    const ownSettings = { ...settings, optimizer, outputSelection: Object.fromEntries(selected) }
    return JSON.parse(solc.compile(JSON.stringify({ ...input, settings: ownSettings })))
  }
  const [deployed, quick] = [outputOf(false, settings.optimizer), outputOf(true, { enabled: false })]
  const errors = [...(deployed.errors ?? []), ...(quick.errors ?? [])].map(error => [JSON.stringify(error), error])
  return JSON.stringify({
    // Both runs read every source, and say the same of it.
    errors: [...new Map(errors).values()],
    contracts: { ...deployed.contracts, ...quick.contracts },
    sources: { ...deployed.sources, ...quick.sources },
  })
}

/** In these gas is measured. */
const gasTests = /\/(Gas|Philox|Griefing)\.t\.sol$|\/reference\//
const isQuickTest = path => path.startsWith('contracts/test/') && !gasTests.test(path)

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) answer()
