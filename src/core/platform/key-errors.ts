import { defineErrors } from './errors.ts'

export const keyErrors = defineErrors({
  KEY_MISSING: {
    message: ({ path }: { path: string }) => `There is no key at ${path}.`,
    meaning: 'The command signs, and needs a keystore file for it.',
    fix: 'Create one with "kaisar keys new", or import one with "kaisar keys import".',
    exit: 3,
  },
  KEY_EXISTS: {
    message: ({ path }: { path: string }) => `${path} exists already.`,
    meaning: 'A key is never overwritten: what it owns would be lost.',
    fix: 'Choose another name, or move the file away yourself.',
    exit: 3,
  },
  KEY_NAME_INVALID: {
    message: ({ name }: { name: string }) => `"${name}" cannot be the name of a key.`,
    meaning: 'Names are file names: 1 to 64 of a-z, 0-9 and "-", starting with a letter or digit.',
    fix: 'Choose such a name, for example "operator".',
    exit: 2,
  },
  KEYSTORE_UNREADABLE: {
    message: ({ path, reason }: { path: string; reason: string }) => `The file ${path} cannot be read (${reason}).`,
    meaning: 'The file system refused.',
    fix: 'Check its owner and permissions.',
    exit: 3,
  },
  KEYSTORE_EXPOSED: {
    message: ({ path, mode }: { path: string; mode: string }) => `Others may read ${path} (mode ${mode}).`,
    meaning: 'A secret that every user of this machine can read is no secret.',
    fix: 'Run "chmod 600" on it, and consider whether somebody has read it already.',
    exit: 3,
  },
  KEYSTORE_INVALID: {
    message: ({ path, reason }: { path: string; reason: string; fix?: string }) =>
      `${path} is not a keystore that can be used: ${reason}.`,
    meaning:
      'Expected is Web3 Secret Storage, version 3, as geth, cast, ethers and web3j write it, with reasonable parameters. Other kinds of key files are named.',
    fix: 'Name the right file, or export the key again from where it came.',
    exit: 3,
  },
  KEYSTORE_PASSWORD_WRONG: {
    message: ({ path }: { path: string }) => `The password does not open ${path}.`,
    meaning: 'The checksum in the file does not match: a wrong password, or a damaged file.',
    fix: 'Try again, and mind line breaks at the end of a password file (one is ignored).',
    exit: 3,
  },
  KEYSTORE_ADDRESS_MISMATCH: {
    message: ({ path, stated, actual }: { path: string; stated: string; actual: string }) =>
      `${path} says it is the key of ${stated}, and holds the key of ${actual}.`,
    meaning: 'The file was edited or mixed up; signing with it would surprise you.',
    fix: 'Find the right file; the address in the file must be that of its key.',
    exit: 3,
  },
  PRIVATE_KEY_INVALID: {
    message: ({ origin }: { origin: string }) => `${origin} holds no private key.`,
    meaning: 'A private key is 64 hexadecimal digits, with or without 0x, above zero and below the order of secp256k1.',
    fix: 'Check the file, or paste the key again.',
    exit: 3,
  },
  KEY_UNWRITABLE: {
    message: ({ path, reason }: { path: string; reason: string }) => `No key can be written to ${path} (${reason}).`,
    meaning: 'The disk is full or read-only, or this user may not write to the folder of keys.',
    fix: 'Name a folder that can be written with --data-dir, or make room on the disk. Nothing was written.',
    exit: 3,
  },
  PASSWORD_FILE_UNREADABLE: {
    message: ({ path, reason }: { path: string; reason: string }) =>
      `The password file ${path} cannot be read (${reason}).`,
    meaning: 'The password was to come from this file.',
    fix: 'Check the path, owner and permissions.',
    exit: 3,
  },
  PASSWORD_EMPTY: {
    message: ({ origin }: { origin: string }) => `The password from ${origin} is empty.`,
    meaning: 'An empty password protects nothing.',
    fix: 'Choose one; a password file holds it on its first line.',
    exit: 3,
  },
  PASSWORD_MISMATCH: {
    message: () => 'The two passwords are not the same.',
    meaning: 'It is asked twice, because a typo would lock the key away for good.',
    fix: 'Run the command again. Nothing was written.',
    exit: 2,
  },
})
