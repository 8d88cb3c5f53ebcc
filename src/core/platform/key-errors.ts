import { definePreconditions } from './errors.ts'

export const keyErrors = definePreconditions({
  KEY_MISSING: {
    message: 'There is no key at {path}.',
    meaning: 'This command signs, for which it needs a keystore file.',
    fix: 'Create one with "kaisar keys new", or import one with "kaisar keys import".',
  },
  KEY_EXISTS: {
    message: '{path} exists already.',
    meaning: 'A key is never overwritten, because everything that it owns would be lost.',
    fix: 'Choose another name, or move the file away yourself.',
  },
  KEY_NAME_INVALID: {
    message: '"{name}" cannot be the name of a key.',
    meaning: 'Names are file names: 1 to 64 of a-z, 0-9 and "-", starting with a letter or digit.',
    fix: 'Choose such a name, for example "operator".',
    exit: 2,
  },
  KEYSTORE_UNREADABLE: {
    message: 'The file {path} cannot be read ({reason}).',
    meaning: 'The file system refused to read the file.',
    fix: 'Check its owner and permissions.',
  },
  KEYSTORE_EXPOSED: {
    message: 'Others may read {path} (mode {mode}).',
    meaning: 'Every user of this machine could read the secret in a keystore or password file.',
    fix: 'Run "chmod 600" on the file, and consider whether somebody has read it already.',
  },
  KEYSTORE_INVALID: {
    message: '{path} is not a keystore that can be used: {reason}.',
    meaning:
      'A keystore must be Web3 Secret Storage, version 3, as geth, cast, ethers and web3j write it, with reasonable parameters. Where the file is of another known kind, the message names it.',
    fix: 'Name the right file, or export the key again from the program it came from.',
  },
  KEYSTORE_PASSWORD_WRONG: {
    message: 'The password does not open {path}.',
    meaning: 'The checksum in the file does not match: a wrong password, or a damaged file.',
    fix: 'Try again. In a password file, one line break at the end is ignored and further ones are not.',
  },
  KEYSTORE_ADDRESS_MISMATCH: {
    message: '{path} names the address {stated}, but holds the key of {actual}.',
    meaning: 'The file was edited or mixed up. Signing with it would use another address than expected.',
    fix: 'Find the right file. The address in a keystore must be that of its key.',
  },
  PRIVATE_KEY_INVALID: {
    message: '{origin} holds no private key.',
    meaning: 'A private key is 64 hexadecimal digits, with or without 0x, above zero and below the order of secp256k1.',
    fix: 'Check the file, or paste the key again.',
  },
  KEY_UNWRITABLE: {
    message: 'No key can be written to {path} ({reason}).',
    meaning: 'The disk is full or read-only, or this user may not write to the folder of keys.',
    fix: 'Name a folder that can be written with --data-dir, or make room on the disk. Nothing was written.',
  },
  PASSWORD_FILE_UNREADABLE: {
    message: 'The password file {path} cannot be read ({reason}).',
    meaning: 'The command reads the password from this file, and the file system refused.',
    fix: 'Check path, owner and permissions of the file.',
  },
  PASSWORD_EMPTY: {
    message: 'The password from {origin} is empty.',
    meaning: 'An empty password protects nothing.',
    fix: 'Choose a password. A password file holds it on its first line.',
  },
  PASSWORD_MISMATCH: {
    message: 'The two passwords are not the same.',
    meaning: 'A new password is asked for twice, because a typing error would lock the key away for good.',
    fix: 'Run the command again. Nothing was written.',
    exit: 2,
  },
})
