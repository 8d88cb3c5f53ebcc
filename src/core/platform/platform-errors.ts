import { defineErrors } from './errors.ts'

const meant = (suggestion?: string) => (suggestion ? ` Did you mean "${suggestion}"?` : '')

export const platformErrors = defineErrors({
  CONFIG_UNREADABLE: {
    message: ({ path, reason }: { path: string; reason: string }) =>
      `The configuration file ${path} cannot be read (${reason}).`,
    meaning: 'The file named by --config or KAISAR_CONFIG does not exist, or this user may not read it.',
    fix: 'Name a file that exists, or leave --config away to go without one.',
    exit: 2,
  },
  CONFIG_INVALID: {
    message: ({ path, line, column, reason }: { path: string; line: number; column: number; reason: string }) =>
      `The configuration file ${path} is not valid TOML at line ${line}, column ${column}: ${reason}`,
    meaning: 'The file is read as TOML before anything else happens; nothing was done.',
    fix: 'Correct that line; strings need quotes.',
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
    meaning: 'A context is written by "kaisar devnet up" and "kaisar chain deploy".',
    fix: 'Name one that exists with --context, or start a network with "kaisar devnet up".',
    exit: 3,
  },
  CONTEXT_INVALID: {
    message: ({ path }: { path: string }) => `The context file ${path} does not have the expected form.`,
    meaning: 'It was written by another version, or edited by hand.',
    fix: 'Remove the file and deploy or start the network again; it is written anew.',
    exit: 3,
  },
  CONTEXT_MISSING: {
    message: () => 'No network was given.',
    meaning: 'This command reads a chain, no devnet is running, and neither --context nor --rpc-url names one.',
    fix: 'Start one with "kaisar devnet up", or pass --context <name> or --rpc-url <url>.',
    exit: 3,
  },
  ADDRESS_INVALID: {
    message: ({ input }: { input: string }) => `"${input}" is not an address.`,
    meaning: 'An address is 0x and 40 hexadecimal digits.',
    fix: 'Copy it again, for example from "kaisar keys list".',
    exit: 2,
  },
  ADDRESS_MISTYPED: {
    message: ({ input }: { input: string }) => `${input} is no address as it is written: its checksum is wrong.`,
    meaning: 'Capital letters in an address are a checksum; a digit or a letter’s case was changed.',
    fix: 'Copy the address again from where it came. Do not correct it by hand.',
    exit: 2,
  },
  PROMPT_REFUSED: {
    message: ({ question, flag }: { question: string; flag: string }) =>
      `"${question}" cannot be asked here: pass ${flag}.`,
    meaning: 'A question needs a terminal: input or output is a pipe, or --json was given.',
    fix: 'Pass the flag named above; --help describes it.',
    exit: 2,
  },
  INTERRUPTED: {
    message: () => 'Interrupted.',
    meaning: 'A signal ended the command before it was done.',
    fix: 'Run it again; what was finished is kept.',
    exit: 130,
  },
  UNEXPECTED: {
    message: ({ reason }: { reason: string }) => `Something went wrong that kaisar did not foresee: ${reason}`,
    meaning: 'This is a defect of kaisar, or of the machine, that has no sentence of its own yet.',
    fix: 'Run it again with --log-level debug, and report what it prints.',
  },
})
