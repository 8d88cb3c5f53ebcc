// What takes too long for every change: `npm run test:deep [-- <part> …]`. Prints what each part took and ends with `N passed, N failed, N skipped`;
// any failure gives exit code 1. Two parts run at a time: beside those that compute, those that mostly wait for a chain's clock.
// Why: docs/why/testing.md
import { build } from './build.mjs'
import { forgePath } from './forge.mjs'
import { forgeCounts, forgeRepeats } from './forge-output.mjs'
import { runTimed } from './timed.mjs'

const forge = forgePath()

/** By name: the command, and what is added to its environment. The longest first, and those that one core is enough for last. */
const computing = {
  mutants: { command: ['npm', 'run', 'mutate:contracts', '--', '--count', '300'] },
  contracts: { command: [forge, 'test'], env: { FOUNDRY_PROFILE: 'deep' } },
  // Fifty times the messages of the suite.
  fuzz: {
    command: ['npx', 'vitest', 'run', '--project', 'sim', 'test/sim/fuzz.test.ts'],
    env: { KAISAR_FUZZ_MESSAGES: '1000000' },
  },
  london: { command: [forge, 'test'], env: { FOUNDRY_PROFILE: 'london' } },
  coverage: { command: ['npm', 'run', 'coverage:contracts'] },
  proof: { command: ['npm', 'run', 'prove:exchange'] },
  // Recordings and evidence, changed in twenty thousand ways: no card is lost on the way, and nothing is believed that was changed.
  devices: {
    command: ['npx', 'vitest', 'run', '--project', 'unit', 'mutated-recordings', 'attestation-samples'],
    env: { KAISAR_MUTANTS: '20000' },
  },
  // The standard spec in the forms of the model that are slow on a CPU too.
  vectors: {
    command: ['npx', 'vitest', 'run', '--project', 'unit', 'test/unit/job/vectors.test.ts'],
    env: { KAISAR_ALL_FORMS: '1' },
  },
  faults: { command: ['npm', 'run', 'test:faults'] },
  attacks: { command: ['npm', 'run', 'attacks'] },
  // More epochs, more seconds of them in which devices join, and more of what changes then.
  simulations: {
    command: ['npx', 'vitest', 'run', '--project', 'sim', 'joining', 'lying-endpoint', 'endpoint-away'],
    env: { KAISAR_LONG_SIMULATIONS: '1' },
  },
}
/** What has deadlines in real time, most of it real processes whose blocks come by the clock. The others give way to it. */
const waiting = {
  ...Object.fromEntries(
    ['anvil', 'london', 'edr'].map(evm => [
      `by-hand-${evm}`,
      { command: ['npm', 'run', 'network:by-hand', '--', '--evm', evm] },
    ]),
  ),
  'by-hand-hosts': { command: ['npm', 'run', 'network:by-hand', '--', '--hosts'] },
  // Two hundred epochs take two hours; that many show what a change did.
  soak: { command: ['npm', 'run', 'soak', '--', '12'] },
  // Installed by npm and on the oldest Node, with the contracts for every EVM, and the docs' example of a devnet in another project.
  package: {
    command: ['npx', 'vitest', 'run', '--project', 'e2e', 'test/e2e/pack.test.ts'],
    env: { KAISAR_WHOLE_PACKAGE: '1' },
  },
  // What the suite leaves out of its own files: most runs of their properties, shapes of shaders, hosts.
  tiers: {
    command: ['npx', 'vitest', 'run', '--project', 'unit', '--project', 'integration'],
    env: { KAISAR_FULL_RUNS: '1' },
  },
  // Every page in both themes, on the phone and on the desk.
  explorer: {
    command: ['npx', 'vitest', 'run', '--project', 'e2e', 'test/e2e/explorer.test.ts'],
    env: { KAISAR_FULL_RUNS: '1' },
  },
}
const parts = { ...computing, ...waiting }

const words = process.argv.slice(2)
const unknown = words.filter(word => !(word in parts))
if (unknown.length > 0) {
  process.stderr.write(`No part is called ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}.\n`)
  process.exit(2)
}

// None of them builds under the feet of another.
await build({ whole: true })
const startedAt = performance.now()
const rows = []
const asked = of => Object.keys(of).filter(name => words.length === 0 || words.includes(name))
const [toCompute, toWait] = [asked(computing), asked(waiting)]
// Whoever has nothing left to wait for computes too.
await Promise.all([work([toCompute]), work([toWait, toCompute])])

process.stdout.write('\npart             minutes   CPU s  result\n')
for (const { name, minutes, cpuSeconds, result } of rows)
  process.stdout.write(
    `${name.padEnd(15)} ${minutes.toFixed(1).padStart(8)} ${cpuSeconds.toFixed(0).padStart(7)}  ${result}\n`,
  )
const cpuOfAll = rows.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
process.stdout.write(
  `${'all'.padEnd(15)} ${((performance.now() - startedAt) / 60_000).toFixed(1).padStart(8)} ${cpuOfAll.toFixed(0).padStart(7)}\n`,
)
const count = result => rows.filter(row => row.result === result).length
const failed = count('FAILED')
process.stdout.write(`${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped\n`)
if (failed > 0) process.exitCode = 1

/** Runs parts, one after another, until all queues are empty; the first of them that is not comes first. */
async function work(queues) {
  for (;;) {
    const name = queues.find(queue => queue.length > 0)?.shift()
    if (name === undefined) return
    await runPart(name)
  }
}

async function runPart(name) {
  process.stderr.write(`${name} begins\n`)
  const { command, env } = parts[name]
  const options = { env, capture: true, apart: true, givesWay: name in computing }
  const { code, wallSeconds, cpuSeconds, output } = await runTimed(command, options)
  process.stdout.write(`\n== ${name}\n${output}`)
  // forge is content when it finds no test.
  const hasRun = command[0] !== forge || forgeCounts(output).passed > 0
  for (const each of forgeRepeats(output, `FOUNDRY_PROFILE=${env?.FOUNDRY_PROFILE} `))
    process.stdout.write(`Repeat it: ${each}\n`)
  // A part that this machine cannot run says so, by name.
  const result = code !== 0 || !hasRun ? 'FAILED' : /\bnotTried\b/.test(output) ? 'skipped' : 'passed'
  rows.push({ name, minutes: wallSeconds / 60, cpuSeconds, result })
}
