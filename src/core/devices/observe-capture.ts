import { isAmdJson, isEmptyAmdList, readAmdDocuments } from './amd/read-amd.ts'
import { amdCsvToDocuments, readRocmText } from './amd/read-rocm-text.ts'
import { integerOf } from './cell.ts'
import { readFailureTexts } from './failure-texts.ts'
import { fixes, fixFor } from './fault-definition.ts'
import { foreignForm } from './foreign-forms.ts'
import { intelError, isEmptyIntelList, isIntelJson, readIntelDocuments, readIntelTable } from './intel/read-intel.ts'
import { findJsonDocuments } from './json-documents.ts'
import { isKernelLog, readKernelLog } from './kernel-log.ts'
import { logOfJson } from './log-lines.ts'
import { factText, isNvidiaQuery, isNvidiaXml, parseNvidiaQuery, parseNvidiaXml } from './nvidia/fact-tree.ts'
import { looksLikeCsv, parseNvidiaCsv, queriedColumns } from './nvidia/parse-csv.ts'
import {
  isNvidiaList,
  isNvidiaTable,
  isProcDriverVersion,
  isProcGpuInformation,
  parseNvidiaList,
  parseNvidiaTable,
  parseProcDriverVersion,
  parseProcGpuInformation,
} from './nvidia/parse-listings.ts'
import { readCsvRow, readUnlabelledRow } from './nvidia/read-csv-row.ts'
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
import { parseLspci } from './parse-lspci.ts'

const from = ({ source, host }: Capture) => ({ source, host })

/** No host has more; a list that goes on is not one. */
const maxDevices = 256

/** Largest text that is parsed; real outputs stay below 2 MB. */
export const maxCaptureBytes = 16 * 1024 * 1024

/**
 * What one output says. The format is told from the text itself: operators send files under any name, and paste a kernel
 * log or a PCI list below it.
 */
export function observeCapture(capture: Capture): Observation[] {
  const main = observeMain(capture)
  const more: Observation[] = []
  if (main.format !== 'kernel-log' && main.format !== 'oversized' && hasKernelLines(capture.text))
    more.push(observeLog(capture))
  if (main.format === 'unknown' || main.format === 'kernel-log' || main.format === 'failure-text') {
    const pciCards = parseLspci(capture.text)
    if (pciCards !== null) more.push(observation({ ...from(capture), format: 'pci-list', pciCards }))
  }
  const all = main.format === 'unknown' && more.length > 0 ? more : [main, ...more]
  return all.map(one => ({ ...one, devices: one.devices.slice(0, maxDevices) }))
}

const hasKernelLines = (text: string): boolean =>
  /NVRM: (?:Xid|GPU )|^\[\s*\d+\.\d+\] (?:amdgpu|xe|i915) \d{4}:/m.test(text)

function observeMain(capture: Capture): Observation {
  const { text } = capture
  if (text.length > maxCaptureBytes)
    return observation({
      ...from(capture),
      format: 'oversized',
      faults: [{ code: 'GPU_OUTPUT_TOO_LARGE', detail: `${text.length} characters` }],
    })
  const foreign = foreignForm(text)
  const read = foreign
    ? observation({ ...from(capture), format: foreign.format, vendor: foreign.vendor, faults: [foreign.fault] })
    : isNvidiaXml(text)
      ? observeXml(capture)
      : isNvidiaQuery(text)
        ? observeQuery(capture)
        : isNvidiaList(text)
          ? observation({ ...from(capture), format: 'nvidia-list', vendor: 'nvidia', devices: parseNvidiaList(text) })
          : isNvidiaTable(text)
            ? observation({
                ...from(capture),
                format: 'nvidia-table',
                vendor: 'nvidia',
                devices: parseNvidiaTable(text),
              })
            : isProcGpuInformation(text)
              ? observation({
                  ...from(capture),
                  format: 'nvidia-procfs',
                  vendor: 'nvidia',
                  devices: parseProcGpuInformation(text),
                })
              : isProcDriverVersion(text)
                ? observation({
                    ...from(capture),
                    format: 'nvidia-procfs',
                    vendor: 'nvidia',
                    kernelDriver: parseProcDriverVersion(text),
                  })
                : (observeJson(capture) ??
                  observeIntelTable(capture) ??
                  observeRocmText(capture) ??
                  (isKernelLog(text) ? observeLog(capture) : null) ??
                  observeCsv(capture))
  return withNothingRead(withFailures(capture, read))
}

