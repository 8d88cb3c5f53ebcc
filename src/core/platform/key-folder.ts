/** The keys of a data directory: one keystore file per name in `<data dir>/keys`. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Address, Hex } from 'viem'
import { failureReason } from './errors.ts'
import { keyErrors } from './key-errors.ts'
import {
  decryptKeystore,
  encryptKeystore,
  keystoreAddress,
  type ParsedKeystore,
  parseKeystore,
  type scryptStrength,
  type UnlockedKey,
} from './keystore.ts'
import { listNames } from './list-names.ts'
import { readSecretFile } from './password.ts'
import { makeFolders, writeNewFile } from './write-file-atomically.ts'

export type KeyEntry = { readonly name: string; readonly path: string; readonly address: Address | null }

/** @throws KEY_NAME_INVALID */
export function keyPath(dataDir: string, name: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) throw keyErrors.KEY_NAME_INVALID({ name })
  return join(dataDir, 'keys', `${name}.json`)
}

/** The keystore that --key means: that of a name in the data directory, or the file at a path. @throws KEY_NAME_INVALID */
export const keyFile = (dataDir: string, key: string): string => (/[./]/.test(key) ? key : keyPath(dataDir, key))

/** All keys, by name; `address` is null where the file does not state it or cannot be read. */
export const listKeys = (dataDir: string): KeyEntry[] =>
  listNames(join(dataDir, 'keys'), '.json').map(name => {
    const path = join(dataDir, 'keys', `${name}.json`)
    return { name, path, address: addressOrNull(path) }
  })

/** Writes a key, never over another one: {@link writeNewFile}. @throws KEY_EXISTS, KEY_NAME_INVALID, KEY_UNWRITABLE */
export async function saveKey(options: {
  dataDir: string
  name: string
  privateKey: Hex
  password: string
  strength?: keyof typeof scryptStrength
}): Promise<string> {
  const path = keyPath(options.dataDir, options.name)
  const text = await encryptKeystore(options.privateKey, options.password, options.strength)
  try {
    makeFolders(join(options.dataDir, 'keys'))
    writeNewFile(path, text)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EEXIST') throw keyErrors.KEY_EXISTS({ path, cause })
    throw keyErrors.KEY_UNWRITABLE({ path, reason: failureReason(cause), cause })
  }
  return path
}

/** Called before the password is asked for, so that a name that is taken is refused first. @throws KEY_EXISTS */
export function assertKeyIsNew(path: string): void {
  if (existsSync(path)) throw keyErrors.KEY_EXISTS({ path })
}

/** @throws KEY_MISSING, KEYSTORE_UNREADABLE, KEYSTORE_EXPOSED, KEYSTORE_INVALID */
export const readKeystore = (path: string): ParsedKeystore => parseKeystore(readKeyText(path), path)

/** The text of a file that holds a key. @throws KEY_MISSING, KEYSTORE_UNREADABLE, KEYSTORE_EXPOSED */
export function readKeyText(path: string): string {
  const text = readSecretFile(path)
  if (typeof text === 'string') return text
  if ('mode' in text) throw keyErrors.KEYSTORE_EXPOSED({ path, mode: text.mode })
  if (text.problem === 'ENOENT') throw keyErrors.KEY_MISSING({ path })
  throw keyErrors.KEYSTORE_UNREADABLE({ path, reason: text.problem })
}

/** @throws what {@link readKeystore} and {@link decryptKeystore} throw */
export const unlockKey = (path: string, password: string): Promise<UnlockedKey> =>
  decryptKeystore(readKeystore(path), password, path)

function addressOrNull(path: string): Address | null {
  try {
    return keystoreAddress(readKeystore(path)) ?? null
  } catch {
    return null
  }
}
