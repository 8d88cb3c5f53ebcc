/**
 * NVIDIA's GPU attestation report: an SPDM 1.1 GET_MEASUREMENTS request followed by the MEASUREMENTS response to it (DMTF
 * DSP0274), all integers little-endian. Lengths are taken from the report; nothing is assumed of a particular card.
 */

export type Measurement = { readonly index: number; readonly digest: Buffer }

export type AttestationReport = {
  /** The requester's nonce: what makes a report fresh. The responder's nonce is the card's own and says nothing. */
  readonly nonce: Buffer
  /** By RIM index 0 to 63; unused slots are all zero. */
  readonly measurements: readonly Measurement[]
  readonly opaque: ReadonlyMap<number, Buffer>
  /** Everything that the signature covers. */
  readonly signed: Buffer
  /** Raw r ‖ s, 48 bytes each. */
  readonly signature: Buffer
}

/** Why bytes are not a report, in words. */
export class MalformedReport extends Error {}

/** NVML's buffer for a report. */
export const maxReportBytes = 0x2000
const maxOpaqueBytes = 0x1000
const requestBytes = 37
const measurementBlocks = 64
const blockBytes = 55
const signatureBytes = 96

const check = (condition: boolean, what: string): void => {
  if (!condition) throw new MalformedReport(what)
}

export function parseAttestationReport(bytes: Buffer): AttestationReport {
  check(bytes.length <= maxReportBytes, `${bytes.length} bytes, at most ${maxReportBytes}`)
  const recordAt = requestBytes + 8
  const recordBytes = measurementBlocks * blockBytes
  const opaqueLengthAt = recordAt + recordBytes + 32
  check(bytes.length >= opaqueLengthAt + 2 + signatureBytes, `${bytes.length} bytes are too few`)

  check(bytes[0] === 0x11 && bytes[1] === 0xe0, 'not an SPDM 1.1 GET_MEASUREMENTS request')
  check(bytes[2] === 0x01 && bytes[3] === 0xff, 'the request does not ask for all measurements, signed')
  check(bytes[36] === 0x00, 'the request names another certificate slot than 0')
  check(bytes[requestBytes] === 0x11 && bytes[requestBytes + 1] === 0x60, 'not an SPDM 1.1 MEASUREMENTS response')
  check(bytes[requestBytes + 2] === 0 && bytes[requestBytes + 3] === 0, 'unexpected parameters in the response')
  check(
    bytes[requestBytes + 4] === measurementBlocks,
    `${bytes[requestBytes + 4]} measurement blocks, expected ${measurementBlocks}`,
  )
  check(bytes.readUIntLE(requestBytes + 5, 3) === recordBytes, 'the measurement record has another length')

  const opaqueLength = bytes.readUInt16LE(opaqueLengthAt)
  check(opaqueLength <= maxOpaqueBytes, `${opaqueLength} bytes of opaque data, at most ${maxOpaqueBytes}`)
  const signatureAt = opaqueLengthAt + 2 + opaqueLength
  const end = signatureAt + signatureBytes
  check(bytes.length >= end, 'the report ends before its signature')
  // Captures padded to an even length carry one zero byte; anything else behind the signature is not the card's.
  check(
    bytes.length === end || (bytes.length === end + 1 && bytes[end] === 0 && end % 2 === 1),
    `${bytes.length - end} bytes behind the signature`,
  )

  return {
    nonce: bytes.subarray(4, 36),
    measurements: parseMeasurements(bytes.subarray(recordAt, recordAt + recordBytes)),
    opaque: parseOpaque(bytes.subarray(opaqueLengthAt + 2, signatureAt)),
    signed: bytes.subarray(0, signatureAt),
    signature: bytes.subarray(signatureAt, end),
  }
}

function parseMeasurements(record: Buffer): Measurement[] {
  return Array.from({ length: measurementBlocks }, (_, at) => {
    const block = record.subarray(at * blockBytes, (at + 1) * blockBytes)
    check(block[0] === at + 1, `measurement block ${at + 1} has index ${block[0]}`)
    check(block[1] === 0x01 && block.readUInt16LE(2) === 51, `measurement block ${at + 1} is not of the DMTF form`)
    check(block[4] === 0x01 && block.readUInt16LE(5) === 48, `measurement block ${at + 1} is not a SHA-384 digest`)
    return { index: at, digest: block.subarray(7) }
  })
}

