import { defineErrors } from '../platform/errors.ts'

export const operatorErrors = defineErrors({
  OPERATOR_UNKNOWN: {
    message: ({ path }: { path: string }) => `Whose it is was not said: there is no key at ${path}, and no --operator.`,
    meaning: 'Devices and seats belong to an operator: by default the one whose key is in this data folder.',
    fix: 'Pass --operator <address>, or --data-dir with the folder of the daemon; "kaisar provider init" and "kaisar checker init" make a key.',
    exit: 3,
  },
  OPERATOR_NO_RECORDS: {
    message: ({ role, folder }: { role: string; folder: string }) => `No ${role} ever ran with ${folder}.`,
    meaning: 'A daemon keeps what it signed and was told in its data folder; this one has nothing of the kind.',
    fix: 'Name the folder it runs with by --data-dir. Under systemd that is /var/lib/kaisar.',
    exit: 3,
  },
  PAYOUT_MISSING: {
    message: () => 'No payout wallet is set.',
    meaning: 'Rewards go to a wallet whose key is not on this machine; the operator key only registers and signs.',
    fix: 'Pass --payout <address>, set KAISAR_PAYOUT, or write "payout" to the configuration file with "kaisar provider init" or "kaisar checker init".',
    exit: 3,
  },
  SETTINGS_CONFLICT: {
    message: ({ path, key, found, wanted }: { path: string; key: string; found: string; wanted: string }) =>
      `${path} already says ${key} = ${found}, and ${wanted} was asked for.`,
    meaning: 'What a configuration file says is never overwritten: somebody may rely on it.',
    fix: 'Change that line by hand, run the command again with the value that is there, or write another file with --settings <file> and start with --config <file>.',
    exit: 3,
  },
  SETTINGS_UNWRITABLE: {
    message: ({ path, reason }: { path: string; reason: string }) => `${path} cannot be written (${reason}).`,
    meaning: 'The folder does not exist and cannot be made, or this user may not write there.',
    fix: 'Name another file with --settings, or run the command as a user that may write there.',
    exit: 3,
  },
  SETTINGS_SHAPE: {
    message: ({ path, table }: { path: string; table: string }) =>
      `${path} has "${table}" in a form to which nothing can be added.`,
    meaning: 'Settings are added below a line like [provider]; an inline table has no such line.',
    fix: 'Write the table with a line of its own, then run the command again.',
    exit: 3,
  },
  SELF_TEST_WRONG: {
    message: ({ model, step, detail }: { model: string; step: string; detail: string }) =>
      `${model} does not pass its own check at ${step}: ${detail}`,
    meaning: 'Rows that were recomputed differ from those the device finished. A Checker would find the same.',
    fix: 'Run "kaisar provider doctor": failing memory, unstable clocks and a broken driver do this. Do not run a Provider on it.',
    exit: 4,
  },
  SELF_TEST_NO_ROWS: {
    message: ({ model, windowMs }: { model: string; windowMs: number }) =>
      `${model} finished no batch inside the window of ${windowMs} ms.`,
    meaning: 'A round in which nothing is finished counts 0.',
    fix: 'Stop what else uses the device, or choose another --execution-provider.',
    exit: 4,
  },
  BUNDLE_SOURCE_MISSING: {
    message: ({ hash }: { hash: string }) => `Where bundle ${hash} is served was not said.`,
    meaning:
      'A bundle is named by its hash, and every Checker serves those it wrote; a hash alone says nothing of where.',
    fix: 'Pass --from with the Checker’s endpoint; "kaisar chain seats" lists them.',
    exit: 2,
  },
  BUNDLE_FILE_UNREADABLE: {
    message: ({ path, reason }: { path: string; reason: string }) => `The bundle ${path} cannot be read (${reason}).`,
    meaning: 'The file does not exist, is a folder, or this user may not read it.',
    fix: 'Name a file that exists, or a hash (0x and 64 digits) with --from.',
    exit: 3,
  },
  BUNDLE_FILE_UNWRITABLE: {
    message: ({ path, reason }: { path: string; reason: string }) =>
      `The bundle cannot be kept in ${path} (${reason}).`,
    meaning: 'The file is there already, its folder is not, or this user may not write there. Nothing is overwritten.',
    fix: 'Name a new file in a folder that exists with --save.',
    exit: 3,
  },
  BUNDLE_NOT_SERVED: {
    message: ({ endpoint, hash, status }: { endpoint: string; hash: string; status: number }) =>
      `${endpoint} does not serve bundle ${hash} (HTTP status ${status}).`,
    meaning: 'A Checker serves the bundles it wrote itself, until its seats may unbond.',
    fix: 'Ask the Checker that judged this round: its address is in the verdict, its endpoint in "kaisar chain seats".',
    exit: 3,
  },
  BUNDLE_OTHER: {
    message: ({ endpoint, hash, found }: { endpoint: string; hash: string; found: string }) =>
      `${endpoint} answered for bundle ${hash} with bytes whose hash is ${found}.`,
    meaning: 'The name of a bundle is the SHA-256 of its bytes, so this is another one, or a damaged one.',
    fix: 'Ask another seat of the committee; a Checker that serves other bytes proves nothing.',
    exit: 4,
  },
  BUNDLE_REFUTED: {
    message: ({ step, detail }: { step: string; detail: string }) => `The bundle does not verify at ${step}: ${detail}`,
    meaning: 'A signature, a binding or a recomputed row in it is not what it has to be.',
    fix: 'Do not rely on the verdict it stands for. Fetch it again and compare its hash; if that is right, its Checker made it so.',
    exit: 4,
  },
})
