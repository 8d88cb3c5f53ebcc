import { integerOf } from '../cell.ts'
import type { SeenFault } from '../observation.ts'

/** rocm-smi without `--json`, as what its JSON would be: `card0`, `card1`, … with the same keys. */
export type RocmText = {
  readonly document: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** What the text says is wrong with a card, by its number. */
  readonly faults: readonly (SeenFault & { readonly index: number })[]
}

const line = /^GPU\[(\d{1,3})\]\s*:\s*([^:]{1,80}?)\s*:\s*(.*?)\s*$/
const complaint = /^ERROR:.*?GPU\[(\d{1,3})\]\s*:\s*(.*?)\s*$/
/** `GPU  Temp  AvgPwr … VRAM%  GPU%`, since ROCm 6 `Device  Node  IDs  Temp  Power  Partitions … VRAM%  GPU%`. */
const conciseHeading = /^(?:GPU|Device)\s.*\bTemp\b.*\bVRAM%/

export function readRocmText(text: string): RocmText | null {
  const cards: Record<string, Record<string, string>> = {}
  const faults: (SeenFault & { index: number })[] = []
  const add = (index: number, values: Record<string, string>) => {
    cards[`card${index}`] = { ...cards[`card${index}`], ...values }
  }
  let concise: 'heading' | 'rows' | null = null
  for (const full of text.split(/\r?\n/)) {
    const row = full.slice(0, 512)
    const said = line.exec(row)
    if (said) add(Number(said[1]), { [said[2]!]: said[3]! })
    const failed = complaint.exec(row)
    // What a card does not have is no failure of it.
    if (failed && !/not (?:supported|available|implemented)/i.test(failed[2]!)) {
      const index = Number(failed[1])
      add(index, {})
      if (!faults.some(fault => fault.index === index))
        faults.push({ code: 'GPU_READING_FAILED', detail: row.trim().slice(0, 200), index })
    }
    if (conciseHeading.test(row)) concise = 'heading'
    else if (concise && /^\d{1,3}\s/.test(row)) {
      concise = 'rows'
      readConciseRow(row, add, faults)
    } else if (concise === 'rows' && /^=+/.test(row)) concise = null
  }
  return Object.keys(cards).length > 0 ? { document: cards, faults } : null
}

/** The table for people: that a card is there, and whether it answered. Its columns move between versions. */
function readConciseRow(
  row: string,
  add: (index: number, values: Record<string, string>) => void,
  faults: (SeenFault & { index: number })[],
): void {
  const index = integerOf(/^\d+/.exec(row)?.[0]) ?? 0
  const deviceId = /\s(0x[0-9a-f]{4}),/.exec(row)?.[1]
  const partition = /\s(?:N\/A|NPS\d),\s*(N\/A|[A-Z]{3}),\s*(\d+)\s/.exec(row)
  add(index, {
    ...(deviceId ? { 'Device ID': deviceId } : {}),
    ...(partition ? { 'Compute Partition': partition[1]!, 'Partition ID': partition[2]! } : {}),
  })
  // A card that hangs has clocks of None and a performance level that is unknown.
  if (!/\bunknown\b/i.test(row) && (row.match(/\bNone\b/g)?.length ?? 0) < 2) return
  const known = faults.findIndex(fault => fault.index === index)
  const fault = { code: 'GPU_NOT_ANSWERING', detail: row.trim().replace(/\s+/g, ' ').slice(0, 200), index }
  if (known < 0) faults.push(fault)
  else faults[known] = { ...fault, detail: `${fault.detail}; ${faults[known]!.detail}`.slice(0, 300) }
}

/** Cells of a line of comma-separated values; quotes hold commas. */
const cellsOf = (row: string): string[] =>
  [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => (quoted ?? plain ?? '').trim())

/** `rocm-smi --csv` (`device,…` with `card0`) and `amd-smi … --csv` (`gpu,…` with a number), as JSON documents. */
export function amdCsvToDocuments(text: string): readonly unknown[] | null {
  const rows = text.split(/\r?\n/).filter(row => row.includes(','))
  const documents: unknown[] = []
  let columns: readonly string[] | null = null
  for (const row of rows.slice(0, 4096)) {
    const cells = cellsOf(row)
    if (/^(?:device|gpu)$/i.test(cells[0] ?? '')) columns = cells
    else if (columns && /^(?:card ?)?\d+$/i.test(cells[0] ?? '')) {
      const values = Object.fromEntries(columns.slice(1).map((column, at) => [column, cells[at + 1] ?? '']))
      documents.push(
        /^card/i.test(cells[0]!)
          ? { [cells[0]!]: values }
          : [{ gpu: Number(cells[0]), ...values, ...(values.size ? { vram: { size: values.size } } : {}), bus: {} }],
      )
    }
  }
  return documents.length > 0 ? documents : null
}
