// Builds what is missing or older than its sources: src → dist, contracts → out and dist/contracts, oclif.manifest.json.
// `bin/run.js` calls it on every start from a clone, so the check itself must stay in the low milliseconds.
// Why: docs/why/dependencies-and-build.md
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { forgePath } from './forge.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
const at = (...parts) => join(root, ...parts)
const say = line => process.stderr.write(`${line}\n`)

const compilers = ['scripts/solc.mjs', 'scripts/solc-quick-tests.mjs']

/** Each step is done again when the stamp of its sources changes. Order matters: the manifest reads the bundle. */
const steps = [
  {
    name: 'bundle',
    title: 'Bundling the sources',
    // The lock file, because the code of dependencies is in the bundle.
    sources: ['src', 'package-lock.json', 'scripts/bundle.mjs'],
    product: 'dist/cli.js',
    // Types are checked by `npm run lint`; a user's first run only needs the JavaScript.
    run: async () => (await import('./bundle.mjs')).bundle(),
  },
  {
    name: 'contracts',
    title: 'Compiling contracts',
    sources: ['contracts/src', 'contracts/evm', 'foundry.toml', ...compilers, 'scripts/build.mjs'],
    product: 'dist/contracts/prague',
    run: options => compileContracts('prague', options),
  },
  // Who deploys on such a chain from a clone runs `npm run build`; a package brings them.
  ...['london', 'arbitrum'].map(evm => ({
    name: `contracts-${evm}`,
    title: `Compiling contracts for ${evm === 'london' ? 'London' : 'Arbitrum'}`,
    sources: ['contracts/src', 'contracts/evm', 'foundry.toml', ...compilers, 'scripts/build.mjs'],
    product: `dist/contracts/${evm}`,
    run: options => compileContracts(evm, options),
    isAsked: true,
  })),
  {
    name: 'manifest',
    title: 'Listing commands',
    sources: ['src/commands', 'src/hooks', 'package.json', 'scripts/render-help.mjs'],
    product: 'dist/help.json',
    run: writeManifest,
  },
  {
    name: 'errors',
    title: 'Listing errors',
    // Not all of src: it takes a second, and most changes are about no error.
    sources: () => [
      ...['scripts/error-catalogue.mjs', 'scripts/reason-catalogue.mjs', 'src/core/chain/abi/error-notes.ts'],
      ...['src/core/devices/fault-table.ts', 'src/core/devices/make-fault.ts', ...errorModules()],
    ],
    product: 'dist/errors.json',
    run: writeErrors,
  },
]

/**
 * Builds what is stale, says what it does on stderr, and does nothing when all is fresh.
 *
 * @param options.force - everything, fresh or not
 * @param options.only - names of the steps to look at; default: all that a start from a clone needs, or all with `force` or `whole`
 * @param options.whole - also what is only built when it is asked for
 * @param options.withTests - contracts that are compiled are compiled together with their tests, for who runs those next
 */
export async function build({ force = false, whole = force, only = null, withTests = false } = {}) {
  only ??= steps.filter(({ isAsked }) => whole || !isAsked).map(({ name }) => name)
  const todo = () => steps.filter(step => only.includes(step.name) && (force || isStale(step)))
  if (todo().length === 0) return
  const release = await takeBuildLock()
  try {
    for (const step of todo()) {
      const startedAt = Date.now()
      say(`${step.title} …`)
      const stamp = stampOf(step)
      await step.run({ withTests })
      const stamps = readStamps()
      stamps[step.name] = stamp
      writeAtomically(at('dist/.stamps.json'), JSON.stringify(stamps))
      say(`${step.title}: ${((Date.now() - startedAt) / 1000).toFixed(1)} s`)
    }
  } finally {
    release()
  }
}

function isStale(step) {
  return !existsSync(at(step.product)) || readStamps()[step.name] !== stampOf(step)
}

function readStamps() {
  try {
    return JSON.parse(readFileSync(at('dist/.stamps.json'), 'utf8'))
  } catch {
    return {}
  }
}

