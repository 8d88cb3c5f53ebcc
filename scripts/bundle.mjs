// Joins the sources and the JavaScript of what they import: what is started or opened by path keeps its place below dist, all else
// becomes chunks that these share. Finding and reading hundreds of files in node_modules was most of a command's start.
// Why: docs/why/dependencies-and-build.md
import { copyFileSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))
const at = (...parts) => join(root, ...parts)

/** What is started by path, found by the command line, imported by users of the package or by the build itself. */
export const entries = [
  'cli.ts',
  'commands/*/*.ts',
  'hooks/*.ts',
  'core/chain/abis.ts',
  'core/devnet/start-devnet.ts',
  'core/devices/execution-provider-check.ts',
  'core/job/work-worker.ts',
  'core/operator/verify-bundle-bytes.ts',
  'core/platform/config.ts',
]
/** What the explorer sends to browsers as it is. */
export const assets = ['core/web/*.css', 'core/web/browser/*.js']

/** Native code, which lies beside its package; and what ink and oclif look for where they are developed. */
const external = ['onnxruntime-node', 'secp256k1', 'react-devtools-core', 'typescript']

/** Names of the files that the last bundling wrote: what else lies in dist/chunks is older. */
const writtenList = 'dist/.chunks.json'
/** A network that runs from this clone may load a chunk for the first time hours after its source changed. */
const keptMs = 24 * 60 * 60 * 1000

/** @throws when something cannot be found or parsed */
export async function bundle() {
  const { rolldown } = await import('rolldown')
  const modules = entries.flatMap(pattern => globSync(pattern, { cwd: at('src') }))
  const bundling = await rolldown({
    cwd: root,
    platform: 'node',
    input: Object.fromEntries(modules.map(module => [module.replace(/\.ts$/, ''), join('src', module)])),
    external,
    // Of one file with every hash there is, which is not taken apart, the one that is used.
    resolve: { alias: { 'hash-wasm': 'hash-wasm/dist/keccak.umd.min.js' } },
    // React has a build for development, which is chosen by this name.
    transform: { define: { 'process.env.NODE_ENV': JSON.stringify('production') } },
    onLog: (_level, { code, message }) => {
      if (code === 'UNRESOLVED_IMPORT') throw new Error(message)
    },
  })
  const { output } = await bundling.write({
    dir: at('dist'),
    chunkFileNames: 'chunks/[name]-[hash].js',
    comments: false,
  })
  await bundling.close()
  for (const asset of assets.flatMap(pattern => globSync(pattern, { cwd: at('src') }))) {
    mkdirSync(dirname(at('dist', asset)), { recursive: true })
    copyFileSync(at('src', asset), at('dist', asset))
  }
  writeFileSync(at('dist/THIRD-PARTY.txt'), licencesOf(output.flatMap(({ moduleIds = [] }) => moduleIds)))
  const written = output.map(({ fileName }) => fileName)
  writeFileSync(at(writtenList), JSON.stringify(written))
  // A command whose source is gone must be gone too.
  const kept = new Set([...written, ...globSync(assets, { cwd: at('src') })])
  for (const file of globSync('**/*.js', { cwd: at('dist'), exclude: ['chunks'] }))
    if (!kept.has(file)) rmSync(at('dist', file))
  removeOldChunks(keptMs)
}

/** Removes chunks of earlier builds that are older than this. */
export function removeOldChunks(olderThanMs = 0) {
  const written = new Set(JSON.parse(readFileSync(at(writtenList), 'utf8')))
  for (const chunk of globSync('chunks/**/*.js', { cwd: at('dist') }))
    if (!written.has(chunk) && Date.now() - statSync(at('dist', chunk)).mtimeMs > olderThanMs) rmSync(at('dist', chunk))
}

/** The licence of every package whose code is in the bundle; those that share a text, which differs in its spaces at most, above it. */
function licencesOf(modules) {
  const folders = new Set(modules.map(id => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0]).filter(Boolean))
  const licences = new Map()
  for (const folder of folders) {
    const { name, version, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const [file] = readdirSync(folder).filter(entry => /^licen[sc]e/i.test(entry))
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `By ${author?.name ?? author ?? name}.`
    licences.set(`${name} ${version} (${license})`, text)
  }
  const sorted = [...licences].sort(([a], [b]) => (a < b ? -1 : 1))
  const sections = Map.groupBy(sorted, ([, text]) => text.replaceAll(/\s+/g, ' ')).values()
  return Array.from(sections, same => `${same.map(([title]) => title).join('\n')}\n\n${same[0][1]}\n`).join(
    `\n${'-'.repeat(80)}\n\n`,
  )
}
