// How large the sources are: `npm run size [-- --json] [--since COMMIT | --features]` prints lines and files under src/, by folder, and how
// many lines each folder has more than at that commit. Counted are the .ts, .tsx, .js and .css files that git tracks, as they lie in the
// working tree. With --features it counts apart what was added since the commit that size-features.json names, and how much of it is in
// files of a feature; it counts what is committed.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { keptLines } from './kept-lines.mjs'

/** A file of at most so many lines is small. */
const smallLines = 40

/**
 * @param {readonly { path: string, lines: number }[]} sources - paths from the root of the repository on
 * @returns {{ srcLines: number, files: number, medianLines: number, smallFiles: number, byFolder: Record<string, { lines: number, files: number }> }}
 *   `smallFiles` counts files; a file below src/core or src/commands belongs to the folder below those, others to the folder they lie in
 */
export function sizeOf(sources) {
  const counts = sources.map(({ lines }) => lines)
  const sorted = counts.toSorted((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  const median = sorted.length % 2 === 1 ? sorted[half] : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2
  const folders = Map.groupBy(sources, folderOf)
  return {
    srcLines: sum(counts),
    files: counts.length,
    medianLines: median,
    smallFiles: counts.filter(lines => lines <= smallLines).length,
    byFolder: Object.fromEntries(
      [...folders]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([folder, within]) => [folder, { lines: sum(within.map(({ lines }) => lines)), files: within.length }]),
    ),
  }
}

const folderOf = ({ path }) => path.split('/').slice(0, -1).slice(0, 3).join('/')

/**
 * What each folder grew by, in lines; one that shrank has a negative number. A file that moved counts with its changes alone, in the folder
 * where it is now.
 *
 * @param {string} numstat - of `git diff --numstat -z -M`
 * @returns {Record<string, number>}
 */
export const growthOf = numstat => byFolder(changesOf(numstat))

/**
 * What features brought since a commit: the growth of the files that are theirs alone. What a feature takes in files of others stays with
 * those, so it is the least that features brought.
 *
 * @param {string} numstat - from that commit on, of `git diff --numstat -z -M`
 * @param {Record<string, readonly string[]>} features - files, and folders that end in `/`
 * @returns {{ byFeature: Record<string, number>, byFolder: Record<string, number>, missing: string[] }} `missing` are paths that have nothing
 */
export function featuresOf(numstat, features) {
  const changes = changesOf(numstat)
  const within = listed => changes.filter(({ path }) => isWithin(path, listed))
  return {
    byFeature: Object.fromEntries(
      Object.entries(features).map(([name, paths]) => [name, sum(paths.flatMap(within).map(({ lines }) => lines))]),
    ),
    byFolder: byFolder(Object.values(features).flat().flatMap(within)),
    missing: Object.values(features)
      .flat()
      .filter(path => within(path).length === 0),
  }
}

/** Whether a path is what is listed, or in it where that is a folder. */
const isWithin = (path, listed) => path === listed || (listed.endsWith('/') && path.startsWith(listed))

const byFolder = changes =>
  Object.fromEntries(
    [...Map.groupBy(changes, folderOf)]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([folder, within]) => [folder, sum(within.map(({ lines }) => lines))]),
  )

function changesOf(numstat) {
  const changes = []
  const parts = numstat.split('\0').values()
  for (const part of parts) {
    const [added, deleted, path] = part.split('\t')
    if (path === undefined) continue
    // A move has no path here: its old and its new one follow.
    const now = path === '' ? [parts.next().value, parts.next().value][1] : path
    changes.push({ path: now, lines: Number(added) - Number(deleted) })
  }
  return changes
}

/** Lines as `wc -l` counts them, and the last one where it has no line end. */
export const linesOf = text => text.split('\n').length - (text === '' || text.endsWith('\n') ? 1 : 0)

const sum = numbers => numbers.reduce((total, number) => total + number, 0)

const patterns = ['ts', 'tsx', 'js', 'css'].map(ending => `src/*.${ending}`)

