// How large the sources are: `npm run size [-- --json] [--since COMMIT]` prints lines and files under src/, by folder, and how many lines
// each folder has more than at that commit. Counted are the .ts, .tsx, .js and .css files that git tracks, as they lie in the working tree.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

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
export function growthOf(numstat) {
  const changes = []
  const parts = numstat.split('\0').values()
  for (const part of parts) {
    const [added, deleted, path] = part.split('\t')
    if (path === undefined) continue
    // A move has no path here: its old and its new one follow.
    const now = path === '' ? [parts.next().value, parts.next().value][1] : path
    changes.push({ path: now, lines: Number(added) - Number(deleted) })
  }
  return Object.fromEntries(
    [...Map.groupBy(changes, folderOf)]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([folder, within]) => [folder, sum(within.map(({ lines }) => lines))]),
  )
}

/** Lines as `wc -l` counts them, and the last one where it has no line end. */
export const linesOf = text => text.split('\n').length - (text === '' || text.endsWith('\n') ? 1 : 0)

const sum = numbers => numbers.reduce((total, number) => total + number, 0)

const patterns = ['ts', 'tsx', 'js', 'css'].map(ending => `src/*.${ending}`)

function git(root, ...args) {
  const { status, stdout, stderr } = spawnSync('git', [...args, '--', ...patterns], { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`git ${args[0]} failed: ${stderr}`)
  return stdout
}

function readSources(root) {
  return git(root, 'ls-files', '-z')
    .split('\0')
    .filter(path => path !== '' && existsSync(`${root}${path}`))
    .map(path => ({ path, lines: linesOf(readFileSync(`${root}${path}`, 'utf8')) }))
}

function table({ byFolder, srcLines, files, medianLines, smallFiles, since }) {
  const row = (name, ...cells) => `${name.padEnd(24)}${cells.map(cell => String(cell).padStart(8)).join('')}\n`
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

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, since: { type: 'string' } } })
  const root = fileURLToPath(new URL('..', import.meta.url))
  const size = sizeOf(readSources(root))
  if (values.since !== undefined) {
    const grown = growthOf(git(root, 'diff', '--numstat', '-z', '-M', values.since))
    const srcLines = size.srcLines - sum(Object.values(grown))
    size.since = { commit: values.since, srcLines, grown }
  }
  process.stdout.write(values.json ? `${JSON.stringify(size)}\n` : table(size))
}
