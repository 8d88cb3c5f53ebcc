/** What oclif throws, as errors of ours: one code, one exit code, one sentence, a fix. */
import { styleText } from 'node:util'
import type { Command } from '@oclif/core'
import { CLIError, ExitError, ModuleLoadError } from '@oclif/core/errors'
import { defineErrors, type ExitCode, isKaisarError, KaisarError } from '../core/platform/errors.ts'
import { nearestName } from '../core/platform/nearest-name.ts'
import { formatError } from '../core/platform/output.ts'
import { meant, platformErrors } from '../core/platform/platform-errors.ts'
import { createRedactor } from '../core/platform/redact.ts'

export const usageErrors = defineErrors({
  COMMAND_UNKNOWN: {
    message: ({ command, suggestion }: { command: string; suggestion: string | undefined }) =>
      `"${command}" is not a kaisar command.${meant(suggestion)}`,
    meaning: 'The words after "kaisar" name no command and no topic.',
    fix: 'Run "kaisar help" for the list.',
    exit: 2,
  },
  COMMAND_INCOMPLETE: {
    message: ({ topic, names }: { topic: string; names: readonly string[] }) =>
      `"kaisar ${topic}" needs one more word: ${names.map(name => `"kaisar ${name}"`).join(', ')}.`,
    meaning: 'The words name a topic, not a command; without --json its help is shown.',
    fix: 'Name one of the commands of the topic; --help lists them.',
    exit: 2,
  },
  FLAG_UNKNOWN: {
    message: ({ flags, suggestion }: { flags: readonly string[]; suggestion: string | undefined }) =>
      `Unknown flag ${flags.join(', ')}.${meant(suggestion)}`,
    meaning: 'The command does not have this flag; nothing was done.',
    fix: 'Run the command with --help for its flags.',
    exit: 2,
  },
  ARGUMENT_UNEXPECTED: {
    message: 'Unexpected argument {values}.',
    meaning: 'The command takes fewer arguments; a value with spaces needs quotes.',
    fix: 'Run the command with --help for its arguments.',
    exit: 2,
  },
  ARGUMENT_MISSING: {
    message: 'Missing argument {names}.',
    meaning: 'The command needs an argument that was left out, and cannot guess it.',
    fix: 'Run the command with --help for its arguments.',
    exit: 2,
  },
  USAGE_INVALID: {
    message: ({ reason }: { reason: string }) => reason,
    meaning: 'The flags or arguments do not fit together, or one has a value it cannot have; nothing was done.',
    fix: 'Run the command with --help for what it takes.',
    exit: 2,
  },
})

/** @param flags - the names of the flags of the command that failed, for a suggestion */
export function toKaisarError(error: unknown, flags: readonly string[] = []): KaisarError {
  if (error instanceof KaisarError) {
    // oclif writes its own words around what the parser of a flag throws.
    error.message = tidy(error.message)
    return error
  }
  if (error instanceof Error && error.message.startsWith('Parsing --')) {
    return usageErrors.USAGE_INVALID({ reason: tidy(error.message), cause: error })
  }
  if (isParseError(error, 'NonExistentFlagsError')) {
    const first = error.flags[0]?.replace(/^-+/, '').split('=')[0] ?? ''
    const nearest = nearestName(first, flags)
    return usageErrors.FLAG_UNKNOWN({ flags: error.flags, suggestion: nearest && `--${nearest}` })
  }
  if (isParseError(error, 'UnexpectedArgsError')) return usageErrors.ARGUMENT_UNEXPECTED({ values: error.args })
  if (isParseError(error, 'RequiredArgsError'))
    return usageErrors.ARGUMENT_MISSING({ names: error.args.map(argument => argument.name) })
  if (error instanceof CLIError && !(error instanceof ExitError) && !(error instanceof ModuleLoadError))
    return usageErrors.USAGE_INVALID({ reason: tidy(error.message), cause: error })
  if (isAbort(error)) return platformErrors.INTERRUPTED({ cause: error })
  return platformErrors.UNEXPECTED({ reason: error instanceof Error ? error.message : String(error), cause: error })
}

/** An error on stderr, in colours where it is a terminal. */
export function writeError(error: KaisarError, redact = createRedactor().text): void {
  const text = formatError(error, (style, part) => styleText(style, part, { stream: process.stderr }))
  process.stderr.write(`${redact(text)}\n`)
}

/** The exit code of anything thrown. */
export const exitCodeOf = (error: unknown): ExitCode | 0 =>
  error instanceof ExitError ? ((error.oclif.exit ?? 0) as ExitCode | 0) : toKaisarError(error).exit

/** The classes are not exported by oclif; their names and fields are its public behaviour. */
type ParseErrors = {
  NonExistentFlagsError: { flags: string[] }
  UnexpectedArgsError: { args: string[] }
  RequiredArgsError: { args: { name: string }[] }
}

const isParseError = <K extends keyof ParseErrors>(error: unknown, name: K): error is Error & ParseErrors[K] =>
  error instanceof CLIError && error.constructor.name === name

const isAbort = (error: unknown): boolean =>
  error instanceof Error && !isKaisarError(error) && (error.name === 'AbortError' || error.message === 'SIGINT')

const escapes = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** A message without oclif's frame and help hint, colours and line breaks. */
const tidy = (message: string): string =>
  message
    .replace(escapes, '')
    .replace(/\s*See more help with --help\s*$/, '')
    .replace(/^The following errors? occurred:\s*/, '')
    .replace(/^Parsing (--\S+)\s+/, '$1: ')
    .replace(/\s+/g, ' ')
    .trim()

/** Names of the flags a command takes. */
export const flagNames = (command: Pick<typeof Command, 'flags' | 'baseFlags'>): string[] =>
  Object.keys({ ...command.baseFlags, ...command.flags })