/** Forms in which a tool lists its cards: one without a card, a failure or the word that there is none says nothing. */
const listingForms = /^(?:nvidia-(?:xml|query|list|table|csv)|amd-(?:json|text|csv)|intel-(?:json|table))$/
const explainsNothing = new Set(['GPU_OUTPUT_TRUNCATED', 'GPU_TOOL_EXIT_CODE'])

function withNothingRead(read: Observation): Observation {
  const explained = read.devices.length > 0 || read.faults.some(({ code }) => !explainsNothing.has(code))
  if (!listingForms.test(read.format) || explained) return read
  const counted = read.attached ? `${read.attached} cards are announced, none is described` : read.format
  return {
    ...read,
    attached: null,
    faults: [{ code: 'GPU_NOTHING_READ', detail: counted }],
  }
}

function observeXml(capture: Capture): Observation {
  const { text } = capture
  const xml = parseNvidiaXml(text)
  const attached = integerOf(factText(xml.log, 'attached_gpus'))
  const faults: SeenFault[] = []
  if (attached === 0 && xml.gpus.length === 0 && !xml.truncated)
    faults.push({ code: 'GPU_NONE_FOUND', detail: 'nvidia-smi counts 0 cards' })
  if (xml.unsafe) faults.push({ code: 'GPU_OUTPUT_UNSAFE', detail: 'entity declarations in nvidia-smi XML' })
  else if (xml.truncated) faults.push({ code: 'GPU_OUTPUT_TRUNCATED', detail: `${xml.gpus.length} cards begun` })
  return observation({
    ...from(capture),
    format: 'nvidia-xml',
    vendor: 'nvidia',
    attached,
    faults,
    devices: xml.gpus.map(({ facts, busId, complete }, index) => {
      const device = readNvidiaDevice(facts, { busId, index, log: xml.log, listing: 'full' })
      return complete
        ? device
        : { ...device, faults: [...device.faults, { code: 'GPU_RECORD_INCOMPLETE', detail: null }] }
    }),
  })
}

function observeQuery(capture: Capture): Observation {
  const { text } = capture
  const query = parseNvidiaQuery(text)
  const attached = integerOf(factText(query.log, 'attached_gpus'))
  return observation({
    ...from(capture),
    format: 'nvidia-query',
    vendor: 'nvidia',
    attached,
    devices: query.gpus.map(({ facts, busId }, index) => {
      const device = readNvidiaDevice(facts, { busId, index, log: query.log, listing: 'full' })
      // A heading without what makes a card one: the text ends there.
      const isCut =
        [device.name, device.uuid, device.memoryMiB].every(value => value === null) && facts.children.length < 4
      return isCut ? { ...device, faults: [...device.faults, { code: 'GPU_RECORD_INCOMPLETE', detail: null }] } : device
    }),
    faults:
      query.gpus.length === 0 && attached === 0
        ? [{ code: 'GPU_NONE_FOUND', detail: 'nvidia-smi counts 0 cards' }]
        : [],
  })
}

