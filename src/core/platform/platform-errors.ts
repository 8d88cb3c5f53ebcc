import { defineErrors, definePreconditions } from './errors.ts'

export const meant = (suggestion?: string) => (suggestion ? ` Did you mean "${suggestion}"?` : '')

export const platformErrors = definePreconditions({
  CONFIG_UNREADABLE: {
    message: 'The configuration file {path} cannot be read ({reason}).',
    meaning: 'The file named by --config or KAISAR_CONFIG does not exist, or this user may not read it.',
    fix: 'Name a file that exists, or leave --config out to use none.',
    exit: 2,
  },
  CONFIG_INVALID: {
    message: 'The configuration file {path} is not valid TOML at line {line}, column {column}: {reason}',
    meaning: 'The configuration file is read before anything else, so nothing was done.',
    fix: 'Correct that line; strings need quotation marks.',
    exit: 2,
  },
  CONFIG_KEY_UNKNOWN: {
    message: ({ path, key, suggestion }: { path: string; key: string; suggestion?: string | undefined }) =>
      `No command knows the key "${key}" of ${path}.${meant(suggestion)}`,
    meaning: 'Keys are flag names without dashes in front; a table names a topic or a command.',
    fix: 'Correct or remove the key; "kaisar <command> --help" lists the flags.',
    exit: 2,
  },
  CONTEXT_UNKNOWN: {
    message: ({ name, known }: { name: string; known: readonly string[] }) =>
      `There is no context "${name}"${known.length ? `, only ${known.join(', ')}` : ''}.`,
    meaning: 'A context is written by "kaisar context add", "kaisar chain deploy" and "kaisar devnet up".',
    fix: 'Name one that exists with --context, or choose it for all commands with "kaisar context use".',
  },
  CONTEXT_INVALID: {
    message: 'The context file {path} does not have the expected form.',
    meaning: 'The file was written by another version, or edited by hand.',
    fix: 'Remove the file, then add the network again with "kaisar context add", or start the devnet again.',
  },
  CONTEXT_MISSING: {
    message: ({ known }: { known: readonly string[] }) =>
      known.length === 0
        ? 'No network was given, and none is known here.'
        : `No network was given, and ${known.length} are known: ${known.join(', ')}.`,
    meaning: 'This command reads a chain. No devnet is running, and neither --context nor --rpc-url names a network.',
    fix: 'Make one known with "kaisar context add <name> --from <deployment file>", or start one with "kaisar devnet up"; choose among several with "kaisar context use <name>", for one command with --context.',
  },
  CONTEXT_EXISTS: {
    message: 'There is a context "{name}" already, of chain {chainId}.',
    meaning: 'A context holds the addresses of a network; it is never overwritten by another network’s.',
    fix: 'Choose another name, or remove that one with "kaisar context remove" first.',
  },
  CONTEXT_NAME_INVALID: {
    message: '"{name}" cannot be the name of a context.',
    meaning: 'Names are file names: 1 to 64 of a-z, 0-9 and "-", starting with a letter or digit.',
    fix: 'Choose such a name, for example "mainnet".',
    exit: 2,
  },
  CONTEXT_DEVNET_RUNNING: {
    message: 'The devnet "{name}" is running.',
    meaning: 'The devnet’s processes and every other command find it by this context.',
    fix: 'Stop it with "kaisar devnet down", which removes the context too.',
  },
  ADDRESS_INVALID: {
    message: '"{input}" is not an address.',
    meaning: 'An address is 0x and 40 hexadecimal digits.',
    fix: 'Copy the address again, for example from "kaisar keys list".',
    exit: 2,
  },
  ADDRESS_MISTYPED: {
    message: 'The checksum of the address {input} is wrong.',
    meaning: 'The capital letters of an address are a checksum. A digit, or the case of a letter, was changed.',
    fix: 'Copy the address again from where it came. Do not correct it by hand.',
    exit: 2,
  },
  PROMPT_REFUSED: {
    message: 'The question "{question}" needs a terminal: pass {flag}.',
    meaning: 'Input or output is a pipe, or --json was given, so nothing can be asked.',
    fix: 'Pass the flag that the message names; --help describes it.',
    exit: 2,
  },
  INTERRUPTED: {
    message: 'Interrupted.',
    meaning: 'A signal ended the command before it was done.',
    fix: 'Run the command again; what was finished is kept.',
    exit: 130,
  },
  UNEXPECTED: {
    message: 'kaisar did not foresee this error: {reason}',
    meaning: 'A defect of kaisar or of the machine, for which there is no error of its own yet.',
    fix: 'Run the command again with --log-level debug, and report what it prints.',
    exit: 1,
  },
})

export const processErrors = defineErrors({
  PROCESS_NOT_STARTED: {
    message: '{name} could not be started ({command}: {reason}).',
    meaning: 'The program is missing, is not executable, or the machine is out of processes or memory.',
    fix: 'Check that the program is there and executable. "npm ci" installs every program that kaisar starts.',
  },
  PORT_IN_USE: {
    message: 'Port {port} on {host} is in use.',
    meaning: 'Another process listens on that port, perhaps an older kaisar.',
    fix: 'Choose another port, or 0 for any free one.',
    exit: 3,
  },
})
