#!/usr/bin/env node
// Measures whole-transaction gas in forge (isolated calls, steady state) and prints it: `--json` gives one line. What has no depth in its
// name is at the depth that commitment trees have with 100,000 devices (11).
// The packed form and the naive scalar form run in the same test, so the ratio is measured, not remembered.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { forgePath } from './forge.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = spawnSync(forgePath(), ['test', '--match-contract', '^GasTest$'], { cwd: root, encoding: 'utf8' })
if (run.status !== 0 || !run.stdout.includes('[PASS] test_gasCeilings')) {
  process.stderr.write(`${run.stdout}\n${run.stderr}\n`)
  process.exit(1)
}
const gas = Object.fromEntries(
  Object.entries(JSON.parse(readFileSync(new URL('../snapshots/gas.json', import.meta.url), 'utf8'))).map(
    ([name, value]) => [name, Number(value)],
  ),
)
const result = {
  finalizeGas: gas.finalizeGas,
  payCohortGas: gas.payCohortGas,
  commitGas: gas.commitGas,
  rollGas: gas.rollGas,
  registerGas: gas.registerGas,
  withdrawGas: gas.withdrawGas,
  consensusGasPerVerdict: gas.consensusGasPerVerdict,
  consensusGasPerVerdictDepth2: gas.consensusGasPerVerdictDepth2,
  payGasPerDevice: gas.payGasPerDevice,
  naiveGasPerVerdict: gas.naiveGasPerVerdict,
  ratio: Number((gas.naiveGasPerVerdict / gas.consensusGasPerVerdict).toFixed(1)),
  epochGas100kDevices: gas.epochGas100kDevices,
}
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(result)}\n`)
else for (const [name, value] of Object.entries(result)) process.stdout.write(`${name.padEnd(24)} ${value}\n`)
