import { isObject, parseJson } from '../platform/output.ts'

/** Repairs what Python-based tools print and JSON has not. */
const python: readonly (readonly [RegExp, string])[] = [
  [/\bNaN\b/g, 'null'],
  [/-?\bInfinity\b/g, 'null'],
  [/,(\s*[}\]])/g, '$1'],
]

/** Undefined where it is none even so: a document is an object or a list. */
const parse = (text: string): unknown =>
  parseJson(text) ?? parseJson(python.reduce((fixed, [from, to]) => fixed.replace(from, to), text))

/** The entries of a list, of the list that an object has under this name, or of what is alone. */
export const entriesIn = (value: unknown, name: string): readonly unknown[] =>
  isObject(value) && Array.isArray(value[name]) ? value[name] : Array.isArray(value) ? value : [value]

/** The document that starts at `start`, and its end (exclusive); of one that is cut off, its whole entries with the brackets closed, and -1. */
function documentAt(text: string, start: number): { readonly json: string; readonly end: number } {
  const open: string[] = []
  let inString = false
  let safe = -1
  let closers = ''
  const mark = (at: number) => {
    safe = at
    closers = open.toReversed().join('')
  }
  for (let at = start; at < text.length; at++) {
    const character = text[at]
    if (inString) {
      if (character === '\\') at++
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{' || character === '[') {
      open.push(character === '{' ? '}' : ']')
      if (open.length > 64) break
    } else if (character === '}' || character === ']') {
      open.pop()
      if (open.length === 0) return { json: text.slice(start, at + 1), end: at + 1 }
      mark(at + 1)
    } else if (character === ',') mark(at)
  }
  return { json: safe < 0 ? '' : text.slice(start, safe) + closers, end: -1 }
}

/**
 * Finds the JSON in a tool's output: warnings may stand before, after and between; several documents may follow each other.
 * `rest`: what is not JSON, messages. `truncated`: a document began and did not end, or is broken inside.
 */
export function findJsonDocuments(text: string) {
  const values: unknown[] = []
  let rest = ''
  let at = 0
  let truncated = false
  let misses = 0
  while (at < text.length && misses < 64 && values.length < 1024) {
    // A document starts a line; brackets inside a log line ("[drm]", "[N/A]") do not.
    const match = /^[ \t]*([[{])\s*(?=["{[\]}]|$)/m.exec(text.slice(at))
    if (!match) break
    const start = at + match.index + match[0].indexOf(match[1]!)
    const { json, end } = documentAt(text, start)
    rest += text.slice(at, start)
    const parsed = parse(json)
    if (parsed && end >= 0) {
      values.push(parsed)
      at = end
    } else if (parsed) {
      // Cut off: what is whole of it, and nothing can follow.
      return { values: [...values, parsed], rest, truncated: true }
    } else {
      misses++
      truncated = true
      // The rest of this line is not a document; look again behind it.
      const next = text.indexOf('\n', start)
      rest += text.slice(start, next < 0 ? text.length : next + 1)
      at = next < 0 ? text.length : next + 1
    }
  }
  rest += text.slice(at)
  // Members and brackets outside of a document: one of them was closed too early.
  return { values, rest, truncated: truncated || (values.length > 0 && /^\s*(?:"[^"]*"\s*:|[}\]],?\s*$)/m.test(rest)) }
}
