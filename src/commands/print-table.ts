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
  for (const line of tableTexts(columns, rows, tableWidth(), empty)) command.log(line)
}
