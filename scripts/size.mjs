// How large the sources are: `npm run size [-- --json]` prints lines and files under src/, by folder. Counted are the .ts, .tsx, .js and
// .css files that git tracks, as they lie in the working tree.
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
  const folders = Map.groupBy(sources, ({ path }) => path.split('/').slice(0, -1).slice(0, 3).join('/'))
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

/** Lines as `wc -l` counts them, and the last one where it has no line end. */
export const linesOf = text => text.split('\n').length - (text === '' || text.endsWith('\n') ? 1 : 0)

const sum = numbers => numbers.reduce((total, number) => total + number, 0)

function readSources(root) {
  const pattern = ['ts', 'tsx', 'js', 'css'].map(ending => `src/*.${ending}`)
  const { status, stdout, stderr } = spawnSync('git', ['ls-files', '-z', ...pattern], { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`git cannot list the sources: ${stderr}`)
  return stdout
    .split('\0')
    .filter(path => path !== '' && existsSync(`${root}${path}`))
    .map(path => ({ path, lines: linesOf(readFileSync(`${root}${path}`, 'utf8')) }))
}

function table({ byFolder, srcLines, files, medianLines, smallFiles }) {
  const row = (name, lines, count) => `${name.padEnd(24)}${String(lines).padStart(8)}${String(count).padStart(8)}\n`
  return [
    row('folder', 'lines', 'files'),
    ...Object.entries(byFolder).map(([folder, within]) => row(folder, within.lines, within.files)),
    row('src in all', srcLines, files),
    `A file has ${medianLines} lines in the median; ${smallFiles} have ${smallLines} or fewer.\n`,
  ].join('')
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
  const size = sizeOf(readSources(fileURLToPath(new URL('..', import.meta.url))))
  process.stdout.write(values.json ? `${JSON.stringify(size)}\n` : table(size))
}
