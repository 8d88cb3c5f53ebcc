#!/usr/bin/env node
// Breaks the contracts in one place at a time, in a copy, and expects a test of forge to fail: `npm run mutate:contracts --
// [--count 400] [--seed 1] [--only <part of a file's name or an id>,…] [--json]`. A mutant that no test sees stands in
// scripts/mutants/survivors.json with its reason, or ends this with exit code 1, as does a share of kills below 95%.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { forgePath } from './forge.mjs'
import { creationCodes } from './mutants/compile.mjs'
import { draw, mutantsBelow, mutated } from './mutants/generate.mjs'

const enough = 0.95
const { values: flags } = parseArgs({
  options: {
    count: { type: 'string', default: '400' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    json: { type: 'boolean', default: false },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const explained = JSON.parse(readFileSync(new URL('mutants/survivors.json', import.meta.url), 'utf8'))
const modules = join(root, 'node_modules')
const sources = join(root, 'contracts/src')
const remappings = [
  ['evm/', join(root, 'contracts/evm/prague/')],
  ['solady/', join(modules, 'solady/src/')],
  ['@openzeppelin/contracts/', join(modules, '@openzeppelin/contracts/')],
]
const all = mutantsBelow(sources, remappings)
const parts = flags.only?.split(',')
const chosen = parts ? all.filter(({ id, file }) => parts.some(part => id === part || file.includes(part))) : all
const queue = draw(chosen, Number(flags.count), flags.seed)
const say = line => process.stderr.write(`${line}\n`)
say(`${all.length} mutants, ${chosen.length} of them chosen, ${queue.length} drawn by seed ${flags.seed}`)

const base = mkdtempSync(join(tmpdir(), 'kaisar-mutants-'))
const outcomes = []
try {
  const built = await builtCopy()
  const others = Array.from({ length: Number(flags.jobs) - 1 }, (_, i) => join(base, `copy-${i + 1}`))
  for (const other of others)
    cpSync(built, other, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
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
if (flags.json) process.stdout.write(`${JSON.stringify({ mutants: tried.length, killed, survivors })}\n`)
else
  process.stdout.write(
    `${killed} of ${tried.length} mutants killed, ${unexplained.length} survivors without a reason\n`,
  )
if (tried.length === 0 || killed < enough * tried.length || unexplained.length > 0) process.exitCode = 1

/** Takes mutants from the queue until it is empty. */
async function work(folder) {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
    const outcome = await outcomeIn(folder, mutant)
    outcomes.push({ mutant, outcome })
    const { id, file, line, kind, from, to } = mutant
    const short = text => text.replace(/\s+/g, ' ').slice(0, 70)
    say(`${outcomes.length} ${id} ${file}:${line} ${kind}: ${short(from)}  →  ${short(to)}: ${outcome}`)
  }
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
  const [properties, campaign] = ['^(testFuzz|invariant)', 'contracts/test/invariants/*']
  // Costs are compared with a snapshot of the optimised code, which this is not.
  const examples = ['--no-match-path', `{contracts/test/Gas.t.sol,${campaign}}`, '--no-match-test', properties]
  const restore = exchange(folder, codes)
  const early = await killerIn(folder, examples)
  restore()
  if (early !== undefined) return `killed by ${early}`
  // What forge compiles now must not be found by the next mutant, nor be compiled once more.
  const [outputs, kept] = [join(folder, 'out'), join(folder, 'out-kept')]
  const [cache, keptCache] = [join(folder, 'cache/solidity-files-cache.json'), join(folder, 'cache/kept.json')]
  cpSync(outputs, kept, { recursive: true, preserveTimestamps: true })
  cpSync(cache, keptCache)
  writeFileSync(path, changed)
  try {
    for (const stage of [examples, [...examples.slice(0, 2), '--match-test', properties], ['--match-path', campaign]]) {
      const killer = await killerIn(folder, stage)
      if (killer !== undefined) return `killed by ${killer}`
    }
    return 'survived'
  } finally {
    writeFileSync(path, source)
    rmSync(outputs, { recursive: true })
    renameSync(kept, outputs)
    renameSync(keptCache, cache)
  }
}

/** Name of a test that fails; undefined where all pass. */
async function killerIn(folder, which) {
  const output = await forge(folder, ['test', '--fail-fast', ...which])
  const failing = output.match(/\[FAIL.*\] ((?:test|invariant|setUp)\w*)/)?.[1]
  if (failing === undefined && output !== '' && !output.includes('[PASS]')) throw new Error(output)
  return output === '' ? 'its time' : failing
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
  for (const path of ['foundry.toml', 'scripts', 'contracts'])
    cpSync(join(root, path), join(folder, path), { recursive: true })
  symlinkSync(modules, join(folder, 'node_modules'))
  await forge(folder, ['build'])
  return folder
}

/** What forge printed; nothing where it did not come to an end, as with a loop that a mutant made endless. */
function forge(folder, args) {
  const child = spawn(forgePath(), args, {
    cwd: folder,
    env: { ...process.env, FOUNDRY_PROFILE: 'mutants' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', chunk => (output += chunk))
  child.stderr.on('data', chunk => (output += chunk))
  const limit = setTimeout(() => child.kill('SIGKILL'), 600_000)
  return new Promise(resolve => {
    child.on('close', (_, signal) => {
      clearTimeout(limit)
      resolve(signal === null ? output : '')
    })
  })
}
