import { isAmdJson, isEmptyAmdList, readAmdDocuments } from './amd/read-amd.ts'
import { amdCsvToDocuments, readRocmText } from './amd/read-rocm-text.ts'
import { integerOf } from './cell.ts'
import { readFailureTexts } from './failure-texts.ts'
import { intelError, isEmptyIntelList, isIntelJson, readIntelDocuments, readIntelTable } from './intel/read-intel.ts'
import { findJsonDocuments } from './json-documents.ts'
import { isKernelLog, readKernelLog } from './kernel-log.ts'
import { logOfJson } from './log-lines.ts'
import { fixFor } from './make-fault.ts'
import { factText, type NvidiaTree, parseNvidiaQuery, parseNvidiaXml } from './nvidia/fact-tree.ts'
import {
  parseNvidiaList,
  parseNvidiaTable,
  parseProcDriverVersion,
  parseProcGpuInformation,
} from './nvidia/parse-listings.ts'
import { readNvidiaCsv } from './nvidia/read-csv.ts'
import { readNvidiaDevice } from './nvidia/read-device.ts'
import {
  type Capture,
  type Observation,
  type ObservedDevice,
  observation,
  observedDevice,
  type SeenFault,
  type Vendor,
} from './observation.ts'
import { parseLspci } from './pci-cards.ts'

/** What a form's reader makes of a text: an observation but for where it comes from. */
type Reading = Pick<Observation, 'format'> & Partial<Observation>

/** No host has more; a list that goes on is not one. */
const maxDevices = 256

/** Largest text that is parsed; real outputs stay below 2 MB. */
export const maxCaptureBytes = 16 * 1024 * 1024

/**
 * What one output says. The format is told from the text itself: operators send files under any name, and paste a kernel
 * log or a PCI list below it.
 */
export function observeCapture(capture: Capture): Observation[] {
  const { text, source, host } = capture
  const main = readMain(capture)
  const more: Reading[] = []
  if (main.format !== 'kernel-log' && main.format !== 'oversized' && hasKernelLines(text)) more.push(readLog(text))
  if (main.format === 'unknown' || main.format === 'kernel-log' || main.format === 'failure-text') {
    const pciCards = parseLspci(text)
    if (pciCards !== null) more.push({ format: 'pci-list', pciCards })
  }
  const all = main.format === 'unknown' && more.length > 0 ? more : [main, ...more]
  return all.map(read => {
    const { devices, ...one } = observation({ source, host, ...read })
    return { ...one, devices: devices.slice(0, maxDevices) }
  })
}

const hasKernelLines = (text: string): boolean =>
  /NVRM: (?:Xid|GPU )|^\[\s*\d+\.\d+\] (?:amdgpu|xe|i915) \d{4}:/m.test(text)

/** In the order in which they are tried: each takes the texts of its form, and no others. */
const readers: readonly ((text: string, command: string | null) => Reading | null)[] = [
  readForeignForm,
  text => readTree('nvidia-xml', parseNvidiaXml(text)),
  text => readTree('nvidia-query', parseNvidiaQuery(text)),
  text => ofNvidia('nvidia-list', parseNvidiaList(text)),
  text => ofNvidia('nvidia-table', parseNvidiaTable(text)),
  text => ofNvidia('nvidia-procfs', parseProcGpuInformation(text)),
  text =>
    /NVRM version:\s*NVIDIA/i.test(text)
      ? { format: 'nvidia-procfs', vendor: 'nvidia', kernelDriver: parseProcDriverVersion(text) }
      : null,
  readJson,
  readIntelForm,
  readAmdForm,
  text => (isKernelLog(text) ? readLog(text) : null),
  (text, command) => ofNvidia('nvidia-csv', readNvidiaCsv(text, command)),
]

function readMain(capture: Capture): Reading {
  const { text, command, source, host } = capture
  if (text.length > maxCaptureBytes)
    return { format: 'oversized', faults: [{ code: 'GPU_OUTPUT_TOO_LARGE', detail: `${text.length} characters` }] }
  let read: Reading | null = null
  for (const reader of readers) read ??= reader(text, command)
  return withNothingRead(withFailures(capture, observation({ source, host, ...(read ?? { format: 'unknown' }) })))
}

/** Forms in which a tool lists its cards: one without a card, a failure or the word that there is none says nothing. */
const listingForms = /^(?:nvidia-(?:xml|query|list|table|csv)|amd-(?:json|text|csv)|intel-(?:json|table))$/
const explainsNothing = new Set(['GPU_OUTPUT_TRUNCATED', 'GPU_TOOL_EXIT_CODE'])

function withNothingRead(read: Observation): Observation {
  const explained = read.devices.length > 0 || read.faults.some(({ code }) => !explainsNothing.has(code))
  if (!listingForms.test(read.format) || explained) return read
  const counted = read.attached ? `${read.attached} cards are announced, none is described` : read.format
  return { ...read, attached: null, faults: [{ code: 'GPU_NOTHING_READ', detail: counted }] }
}

const ofNvidia = (format: string, devices: readonly ObservedDevice[] | null): Reading | null =>
  devices && { format, vendor: 'nvidia', devices }

