import { XMLParser } from 'fast-xml-parser'
import type { Measurement, OpaqueFields } from './attestation-report.ts'

/** The digests that firmware of one version must have, from one of NVIDIA's RIM files. */
export type ReferenceMeasurements = {
  readonly kind: 'driver' | 'vbios'
  /** Driver or VBIOS version the file is for. */
  readonly version: string
  /** VBIOS only: `PROJECT_PROJECTSKU_CHIPSKU`. */
  readonly board: string | null
  /** RIM index → digests in hex, any one of which is right. Only active entries. */
  readonly digests: ReadonlyMap<number, readonly string[]>
  /**
   * Drivers with which the digests were seen to hold; null: any. Later drivers change what an old VBIOS file says of
   * index 9, so a difference under another driver says nothing.
   */
  readonly vettedDrivers: readonly string[] | null
}

export class MalformedReference extends Error {}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  removeNSPrefix: true,
  parseAttributeValue: false,
  processEntities: false,
})

type Tag = Readonly<Record<string, unknown>>
const isTag = (value: unknown): value is Tag => typeof value === 'object' && value !== null

/**
 * Reads a RIM (SWID tag, ISO/IEC 19770-2). Its XML signature is not verified: whoever passes a file vouches for it, and
 * what ships with this program is pinned as data.
 */
export function parseReferenceMeasurements(xml: string): ReferenceMeasurements {
  if (xml.length > 1 << 20) throw new MalformedReference('larger than any RIM')
  if (/<!ENTITY|<!DOCTYPE/i.test(xml)) throw new MalformedReference('declares entities')
  let identity: unknown
  try {
    identity = (parser.parse(xml) as Tag).SoftwareIdentity
  } catch {
    throw new MalformedReference('not XML')
  }
  if (!isTag(identity) || !isTag(identity.Meta) || !isTag(identity.Payload))
    throw new MalformedReference('not a SWID tag')
  const version = identity.Meta.colloquialVersion
  if (typeof version !== 'string' || version === '') throw new MalformedReference('states no version')
  const resources = Array.isArray(identity.Payload.Resource) ? identity.Payload.Resource : [identity.Payload.Resource]
  const digests = new Map<number, readonly string[]>()
  for (const resource of resources.filter(isTag)) {
    if (resource.type !== 'Measurement' || String(resource.active).toLowerCase() !== 'true') continue
    const index = Number(resource.index)
    const count = Number(resource.alternatives)
    const hashes = Array.from(
      { length: Number.isInteger(count) ? Math.min(count, 64) : 0 },
      (_, at) => resource[`Hash${at}`],
    )
    if (!Number.isInteger(index) || index < 0 || index > 63 || hashes.length === 0 || digests.has(index))
      throw new MalformedReference(`bad measurement ${String(resource.index)}`)
    if (!hashes.every((hash): hash is string => typeof hash === 'string' && /^[0-9a-f]{96}$/i.test(hash)))
      throw new MalformedReference(`bad digest of measurement ${index}`)
    digests.set(
      index,
      hashes.map(hash => hash.toLowerCase()),
    )
  }
  if (digests.size === 0) throw new MalformedReference('holds no active measurement')
  // VBIOS versions have the form 96.00.5E.00.01; their tag names the board.
  const vbios = /^[0-9A-F]{2}(?:\.[0-9A-F]{2}){4}$/i.test(version)
  const board =
    /NV_GPU_VBIOS_([0-9A-Z]+_[0-9A-Z]+_[0-9A-Z]+)_/i.exec(`${String(identity.name)} ${String(identity.tagId)}`)?.[1] ??
    null
  return { kind: vbios ? 'vbios' : 'driver', version, board, digests, vettedDrivers: null }
}

/** Whether a reference is for the firmware that a report states. */
function referenceFits(reference: ReferenceMeasurements, fields: OpaqueFields): boolean {
  if (reference.kind === 'driver') return reference.version === fields.driver
  const board = [fields.project, fields.projectSku, fields.chipSku].join('_')
  return (
    reference.version.toUpperCase() === fields.vbios?.toUpperCase() &&
    (reference.board === null || reference.board.toUpperCase() === board.toUpperCase())
  )
}

export type MeasurementVerdict = { readonly status: 'pass' | 'fail' | 'unknown'; readonly detail: string }

/** Measurement of the NVDEC0 engine, which is absent where the report says the engine is disabled. */
const nvdec0Index = 35

/** Compares a report with the references that are known. A missing reference is unknown, not right. */
export function compareMeasurements(
  measurements: readonly Measurement[],
  fields: OpaqueFields,
  references: readonly ReferenceMeasurements[],
): MeasurementVerdict {
  const fitting = references.filter(reference => referenceFits(reference, fields))
  const names = fitting.map(({ kind, version }) => `${kind} ${version}`)
  const seen = new Map<number, number>()
  for (const { digests } of fitting) for (const index of digests.keys()) seen.set(index, (seen.get(index) ?? 0) + 1)
  const kinds = new Set(fitting.map(({ kind }) => kind))
  const conflict = kinds.size === 2 ? [...seen].find(([, times]) => times > 1)?.[0] : undefined
  if (conflict !== undefined) return { status: 'fail', detail: `measurement ${conflict} is active in both references` }
  let matched = 0
  let compared = 0
  const wrong: number[] = []
  const unvetted: number[] = []
  for (const { digests, vettedDrivers } of fitting)
    for (const [index, golden] of digests) {
      if (index === nvdec0Index && fields.nvdec0Enabled === false) continue
      compared++
      if (golden.includes(measurements[index]!.digest.toString('hex'))) matched++
      else if (vettedDrivers === null || vettedDrivers.includes(fields.driver ?? '')) wrong.push(index)
      else unvetted.push(index)
    }
  const summary = `${matched} of ${compared} match (${names.join(', ') || 'no reference known'})`
  if (wrong.length > 0) return { status: 'fail', detail: `${summary}; different: ${wrong.join(', ')}` }
  if (unvetted.length > 0)
    return { status: 'unknown', detail: `${summary}; not vetted for this driver: ${unvetted.join(', ')}` }
  if (kinds.has('driver') && kinds.has('vbios')) return { status: 'pass', detail: summary }
  const missing = kinds.has('driver') ? 'VBIOS' : kinds.has('vbios') ? 'driver' : 'driver and VBIOS'
  return { status: 'unknown', detail: `${summary}; no reference for the ${missing}` }
}

/**
 * References that ship with this program. RIM signatures expire within two years, so a set that was vetted once is pinned
 * by value instead. Digests are facts of NVIDIA's RIM for this VBIOS (`1010_0200_882_96005E0001`, H100 PCIe board, in
 * NVIDIA/nvtrust); they were compared with a report made under driver 535.86.09, and only there does a difference count.
 */
export const pinnedReferences: readonly ReferenceMeasurements[] = [
  {
    kind: 'vbios',
    version: '96.00.5E.00.01',
    board: '1010_0200_882',
    vettedDrivers: ['535.86.09'],
    digests: new Map([
      [0, ['000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000']],
      [1, ['c3f65ef79a19c029868cd7ce54b10e44f192444edb3506dde29cef2aac4e916c90a4f438e55aa7581a9e384c74d82db6']],
      [2, ['c23e539823255226ef4798b03be55ab38793f768ba4c71c853fd9b475729144df89b3139854cfcb299ddd2498381a50a']],
      [3, ['73bbf35822549e28ba8fb2671fb7b58f46424a0069205b3ecf1d0fa762adef90b538cc9d692eb5c050147f2f1e8214ab']],
      [4, ['568b89291a34cece03b12aaa352d9afe273610307525b8443e90faa78d82ecfa9c7827d8f7915c35b2fab972e1086686']],
      [5, ['c9e4fe668e9dc269a4657146b5e28a22347cde18a4b0e79d8146532f27ebc386f304400ea5d4bf4159b5a6916dd4564e']],
      [6, ['6850b0a82e7e77c0f51e0e6732163866003390c4eb286d8dfb26a72f711a9c8bcdf402a1fd4e5d70b97708107a785efc']],
      [8, ['000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000']],
      [9, ['7f3e9382785513c1932dfcc9e87f6ef6bf5fefe88144c6ea48539e65f937013dd7349144e5f439dcea401dac26e5c098']],
      [10, ['000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000']],
      [11, ['ac59d04197ac1a7fe1309c73e73fb22c5ba5d1c39f2d2c3c2c7fe1e71b4ea5f1cd56eaa4d9687b2062423d863df5629a']],
      [
        12,
        [
          '000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
          '758af96044c700f98a85347be27124d51c05b8784ba216b629b9aaab6d538c759aed9922a133e4ac473564d359b271d5',
          '7df046f26d0536f3a0b06d288ce6e5c659cad7a9c45cbd3a82c5df248755e4ddeff5871045acc6366ccab178b0d6568e',
          'cb09606fa5c052f0bc4cfa86dbeb4e3e70500bfbeeb7193256ac24ed4464a607366df16a3547b7c17ebd741eb43f1adf',
        ],
      ],
    ]),
  },
]
