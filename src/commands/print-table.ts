/** A table of a command's text output. Prints nothing but the titles where there are no rows. */
export async function printTable(
  log: (line: string) => void,
  columns: readonly { readonly title: string; readonly align?: 'left' | 'right'; readonly rank?: number }[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  const { lineText } = await import('../core/platform/ui/line.ts')
  const { tableLines } = await import('../core/platform/ui/table-lines.ts')
  // A pipe has no width: nothing is left out there.
  const width = process.stdout.columns ?? Number.MAX_SAFE_INTEGER
  for (const line of tableLines(columns, rows, { width })) log(lineText(line))
}