const git = (root, ...args) => run(root, ...args, '--', ...patterns)

function run(root, ...args) {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (status !== 0) throw new Error(`git ${args[0]} failed: ${stderr}`)
  return stdout
}

function readSources(root) {
  return git(root, 'ls-files', '-z')
    .split('\0')
    .filter(path => path !== '' && existsSync(`${root}${path}`))
    .map(path => ({ path, lines: linesOf(readFileSync(`${root}${path}`, 'utf8')) }))
}

/** By folder of now, the lines of that commit that are still there. */
function keptSince(root, commit) {
  const paths = run(root, 'ls-tree', '-r', '--name-only', '-z', commit)
    .split('\0')
    .filter(path => /^src\/.*\.(ts|tsx|js|css)$/.test(path))
  const sources = paths.map(path => ({ path, text: run(root, 'show', `${commit}:${path}`) }))
  const log = ['log', '--first-parent', '-m', '--reverse', '--format=%x01', '-p', '-U0', '-M30%', `${commit}..HEAD`]
  const kept = [...keptLines(sources, git(root, ...log))]
  return byFolder(kept.map(([path, { kept: lines }]) => ({ path, lines })))
}

const row = (name, ...cells) => `${name.padEnd(24)}${cells.map(cell => String(cell).padStart(10)).join('')}\n`

function table({ byFolder, srcLines, files, medianLines, smallFiles, since }) {
  const grown = folder => (since === undefined ? [] : [since.grown[folder] ?? 0])
  return [
    row('folder', 'lines', 'files', ...(since === undefined ? [] : ['grown'])),
    ...Object.entries(byFolder).map(([folder, within]) => row(folder, within.lines, within.files, ...grown(folder))),
    ...Object.keys(since?.grown ?? {})
      .filter(folder => byFolder[folder] === undefined)
      .map(folder => row(folder, 0, 0, ...grown(folder))),
    row('src in all', srcLines, files, ...(since === undefined ? [] : [srcLines - since.srcLines])),
    `A file has ${medianLines} lines in the median; ${smallFiles} have ${smallLines} or fewer.\n`,
  ].join('')
}

function featureTable({ byFolder, srcLines, since, features }) {
  const kept = sum(Object.values(since.kept))
  return [
    row('folder', 'lines', 'of then', 'added', 'features'),
    ...Object.entries(byFolder).map(([folder, { lines }]) => {
      const ofThen = since.kept[folder] ?? 0
      return row(folder, lines, ofThen, lines - ofThen, features.byFolder[folder] ?? 0)
    }),
    row('src in all', srcLines, kept, srcLines - kept, sum(Object.values(features.byFeature))),
    '\nFiles of a feature that was not there before, in lines:\n',
    ...Object.entries(features.byFeature)
      .sort(([, a], [, b]) => b - a)
      .map(([name, lines]) => `${String(lines).padStart(6)}  ${name}\n`),
    `\n"of then": lines of the ${since.srcLines} of ${since.commit} that are still there, as they were, rewritten in their place, or moved; by replaying\n`,
    'every commit. "added": the others. "features": what is in files that belong to a feature alone.\n',
  ].join('')
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      since: { type: 'string' },
      features: { type: 'boolean', default: false },
    },
  })
  const root = fileURLToPath(new URL('..', import.meta.url))
  const listed = values.features
    ? JSON.parse(readFileSync(new URL('size-features.json', import.meta.url), 'utf8'))
    : null
  const size = sizeOf(readSources(root))
  const commit = values.since ?? listed?.since
  if (commit !== undefined) {
    const numstat = git(root, 'diff', '--numstat', '-z', '-M', commit)
    const grown = growthOf(numstat)
    size.since = { commit, srcLines: size.srcLines - sum(Object.values(grown)), grown }
    if (listed !== null) {
      size.features = featuresOf(numstat, listed.features)
      size.since.kept = keptSince(root, commit)
    }
  }
  const text = size.features === undefined ? table : featureTable
  process.stdout.write(values.json ? `${JSON.stringify(size)}\n` : text(size))
}
