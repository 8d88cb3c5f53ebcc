/**
 * Finds files of this package that are opened by path: scripts of threads and child processes, assets of pages, contracts. The build
 * joins modules into chunks, so a path relative to a module would name another file there than in the sources.
 *
 * Why: docs/why/dependencies-and-build.md
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const runsFromSources = import.meta.filename.endsWith('.ts')

/** The folder of this package's package.json, with a slash at its end. */
export const packageFolder = pathToFileURL(join(folderWithPackage(import.meta.dirname), '/'))

function folderWithPackage(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : folderWithPackage(dirname(folder))
}

/** A file beside the modules, e.g. `core/web/explorer.css`; a script without its extension, e.g. `core/job/work-worker`. */
export function ownFile(path: string): URL {
  const name = /\.\w+$/.test(path) ? path : `${path}${runsFromSources ? '.ts' : '.js'}`
  return new URL(`${runsFromSources ? 'src' : 'dist'}/${name}`, packageFolder)
}
