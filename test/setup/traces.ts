import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { killProcess, processesLeft } from './marked-processes.ts'
import { keepSharedFolder, makeFolder, sharedTemporaryFolder } from './run-folders.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const markVariable = 'KAISAR_TEST_FILE'

export type Traces = {
  /** Kills processes and removes temporary files that are there since the watch began; resolves with a line for whatever is. */
  clear(): Promise<string[]>
}

/** From here on temporary files go to a folder of their own, and processes that are started carry a mark. */
export function watchTraces(): Traces {
  const mark = randomUUID()
  process.env[markVariable] = mark
  keepSharedFolder()
  // Node's cache of compiled code would begin anew in each of these folders.
  process.env.NODE_COMPILE_CACHE ??= join(sharedTemporaryFolder(), 'node-compile-cache')
  const folder = makeFolder(sharedTemporaryFolder(), 'test')
  process.env.TMPDIR = folder
  const socketsBefore = ownSockets()

  async function clear(): Promise<string[]> {
    const processes = await processesLeft(markVariable, mark)
    processes.forEach(killProcess)
    const ports = listeningSockets(ownSockets().difference(socketsBefore))
    const temporary = readdirSync(folder)
    rmSync(folder, { recursive: true, force: true })
    // Only told: it may be somebody's work.
    const added = knownFiles === null ? [] : projectFiles().filter(path => !knownFiles.has(path))
    for (const path of added) knownFiles?.add(path)
    return [
      ...processes.map(({ pid, command }) => `process ${pid}: ${command}`),
      ...ports.map(each => `listening socket: ${each}`),
      ...temporary.map(name => `temporary file: ${name}`),
      ...added.map(path => `file in the project: ${path}`),
    ]
  }

  return { clear }
}

/** Numbers of the sockets that this process has open. */
function ownSockets(): Set<string> {
  if (process.platform !== 'linux') return new Set()
  return new Set(
    readdirSync('/proc/self/fd').flatMap(fd => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? []
      } catch {
        // The descriptor of the listing itself.
        return []
      }
    }),
  )
}

/** Those of them that listen: `address:port` in hexadecimal as `/proc/net/tcp` has it, or the path of a Unix socket. */
function listeningSockets(own: ReadonlySet<string>): string[] {
  // The tables are those of the whole machine, and take milliseconds.
  if (own.size === 0) return []
  const rows = (table: string) =>
    readFileSync(`/proc/self/net/${table}`, 'latin1')
      .split('\n')
      .slice(1)
      .map(line => line.trim().split(/\s+/))
  const tcp = ['tcp', 'tcp6'].flatMap(table =>
    rows(table).flatMap(([, local, , state, , , , , , inode]) =>
      state === '0A' && own.has(inode!)
        ? [`${table} ${local}, port ${Number.parseInt(local!.split(':')[1]!, 16)}`]
        : [],
    ),
  )
  // Flag 0x10000 is that of a socket which accepts.
  const unix = rows('unix').flatMap(([, , , flags, , , inode, path]) =>
    flags === '00010000' && own.has(inode!) ? [`unix ${path ?? ''}`] : [],
  )
  return [...tcp, ...unix]
}

/** What is written on purpose, by the build or by git; npm's folder at any depth. */
const written = new Set(['.git', 'node_modules', 'dist', 'out', 'cache', 'coverage', 'oclif.manifest.json'])

type Listing = { readonly changedAt: bigint; readonly files: readonly string[]; readonly folders: readonly string[] }

/** What each folder of the project held when it was read last. A file that is added changes its folder's time. */
const listings = new Map<string, Listing>()

/**
 * Files and folders of the project. Only where nobody else works on it, as `npm test` takes for granted: to somebody who edits beside
 * a run of a few files, a new file is no fault of a test.
 */
const knownFiles = process.env.KAISAR_TEST_COUNTS === undefined ? null : new Set(projectFiles())

function projectFiles(folder = ''): string[] {
  try {
    const { files, folders } = listingOf(folder)
    return [...files, ...folders, ...folders.flatMap(projectFiles)]
  } catch {
    // Gone since.
    return []
  }
}

function listingOf(folder: string): Listing {
  const changedAt = statSync(join(root, folder), { bigint: true }).mtimeNs
  const known = listings.get(folder)
  if (known?.changedAt === changedAt) return known
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).filter(({ name }) =>
    folder === '' ? !written.has(name) : name !== 'node_modules',
  )
  const [folders, files] = [true, false].map(isFolder =>
    entries.filter(entry => entry.isDirectory() === isFolder).map(({ name }) => join(folder, name)),
  ) as [string[], string[]]
  listings.set(folder, { changedAt, files, folders })
  return { changedAt, files, folders }
}
