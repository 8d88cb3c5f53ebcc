/**
 * A terminal line as data: spans of text, each with a tone. Frames are made of lines, so that what a dashboard shows can be
 * tested, measured and printed without a terminal. A tone only repeats what the text says: nothing is told by colour alone.
 */
export type Tone = 'plain' | 'strong' | 'dim' | 'good' | 'bad' | 'warn' | 'accent'
export type Span = { readonly text: string; readonly tone: Tone }
export type Line = readonly Span[]

/** What a frame has to fit into: columns and rows of the terminal. */
export type Size = { readonly columns: number; readonly rows: number }

export const span = (text: string, tone: Tone = 'plain'): Span => ({ text: singleWidth(text), tone })
export const blankLine: Line = []

export const lineText = (line: Line): string => line.map(({ text }) => text).join('')
export const lineWidth = (line: Line): number => line.reduce((width, { text }) => width + textWidth(text), 0)

/** Columns a text takes. Everything we print is one column per code point; {@link singleWidth} sees to it. */
export const textWidth = (text: string): number => [...text].length

/** Outside text (a card's name, a reason) made safe for a cell: control characters, wide and zero-width ones become `?`. */
export const singleWidth = (text: string): string =>
  text.replaceAll(/[\p{C}\p{M}\p{Extended_Pictographic}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/gu, '?')

/** Cuts a text to `width` columns; what was cut is shown by an ellipsis. */
export function cut(text: string, width: number): string {
  const points = [...text]
  if (points.length <= width) return text
  return width <= 0 ? '' : `${points.slice(0, width - 1).join('')}…`
}

export const padEnd = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - textWidth(text)))
export const padStart = (text: string, width: number): string => ' '.repeat(Math.max(0, width - textWidth(text))) + text

/** Cuts a line to `width` columns. */
export function cutLine(line: Line, width: number): Line {
  if (lineWidth(line) <= width) return line
  const kept: Span[] = []
  let left = width
  for (const { text, tone } of line) {
    if (left <= 0) break
    const isLast = textWidth(text) >= left
    const fitting = isLast ? cut(`${text} `, left) : text
    kept.push({ text: fitting, tone })
    left -= textWidth(fitting)
  }
  return kept
}

/**
 * A line as the lines of at most `width` columns that it takes, broken at spaces, the later ones below where its text begins: behind
 * its indent, or a label that two spaces set off. No word is cut; a wide one, such as a hash, begins further left.
 */
export function foldLine(line: Line, width: number): Line[] {
  const text = lineText(line)
  if (textWidth(text) <= width) return [line]
  const [label, indent] = /^( *)(?:\S+(?: \S+)* {2,})?/.exec(text)!
  const head = label.length > width / 2 ? indent!.length : label.length
  const widest = Math.max(...text.slice(head).split(' ').map(textWidth))
  const below = Math.max(0, Math.min(head, width - widest))
  const folded: Line[] = []
  let from = 0
  let gap = { at: head, length: 0 }
  for (const { index, 0: spaces } of text.slice(head).matchAll(/ +|$/g)) {
    const end = head + index
    const room = from === 0 ? width : width - below
    const until = text.slice(from, gap.at).trimEnd().length
    if (textWidth(text.slice(from, end)) > room && until > 0) {
      folded.push([...(from === 0 ? [] : [span(' '.repeat(below))]), ...sliceLine(line, from, from + until)])
      from = gap.at + gap.length
    }
    gap = { at: end, length: spaces.length }
  }
  return from === 0 ? [line] : [...folded, [span(' '.repeat(below)), ...sliceLine(line, from, text.length)]]
}

/** Part of a line, by positions in its text. */
function sliceLine(line: Line, from: number, to: number): Span[] {
  let at = 0
  return line.flatMap(({ text, tone }) => {
    const part = text.slice(Math.max(0, from - at), Math.max(0, to - at))
    at += text.length
    return part === '' ? [] : [{ text: part, tone }]
  })
}

/** A line with something at either end; the left part gives way where both do not fit. */
export function spread(left: Line, right: Line, width: number): Line {
  const room = width - lineWidth(right) - 1
  if (room <= 0) return cutLine(left, width)
  const fitted = cutLine(left, room)
  return [...fitted, span(' '.repeat(width - lineWidth(fitted) - lineWidth(right))), ...right]
}
