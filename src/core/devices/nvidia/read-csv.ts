import { pciAddressOf, readCell } from '../cell.ts'
import { memoryFits } from '../class-table.ts'
import { type ObservedDevice, observedDevice } from '../observation.ts'
import { failedCells, isVirtualSliceName, readNvidiaDevice } from './read-device.ts'

/** The cards of `nvidia-smi --query-gpu=… --format=csv[,noheader][,nounits]`; null where the text is no such table. */
export function readNvidiaCsv(text: string, command: string | null): ObservedDevice[] | null {
  if (!queriedColumns(command) && !looksLikeCsv(text)) return null
  const { columns, rows, cut } = rowsOf(text, command)
  const devices = rows.map((cells, index) =>
    columns ? readRow(columns, cells, index) : { ...readUnlabelledRow(cells), index },
  )
  if (columns && cut) {
    const device = readRow(columns.slice(0, cut.length - 1), cut, rows.length)
    const detail = cut.join(', ').slice(0, 200)
    devices.push({ ...device, faults: [{ code: 'GPU_RECORD_INCOMPLETE', detail }] })
  }
  return devices
}

function readRow(columns: readonly string[], cells: readonly string[], index: number): ObservedDevice {
  const leaves = columns.map((name, at) => ({ name, text: cells[at] ?? '', children: [] }))
  const row = { name: 'gpu', text: null, children: leaves }
  return readNvidiaDevice(row, { busId: null, index, log: row, listing: 'query' })
}

type Rows = {
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
const queriedColumns = (command: string | null): readonly string[] | null =>
  /--query-gpu[= ]([^\s]+)/
    .exec(command ?? '')?.[1]
    ?.split(',')
    .map(columnName) ?? null

/** Lines that are rows of a table: at least two cells, or cells in brackets; sentences are not. */
const isRow = (line: string): boolean => line.includes(',') && !/[.:]\s*$/.test(line) && line.length < 65_536

function rowsOf(text: string, command: string | null): Rows {
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
function looksLikeCsv(text: string): boolean {
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

/**
 * A row without column names: only what can be told from a cell alone. A name, a UUID and a PCI address have a form of
 * their own; a bare number is the memory size only where it is one the named model has.
 */
function readUnlabelledRow(cells: readonly string[]): ObservedDevice {
  const values = cells.map(cell => {
    const read = readCell(cell)
    return read.kind === 'value' ? read.text : null
  })
  const find = (fits: (value: string) => boolean): string | null =>
    values.find((value): value is string => value !== null && fits(value)) ?? null
  const uuid = find(value => /^(?:GPU|MIG)-[0-9a-f]{8}-/i.test(value))
  const pciBusId = find(value => pciAddressOf(value) !== null && value.includes(':'))
  const name = find(
    value =>
      value !== uuid &&
      value !== pciBusId &&
      /[a-z]{2}/i.test(value) &&
      !/^[\d.]+\s*[a-z%/]+$/i.test(value) &&
      !/^P\d+$/.test(value) &&
      !/^(?:enabled|disabled|default|not active|active|yes|no|none)$/i.test(value),
  )
  const sizes = values.flatMap(value =>
    value !== null && /^\d+(?:\s*MiB)?$/i.test(value) ? [Number.parseInt(value, 10)] : [],
  )
  return observedDevice({
    vendor: 'nvidia',
    listing: 'query',
    name,
    uuid,
    pciBusId: pciAddressOf(pciBusId),
    memoryMiB: (name && sizes.find(size => memoryFits(name, size) === true)) || null,
    vgpu: isVirtualSliceName(name),
    faults: [
      ...failedCells(cells.map((text, at) => ({ path: [`column ${at + 1}`], text }))),
      ...(name === null && uuid === null && pciBusId === null
        ? [{ code: 'GPU_OUTPUT_UNLABELLED', detail: cells.join(', ').slice(0, 200) }]
        : []),
    ],
  })
}
