/** Reads a password from a file, a systemd credential or a hidden prompt. It never comes from an argument or an environment variable. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { keyErrors } from './key-errors.ts'
import { readSecretFile } from './secret-file.ts'

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
