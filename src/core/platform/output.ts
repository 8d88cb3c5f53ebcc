/** Formats the output of commands: the JSON envelope for scripts, and the text of an error. Pure; commands do the writing. */
import type { KaisarError } from './errors.ts'

/** Raised only when a field changes its meaning. Otherwise fields are only added. */
const envelopeSchemaVersion = 1

type EnvelopeError = {
  /** Stable: scripts may compare it. */
  readonly code: string
  readonly message: string
  readonly meaning: string
  readonly fix: string
  /** The command that explains it. */
  readonly help: string
  readonly context: Readonly<Record<string, unknown>>
}

/** The shape of every `--json` answer. A failure may have `data` too, such as the findings of a negative verdict or of a doctor. */
export type Envelope = {
  readonly schemaVersion: number
  readonly success: boolean
  readonly data: unknown
  readonly errors: readonly EnvelopeError[]
  readonly warnings: readonly string[]
}

const envelope = (data: unknown, errors: readonly EnvelopeError[], warnings: readonly string[]): Envelope => ({
  ...{ schemaVersion: envelopeSchemaVersion, success: errors.length === 0 },
  ...{ data: data ?? null, errors, warnings },
})

export const successEnvelope = (data: unknown, warnings: readonly string[] = []): Envelope =>
  envelope(data, [], warnings)

export function failureEnvelope(error: KaisarError, warnings: readonly string[] = [], data?: unknown): Envelope {
  const { code, message, meaning, fix, help, context } = error
  return envelope(data, [{ code, message, meaning, fix, help, context }], warnings)
}

/** JSON on one line: bigint as a decimal string, and undefined as null. */
export const stringifyJson = (value: unknown): string =>
  JSON.stringify(value, (_key, field: unknown) => {
    if (typeof field === 'bigint') return field.toString()
    if (field instanceof Map) return Object.fromEntries(field)
    if (field instanceof Set) return [...field]
    return field === undefined ? null : field
  })

/**
 * An error as the user reads it: what happened, the reason, what to do, where to read on.
 *
 * @param error - the error
 * @param paint - gives a part of it the style of a terminal; without it the text is plain
 */
export function formatError(error: KaisarError, paint: Paint = (_, text) => text): string {
  return [
    `${paint('red', paint('bold', 'Error'))} ${paint('dim', `[${error.code}]`)} ${error.message}`,
    ...(error.meaning ? [`  Why  ${error.meaning}`] : []),
    `  Fix  ${error.fix}`,
    paint('dim', `  More ${error.help}`),
  ].join('\n')
}

type Paint = (style: 'bold' | 'red' | 'dim', text: string) => string

/** Whether a value of JSON, or of what is like it, has members by name. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value of a JSON text; undefined where it is none, as for a schema to refuse. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