function observeJson(capture: Capture): Observation | null {
  const { text } = capture
  if (!/[{[]/.test(text)) return null
  const { values, truncated } = findJsonDocuments(text)
  const cut: SeenFault[] = truncated
    ? [{ code: 'GPU_OUTPUT_TRUNCATED', detail: 'the JSON ends early or is broken' }]
    : []
  const amd = values.filter(isAmdJson)
  if (amd.length > 0)
    return observation({
      ...from(capture),
      format: 'amd-json',
      vendor: 'amd',
      devices: readAmdDocuments(amd),
      faults: amd.some(isEmptyAmdList) ? [{ code: 'GPU_NONE_FOUND', detail: 'amd-smi lists no card' }] : cut,
    })
  const log = logOfJson(values)
  if (log !== null) return observeLog({ ...capture, text: log })
  const intel = values.filter(isIntelJson)
  if (intel.length === 0) return null
  const failed = intel.map(intelError).find(error => error !== null)
  const said = failed ? readFailureTexts(failed, 'intel').faults : []
  const none = intel.some(isEmptyIntelList) ? [{ code: 'GPU_NONE_FOUND', detail: 'xpu-smi lists no card' }] : cut
  return observation({
    ...from(capture),
    format: 'intel-json',
    vendor: 'intel',
    devices: readIntelDocuments(values),
    faults: !failed ? none : said.length > 0 ? said : [{ code: 'GPU_LIBRARY_FAILED', detail: failed.slice(0, 200) }],
  })
}

function observeIntelTable(capture: Capture): Observation | null {
  const table = readIntelTable(capture.text)
  return (
    table &&
    observation({
      ...from(capture),
      format: 'intel-table',
      vendor: 'intel',
      devices: table.devices,
      faults: table.others ? [{ code: 'GPU_FORM_NOT_READ', detail: 'xpu-smi without -j' }] : [],
    })
  )
}

function observeRocmText(capture: Capture): Observation | null {
  const csv = amdCsvToDocuments(capture.text)
  if (csv) return observation({ ...from(capture), format: 'amd-csv', vendor: 'amd', devices: readAmdDocuments(csv) })
  const read = readRocmText(capture.text)
  if (!read) return null
  const devices = readAmdDocuments([read.document]).map(device => ({
    ...device,
    faults: [...device.faults, ...read.faults.filter(({ index }) => index === device.index)],
  }))
  // rocm-smi says where its output begins and where it ends.
  const isCut = /ROCm System Management Interface/.test(capture.text) && !/End of ROCm SMI Log/.test(capture.text)
  const faults = isCut ? [{ code: 'GPU_OUTPUT_TRUNCATED', detail: 'rocm-smi’s last line is missing' }] : []
  return observation({ ...from(capture), format: 'amd-text', vendor: 'amd', devices, faults })
}

function observeLog(capture: Capture): Observation {
  const { devices, faults, named } = readKernelLog(capture.text)
  const vendor = devices[0]?.vendor ?? null
  const mentioned = named.length > 0 ? `mentions ${named.slice(0, 8).join(', ')} and` : 'names no card and'
  const record = fixFor(fixes.record, vendor ?? vendorOf(named))
  const detail = `a kernel log lists no cards; this one ${mentioned} tells no fault of one. ${record}`
  const notes = devices.length + faults.length === 0 ? [{ code: 'GPU_LOG_LISTS_NO_CARDS', detail }] : []
  return observation({
    ...from(capture),
    format: 'kernel-log',
    vendor,
    devices,
    faults,
    notes,
    mentionsCards: named.length > 0,
  })
}

/** The vendor of all cards that a log mentions, if it is one. */
function vendorOf(named: readonly string[]): Vendor | null {
  const vendors = new Set(named.map(each => each.split(' ')[0] as Vendor))
  return vendors.size === 1 ? [...vendors][0]! : null
}

function observeCsv(capture: Capture): Observation {
  const { text, command } = capture
  const queried = queriedColumns(command)
  if (!queried && !looksLikeCsv(text)) return observation({ ...from(capture), format: 'unknown' })
  const { columns, rows, cut } = parseNvidiaCsv(text, command)
  const devices: ObservedDevice[] = rows.map((row, at) => {
    const device = columns ? readCsvRow(columns, row) : readUnlabelledRow(row)
    return device.index === null ? { ...device, index: at } : device
  })
  if (columns && cut) {
    const device = readCsvRow(columns.slice(0, cut.length - 1), cut)
    devices.push({
      ...device,
      index: device.index ?? rows.length,
      faults: [{ code: 'GPU_RECORD_INCOMPLETE', detail: cut.join(', ').slice(0, 200) }],
    })
  }
  return observation({ ...from(capture), format: 'nvidia-csv', vendor: 'nvidia', devices })
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
  const cells: SeenFault[] =
    read.devices.length === 0 || read.format === 'nvidia-table'
      ? /GPU requires reset/i.test(outside)
        ? [
            {
              code: 'GPU_RESET_REQUIRED',
              detail: /[^\n]*GPU requires reset[^\n]*/i.exec(outside)?.[0].trim().slice(0, 200) ?? null,
            },
          ]
        : []
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
