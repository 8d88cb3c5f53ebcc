/**
 * The report as one file: everything that was signed about one round of one device, and the opened work. Content-addressed by its
 * SHA-256; exactly one encoding:
 *
 *   'kaisar-bundle' ‖ version u8 ‖ length of the header u32 ‖ header (canonical JSON, UTF-8) ‖ openings
 *
 * Every kind of round has a version of its own, with the seat's witness, which shows that it recomputed the work, with proof against the
 * device that came from elsewhere (a place that another seat found wrong, or a second commitment), and with the marks that came in time
 * where it has marks: 4 is of memory rounds, 6 of beats, 7 of tensor rounds. Version 5 is of a round in which the device was busy
 * ({@link file://./busy-bundle.ts}). Versions 1 to 3 are of tensor rounds whose specification has version 1: what one seat saw by itself,
 * the same with proof against the device, and with the witness.
 *
 * Why: docs/why/evidence.md
 */
import { hash } from 'node:crypto'
import type { Hex } from 'viem'
import { z } from 'zod'
import { ownKinds } from '../job/jobs.ts'
import type { BundleForm, KindSpec, SpecShape } from '../job/round-kind.ts'
import { canonicalJson } from '../protocol/canonical-json.ts'
import type { RoundKindName } from '../protocol/constants.ts'
import { messageBodies, toWire } from '../protocol/messages.ts'
import { pieceBytes, piecesLimit } from '../protocol/pieces.ts'
import { address, bytes32, bytes64, positive } from '../protocol/primitives.ts'
import { reportErrors } from './errors.ts'

const magic = Buffer.from('kaisar-bundle')
const prefixBytes = magic.length + 1 + 4
/** Records are at most 64 KiB each and the attestation 128 KiB; JSON may double them. */
const headerLimit = 1024 * 1024
const openingsLimit = piecesLimit * pieceBytes
/** Largest bundle there can be, in bytes. */
export const bundleLimit = prefixBytes + headerLimit + openingsLimit

const header = z.object({
  network: z.object({ chainId: positive, consensus: address }),
  epochSeed: bytes32,
  offer: messageBodies['job.offer'],
  commitment: messageBodies['job.commitment'],
  /** Null where nothing was sampled: no rows. */
  request: messageBodies['job.request'].nullable(),
  /** Canonical text of the environment record that the commitment names, or null where the seat does not have it. */
  environment: z.string().max(65_536).nullable(),
  /** The device's latest report of who it is, with its records, or null where none held. */
  deviceReport: messageBodies['device.report'].nullable(),
})

/** Proof that came from elsewhere: a place that another seat found wrong (the bundle then holds its openings), or a second commitment for the round. */
const against = z.union([
  z.object({ wrongRow: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER) }),
  z.object({ commitment: messageBodies['job.commitment'] }),
])
/** By index, up to the last that came in time; null where one did not. */
const marks = z
  .array(bytes64.nullable())
  .max(255)
  .refine(marks => marks.at(-1) !== null, 'the last mark is one that came')

const specSchema = (shape: SpecShape): z.ZodType =>
  z.object(
    Object.fromEntries(
      Object.entries(shape).map(([field, of]) => [field, of === 'number' ? positive : specSchema(of)]),
    ),
  )

const headers = new WeakMap<BundleForm, Readonly<Record<number, z.ZodType<Header>>>>()
/** By version, the headers of a kind, with the fields of its specification. */
function headersOf(form: BundleForm): Readonly<Record<number, z.ZodType<Header>>> {
  const known = headers.get(form)
  if (known !== undefined) return known
  const own = header.extend({ spec: specSchema(form.spec), ...(form.marks && { marks }) })
  const made: Record<number, z.ZodType> = {
    [form.version]: own.extend({ against: against.optional(), witness: bytes32.optional() }),
  }
  if (form.before !== undefined) {
    const [plain, accused, witnessed] = form.before
    Object.assign(made, {
      [plain]: own,
      [accused]: own.extend({ against }),
      [witnessed]: own.extend({ witness: bytes32 }),
    })
  }
  headers.set(form, made as Record<number, z.ZodType<Header>>)
  return made as Record<number, z.ZodType<Header>>
}

type Header = z.output<typeof header> & {
  readonly spec: KindSpec
  readonly against?: z.output<typeof against> | undefined
  readonly witness?: Hex | undefined
  /** Of a kind that has them. */
  readonly marks?: readonly (Hex | null)[] | undefined
}

export type EvidenceBundle = Header & {
  readonly kind: RoundKindName
  /** As received from the device; empty where nothing was sampled. */
  readonly openings: Uint8Array
}

/** @throws REPORT_BUNDLE_MALFORMED when a part is above its limit */
export function encodeBundle({ openings, kind, ...rest }: EvidenceBundle, form = ownKinds[kind]!.bundle): Uint8Array {
  const before = 'version' in rest.spec ? form.before : undefined
  const version = before?.[rest.against !== undefined ? 1 : rest.witness !== undefined ? 2 : 0] ?? form.version
  return encodeFile(version, headersOf(form)[version]!, rest, openings)
}

