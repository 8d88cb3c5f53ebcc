/**
 * Keeps secrets out of logs and results: values of fields with secret-sounding names, values that are known to be secret wherever they
 * appear, and the parts of a URL that can carry a key (user info, path, query).
 */
export type Redactor = ReturnType<typeof createRedactor>

export function createRedactor() {
  const secrets = new Set<string>()
  const add = (secret: string) => {
    if (secret.length < 6) return
    secrets.add(secret).add(JSON.stringify(secret).slice(1, -1))
    if (secret.startsWith('0x')) secrets.add(secret.slice(2))
  }
  const without = (line: string, minLength: number) => {
    let result = line
    // The longest secret comes first, so that no part of it is left when a shorter one is contained in it.
    for (const secret of [...secrets].sort((a, b) => b.length - a.length))
      if (secret.length >= minLength) result = result.replaceAll(secret, removed)
    return result
  }
  return {
    /**
     * Removes this value (a private key, a password) wherever it appears from now on, also as JSON escapes it. A value of fewer than 6
     * characters is not removed: holes in ordinary words would reveal it.
     */
    add,
    /** Adds the parts of an RPC URL that can be a key: its password, and parts of path and query with 16 characters or more. */
    addUrl: (given: string): void => {
      const [, password] = /^\w+:\/\/[^/@]*?:([^/]*)@/.exec(given) ?? []
      if (password !== undefined) add(password)
      for (const part of given.replace(/^\w+:\/\/[^/?#]*/, '').split(/[/?#&=]/)) if (part.length >= 16) add(part)
    },
    /** A result of a command, without known secrets of 16 characters or more. URLs in it are answers and stay, and shorter secrets may be words of it. */
    result: (line: string): string => without(line, 16),
    /** A copy of a logged object with the values of secret-sounding fields replaced. */
    fields: (value: Readonly<Record<string, unknown>>): Record<string, unknown> =>
      redactFields(value, 0) as Record<string, unknown>,
    /** A finished line, without known secrets and without the private parts of URLs. */
    text: (line: string): string => without(line.replace(url, redactUrl), 0),
  }
}

const removed = '[redacted]'
const secretName =
  /(private_?key|secret(?!_?hash)|seed(?!_?hash)|salt(?!_?hash)|password|passphrase|mnemonic|authorization|cookie|api_?key|ciphertext)$/i
const url = /\b(https?|wss?):\/\/([^\s"'<>\\/?#]+)([^\s"'<>\\),]*)/gi
const maxDepth = 8

function redactUrl(_match: string, scheme: string, authority: string, rest: string): string {
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  return `${scheme}://${host}${rest.length > 1 ? '/…' : rest}`
}

function redactFields(value: unknown, depth: number): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return '[deeper]'
  if (value instanceof Uint8Array) return `[${value.length} bytes]`
  if (value instanceof Error) return redactError(value, depth)
  if (Array.isArray(value)) return value.map(item => redactFields(item, depth + 1))
  if (value instanceof Map || value instanceof Set) return redactFields([...value], depth)
  if (value instanceof URL || value instanceof Date) return String(value instanceof Date ? value.toISOString() : value)
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      secretName.test(name) && field != null ? removed : redactFields(field, depth + 1),
    ]),
  )
}

/** An error as fields, with its stack; `JSON.stringify` alone would drop its message. */
function redactError(error: Error, depth: number): unknown {
  const own = redactFields({ ...error }, depth + 1) as Record<string, unknown>
  const cause = error.cause === undefined ? {} : { cause: redactFields(error.cause, depth + 1) }
  return { ...own, type: error.name, message: error.message, stack: error.stack, ...cause }
}
