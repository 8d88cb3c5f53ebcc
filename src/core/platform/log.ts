/**
 * Logs with pino: one JSON object per line, or a readable line for people at a terminal. Every line passes the redactor. A logger is
 * always a parameter; there is no global one.
 */
import { pino } from 'pino'
import { createRedactor, type Redactor } from './redact.ts'

export type Logger = pino.Logger
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'

export type LoggerOptions = {
  readonly level: LogLevel
  /** Name of the process, e.g. `provider`. */
  readonly name?: string
  /** `json` for machines and files, `text` for a terminal. */
  readonly format: 'json' | 'text'
}

/** @param dependencies - `write` gets each finished line, with its newline */
export function createLogger(
  options: LoggerOptions,
  dependencies: { write: (line: string) => void; redactor?: Redactor },
): Logger {
  const redactor = dependencies.redactor ?? createRedactor()
  const render = options.format === 'text' ? readableLine : (line: string) => line
  return pino(
    {
      level: options.level,
      base: options.name === undefined ? {} : { name: options.name },
      messageKey: 'message',
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: (error: unknown) => redactor.fields({ error }).error },
      formatters: { level: level => ({ level }), log: fields => redactor.fields(fields) },
      hooks: { streamWrite: line => render(visibleLines(redactor.text(line))) },
    },
    { write: dependencies.write },
  )
}

/** The text with an escape in place of each control or invisible character, so that text of a peer cannot control the terminal. */
const visible = (text: string) =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, char =>
    char
      .split('')
      .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )

/** As {@link visible}, for text of several lines. */
const visibleLines = (text: string) => text.split('\n').map(visible).join('\n')

/** `12:34:56.789 warn  provider: message  key=value`, from the JSON line of pino. */
function readableLine(line: string): string {
  const { time, level, name, message, error, ...fields } = JSON.parse(line) as Record<string, unknown>
  const extra = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? visible(value) : visible(JSON.stringify(value))}`,
  )
  const problem =
    error === undefined ? [] : [`\n  ${visibleLines((error as { stack?: string }).stack ?? JSON.stringify(error))}`]
  const origin = name === undefined ? '' : `${name}: `
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${origin}${visible(String(message ?? ''))}${extra.length ? `  ${extra.join(' ')}` : ''}${problem.join('')}\n`
}