function readTree(format: 'nvidia-xml' | 'nvidia-query', tree: NvidiaTree | null): Reading | null {
  if (tree === null) return null
  const { log, gpus, truncated, unsafe } = tree
  const attached = integerOf(factText(log, 'attached_gpus'))
  const faults: SeenFault[] = []
  if (attached === 0 && gpus.length === 0 && !truncated)
    faults.push({ code: 'GPU_NONE_FOUND', detail: 'nvidia-smi counts 0 cards' })
  if (unsafe) faults.push({ code: 'GPU_OUTPUT_UNSAFE', detail: 'entity declarations in nvidia-smi XML' })
  else if (truncated) faults.push({ code: 'GPU_OUTPUT_TRUNCATED', detail: `${gpus.length} cards begun` })
  const devices = gpus.map(({ facts, busId, complete }, index) => {
    const device = readNvidiaDevice(facts, { busId, index, log, listing: 'full' })
    // A heading of the text form without what makes a card one: the text ends there.
    const isKnown = format === 'nvidia-query' && (device.name ?? device.uuid ?? device.memoryMiB) !== null
    return complete || isKnown
      ? device
      : { ...device, faults: [...device.faults, { code: 'GPU_RECORD_INCOMPLETE', detail: null }] }
  })
  return { format, vendor: 'nvidia', attached, faults, devices }
}

