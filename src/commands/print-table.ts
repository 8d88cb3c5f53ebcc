import type { Column } from '../core/view/table.ts'

/** Columns that a table may take. A pipe has no width: nothing is left out there. */
export const tableWidth = (): number => process.stdout.columns ?? Number.MAX_SAFE_INTEGER

/** A table of a command's text output, or the sentence that says why there is none. */
export async function printTable<T>(
  command: { log(line: string): void },
  columns: readonly Column<T>[],
  rows: readonly T[],
  empty: string,
): Promise<void> {
  const { tableTexts } = await import('../core/view/table.ts')
  await printLines(command, tableTexts(columns, rows, tableWidth(), empty))
}

/** Lines of a command's text output, folded where the terminal is narrower. */
export async function printLines(command: { log(line: string): void }, lines: readonly string[]): Promise<void> {
  const { foldLine, lineText } = await import('../core/view/line.ts')
  for (const text of lines)
    for (const line of foldLine([{ text, tone: 'plain' }], tableWidth())) command.log(lineText(line))
}
