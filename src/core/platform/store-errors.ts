import { defineErrors } from './errors.ts'

export const storeErrors = defineErrors({
  STORE_DISK_FULL: {
    message: 'The disk is full: {path} could not be written.',
    meaning: 'Nothing is sent before it is recorded, so this step was not taken. Earlier records are intact.',
    fix: 'Free space on that disk; the daemon goes on where it was.',
  },
  STORE_READ_ONLY: {
    message: '{path} cannot be written.',
    meaning: 'The file, its folder or its disk is read-only for this user.',
    fix: 'Give this user write permission, or choose another folder with --data-dir.',
    exit: 3,
  },
  STORE_CORRUPTED: {
    message: 'The state in {path} is damaged: {reason}.',
    meaning: 'Bytes on disk differ from those that were written. The file was not changed and nothing was deleted.',
    fix: 'Start the daemon again: it sets the damaged file aside and rebuilds its state from the chain.',
  },
  STORE_NEWER: {
    message: 'The state in {path} has version {found}; this kaisar knows versions up to {known}.',
    meaning: 'The state was written by a newer release.',
    fix: 'Install that release again, or name another folder with --data-dir.',
    exit: 3,
  },
  STORE_BUSY: {
    message: '{path} was locked by another process for too long.',
    meaning: 'A backup or a second process holds the database.',
    fix: 'Find that process with "fuser" and let it finish; then try again.',
  },
  STORE_FAILED: {
    message: 'The state in {path} could not be read or written: {reason}.',
    meaning: 'The disk or the file system reported an error, so this step was not taken.',
    fix: 'Check the disk (dmesg, df), then start again.',
  },
  DATA_DIR_LOCKED: {
    message: '{path} is in use by {owner}.',
    meaning: 'A key and its records have one owner: two processes on one key would contradict each other.',
    fix: 'Stop that process first, or choose another folder with --data-dir.',
    exit: 3,
  },
  DATA_DIR_UNWRITABLE: {
    message: 'The data folder {path} cannot be used ({reason}).',
    meaning:
      'A daemon records its state before it sends anything, so it does not start with a folder that cannot be written.',
    fix: 'Give this user write permission on it, make room on the disk, or choose another folder with --data-dir.',
    exit: 3,
  },
})
