import { open, readdir, stat } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { analyseHost } from './analyse-host.ts'
import { gpuErrors } from './errors.ts'
import { decodeUtf8 } from './host.ts'
import { makeFault } from './make-fault.ts'
import type { Capture, Observation } from './observation.ts'
import { maxCaptureBytes, observeCapture } from './observe-capture.ts'
import type { Fault, Note, ProbeResult } from './probed-device.ts'

export type RecordingAnalysis = ProbeResult & {
  /** What was recognised, per file: `nvidia-xml`, `amd-json`, `failure-text`, `unknown` … */
  readonly files: readonly { readonly file: string; readonly formats: readonly string[] }[]
}

const maxFiles = 1_000

/** Reads recorded output of any known tool, from one file or from every file of a folder, as `provider doctor` would live. */
export async function analyseRecording(path: string): Promise<RecordingAnalysis> {
  const found = await stat(path).catch(cause => {
    throw gpuErrors.GPU_RECORDING_NOT_FOUND({ path, cause })
  })
  const files = found.isDirectory() ? await filesBelow(path) : [path]
  const read = await Promise.all(
    files.map(async file => ({
      name: found.isDirectory() ? relative(path, file) : basename(file),
      ...(await readBounded(file)),
    })),
  )
  if (read.length === 0) throw gpuErrors.GPU_RECORDING_EMPTY({ path })
  return analyseTexts(read)
}

export type RecordedText = {
  readonly name: string
  readonly text: string
  readonly tooLarge?: boolean
  readonly invalidUtf8?: boolean
}

/** The same for texts already in memory. */
export function analyseTexts(texts: readonly RecordedText[]): RecordingAnalysis {
  const observations: Observation[] = []
  const files: RecordingAnalysis['files'][number][] = []
  const faults: Fault[] = []
  const notes: Note[] = []
  const several = texts.length > 1
  const said = (name: string, detail: string) => (several ? `${name}: ${detail}` : detail)
  for (const { name, text, tooLarge, invalidUtf8 } of texts) {
    const whole = { source: name, host: name, command: null, text }
    const seen = tooLarge ? [] : splitCaptures(whole).flatMap(observeCapture)
    const useful = seen.filter(({ format }) => format !== 'unknown')
    const formats = new Set(tooLarge ? ['oversized'] : useful.map(({ format }) => format))
    files.push({ file: name, formats: formats.size > 0 ? [...formats] : ['unknown'] })
    observations.push(...useful)
    if (tooLarge)
      faults.push(makeFault('GPU_OUTPUT_TOO_LARGE', { detail: said(name, `more than ${maxCaptureBytes} bytes`) }))
    else if (useful.length === 0 && several)
      notes.push({ code: 'GPU_FILE_IGNORED', device: null, detail: said(name, 'no known format') })
    else if (useful.length === 0)
      faults.push(
        makeFault('GPU_OUTPUT_UNREADABLE', { detail: text.trim() === '' ? 'the file is empty' : 'no known format' }),
      )
    if (invalidUtf8)
      notes.push({
        code: 'GPU_OUTPUT_NOT_UTF8',
        device: null,
        detail: said(name, 'bytes that are not UTF-8 were replaced'),
      })
  }
  // A folder of which nothing can be read is what one such file is.
  if (observations.length === 0 && faults.length === 0)
    faults.push(makeFault('GPU_OUTPUT_UNREADABLE', { detail: `no known format in ${texts.length} files` }))
  const result = analyseHost(observations, { machine: null, nameSources: several })
  const ignored = notes.some(({ code }) => code === 'GPU_FILE_IGNORED')
  return {
    ...result,
    state:
      result.devices.length === 0 && faults.some(({ critical }) => critical)
        ? 'unreadable'
        : // What a file that was not read says, nobody knows.
          result.state === 'absent' && ignored
          ? 'unknown'
          : result.state,
    faults: [...faults, ...result.faults],
    notes: [...notes, ...result.notes],
    files,
  }
}

async function readBounded(path: string): Promise<Omit<RecordedText, 'name'>> {
  const file = await open(path, 'r').catch(cause => {
    throw gpuErrors.GPU_RECORDING_NOT_FOUND({ path, cause })
  })
  try {
    const { size } = await file.stat()
    if (size > maxCaptureBytes) return { text: '', tooLarge: true }
    const bytes = await file.readFile()
    // Windows PowerShell redirects as UTF-16 with a byte order mark.
    if (bytes[0] === 0xff && bytes[1] === 0xfe) return { text: bytes.subarray(2).toString('utf16le') }
    const { text, invalid } = decodeUtf8(bytes)
    return { text, invalidUtf8: invalid }
  } finally {
    await file.close()
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true })
  return entries
    .filter(entry => entry.isFile() && !entry.name.startsWith('.'))
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
    .slice(0, maxFiles)
}

/** A command echoed before its output: `# $ nvidia-smi -q` in capture files, `$ nvidia-smi`, `root@host:~# nvidia-smi` in pastes. */
const captured = /^#\s*\$\s*(\S.*?)\s*$/
const prompted =
  /^(?:\S{0,64}[$#>]|\[[^\]]{1,64}\][$#])\s*((?:sudo\s+)?(?:nvidia-smi|amd-smi|rocm-smi|xpu-smi|dmesg|journalctl|lspci|cat\s+\/proc\/driver)\b.*?)\s*$/
const rule = /^#{20,}\s*$/

/** Commands whose output describes no card, or describes tools: field names and sentences in it mean nothing. */
const silent =
  /(?:^|\s)(?:-h|--help\S*|--version|topo|nvlink|pmon|dmon|readelf|--query-(?:compute-apps|accounted-apps|retired-pages|remapped-rows|supported-clocks)\S*)(?:\s|=|$)/

/** Cuts a file with several commands' outputs into one capture per command; other files stay whole. */
function splitCaptures(whole: Capture): Capture[] {
  const sections: { command: string | null; lines: string[] }[] = [{ command: whole.command, lines: [] }]
  for (const line of whole.text.split('\n')) {
    const bare = line.endsWith('\r') ? line.slice(0, -1) : line
    const command =
      bare.length > 65_536 ? null : (captured.exec(bare) ?? (bare.length < 1024 ? prompted.exec(bare) : null))?.[1]
    if (command) sections.push({ command, lines: [] })
    else if (!rule.test(bare)) sections.at(-1)!.lines.push(line)
  }
  if (sections.length === 1) return [whole]
  return sections
    .filter(({ command }) => command === null || !silent.test(command))
    .map(({ command, lines }) => ({ ...whole, command, text: lines.join('\n') }))
    .filter(({ text }) => text.trim() !== '')
}
