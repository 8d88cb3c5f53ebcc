/**
 * The base error of the whole toolkit: a stable code, a sentence on what happened, and what to do about it.
 *
 * Each folder declares its errors once with {@link defineErrors}; the same declarations generate `docs/errors.md`. There are two kinds.
 * What an operator can mend has a fix. A refusal is what one end of a connection says of the other: a code and a sentence, on the wire too.
 */
import { printableLines } from './printable.ts'

/** 1 runtime failure · 2 usage · 3 precondition not met · 4 negative verdict · 130 interrupted. */
export type ExitCode = 1 | 2 | 3 | 4 | 130

export type ErrorDefinition = {
  /** One sentence on what happened, with the `{names}` of its parameters in it, or what makes one. */
  // biome-ignore lint/suspicious/noExplicitAny: the parameter type is inferred per definition by defineErrors
  readonly message: string | ((parameters: any) => string)
  /** Why it happens, for the troubleshooting page. */
  readonly meaning: string
} & (
  | {
      /** What the user does next. A parameter called `fix` replaces it where the cause is known better. */
      readonly fix: string
      /** Exit code of a command that ends with it; default 1, or 3 in {@link definePreconditions}. */
      readonly exit?: ExitCode
    }
  /** Between peers: nobody mends it. */
  | { readonly refusal: true }
)

/** The fix of every refusal. */
export const refusalFix =
  'Nothing to do: one end of a connection did not take what the other said, and both go on; a connection that ended is dialled again.'

/** An error as it is declared, with its defaults. */
type CataloguedError = {
  readonly meaning: string
  readonly fix: string
  readonly exit: ExitCode
  readonly isRefusal: boolean
}

export class KaisarError extends Error {
  override readonly name = 'KaisarError'
  readonly code: string
  /** Why it happens. */
  readonly meaning: string
  /** What to do about it. */
  readonly fix: string
  readonly exit: ExitCode
  readonly context: Readonly<Record<string, unknown>>

  constructor(message: string, options: Required<Omit<DescribedError, 'message'>> & { readonly cause?: unknown }) {
    // What a node, a peer or a tool said is part of many messages.
    super(printableLines(message), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code
    this.meaning = options.meaning
    this.fix = options.fix
    this.exit = options.exit
    this.context = options.context
  }

  /** The command that explains this error, without a network. */
  get help(): string {
    return `kaisar help ${this.code}`
  }
}

type Names<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never

/** What an error's message is made from. */
type ParametersOf<Message> = Message extends (parameters: infer Given) => string
  ? Given
  : { readonly [Name in Names<Message>]: string | number | bigint | readonly string[] }

type Factory<D extends ErrorDefinition> = (
  ...args: keyof ParametersOf<D['message']> extends never
    ? [parameters?: { cause?: unknown }]
    : [parameters: ParametersOf<D['message']> & { cause?: unknown; fix?: string }]
) => KaisarError

export type ErrorFactories<T extends Record<string, ErrorDefinition>> = { readonly [K in keyof T]: Factory<T[K]> }

/**
 * Declares a folder's errors.
 *
 * @example
 * export const chainErrors = defineErrors({
 *   RPC_UNREACHABLE: {
 *     message: 'No answer from {url}.',
 *     meaning: 'The JSON-RPC endpoint did not answer within its time limit.',
 *     fix: 'Check the URL given with --rpc-url, or start a devnet with "kaisar devnet up".',
 *     exit: 3,
 *   },
 * })
 * throw chainErrors.RPC_UNREACHABLE({ url, cause: error })
 */
export const defineErrors = <const T extends Record<string, ErrorDefinition>>(definitions: T) => declare(definitions, 1)

/** The same where most of a table say that something has to be there first: their exit code is 3. */
export const definePreconditions = <const T extends Record<string, ErrorDefinition>>(definitions: T) =>
  declare(definitions, 3)

function declare<T extends Record<string, ErrorDefinition>>(definitions: T, usualExit: ExitCode): ErrorFactories<T> {
  const factories: Record<string, (parameters?: Record<string, unknown>) => KaisarError> = {}
  for (const [code, definition] of Object.entries(definitions)) {
    const { message, meaning } = definition
    const { fix, exit = usualExit } = 'refusal' in definition ? { fix: refusalFix } : definition
    factories[code] = (parameters = {}) => {
      const { cause, ...context } = parameters
      // Where the cause is known, the caller gives a better fix than the general one.
      const own = typeof context.fix === 'string' ? context.fix : fix
      return new KaisarError(sentenceOf(message, context), { code, meaning, fix: own, exit, context, cause })
    }
    catalogue.set(code, { meaning, fix, exit, isRefusal: 'refusal' in definition })
  }
  return factories as ErrorFactories<T>
}

const sentenceOf = (message: ErrorDefinition['message'], context: Readonly<Record<string, unknown>>): string =>
  typeof message === 'string'
    ? message.replace(/\{(\w+)\}/g, (_, name: string) => textOf(context[name]))
    : message(context)

const textOf = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : String(value))

const catalogue = new Map<string, CataloguedError>()

/** Every error declared by the modules loaded so far, by code: what the troubleshooting page is generated from. */
export const errorCatalogue: ReadonlyMap<string, CataloguedError> = catalogue

/** Whether an unknown value is a toolkit error, optionally with this code. */
export const isKaisarError = (value: unknown, code?: string): value is KaisarError =>
  value instanceof KaisarError && (code === undefined || value.code === code)

/** Why a file or a socket failed: the system’s word where it has one, e.g. `ENOENT`. */
export const failureReason = (cause: unknown): string =>
  (cause as NodeJS.ErrnoException).code ?? (cause instanceof Error ? cause.message : String(cause))

/** What a step gives; where it throws, what `refuse` makes of that is thrown. */
export function orRefuse<R>(step: () => R, refuse: (cause: unknown) => Error): R {
  try {
    return step()
  } catch (cause) {
    throw refuse(cause)
  }
}

/** An error as data, for another thread, process or program. */
export type DescribedError = {
  readonly message: string
  readonly code?: string
  readonly meaning?: string
  readonly fix?: string
  readonly exit?: ExitCode
  readonly context?: Readonly<Record<string, unknown>>
}

export const describeError = (error: unknown): DescribedError => {
  if (!(error instanceof KaisarError)) return { message: error instanceof Error ? error.message : String(error) }
  const { message, code, meaning, fix, exit, context } = error
  return { message, code, meaning, fix, exit, context: { ...context } }
}

export const errorOf = ({ message, code, meaning = '', fix = '', exit = 1, context = {} }: DescribedError): Error =>
  code === undefined ? new Error(message) : new KaisarError(message, { code, meaning, fix, exit, context })