/** Version, header and openings as one file. @throws REPORT_BUNDLE_MALFORMED when a part is above its limit */
export function encodeFile(version: number, schema: z.ZodType, values: object, openings: Uint8Array): Uint8Array {
  const text = writerOf(schema)(values)
  const length = Buffer.byteLength(text)
  checkSizes(length, openings.length)
  const bytes = new Uint8Array(prefixBytes + length + openings.length)
  const buffer = Buffer.from(bytes.buffer)
  buffer.set(magic)
  buffer.writeUInt8(version, magic.length)
  buffer.writeUInt32BE(length, magic.length + 1)
  buffer.write(text, prefixBytes)
  buffer.set(openings, prefixBytes + length)
  return bytes
}

type Writer = (value: unknown) => string
const writers = new WeakMap<z.ZodType, Writer>()

/**
 * Gives a value's canonical text as its schema would have it: what a caller's values hold beyond it, such as the connection of a network,
 * is left out. Nothing is checked, since that is for who reads it.
 */
function writerOf(schema: z.ZodType): Writer {
  const writer = writers.get(schema) ?? newWriter(schema)
  writers.set(schema, writer)
  return writer
}

function newWriter(schema: z.ZodType): Writer {
  if (schema instanceof z.ZodOptional) return writerOf(schema.unwrap() as z.ZodType)
  if (schema instanceof z.ZodNullable) {
    const write = writerOf(schema.unwrap() as z.ZodType)
    return value => (value === null ? 'null' : write(value))
  }
  // Which of its forms a value has is for the schema to say.
  if (schema instanceof z.ZodUnion) return value => canonicalJson(toWire(schema.parse(toWire(value))))
  if (!(schema instanceof z.ZodObject)) return value => canonicalJson(toWire(value))
  const shape = schema.shape as Record<string, z.ZodType>
  const fields = Object.keys(shape)
    .sort()
    .map(key => ({ key, name: JSON.stringify(key), write: writerOf(shape[key]!) }))
  return value => {
    const texts: string[] = []
    for (const { key, name, write } of fields) {
      const field = (value as Record<string, unknown>)[key]
      if (field !== undefined) texts.push(`${name}:${write(field)}`)
    }
    return `{${texts.join(',')}}`
  }
}

/** @throws REPORT_BUNDLE_MALFORMED, REPORT_BUNDLE_VERSION_UNKNOWN */
export function decodeBundle(bytes: Uint8Array, kinds = ownKinds): EvidenceBundle {
  const version = bundleVersion(bytes)
  for (const [kind, { bundle, checkSpec }] of Object.entries(kinds)) {
    const isBefore = bundle.before?.includes(version) === true
    if (version !== bundle.version && !isBefore) continue
    const { header: parsed, openings } = decodeFile(bytes, headersOf(bundle)[version]!)
    const spec = isBefore ? { ...parsed.spec, version: 1 } : parsed.spec
    try {
      checkSpec(spec)
    } catch (cause) {
      throw malformed(cause instanceof Error ? cause.message : String(cause), cause)
    }
    return { ...parsed, spec, kind, openings }
  }
  throw reportErrors.REPORT_BUNDLE_VERSION_UNKNOWN({ version })
}

/** @throws REPORT_BUNDLE_MALFORMED where the bytes are no bundle at all */
export function bundleVersion(bytes: Uint8Array): number {
  if (bytes.length < prefixBytes || !magic.equals(bytes.subarray(0, magic.length)))
    throw malformed('it does not begin with "kaisar-bundle"')
  return bytes[magic.length]!
}

/** Header and openings of bytes that begin as a bundle does. @throws REPORT_BUNDLE_MALFORMED */
export function decodeFile<T>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
): { readonly header: T; readonly openings: Uint8Array } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = buffer.readUInt32BE(magic.length + 1)
  checkSizes(length, Math.max(0, buffer.length - prefixBytes - length))
  if (buffer.length < prefixBytes + length) throw malformed('it is cut short')
  const header = parseHeader(schema, buffer.subarray(prefixBytes, prefixBytes + length))
  return { header, openings: Uint8Array.from(buffer.subarray(prefixBytes + length)) }
}

/** The name of a bundle: SHA-256 of its bytes. */
export const bundleHash = (bytes: Uint8Array): Hex => `0x${hash('sha256', bytes)}`

/** Refuses bytes that are no UTF-8 instead of replacing them, which would give one text to many files. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const malformed = (problem: string, cause?: unknown) => reportErrors.REPORT_BUNDLE_MALFORMED({ problem, cause })

function parseHeader<T>(schema: z.ZodType<T>, bytes: Uint8Array): T {
  let text: string
  let value: unknown
  try {
    text = utf8.decode(bytes)
    value = JSON.parse(text)
    if (canonicalJson(value) !== text) throw malformed('its header is not in canonical form')
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof TypeError)
      throw malformed('its header is not canonical JSON', cause)
    // The call stack ends in lists within lists; a header is some deep.
    if (cause instanceof RangeError) throw malformed('its header is nested too deeply', cause)
    throw cause
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) {
    // Unknown fields are dropped by the schema; in a bundle they would make two files of one report.
    if (canonicalJson(toWire(parsed.data)) !== text)
      throw malformed('its header has fields that a bundle does not have')
    return parsed.data
  }
  const issue = parsed.error.issues[0]!
  throw malformed(`header field ${issue.path.join('.') || '(all)'}: ${issue.message}`)
}

function checkSizes(headerBytes: number, openingsBytes: number): void {
  if (headerBytes > headerLimit)
    throw malformed(`its header has ${headerBytes} bytes, at most ${headerLimit} are possible`)
  if (openingsBytes > openingsLimit)
    throw malformed(`its openings have ${openingsBytes} bytes, at most ${openingsLimit} are possible`)
}
