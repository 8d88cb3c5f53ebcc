/**
 * Puts a daemon under systemd: one key, one folder, its network, its settings, and its password as a credential.
 *
 * Why: docs/why/daemons-and-operators.md
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { lockDataDir } from '../daemon/data-dir-lock.ts'
import type { RunTool } from '../devices/host.ts'
import { writeFileAtomically } from '../platform/write-file-atomically.ts'
import { operatorErrors } from './errors.ts'

export type ServiceRole = 'provider' | 'checker'

/** Where everything of a role's service lies, as the service sees it. */
export type ServicePaths = ReturnType<typeof servicePaths>

export function servicePaths(
  role: ServiceRole,
  given: { readonly settings?: string | undefined; readonly passwordFile?: string | undefined } = {},
) {
  const name = `kaisar-${role}.service`
  const folder = `/var/lib/kaisar-${role}`
  return {
    role,
    name,
    unit: `/etc/systemd/system/${name}`,
    /** What makes it start with the machine. */
    wanted: `/etc/systemd/system/multi-user.target.wants/${name}`,
    settings: given.settings ?? `/etc/kaisar/${role}.toml`,
    passwordFile: given.passwordFile ?? `/etc/kaisar/${role}-password`,
    /** The URL of the signer, as a variable of the service's environment. */
    signerFile: `/etc/kaisar/${role}-signer`,
    contextHome: '/etc/kaisar',
    /** State and keys; systemd gives it to the service's user. */
    folder,
    key: `${folder}/keys/operator.json`,
  }
}

/** The path below a fake root; the path itself for this machine. */
export const below = (root: string | null, path: string): string => (root === null ? path : join(root, path))

export type ServiceContent = {
  readonly unit: string
  readonly settings: string
  /** Null keeps what is there. */
  readonly password: string | null
  readonly key: string | null
  /** The URL of a signer that holds the key; null where there is none, or keeps what is there. */
  readonly signerUrl: string | null
  readonly context: { readonly name: string; readonly text: string } | null
  /** Folder of the role's state so far. It is moved, as an older copy of what was signed must never be used; null where there is none. */
  readonly state: string | null
}

export type InstallTarget = {
  readonly paths: ServicePaths
  /** Folder below which everything is written, with no call of systemctl; null for this machine. */
  readonly root: string | null
}

export type InstalledFile = { readonly path: string; readonly change: 'written' | 'kept' }

/**
 * Writes what differs, then reloads systemd and starts the service. A second run writes nothing.
 *
 * @throws DATA_DIR_LOCKED where a daemon runs with the state that is to be moved, SERVICE_UNWRITABLE, SERVICE_SYSTEMCTL_FAILED
 */
export async function installService(
  { paths, root }: InstallTarget,
  content: ServiceContent,
  { run }: { readonly run: RunTool },
): Promise<{ files: InstalledFile[]; moved: string | null }> {
  const at = (path: string) => below(root, path)
  const stateFolder = join(paths.folder, paths.role)
  const state = content.state !== null && !holdsState(at(stateFolder)) ? content.state : null
  // Refused before anything is written.
  const lock = state === null ? null : lockDataDir({ path: state, owner: `kaisar ${paths.role} service` })
  const files: InstalledFile[] = []
  const put = (path: string, mode: number, text: string | null) => {
    if (text === null) return
    const change = putFile(at(path), mode, text) ? 'written' : 'kept'
    files.push({ path, change })
  }
  try {
    makeFolder(at(paths.contextHome), 0o755)
    makeFolder(at(join(paths.contextHome, 'contexts')), 0o755)
    makeFolder(at(paths.folder), 0o700)
    makeFolder(at(dirname(paths.key)), 0o700)
    for (const path of [paths.settings, paths.passwordFile, paths.wanted]) makeFolder(at(dirname(path)), 0o755)
    if (content.context !== null)
      put(join(paths.contextHome, 'contexts', `${content.context.name}.json`), 0o644, content.context.text)
    put(paths.settings, 0o644, content.settings)
    put(paths.passwordFile, 0o600, content.password)
    put(paths.key, 0o600, content.key)
    put(paths.signerFile, 0o600, content.signerUrl && signerFileText(content.signerUrl))
    if (state !== null) moveState(state, at(stateFolder))
    giveAway(at(paths.folder))
    put(paths.unit, 0o644, content.unit)
    if (root !== null && !isThere(at(paths.wanted))) symlinkSync(`../${paths.name}`, at(paths.wanted))
  } catch (cause) {
    const { code, path } = cause as NodeJS.ErrnoException
    if (code === undefined || path === undefined) throw cause
    throw operatorErrors.SERVICE_UNWRITABLE({ path, reason: code, cause })
  } finally {
    lock?.release()
  }
  if (root === null) {
    await systemctl(run, 'daemon-reload')
    await systemctl(run, 'enable', '--now', paths.name)
  }
  return { files, moved: state }
}

