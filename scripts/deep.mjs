// What takes too long for every change, one part after another: `npm run test:deep [-- <part> …]`. Prints what each took and ends
// with `N passed, N failed`; any failure gives exit code 1.
// Why: docs/why/testing.md
import { forgePath } from './forge.mjs'
import { forgeCounts, forgeRepeats } from './forge-output.mjs'
import { runTimed } from './timed.mjs'

const forge = forgePath()

/** By name: the command, and what is added to its environment. */
const parts = {
  contracts: { command: [forge, 'test'], env: { FOUNDRY_PROFILE: 'deep' } },
  london: { command: [forge, 'test'], env: { FOUNDRY_PROFILE: 'london' } },
  mutants: { command: ['npm', 'run', 'mutate:contracts'] },
  coverage: { command: ['npm', 'run', 'coverage:contracts'] },
  proof: { command: ['npm', 'run', 'prove:exchange'] },
  // Recordings and evidence, changed in twenty thousand ways: no card is lost on the way, and nothing is believed that was changed.
  devices: {
    command: ['npx', 'vitest', 'run', '--project', 'unit', 'mutated-recordings', 'attestation-samples'],
    env: { KAISAR_MUTANTS: '20000' },
  },
  ...Object.fromEntries(
    ['anvil', 'london', 'edr'].map(evm => [
      `by-hand-${evm}`,
      { command: ['npm', 'run', 'network:by-hand', '--', '--evm', evm] },
    ]),
  ),
  'by-hand-hosts': { command: ['npm', 'run', 'network:by-hand', '--', '--hosts'] },
  // Fifty times the messages of the suite.
  fuzz: {
    command: ['npx', 'vitest', 'run', '--project', 'sim', 'test/sim/fuzz.test.ts'],
    env: { KAISAR_FUZZ_MESSAGES: '1000000' },
  },
  faults: { command: ['npm', 'run', 'test:faults'] },
  // Two hundred epochs take two hours; that many show what a change did.
  soak: { command: ['npm', 'run', 'soak', '--', '12'] },
}

const words = process.argv.slice(2)
const unknown = words.filter(word => !(word in parts))
if (unknown.length > 0) {
  process.stderr.write(`No part is called ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}.\n`)
  process.exit(2)
}

const rows = []
for (const name of words.length > 0 ? words : Object.keys(parts)) {
  const { command, env } = parts[name]
  process.stdout.write(`\n== ${name}\n`)
  const { code, wallSeconds, output } = await runTimed(command, { env, capture: command[0] === forge })
  // forge is content when it finds no test.
  const hasRun = command[0] !== forge || forgeCounts(output).passed > 0
  for (const each of forgeRepeats(output, `FOUNDRY_PROFILE=${env?.FOUNDRY_PROFILE} `))
    process.stdout.write(`Repeat it: ${each}\n`)
  rows.push({ name, minutes: wallSeconds / 60, passed: code === 0 && hasRun })
}

process.stdout.write('\npart             minutes  result\n')
for (const { name, minutes, passed } of rows)
  process.stdout.write(`${name.padEnd(15)} ${minutes.toFixed(1).padStart(8)}  ${passed ? 'passed' : 'FAILED'}\n`)
const failed = rows.filter(({ passed }) => !passed).length
process.stdout.write(`${rows.length - failed} passed, ${failed} failed\n`)
if (failed > 0) process.exitCode = 1
