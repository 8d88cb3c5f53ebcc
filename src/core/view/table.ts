import { shortHex } from './figures.ts'
import {
  cut,
  type Line,
  lineText,
  padEnd,
  padStart,
  type Span,
  singleWidth,
  span,
  type Tone,
  textWidth,
} from './line.ts'

export type TableCell = string | number | bigint | { readonly text: string; readonly tone: Tone }

export type Column<T> = {
  readonly title: string
  readonly cell: (row: T) => TableCell
  /** Numbers stand at the right. */
  readonly numeric?: boolean
  /** Columns with a rank are dropped when the table is too wide, the highest rank first. */
  readonly rank?: number
  /** Ids and addresses: where the table is too wide they are shortened, the last column first, before any other is cut. */
  readonly isHex?: boolean
  /** A column with a least width is cut down to it before any column is dropped. */
  readonly least?: number
}

const gap = 2
/** What a column of words is cut down to at most. */
const leastWords = 6

/**
 * Rows of cells as lines of at most `width` columns, the titles first. A table that is too wide first shortens ids, then cuts the
 * columns that may be cut, then drops columns by rank; where all that is not enough it cuts words, but no number and no id. One that has
 * more than `most` rows ends with a line that says how many are left out.
 */
export function tableLines<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  { width, most = rows.length }: { readonly width: number; readonly most?: number },
): Line[] {
  if (most <= 0) return []
  const shown = rows
    .slice(0, rows.length <= most ? most : Math.max(0, most - 1))
    .map(row => columns.map(({ cell }) => spanOf(cell(row))))
  const left = rows.length - shown.length
  const short = new Set<number>()
  const cellText = (cells: readonly Span[], at: number) => (short.has(at) ? shortHex(cells[at]!.text) : cells[at]!.text)
  const widthOf = ({ title }: Column<T>, at: number) =>
    Math.max(textWidth(title), ...shown.map(cells => textWidth(cellText(cells, at))))
  let kept = columns.map((column, at) => ({ column, at, width: widthOf(column, at) }))
  const total = () => kept.reduce((sum, { width }) => sum + width, 0) + gap * (kept.length - 1)
  for (const { at } of kept.filter(({ column }) => column.isHex).toReversed()) {
    if (total() <= width) break
    short.add(at)
    kept = kept.map(entry => (entry.at === at ? { ...entry, width: widthOf(entry.column, at) } : entry))
  }
  /** Takes a column from the widest that may still be cut. */
  const cutWidest = (leastOf: (column: Column<T>, width: number) => number): boolean => {
    const shrinkable = kept.filter(({ column, width }) => width > leastOf(column, width))
    const widest = shrinkable.sort((a, b) => b.width - a.width)[0]
    if (widest !== undefined)
      kept = kept.map(entry => (entry.at === widest.at ? { ...entry, width: entry.width - 1 } : entry))
    return widest !== undefined
  }
  while (total() > width) {
    if (cutWidest(({ least }, own) => least ?? own)) continue
    const dropped = kept
      .filter(({ column }) => (column.rank ?? 0) > 0)
      .sort((a, b) => b.column.rank! - a.column.rank!)[0]
    if (dropped === undefined) {
      if (cutWidest(({ numeric, isHex }, own) => (numeric || isHex ? own : leastWords))) continue
      break
    }
    kept = kept
      .filter(({ at }) => at !== dropped.at)
      .map(entry => ({ ...entry, width: widthOf(entry.column, entry.at) }))
  }
  const lineOf = (cells: readonly Span[]): Line =>
    kept.map(({ column, at, width }, i): Span => {
      const text = cut(singleWidth(cellText(cells, at)), width)
      const isLast = i === kept.length - 1
      const padded = column.numeric ? padStart(text, width) : isLast ? text : padEnd(text, width)
      return span(isLast ? padded : padded + ' '.repeat(gap), cells[at]!.tone)
    })
  return [
    lineOf(columns.map(({ title }) => span(title, 'dim'))),
    ...shown.map(lineOf),
    ...(left > 0 ? [[span(`… and ${left} more`, 'dim')]] : []),
  ]
}

/** A table as plain text, or the sentence that says why there is none. */
export const tableTexts = <T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  width: number,
  empty: string,
): string[] => (rows.length === 0 ? [empty] : tableLines(columns, rows, { width }).map(lineText))

const spanOf = (cell: TableCell): Span => (typeof cell === 'object' ? cell : { text: String(cell), tone: 'plain' })