/** Stops the service and forgets its unit; keys, state and settings stay. @throws SERVICE_SYSTEMCTL_FAILED */
export async function uninstallService(
  { paths, root }: InstallTarget,
  { run }: { readonly run: RunTool },
): Promise<{ removed: boolean; kept: string[] }> {
  const at = (path: string) => below(root, path)
  const removed = isThere(at(paths.unit))
  if (removed && root === null) await systemctl(run, 'disable', '--now', paths.name)
  for (const path of [paths.wanted, paths.unit]) rmSync(at(path), { force: true })
  if (removed && root === null) await systemctl(run, 'daemon-reload')
  const kept = [paths.folder, paths.settings, paths.passwordFile, paths.signerFile, join(paths.contextHome, 'contexts')]
  return { removed, kept: kept.filter(path => existsSync(at(path))) }
}

/** As systemd reads an environment file, in which a backslash keeps the character that follows. */
const signerFileText = (url: string): string =>
  `KAISAR_SIGNER_URL="${new URL(url).href.replaceAll(/["\\$`]/g, '\\$&')}"\n`

/** What is asked of the host before anything is read. */
export type ServiceHost = {
  /** Whether systemd is the first process. */
  readonly systemd: boolean
  readonly uid: number | undefined
  /** Node and this program's entry. */
  readonly program: readonly string[]
  /** The mode bits of a path. */
  readonly modeOf: (path: string) => number
  /** What another supervisor starts. */
  readonly daemonLine: string
  /** What does the same as root. */
  readonly rootLine: string
}

/** @throws SERVICE_NO_SYSTEMD, SERVICE_PROGRAM_CLOSED, SERVICE_NEEDS_ROOT */
export function assertServiceHost({ systemd, uid, program, modeOf, daemonLine, rootLine }: ServiceHost): void {
  if (!systemd) throw operatorErrors.SERVICE_NO_SYSTEMD({ command: daemonLine })
  for (const path of program) {
    const folder = closedFolder(path, modeOf)
    if (folder !== null) throw operatorErrors.SERVICE_PROGRAM_CLOSED({ path, folder })
  }
  if (uid !== 0) throw operatorErrors.SERVICE_NEEDS_ROOT({ command: rootLine, fix: `Run it as root: ${rootLine}` })
}

/** The folder on the way to a program that the service's user may not pass, or null. */
function closedFolder(path: string, modeOf: ServiceHost['modeOf']): string | null {
  const parent = dirname(path)
  if (parent === path) return null
  return closedFolder(parent, modeOf) ?? ((modeOf(parent) & 0o001) === 0 ? parent : null)
}

async function systemctl(run: RunTool, ...args: string[]): Promise<void> {
  const { exitCode, stderr, failure } = await run('systemctl', args)
  if (exitCode !== 0)
    throw operatorErrors.SERVICE_SYSTEMCTL_FAILED({
      command: ['systemctl', ...args].join(' '),
      reason: stderr.trim() || (failure ?? `exit code ${exitCode}`),
    })
}

/** @returns whether the file had to be written */
function putFile(path: string, mode: number, text: string): boolean {
  const same = existsSync(path) && readFileSync(path, 'utf8') === text
  if (!same) writeFileAtomically(path, text, mode)
  // Whatever the caller's umask is, and whatever somebody made of it since.
  if ((statSync(path).mode & 0o777) !== mode) chmodSync(path, mode)
  return !same
}

function makeFolder(path: string, mode: number): void {
  if (existsSync(path)) return
  if (!existsSync(dirname(path))) makeFolder(dirname(path), 0o755)
  mkdirSync(path)
  chmodSync(path, mode)
}

const isLock = (path: string) => ['lock', 'lock.json'].includes(basename(path))

const holdsState = (folder: string): boolean => existsSync(folder) && readdirSync(folder).some(name => !isLock(name))

function moveState(from: string, to: string): void {
  makeFolder(to, 0o700)
  cpSync(from, to, { recursive: true, filter: path => !isLock(path) })
  rmSync(from, { recursive: true })
}

/** systemd gives the folder to the service's user as it starts first; what is added later must be that user's as well. */
function giveAway(folder: string): void {
  const { uid, gid } = statSync(folder)
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name)
    const owner = lstatSync(path)
    if (owner.uid !== uid || owner.gid !== gid) lchownSync(path, uid, gid)
  }
}

/** A link that leads nowhere in a fake root is there too. */
const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined
