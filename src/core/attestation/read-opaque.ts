import { MalformedReport } from './parse-report.ts'

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
  if (!field) return null
  const text = field.toString('latin1').replace(/\0+$/, '')
  return /^[\x20-\x7e]{1,64}$/.test(text) ? text : null
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
