import type { Column } from '../core/view/table-lines.ts'

/** Columns that a table may take. A pipe has no width: nothing is left out there. */
export const tableWidth = (): number => process.stdout.columns ?? Number.MAX_SAFE_INTEGER

/** A table of a command's text output, or the sentence that says why there is none. */
export async function printTable(
  log: (line: string) => void,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  empty: string,
): Promise<void> {
  const { lineText } = await import('../core/view/line.ts')
  const { tableLines } = await import('../core/view/table-lines.ts')
  if (rows.length === 0) return log(empty)
  for (const line of tableLines(columns, rows, { width: tableWidth() })) log(lineText(line))
}