/** Names, sizes and modification times: changes when a source is added, edited or removed. */
function stampOf(step) {
  const hash = createHash('sha256')
  const visit = path => {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!stat) return
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name))
    else hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\0`)
  }
  const { sources } = step
  for (const source of typeof sources === 'function' ? sources() : sources) visit(at(source))
  return hash.digest('hex')
}

/** One folder for each EVM; of Foundry's profiles the default one is Prague's. */
async function compileContracts(evm, { withTests }) {
  const product = at('dist/contracts', evm)
  const out = evm === 'prague' ? 'out' : join('out', evm)
  const profile = evm === 'prague' ? {} : { FOUNDRY_PROFILE: evm }
  // `--skip test` would leave what tests share, which takes longer than the contracts.
  await run(forgePath(), ['build', ...(withTests ? [] : ['contracts/src']), '--quiet'], profile)
  rmSync(product, { recursive: true, force: true })
  const deployed = []
  for (const source of filesBelow(at('contracts/src')).filter(file => !file.includes('/') && file.endsWith('.sol'))) {
    const name = source.replace('.sol', '')
    const { abi, bytecode, metadata } = JSON.parse(readFileSync(at(out, `${name}.sol`, `${name}.json`), 'utf8'))
    deployed.push(metadata)
    writeAtomically(join(product, `${name}.json`), JSON.stringify({ abi, bytecode: bytecode.object }))
  }
  writeAtomically(join(product, 'compiler-input.json'), JSON.stringify(compilerInput(deployed)))
}

/**
 * What the compiler was given: the settings, and the path of every source that is in what is deployed. Our own are in the package as they
 * are, others once for all EVMs below `dist/contracts/sources`; npm packs no folder that is called node_modules.
 */
function compilerInput(metadata) {
  const paths = [...new Set(metadata.flatMap(({ sources }) => Object.keys(sources)))].sort()
  const [{ compiler, language, settings }] = metadata
  const { compilationTarget: _, ...shared } = settings
  const outputSelection = { '*': { '*': ['abi', 'metadata', 'evm.bytecode', 'evm.deployedBytecode'] } }
  for (const path of paths.filter(each => !each.startsWith('contracts/src/')))
    writeAtomically(
      at('dist/contracts/sources', path.replace('node_modules', 'modules')),
      readFileSync(at(path), 'utf8'),
    )
  return {
    version: compiler.version,
    input: {
      language,
      sources: paths,
      settings: { ...shared, outputSelection },
    },
  }
}

async function writeManifest() {
  const { Plugin } = await import('@oclif/core/config')
  const plugin = new Plugin({
    root,
    type: 'core',
    ignoreManifest: true,
    errorOnManifestCreate: true,
    respectNoCacheDefault: true,
  })
  await plugin.load()
  const { environmentName } = await import('../dist/core/platform/config.js')
  for (const command of Object.values(plugin.manifest.commands)) {
    for (const flag of Object.values(command.flags)) flag.env ??= environmentName(flag.name)
  }
  writeAtomically(at('oclif.manifest.json'), JSON.stringify(plugin.manifest))
  const { renderHelp } = await import('./render-help.mjs')
  writeAtomically(at('dist/help.json'), JSON.stringify(await renderHelp(root)))
}

const errorModules = () =>
  filesBelow(at('src'))
    .filter(path => /(^|[/-])errors\.ts$/.test(path))
    .map(path => `src/${path}`)

/** What `kaisar help CODE` answers from. */
async function writeErrors() {
  const { readErrorCatalogue } = await import('./error-catalogue.mjs')
  const { codes, contracts, faults, reasons } = await readErrorCatalogue()
  // An error and a reason of the same name say the same; the error has its exit code too.
  const all = Object.fromEntries([...reasons, ...faults, ...contracts, ...codes])
  writeAtomically(at('dist/errors.json'), JSON.stringify(all))
}

/** Paths of all files below a folder, relative to it, with `/`. */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/'),
    )
}

function writeAtomically(path, text) {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, text)
  renameSync(temporary, path)
}

/** Two first runs at once: the second waits for the first. A lock whose process is gone is taken over. */
async function takeBuildLock() {
  const path = at('node_modules/.kaisar-build')
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isOwnerGone(path)) rmSync(path, { force: true })
    else await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function isOwnerGone(path) {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    // An empty file is a lock being written at this moment.
    if (pid) process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

function run(command, args, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
    child.on('error', reject)
    child.on('close', code => {
      if (code === 0) return resolve()
      say(output.trimEnd())
      reject(new Error(`${command.split('/').at(-1)} ${args[0].split('/').at(-1)} ended with exit code ${code}`))
    })
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const words = process.argv.slice(2)
  const only = words.filter(word => !word.startsWith('-'))
  build({
    force: words.includes('--force'),
    whole: words.includes('--force') || words.includes('--whole'),
    withTests: words.includes('--with-tests'),
    ...(only.length > 0 ? { only } : {}),
  })
    .then(async () => {
      if (words.includes('--prune')) (await import('./bundle.mjs')).removeOldChunks()
    })
    .catch(error => {
      say(error.message)
      process.exitCode = 1
    })
}
