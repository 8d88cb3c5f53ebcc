/** Temporary folders whose names tell which run made them: those of a worker that was killed are found when the run is over. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

export const runVariable = 'KAISAR_TEST_RUN'
/** The system's folder for temporary files; kept across files that share a worker. */
const sharedVariable = 'KAISAR_TEST_SHARED_TMPDIR'

/** Where something may stay for the next run, such as an unpacked browser. */
export const sharedTemporaryFolder = (): string => process.env[sharedVariable] ?? tmpdir()

/** From here on what is temporary goes elsewhere. */
export function keepSharedFolder(): void {
  process.env[sharedVariable] ??= tmpdir()
}

/** In memory where that can be had. */
export const folderInMemory = (): string => (existsSync('/dev/shm') ? '/dev/shm' : sharedTemporaryFolder())

/** Of a run of tests, or of a report that is no test. */
const mark = (): string => process.env[runVariable]?.slice(0, 8) ?? 'report'

export const makeFolder = (parent: string, what: string): string =>
  mkdtempSync(join(parent, `kaisar-${what}-${mark()}-`))

/** A file's own, made before it was loaded: one that cannot be loaded leaves it, and has failed by that. */
const isUnused = (path: string): boolean => basename(path).startsWith('kaisar-test-') && readdirSync(path).length === 0

/** Removes the folders of this run and names them, but for what nothing was put into. */
export function clearFolders(): string[] {
  const parents = [...new Set([sharedTemporaryFolder(), folderInMemory()])]
  const left = parents.flatMap(parent =>
    readdirSync(parent)
      .filter(name => name.startsWith('kaisar-') && name.includes(`-${mark()}-`))
      .map(name => join(parent, name)),
  )
  const used = left.filter(path => !isUnused(path))
  for (const folder of left) rmSync(folder, { recursive: true, force: true })
  return used
}
