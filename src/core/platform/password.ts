/** Reads secrets from files, and a password from one, a systemd credential or a hidden prompt: never from an argument or an environment variable. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { failureReason } from './errors.ts'
import { keyErrors } from './key-errors.ts'
import { writeFileAtomically } from './write-file-atomically.ts'

/** The reason why a secret file was not read; the caller turns it into an error of its own. */
export type SecretFileProblem = { readonly problem: 'exposed'; readonly mode: string } | { readonly problem: string }

const maxBytes = 64 * 1024

/**
 * Reads a small file that holds a secret. Permissions are checked on the open file, so that it cannot be swapped in between.
 *
 * @param options.allowShared - read it even when others may (a systemd credential: its folder is closed)
 */
export function readSecretFile(path: string, options: { allowShared?: boolean } = {}): string | SecretFileProblem {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    return { problem: failureReason(error) }
  }
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) return { problem: 'not a file' }
    if (stat.size > maxBytes) return { problem: `larger than ${maxBytes} bytes` }
    const mode = stat.mode & 0o777
    if (!options.allowShared && process.platform !== 'win32' && (mode & 0o077) !== 0)
      return { problem: 'exposed', mode: mode.toString(8).padStart(4, '0') }
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

export type PasswordOptions = {
  /** `--password-file` */
  readonly file: string | undefined
  /** Name of the systemd credential (`LoadCredential=` of the unit) that is used when no file is given. */
  readonly credential: string
}

export type PasswordDependencies = {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Asks without showing the input; throws where there is no terminal. */
  readonly prompt: () => Promise<string>
}

/** @throws PASSWORD_FILE_UNREADABLE, KEYSTORE_EXPOSED, PASSWORD_EMPTY, and what the prompt throws */
export async function readPassword(options: PasswordOptions, { env, prompt }: PasswordDependencies): Promise<string> {
  if (options.file !== undefined) return fromFile(options.file, false)
  const folder = env.CREDENTIALS_DIRECTORY
  const credential = folder ? join(folder, options.credential) : undefined
  if (credential && existsSync(credential)) return fromFile(credential, true)
  return required(await prompt(), 'the prompt')
}

/**
 * Makes a file with a random password where there is none. One that cannot be made is said when it is read.
 *
 * @returns whether it was made
 */
export function makePasswordFile(
  path: string,
  { randomBytes }: { readonly randomBytes: (size: number) => Uint8Array },
): boolean {
  if (existsSync(path)) return false
  try {
    writeFileAtomically(path, `${Buffer.from(randomBytes(24)).toString('base64')}\n`, 0o600)
    return true
  } catch {
    return false
  }
}

function fromFile(path: string, allowShared: boolean): string {
  const text = readSecretFile(path, { allowShared })
  if (typeof text === 'string') return required(text.replace(/\r?\n$/, ''), path)
  if ('mode' in text) throw keyErrors.KEYSTORE_EXPOSED({ path, mode: text.mode })
  throw keyErrors.PASSWORD_FILE_UNREADABLE({ path, reason: text.problem })
}

function required(password: string, origin: string): string {
  if (password === '') throw keyErrors.PASSWORD_EMPTY({ origin })
  return password
}