/** Type, length, value to the end. Unknown types are kept: they are signed like the rest, and new ones will come. */
function parseOpaque(data: Buffer): Map<number, Buffer> {
  const fields = new Map<number, Buffer>()
  let at = 0
  while (at < data.length) {
    check(at + 4 <= data.length, 'opaque data ends inside a field header')
    const type = data.readUInt16LE(at)
    const length = data.readUInt16LE(at + 2)
    check(at + 4 + length <= data.length, `opaque field ${type} ends outside the opaque data`)
    if (!fields.has(type)) fields.set(type, data.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return fields
}

/** The signed fields of a report that a verifier looks at. Null where the card's firmware does not send the field. */
export type OpaqueFields = {
  readonly dataVersion: number
  readonly driver: string | null
  /** As nvidia-smi prints it: `96.00.9F.00.01`. */
  readonly vbios: string | null
  /** False: NVDEC0 is disabled and measurement 35 does not count. */
  readonly nvdec0Enabled: boolean | null
  readonly chipSku: string | null
  readonly project: string | null
  readonly projectSku: string | null
  readonly fwid: Buffer | null
  readonly protectedPcie: boolean | null
  /** `multi-pass-through`, `single-pass-through`, `protected-pcie`; null before data version 1. */
  readonly feature: string | null
  /** Blackwell and later: `GB202`. */
  readonly chip: string | null
  /** PDIs of the NVSwitches this card is linked to, HGX boards only. */
  readonly switches: readonly string[]
}

const ids = {
  driver: 3,
  vbios: 6,
  nvdec0: 11,
  chipSku: 15,
  project: 17,
  projectSku: 18,
  fwid: 20,
  protectedPcie: 21,
  switches: 22,
  dataVersion: 34,
  chip: 35,
  feature: 36,
} as const

const newestDataVersion = 1
const features = ['multi-pass-through', 'single-pass-through', 'protected-pcie'] as const

export function readOpaque(fields: ReadonlyMap<number, Buffer>): OpaqueFields {
  const versionField = fields.get(ids.dataVersion)
  const dataVersion = versionField ? integer(versionField, 'opaque data version') : 0
  if (dataVersion > newestDataVersion) throw new MalformedReport(`opaque data version ${dataVersion} is not known`)
  const fwid = fields.get(ids.fwid) ?? null
  if (fwid && fwid.length !== 48) throw new MalformedReport(`FWID of ${fwid.length} bytes`)
  return {
    dataVersion,
    driver: ascii(fields.get(ids.driver)),
    vbios: vbiosVersion(fields.get(ids.vbios)),
    nvdec0Enabled: flag(fields.get(ids.nvdec0), 'NVDEC0 status'),
    chipSku: ascii(fields.get(ids.chipSku)),
    project: ascii(fields.get(ids.project)),
    projectSku: ascii(fields.get(ids.projectSku)),
    fwid,
    protectedPcie: flag(fields.get(ids.protectedPcie), 'protected PCIe status'),
    feature: featureName(fields.get(ids.feature), dataVersion),
    chip: ascii(fields.get(ids.chip)),
    switches: switchIds(fields.get(ids.switches)),
  }
}

const integer = (field: Buffer, what: string): number => {
  if (field.length < 1 || field.length > 4) throw new MalformedReport(`${what} of ${field.length} bytes`)
  return field.readUIntLE(0, field.length)
}

function ascii(field: Buffer | undefined): string | null {
  return /^([\x20-\x7e]{1,64})\0*$/.exec(field?.toString('latin1') ?? '')?.[1] ?? null
}

function flag(field: Buffer | undefined, what: string): boolean | null {
  if (!field) return null
  if (field.length !== 1 || (field[0] !== 0xaa && field[0] !== 0x55))
    throw new MalformedReport(`${what} is neither 0xAA nor 0x55`)
  return field[0] === 0xaa
}

/** Reversed bytes; the second half, then the byte before the middle. */
function vbiosVersion(field: Buffer | undefined): string | null {
  if (!field) return null
  if (field.length !== 8) throw new MalformedReport(`VBIOS version of ${field.length} bytes`)
  const reversed = Buffer.from(field).reverse()
  const bytes = [...reversed.subarray(4), reversed[3]!]
  return bytes.map(byte => byte.toString(16).toUpperCase().padStart(2, '0')).join('.')
}

function featureName(field: Buffer | undefined, dataVersion: number): string | null {
  if (!field || dataVersion < 1) return null
  return features[integer(field, 'feature flag')] ?? `unknown (${integer(field, 'feature flag')})`
}

function switchIds(field: Buffer | undefined): string[] {
  if (!field || field.length % 8 !== 0) return []
  return Array.from({ length: field.length / 8 }, (_, at) =>
    Buffer.from(field.subarray(at * 8, at * 8 + 8))
      .reverse()
      .toString('hex'),
  ).filter(id => !/^0*$/.test(id))
}
