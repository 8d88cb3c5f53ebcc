import { definePreconditions } from '../platform/errors.ts'

export const operatorErrors = definePreconditions({
  OPERATOR_UNKNOWN: {
    message: 'Whose it is was not said: there is no key at {path}, and no --operator.',
    meaning: 'Devices and seats belong to an operator: by default the one whose key is in this data folder.',
    fix: 'Pass --operator <address>, or --data-dir with the folder of the daemon; "kaisar provider init" and "kaisar checker init" make a key.',
  },
  OPERATOR_NO_RECORDS: {
    message: 'No {role} ever ran with {folder}.',
    meaning: 'A daemon keeps what it signed and was told in its data folder; this one has nothing of the kind.',
    fix: 'Name the folder it runs with by --data-dir. Under systemd that is /var/lib/kaisar-provider or /var/lib/kaisar-checker.',
  },
  PAYOUT_MISSING: {
    message: 'No payout wallet is set.',
    meaning: 'Rewards go to a wallet whose key is not on this machine; the operator key only registers and signs.',
    fix: 'Pass --payout <address>, set KAISAR_PAYOUT, or write "payout" to the configuration file with "kaisar provider init" or "kaisar checker init".',
  },
  SETTINGS_CONFLICT: {
    message: '{path} already says {key} = {found}, and {wanted} was asked for.',
    meaning: 'What a configuration file says is never overwritten: somebody may rely on it.',
    fix: 'Change that line by hand, run the command again with the value that is there, or write another file with --settings <file> and start with --config <file>.',
  },
  SETTINGS_UNWRITABLE: {
    message: '{path} cannot be written ({reason}).',
    meaning:
      'The folder does not exist and cannot be made, this user may not write there (EACCES), or the disk is read-only (EROFS).',
    fix: 'Name another file with --settings, make room on the disk, or run the command as a user that may write there.',
  },
  SETTINGS_SHAPE: {
    message: '{path} has "{table}" in a form to which nothing can be added.',
    meaning: 'Settings are added below a line like [provider]; an inline table has no such line.',
    fix: 'Write the table with a line of its own, then run the command again.',
  },
  SERVICE_NEEDS_ROOT: {
    message: 'Only root may do this: {command}',
    meaning:
      'Units, settings and passwords of services belong to root; the service itself runs as a user without rights.',
    fix: 'Run the line that the message shows. It names the folders of this user, which sudo would otherwise forget.',
  },
  SERVICE_NO_SYSTEMD: {
    message: 'systemd does not run here. What another supervisor has to start is: {command}',
    meaning:
      'A unit is of use only where systemd is the first process; in most containers and in some distributions it is not.',
    fix: 'Let your supervisor (runit, OpenRC, supervisord, a container) start the line in the message, restart it unless it ends with exit code 2, and wait 45 s after SIGTERM. --root <folder> installs into an image.',
  },
  SERVICE_NOT_SET_UP: {
    message: 'There is nothing to install yet: {missing} is missing.',
    meaning:
      'The service gets the key, the settings and the network of the user who set it up; it makes none of its own.',
    fix: 'Run "kaisar provider init" or "kaisar checker init" first, or name where they are with --data-dir and --config.',
  },
  SERVICE_KEY_DIFFERS: {
    message: 'The service has another key already: {path} is that of {found}, and {wanted} was to be installed.',
    meaning: 'A key that owns devices or seats is never replaced: what it owns would be left alone.',
    fix: 'Name the data folder of the service with --data-dir to go on with its key; or let the old key leave, and move its folder away.',
  },
  SERVICE_PROGRAM_CLOSED: {
    message: 'The service could not start {path}: other users may not enter {folder}.',
    meaning: 'The service runs as a user of its own, which has to reach Node and this program.',
    fix: 'Install both where everybody may read, such as /opt or by "npm install --global" as root, and run this from there.',
  },
  SERVICE_UNWRITABLE: {
    message: '{path} cannot be written ({reason}).',
    meaning: 'A file system is mounted for reading only or is full, or something else is in the way.',
    fix: 'Make the path writable and run the command again: it goes on where it was.',
  },
  SERVICE_SYSTEMCTL_FAILED: {
    message: '"{command}" failed: {reason}',
    meaning: 'The files of the service are in place, and systemd did not do what it was asked.',
    fix: 'Read "systemctl status kaisar-provider" (or kaisar-checker) and "journalctl -u kaisar-provider", then run the command again.',
    exit: 1,
  },
  SELF_TEST_WRONG: {
    message: '{model} does not pass its own check at {step}: {detail}',
    meaning: 'Rows that were recomputed differ from those the device finished. A Checker would find the same.',
    fix: 'Run "kaisar provider doctor": failing memory, unstable clocks and a broken driver do this. Do not run a Provider on it.',
    exit: 4,
  },
  SELF_TEST_NO_MEMORY: {
    message: '{model} could not fill memory: {problem}',
    meaning: 'Without memory there are no memory rounds, and a device is paid by the product of its measures: nothing.',
    fix: 'Free memory on the device, or fill less with --memory-mib, down to the least of the job.',
    exit: 4,
  },
  SELF_TEST_NO_WORK: {
    message: '{model} finished no batch inside the window of {windowMs} ms.',
    meaning: 'A round in which nothing is finished counts 0.',
    fix: 'Stop what else uses the device, or choose another --execution-provider.',
    exit: 4,
  },
  BUNDLE_SOURCE_MISSING: {
    message: 'Where bundle {hash} is served was not said.',
    meaning:
      'A bundle is named by its hash, and every Checker serves those it wrote; a hash alone says nothing of where.',
    fix: 'Pass --from with the Checker’s endpoint; "kaisar chain seats" lists them.',
    exit: 2,
  },
  BUNDLE_FILE_UNREADABLE: {
    message: 'The bundle {path} cannot be read ({reason}).',
    meaning: 'The file does not exist, is a folder, or this user may not read it.',
    fix: 'Name a file that exists, or a hash (0x and 64 digits) with --from.',
  },
  BUNDLE_FILE_UNWRITABLE: {
    message: 'The bundle cannot be kept in {path} ({reason}).',
    meaning: 'The file is there already, its folder is not, or this user may not write there. Nothing is overwritten.',
    fix: 'Name a new file in a folder that exists with --save.',
  },
  BUNDLE_NOT_SERVED: {
    message: '{endpoint} does not serve bundle {hash} (HTTP status {status}).',
    meaning: 'A Checker serves the bundles it wrote itself, until its seats may unbond.',
    fix: 'Ask the Checker that judged this round: its address is in the verdict, its endpoint in "kaisar chain seats".',
  },
  BUNDLE_OTHER: {
    message: '{endpoint} answered for bundle {hash} with bytes whose hash is {found}.',
    meaning:
      'The name of a bundle is the SHA-256 of its bytes, so bytes with another hash are another bundle, or a damaged one.',
    fix: 'Ask another seat of the committee; a Checker that serves other bytes proves nothing.',
    exit: 4,
  },
  BUNDLE_REFUTED: {
    message: 'The bundle does not verify at {step}: {detail}',
    meaning: 'A signature, a binding or a recomputed row in the bundle is not what it has to be.',
    fix: 'Do not rely on the verdict it stands for. Fetch the bundle again and compare its hash; if that is right, its Checker made it so.',
    exit: 4,
  },
})
