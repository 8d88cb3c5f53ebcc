import { isAmdJson, readAmdDocuments, rocmTextToDocument } from './amd/read-amd.ts'
import { integerOf } from './cell.ts'
import { readFailureTexts } from './failure-texts.ts'
import { intelError, isIntelJson, readIntelDocuments } from './intel/read-intel.ts'
import { findJsonDocuments } from './json-documents.ts'
import { isKernelLog, readKernelLog } from './kernel-log.ts'
import { factText } from './nvidia/fact-tree.ts'
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
import { isNvidiaQuery, parseNvidiaQuery } from './nvidia/parse-query.ts'
import { isNvidiaXml, parseNvidiaXml } from './nvidia/parse-xml.ts'
import { readCsvRow, readUnlabelledRow } from './nvidia/read-csv-row.ts'
import { readNvidiaDevice } from './nvidia/read-device.ts'
import {
  type Capture,
  type Observation,
  type ObservedDevice,
  observation,
  observedDevice,
  type SeenFault,
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
  if (main.format !== 'kernel-log' && main.format !== 'oversized' && hasKernelLines(capture.text)) {
    const { devices, faults } = readKernelLog(capture.text)
    more.push(
      observation({ ...from(capture), format: 'kernel-log', vendor: devices[0]?.vendor ?? null, devices, faults }),
    )
  }
  if (main.format === 'unknown' || main.format === 'kernel-log') {
    const pciCards = parseLspci(capture.text)
    if (pciCards.length > 0) more.push(observation({ ...from(capture), format: 'pci-list', pciCards }))
  }
  const all = main.format === 'unknown' && more.length > 0 ? more : [main, ...more]
  return all.map(one => ({ ...one, devices: one.devices.slice(0, maxDevices) }))
}

const hasKernelLines = (text: string): boolean => /NVRM: (?:Xid|GPU )/.test(text)

function observeMain(capture: Capture): Observation {
  const { text } = capture
  if (text.length > maxCaptureBytes)
    return observation({
      ...from(capture),
      format: 'oversized',
      faults: [{ code: 'GPU_OUTPUT_TOO_LARGE', detail: `${text.length} characters` }],
    })
  const read = isNvidiaXml(text)
    ? observeXml(capture)
    : isNvidiaQuery(text)
      ? observeQuery(capture)
      : isNvidiaList(text)
        ? observation({ ...from(capture), format: 'nvidia-list', vendor: 'nvidia', devices: parseNvidiaList(text) })
        : isNvidiaTable(text)
          ? observation({ ...from(capture), format: 'nvidia-table', vendor: 'nvidia', devices: parseNvidiaTable(text) })
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
              : (observeJson(capture) ?? observeRocmText(capture) ?? observeLog(capture) ?? observeCsv(capture))
  return withFailures(capture, read)
}

function observeXml(capture: Capture): Observation {
  const { text } = capture
  const xml = parseNvidiaXml(text)
  const faults: SeenFault[] = []
  if (xml.unsafe) faults.push({ code: 'GPU_OUTPUT_UNSAFE', detail: 'entity declarations in nvidia-smi XML' })
  else if (xml.truncated) faults.push({ code: 'GPU_OUTPUT_TRUNCATED', detail: `${xml.gpus.length} cards begun` })
  return observation({
    ...from(capture),
    format: 'nvidia-xml',
    vendor: 'nvidia',
    attached: integerOf(factText(xml.log, 'attached_gpus')),
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
  return observation({
    ...from(capture),
    format: 'nvidia-query',
    vendor: 'nvidia',
    attached: integerOf(factText(query.log, 'attached_gpus')),
    devices: query.gpus.map(({ facts, busId }, index) =>
      readNvidiaDevice(facts, { busId, index, log: query.log, listing: 'full' }),
    ),
    // A driver that answers with a heading and no card has none, or lost them all.
    faults: query.gpus.length === 0 ? [{ code: 'GPU_NONE_FOUND', detail: 'nvidia-smi -q lists no card' }] : [],
  })
}

function observeJson(capture: Capture): Observation | null {
  const { text } = capture
  if (!/[{[]/.test(text)) return null
  const { values, truncated } = findJsonDocuments(text)
  const cut: SeenFault[] = truncated ? [{ code: 'GPU_OUTPUT_TRUNCATED', detail: 'the JSON ends early' }] : []
  const amd = values.filter(isAmdJson)
  if (amd.length > 0)
    return observation({
      ...from(capture),
      format: 'amd-json',
      vendor: 'amd',
      devices: readAmdDocuments(amd),
      faults: cut,
    })
  const intel = values.filter(isIntelJson)
  if (intel.length === 0) return null
  const failed = intel.map(intelError).find(error => error !== null)
  return observation({
    ...from(capture),
    format: 'intel-json',
    vendor: 'intel',
    devices: readIntelDocuments(values),
    faults: failed ? [{ code: 'GPU_DRIVER_NOT_RUNNING', detail: failed.slice(0, 200) }] : cut,
  })
}

function observeRocmText(capture: Capture): Observation | null {
  const document = rocmTextToDocument(capture.text)
  return (
    document &&
    observation({ ...from(capture), format: 'amd-text', vendor: 'amd', devices: readAmdDocuments([document]) })
  )
}

function observeLog(capture: Capture): Observation | null {
  const { text } = capture
  if (!isKernelLog(text)) return null
  const { devices, faults } = readKernelLog(text)
  return observation({ ...from(capture), format: 'kernel-log', vendor: devices[0]?.vendor ?? null, devices, faults })
}

function observeCsv(capture: Capture): Observation {
  const { text, command } = capture
  const queried = queriedColumns(command)
  if (!queried && !looksLikeCsv(text)) return observation({ ...from(capture), format: 'unknown' })
  const { columns, rows } = parseNvidiaCsv(text, command)
  const devices: ObservedDevice[] = rows.map((row, at) => {
    const device = columns ? readCsvRow(columns, row) : readUnlabelledRow(row)
    return device.index === null ? { ...device, index: at } : device
  })
  return observation({ ...from(capture), format: 'nvidia-csv', vendor: devices.length > 0 ? 'nvidia' : null, devices })
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
  const failures = read.format === 'kernel-log' ? { vendor: null, faults: [] } : readFailureTexts(outside)
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
