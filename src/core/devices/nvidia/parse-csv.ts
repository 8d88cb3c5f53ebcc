/** `nvidia-smi --query-gpu=… --format=csv[,noheader][,nounits]`. */
export type NvidiaCsv = {
  /** Column names without units; null where the file has no header line and no command tells them. */
  readonly columns: readonly string[] | null
  readonly rows: readonly (readonly string[])[]
  /** The last row, where the text ends inside it. */
  readonly cut: readonly string[] | null
}

/** `memory.total [MiB]` is the column `memory.total`; its unit is again in each cell, or known. */
const columnName = (header: string): string =>
  header
    .replace(/\[[^\]]*\]/g, '')
    .trim()
    .toLowerCase()

/** Process names may hold commas; nothing else does, and those columns are not asked for. */
const splitRow = (line: string): string[] => line.split(',').map(cell => cell.trim())

const isHeader = (cells: readonly string[]): boolean =>
  cells.length > 0 &&
  cells.every(cell => /^[a-z][a-z0-9_.]*(?:\s*\[[^\]]+\])?$/i.test(cell)) &&
  cells.some(cell =>
    /^(?:name|gpu_name|uuid|gpu_uuid|index|count|serial|driver_version|timestamp|pstate|[a-z_]+\.[a-z_.0-9]+)\b/i.test(
      cell,
    ),
  )

/** The `--query-gpu=a,b,c` of a command line, or null. */
export const queriedColumns = (command: string | null): readonly string[] | null =>
  /--query-gpu[= ]([^\s]+)/
    .exec(command ?? '')?.[1]
    ?.split(',')
    .map(columnName) ?? null

/** Lines that are rows of a table: at least two cells, or cells in brackets; sentences are not. */
const isRow = (line: string): boolean => line.includes(',') && !/[.:]\s*$/.test(line) && line.length < 65_536

export function parseNvidiaCsv(text: string, command: string | null): NvidiaCsv {
  const lines = text
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(isRow)
    .map(splitRow)
  const headerAt = lines.findIndex(isHeader)
  const columns = headerAt >= 0 ? lines[headerAt]!.map(columnName) : queriedColumns(command)
  const candidates = headerAt >= 0 ? lines.slice(headerAt + 1) : lines
  const width = columns?.length ?? candidates[0]?.length ?? 0
  // Lists of processes, accounted processes and retired pages name cards too, once per entry.
  if (columns?.some(column => ['pid', 'retired_pages.cause', 'retired_pages.address'].includes(column)))
    return { columns, rows: [], cut: null }
  const last = splitRow(text.slice(text.lastIndexOf('\n') + 1).trim())
  const isCut = columns !== null && last.length < width && last[0] !== '' && last.every(cell => plainCell.test(cell))
  return {
    columns,
    rows: candidates.filter(cells => cells.length === width && !isHeader(cells)),
    cut: isCut ? last : null,
  }
}

const plainCell = /^(?:\[[^\]]+\]|n\/a|(?:0x)?[0-9a-f]+|-?\d+(?:\.\d+)?(?:\s*[a-z%/]+)?|[a-z0-9][\w .()/+:-]*|)$/i

/** Whether a text without header looks like rows of nvidia-smi cells: equal widths, short cells, something numeric or bracketed. */
export function looksLikeCsv(text: string): boolean {
  const all = text
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(line => line !== '')
  // Complaints stand before the rows and have no commas.
  const lines = all.some(line => line.includes(',')) ? all.filter(line => line.includes(',')) : all
  if (lines.length === 0 || lines.length > 512) return false
  const rows = lines.map(splitRow)
  if (rows.some(isHeader)) return true
  const width = rows[0]!.length
  return (
    width >= 2 &&
    rows.every(cells => cells.length === width && cells.every(cell => cell.length < 128 && plainCell.test(cell))) &&
    rows[0]!.some(cell => /^\[.*\]$|^\d+(?:\.\d+)?(?:\s*(?:MiB|MHz|W|%|C))?$/i.test(cell))
  )
}
