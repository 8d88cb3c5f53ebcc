#!/usr/bin/env node
// Breaks the contracts in one place at a time, in a copy, and expects a test of forge to fail: `npm run mutate:contracts --
// [--count 400] [--seed 1] [--minutes <begin no mutant after so many>] [--only <part of a file's name or an id>,…] [--json]`.
// Before those that are drawn come those of scripts/mutants/always.json. A mutant that no test sees stands in scripts/mutants/survivors.json
// with its reason, or ends this with exit code 1, as does a share of kills below 95%. A test may need ten times the gas, and a stage ten times
// the time, that it needs without the mutant: one that needs more fails, and the mutant counts as `killedByGas` or `killedByTime` too.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { forgePath } from './forge.mjs'
import { creationCodes } from './mutants/compile.mjs'
import { draw, mutantsBelow, mutated, written } from './mutants/generate.mjs'

const enough = 0.95
const slack = 10
const [byGas, byTime] = ['killed by gas', 'killed by time']
const campaign = 'contracts/test/invariants/*'
// Costs have bounds for optimised code, which this is not.
const apart = ['--no-match-path', `{contracts/test/Gas.t.sol,${campaign}}`]
const stages = [
  [...apart, '--no-match-test', '^(testFuzz|invariant|test_gas)'],
  [...apart, '--match-test', '^(testFuzz|invariant)'],
  ['--match-path', campaign],
]
const { values: flags } = parseArgs({
  options: {
    count: { type: 'string', default: '400' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: 'Infinity' },
    only: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'boolean', default: false },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const read = path => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
const explained = read('mutants/survivors.json')
const modules = join(root, 'node_modules')
const sources = join(root, 'contracts/src')
const remappings = [
  ['evm/', join(root, 'contracts/evm/prague/')],
  ['solady/', join(modules, 'solady/src/')],
  ['@openzeppelin/contracts/', join(modules, '@openzeppelin/contracts/')],
]
const all = mutantsBelow(sources, remappings)
const parts = flags.only?.split(',')
const isChosen = ({ id, file }) => !parts || parts.some(part => id === part || file.includes(part))
const chosen = all.filter(isChosen)
const always = written(sources, read('mutants/always.json')).filter(isChosen)
const queue = [...always, ...draw(chosen, Number(flags.count), flags.seed)]
const tries = queue.length
const say = line => process.stderr.write(`${line}\n`)
const ofThese = `${chosen.length} of them chosen, ${tries - always.length} drawn by seed ${flags.seed}`
say(`${all.length} mutants, ${ofThese}, and ${always.length} that are always tried`)

// Until it is known what the unchanged contracts take.
const firstBounds = { gas: 1_000_000_000_000, milliseconds: 1_800_000 }
const begun = Date.now()
const base = mkdtempSync(join(tmpdir(), 'kaisar-mutants-'))
const outcomes = []
let bounds
try {
  const built = await builtCopy()
  bounds = await boundsOf(built)
  const others = Array.from({ length: Number(flags.jobs) - 1 }, (_, i) => join(base, `copy-${i + 1}`))
  for (const other of others) {
    cpSync(built, other, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
    // Forge's cache names some tests by their whole path: those would be taken for tests of the first copy, and not compiled with a mutant.
    const cache = join(other, 'cache/solidity-files-cache.json')
    writeFileSync(cache, readFileSync(cache, 'utf8').replaceAll(built, other))
  }
  await Promise.all([built, ...others].map(work))
} finally {
  rmSync(base, { recursive: true, force: true })
}

const tried = outcomes.filter(({ outcome }) => outcome !== 'does not compile')
const survivors = tried
  .filter(({ outcome }) => outcome === 'survived')
  .map(({ mutant: { id, file, line, kind, from, to } }) => ({ id, file, line, kind, from, to, reason: explained[id] }))
const killed = tried.length - survivors.length
const unexplained = survivors.filter(({ reason }) => reason === undefined)
const countOf = cause => tried.filter(({ outcome }) => outcome === cause).length
const [killedByGas, killedByTime] = [countOf(byGas), countOf(byTime)]
if (flags.json)
  process.stdout.write(`${JSON.stringify({ mutants: tried.length, killed, killedByGas, killedByTime, survivors })}\n`)
else
  process.stdout.write(
    `${killed} of ${tried.length} mutants killed (${killedByGas} by gas, ${killedByTime} by time), ${unexplained.length} survivors without a reason\n`,
  )
if (tried.length === 0 || killed < enough * tried.length || unexplained.length > 0) process.exitCode = 1

/** Takes mutants from the queue until it is empty, or time is up. */
async function work(folder) {
  const next = () => (Date.now() - begun < Number(flags.minutes) * 60_000 ? queue.shift() : undefined)
  for (let mutant = next(); mutant !== undefined; mutant = next()) {
    const outcome = await outcomeIn(folder, mutant)
    outcomes.push({ mutant, outcome })
    const { id, file, line, kind, from, to } = mutant
    const short = text => text.replace(/\s+/g, ' ').slice(0, 70)
    const minutes = Math.round((Date.now() - begun) / 60_000)
    const place = `${outcomes.length} of ${tries}, ${minutes} min`
    say(`${place}: ${id} ${file}:${line} ${kind}: ${short(from)}  →  ${short(to)}: ${outcome}`)
  }
}

/** What a stage of the unchanged contracts takes, times {@link slack}: gas of one test at most, and milliseconds of each stage. */
async function boundsOf(folder) {
  const gas = []
  const milliseconds = []
  for (const stage of stages) {
    const start = performance.now()
    const { output } = await forge(folder, ['test', '--json', ...stage], firstBounds)
    milliseconds.push(slack * Math.ceil(performance.now() - start))
    for (const suite of Object.values(JSON.parse(output.slice(output.indexOf('{')))))
      for (const [name, { status, kind }] of Object.entries(suite.test_results)) {
        if (status !== 'Success') throw new Error(`${name} fails without a mutant`)
        gas.push(kind.Unit?.gas ?? kind.Fuzz?.first_case?.gas ?? 0)
      }
  }
  const most = slack * Math.max(...gas)
  say(
    `unchanged: ${milliseconds.map(each => `${Math.round(each / slack / 1000)} s`).join(', ')}, ${most / slack} gas at most`,
  )
  return { gas: most, milliseconds }
}

/**
 * First the examples, with nothing but the deployed contracts exchanged: tests deploy what forge finds among its outputs, so that no test
 * is compiled, and most mutants die here. What is alive is compiled into the tests too, as those of libraries need.
 */
async function outcomeIn(folder, mutant) {
  const path = join(folder, 'contracts/src', mutant.file)
  const source = readFileSync(path, 'utf8')
  const changed = mutated(source, mutant)
  const codes = creationCodes(join(folder, 'contracts/src'), remappings, { [mutant.file]: changed })
  if (codes === undefined) return 'does not compile'
  const restore = exchange(folder, codes)
  const early = await endIn(folder, 0)
  restore()
  if (early !== undefined) return early
  // What forge compiles now must not be found by the next mutant, nor be compiled once more.
  const [outputs, kept] = [join(folder, 'out'), join(folder, 'out-kept')]
  const [cache, keptCache] = [join(folder, 'cache/solidity-files-cache.json'), join(folder, 'cache/kept.json')]
  cpSync(outputs, kept, { recursive: true, preserveTimestamps: true })
  cpSync(cache, keptCache)
  writeFileSync(path, changed)
  try {
    await forge(folder, ['build'], firstBounds)
    for (const stage of stages.keys()) {
      const end = await endIn(folder, stage)
      if (end !== undefined) return end
    }
    return 'survived'
  } finally {
    writeFileSync(path, source)
    rmSync(outputs, { recursive: true })
    renameSync(kept, outputs)
    renameSync(keptCache, cache)
  }
}

/** What ends the mutant in a stage; undefined where all tests pass. */
async function endIn(folder, stage) {
  const { output, ended } = await forge(folder, ['test', '--fail-fast', ...stages[stage]], {
    gas: bounds.gas,
    milliseconds: bounds.milliseconds[stage],
  })
  if (!ended) return byTime
  const [, cause, name] = output.match(/\[FAIL(.*)\] ((?:test|invariant|setUp)\w*)/) ?? []
  if (name !== undefined) return /OutOfGas|MemoryLimitOOG/.test(cause) ? byGas : `killed by ${name}`
  if (!output.includes('[PASS]')) throw new Error(output)
}

/** Puts other code into forge's outputs. @returns what puts back what was there */
function exchange(folder, codes) {
  const undo = Object.entries(codes).map(([name, code]) => {
    const path = join(folder, 'out', `${name}.sol`, `${name}.json`)
    const before = readFileSync(path, 'utf8')
    const artifact = JSON.parse(before)
    artifact.bytecode.object = `0x${code}`
    writeFileSync(path, JSON.stringify(artifact))
    return () => writeFileSync(path, before)
  })
  return () => {
    for (const each of undo) each()
  }
}

async function builtCopy() {
  const folder = join(base, 'copy-0')
  for (const path of ['foundry.toml', 'scripts', 'contracts', 'fixtures/vectors'])
    cpSync(join(root, path), join(folder, path), { recursive: true })
  symlinkSync(modules, join(folder, 'node_modules'))
  await forge(folder, ['build'], firstBounds)
  return folder
}

/** @returns what forge printed, and whether it came to an end in time */
function forge(folder, args, { gas, milliseconds }) {
  const child = spawn(forgePath(), args, {
    cwd: folder,
    env: { ...process.env, FOUNDRY_PROFILE: 'mutants', FOUNDRY_GAS_LIMIT: String(gas) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', chunk => (output += chunk))
  child.stderr.on('data', chunk => (output += chunk))
  const limit = setTimeout(() => child.kill('SIGKILL'), milliseconds)
  return new Promise(resolve => {
    child.on('close', (_, signal) => {
      clearTimeout(limit)
      resolve({ output, ended: signal === null })
    })
  })
}
