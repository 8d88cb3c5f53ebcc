/** Reads a password from a file, a systemd credential or a hidden prompt. It never comes from an argument or an environment variable. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { keyErrors } from './key-errors.ts'
import { readSecretFile } from './secret-file.ts'
import { writeFileAtomically } from './write-file-atomically.ts'

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