function readJson(text: string): Reading | null {
  if (!/[{[]/.test(text)) return null
  const { values, truncated } = findJsonDocuments(text)
  const cut = truncated ? [{ code: 'GPU_OUTPUT_TRUNCATED', detail: 'the JSON ends early or is broken' }] : []
  const amd = values.filter(isAmdJson)
  if (amd.length > 0) {
    const none = amd.some(isEmptyAmdList) ? [{ code: 'GPU_NONE_FOUND', detail: 'amd-smi lists no card' }] : cut
    return { format: 'amd-json', vendor: 'amd', devices: readAmdDocuments(amd), faults: none }
  }
  const log = logOfJson(values)
  if (log !== null) return readLog(log)
  const intel = values.filter(isIntelJson)
  if (intel.length === 0) return null
  const failed = intel.map(intelError).find(error => error !== null)
  const said = failed ? readFailureTexts(failed, 'intel').faults : []
  const none = intel.some(isEmptyIntelList) ? [{ code: 'GPU_NONE_FOUND', detail: 'xpu-smi lists no card' }] : cut
  const faults = !failed
    ? none
    : said.length > 0
      ? said
      : [{ code: 'GPU_LIBRARY_FAILED', detail: failed.slice(0, 200) }]
  return { format: 'intel-json', vendor: 'intel', devices: readIntelDocuments(values), faults }
}

function readIntelForm(text: string): Reading | null {
  const table = readIntelTable(text)
  const faults = table?.others ? [{ code: 'GPU_FORM_NOT_READ', detail: 'xpu-smi without -j' }] : []
  return table && { format: 'intel-table', vendor: 'intel', devices: table.devices, faults }
}

function readAmdForm(text: string): Reading | null {
  const csv = amdCsvToDocuments(text)
  if (csv) return { format: 'amd-csv', vendor: 'amd', devices: readAmdDocuments(csv) }
  const read = readRocmText(text)
  if (!read) return null
  const devices = readAmdDocuments([read.document]).map(device => ({
    ...device,
    faults: [...device.faults, ...read.faults.filter(({ index }) => index === device.index)],
  }))
  // rocm-smi says where its output begins and where it ends.
  const isCut = /ROCm System Management Interface/.test(text) && !/End of ROCm SMI Log/.test(text)
  const faults = isCut ? [{ code: 'GPU_OUTPUT_TRUNCATED', detail: 'rocm-smi’s last line is missing' }] : []
  return { format: 'amd-text', vendor: 'amd', devices, faults }
}

function readLog(text: string): Reading {
  const { devices, faults, named } = readKernelLog(text)
  const vendor = devices[0]?.vendor ?? null
  const mentioned = named.length > 0 ? `mentions ${named.slice(0, 8).join(', ')} and` : 'names no card and'
  const record = fixFor('Record {listing} as well.', vendor ?? vendorOf(named))
  const detail = `a kernel log lists no cards; this one ${mentioned} tells no fault of one. ${record}`
  const notes = devices.length + faults.length === 0 ? [{ code: 'GPU_LOG_LISTS_NO_CARDS', detail }] : []
  return { format: 'kernel-log', vendor, devices, faults, notes, mentionsCards: named.length > 0 }
}

/** The vendor of all cards that a log mentions, if it is one. */
function vendorOf(named: readonly string[]): Vendor | null {
  const vendors = new Set(named.map(each => each.split(' ')[0] as Vendor))
  return vendors.size === 1 ? [...vendors][0]! : null
}

/** Tools of accelerators that nothing here computes on; some print tables that look like nvidia-smi's. */
const others: readonly (readonly [pattern: RegExp, accelerator: string])[] = [
  [/HL-SMI (?:Version|LOG)/i, 'Intel Gaudi (hl-smi)'],
  [/\bnpu-smi\s+[\d.v]/i, 'Huawei Ascend (npu-smi)'],
  [/\bneuron-ls\b|NEURON\s+DEVICE/, 'AWS Trainium or Inferentia (neuron-ls)'],
  [/\btpu-info\b|TPU Chips/, 'Google TPU (tpu-info)'],
  [/\bcnmon\b|Cambricon/i, 'Cambricon MLU (cnmon)'],
  [/mthreads-gmi/i, 'Moore Threads (mthreads-gmi)'],
  [/\bIX-ML\b|\bixsmi\b/i, 'Iluvatar CoreX (ixsmi)'],
  [/\bmx-smi\b|MX-SMI/, 'MetaX (mx-smi)'],
  [/\bhy-smi\b|HYGON/i, 'Hygon DCU (hy-smi)'],
  [/\bbrsmi\b/i, 'Biren (brsmi)'],
  [/\befsmi\b|Enflame/i, 'Enflame (efsmi)'],
  [/\bXPU-RT\b|\bxpu_smi\b|KUNLUN/i, 'Kunlun XPU (xpu_smi)'],
  [/\btt-smi\b|Tenstorrent/i, 'Tenstorrent (tt-smi)'],
  [/\bgc-info\b|Graphcore/i, 'Graphcore IPU (gc-info)'],
  [/\bqaic-util\b|QAicLib/i, 'Qualcomm Cloud AI (qaic-util)'],
]

/** amd-smi's forms for people: the summary, the watch list, and the indented listing of `list`, `static` and `metric`. */
const amdForPeople = [
  /\bAMD-SMI \d/,
  /^GPU\s+(?:XCP\s+)?POWER\b/m,
  /^GPU: \d+\s*\r?\n\s+(?:[A-Z][A-Z_ ]+:|BDF|UUID)/m,
] as const

/** Outputs that are recognised, and not read: of accelerators that are not supported, and forms that are for people alone. */
function readForeignForm(text: string): Reading | null {
  const head = text.slice(0, 16_384)
  if (/^\s*[{[<]/.test(head) || /<nvidia_smi_log|NVSMI LOG/.test(head)) return null
  const other = /\bNVIDIA-SMI\s+\d/.test(head) ? undefined : others.find(([pattern]) => pattern.test(head))
  if (other)
    return { format: 'not-supported', faults: [{ code: 'GPU_NOT_SUPPORTED', detail: `recognised: ${other[1]}` }] }
  return amdForPeople.some(pattern => pattern.test(text))
    ? { format: 'amd-table', vendor: 'amd', faults: [{ code: 'GPU_FORM_NOT_READ', detail: 'amd-smi without --json' }] }
    : null
}

/** Adds what failure sentences in the text say; a card they name is there, whatever the list says. */
function withFailures(capture: Capture, read: Observation): Observation {
  // JSON and XML hold no sentences, and process names in them could look like some.
  const outside =
    read.format === 'nvidia-xml'
      ? capture.text.replace(/<nvidia_smi_log\b[\s\S]*?(?:<\/nvidia_smi_log>|$)/g, '')
      : read.format.endsWith('-json')
        ? findJsonDocuments(capture.text).rest
        : capture.text
  const failures =
    read.format === 'kernel-log'
      ? { vendor: null, faults: [] }
      : readFailureTexts(outside, read.vendor ?? capture.vendor ?? null)
  const vendor = read.vendor ?? failures.vendor
  const asksReset = /^[^\n]*GPU requires reset[^\n]*/im.exec(outside)?.[0].trim().slice(0, 200)
  const cells: SeenFault[] =
    asksReset !== undefined && (read.devices.length === 0 || read.format === 'nvidia-table')
      ? [{ code: 'GPU_RESET_REQUIRED', detail: asksReset }]
      : []
  const places = (fault: SeenFault): boolean => Boolean(fault.pciBusId) || typeof fault.index === 'number'
  const lost = failures.faults.filter(places)
  const known = new Set(read.devices.map(({ pciBusId }) => pciBusId))
  const attach = (device: ObservedDevice): ObservedDevice => ({
    ...device,
    faults: [
      ...device.faults,
      ...lost.filter(({ pciBusId }) => pciBusId && pciBusId === device.pciBusId),
      // One card and an unplaced complaint about a card: it is this one.
      ...(read.devices.length === 1 ? cells : []),
    ],
  })
  const unlisted = lost
    .filter(({ pciBusId }) => !pciBusId || !known.has(pciBusId))
    .map(fault =>
      observedDevice({
        vendor: 'nvidia',
        listing: 'log',
        pciBusId: fault.pciBusId ?? null,
        index: fault.index ?? null,
        faults: [fault],
      }),
    )
  return {
    ...read,
    vendor,
    format: read.format === 'unknown' && failures.faults.length > 0 ? 'failure-text' : read.format,
    devices: [...read.devices.map(attach), ...unlisted],
    faults: [
      ...read.faults,
      ...failures.faults.filter(fault => !places(fault)),
      ...(read.devices.length === 1 ? [] : cells),
    ],
  }
}
