import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'

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
    return { problem: (error as NodeJS.ErrnoException).code ?? String(error) }
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
