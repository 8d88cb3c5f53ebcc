/**
 * The grammar of the protocol, read from the schemas of its messages: makes messages that fit them, changes them until they hardly do, and
 * cuts their frames to pieces. What was seen on a wire is taken up, so that much of it is about real rounds and devices. Follows from `random`.
 */
import type { Hex } from 'viem'
import { z } from 'zod'
import { deviceRecordSchema, environmentRecordSchema } from '../../src/core/protocol/device-record.ts'
import {
  isMessageType,
  type MessageType,
  maxPayloadBytes,
  messageBodies,
  toWire,
} from '../../src/core/protocol/messages.ts'
import { address, bytes32, signature65 } from '../../src/core/protocol/primitives.ts'
import type { SignedMessage, SignedType } from '../../src/core/protocol/typed-data.ts'
import type { Signer } from '../../src/core/report/signer.ts'
import { encodeFrame } from '../../src/core/transport/frame.ts'
import type { Frame } from '../../src/core/transport/transport.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Schema = z.core.JSONSchema.BaseSchema

const hexOf: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  [bytes32, 32],
  [signature65, 65],
  [address, 20],
])

const describe = (schema: z.ZodType): Schema =>
  z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const bytes = hexOf.get(zodSchema)
      if (bytes !== undefined) Object.assign(jsonSchema, { type: 'string', pattern: `^0x[0-9a-f]{${2 * bytes}}$` })
    },
  }) as Schema

const schemaOf = Object.fromEntries(
  Object.entries(messageBodies).map(([type, body]) => [type, describe(body)]),
) as Readonly<Record<MessageType, Schema>>

/** Fields whose text is a document of its own. */
const documents: Readonly<Record<string, Schema>> = {
  device: describe(deviceRecordSchema),
  environment: describe(environmentRecordSchema),
}

/** Where each message carries something signed, and as what. */
const signedParts: { readonly [T in MessageType]?: readonly [path: readonly string[], type: SignedType] } = {
  session: [['session'], 'Session'],
  'job.offer': [[], 'JobOffer'],
  'job.commitment': [[], 'Commitment'],
  'job.abort': [[], 'Abort'],
  'job.busy': [[], 'Busy'],
  'job.request': [[], 'SampleRequest'],
  'device.request': [[], 'DeviceRequest'],
  'device.report': [['report'], 'DeviceReport'],
  receipt: [[], 'Receipt'],
  'wrong.work': [['commitment'], 'Commitment'],
}

const types = Object.keys(messageBodies) as MessageType[]
/** Frames and values that are remembered of each type and field. */
const remembered = 24
const words = ['', '0', '1', '4294967296', '9007199254740993', '9223372036854775807', '9223372036854775808']
const integers = [...words, '18446744073709551615', '18446744073709551616', '99999999999999999999']
const numbers = [0, 1, -1, 255, 65_536, 2 ** 32, 2 ** 53, 1e308, 0.5, -0]
const texts = [
  'é\u0301\u202e\u0000\u001b[2J',
  '\ud800',
  '\u{1f9ee}'.repeat(40),
  '__proto__',
  "'; DROP TABLE verdict; --",
  '{"version":1}',
  '0x',
  `0X${'A'.repeat(64)}`,
]
const fields = ['__proto__', 'constructor', 'toString', 'then', 'length', 'message', 'signature', 'code', '']

export type MessageGrammar = {
  /** Takes up a message that was seen on a wire, in either direction, where it fits its schema. */
  observe(frame: Frame): void
  /** One of these types that was seen; null before there is any. */
  replay(types: ReadonlySet<string>): Frame | null
  /** One of these types that fits its schema, signed by `signer` where it signs; its fields may be of others that were seen. */
  generate(types: ReadonlySet<MessageType>, signer: Signer): Promise<Frame>
  /** The frame with some of its fields changed for others that fit, and signed anew. */
  mutate(frame: Frame, signer: Signer): Promise<Frame>
  /** The frame with its body bent: fields dropped, added, of another type, too large, not text. */
  bend(frame: Frame): Frame
  /** The bytes of the frame, cut, flipped, or with a header that lies. */
  shatter(frame: Frame): Uint8Array
}

export function createMessageGrammar(random: () => number): MessageGrammar {
  const seen = new Map<string, Frame[]>()
  const values = new Map<string, string[]>()
  const below = (n: number) => Math.floor(n * random())
  const chance = (probability: number) => random() < probability
  const pick = <T>(from: readonly T[]): T => from[below(from.length)]!
  const randomBytes = (size: number) => Uint8Array.from({ length: size }, () => below(256))
  const randomHex = (size: number): Hex => `0x${Buffer.from(randomBytes(size)).toString('hex')}`

  function keep<T>(memory: Map<string, T[]>, key: string, value: T) {
    const kept = memory.get(key) ?? []
    if (kept.length >= remembered) kept[below(remembered)] = value
    else kept.push(value)
    memory.set(key, kept)
  }

  function harvest(name: string, value: unknown) {
    if (typeof value === 'string') {
      if (value.length > 4_096 || values.get(name)?.includes(value)) return
      keep(values, name, value)
      if (value.startsWith('0x')) keep(values, `of ${value.length}`, value)
    } else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) harvest(Array.isArray(value) ? name : key, inner)
  }

  function text(name: string, schema: Schema): string {
    const { pattern, maxLength = 64 } = schema
    const document = documents[name]
    if (document !== undefined && chance(0.3)) return JSON.stringify(instance('document', document))
    if (document !== undefined && chance(0.5)) return pick(texts)
    const known = values.get(name)
    const digits = Number(/\[0-9a-f\]\{(\d+)\}/.exec(pattern ?? '')?.[1] ?? 0)
    if (digits > 0) {
      const alike = values.get(`of ${digits + 2}`)
      if (known !== undefined && chance(0.75)) return pick(known)
      if (alike !== undefined && chance(0.3)) return pick(alike)
      return chance(0.1) ? `0x${'0'.repeat(digits)}` : randomHex(digits / 2)
    }
    if (known !== undefined && chance(0.75)) return pick(known)
    if (pattern?.includes('d{0,19}')) return chance(0.5) ? pick(integers.slice(1, -2)) : String(below(16))
    if (pattern !== undefined) return pick(['SESSION_REPLACED', 'INTERNAL', 'A', 'CHECKER_ROUND_UNKNOWN'])
    const filler = pick(['x', 'é', ' ', '[', '{"a":', '\u{1f9ee}'])
    if (chance(0.02)) return filler.repeat(maxLength).slice(0, maxLength)
    return chance(0.5) ? pick(texts) : filler.repeat(below(40)).slice(0, maxLength)
  }

  function instance(name: string, schema: Schema): Json {
    if (schema.const !== undefined) return schema.const as Json
    if (schema.enum !== undefined) return pick(schema.enum) as Json
    if (schema.anyOf !== undefined) return instance(name, pick(schema.anyOf) as Schema)
    switch (schema.type) {
      case 'object': {
        // Nobody else's signature can be made: only a commitment that was seen has that of its device.
        const commitments = name === 'commitment' ? seen.get('job.commitment') : undefined
        if (commitments !== undefined && chance(0.6)) return copy(pick(commitments).body)
        const required = new Set(schema.required)
        const present = Object.entries(schema.properties ?? {}).filter(([key]) => required.has(key) || chance(0.5))
        return Object.fromEntries(present.map(([key, inner]) => [key, instance(key, inner as Schema)]))
      }
      case 'array': {
        const { minItems = 0, maxItems = 4 } = schema
        const length = chance(0.05) ? maxItems : Math.max(minItems, below(Math.min(4, maxItems)))
        return Array.from({ length }, () => instance(name, schema.items as Schema))
      }
      case 'integer': {
        const { minimum = 0, maximum = Number.MAX_SAFE_INTEGER } = schema
        return pick([minimum, maximum, Math.min(maximum, 1), minimum + below(maximum - minimum)])
      }
      case 'null':
        return null
      default:
        return text(name, schema)
    }
  }

  /** Signs what of the body is signed, where it can be: what does not fit its schema has no hash. */
  async function sign(type: MessageType, body: Json, signer: Signer): Promise<Json> {
    const part = signedParts[type]
    const parsed = messageBodies[type].safeParse(body)
    if (part === undefined || !parsed.success) return body
    const at = (root: unknown) => part[0].reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], root)
    const { message } = at(parsed.data) as { message: SignedMessage<(typeof part)[1]> }
    Object.assign(at(body) as object, { signature: await signer.sign(part[1], message) })
    return body
  }

  function payloadOf(type: MessageType): { payload?: Uint8Array } {
    const most = maxPayloadBytes[type]
    if (most === undefined) return {}
    const known = pick(seen.get(type) ?? [{ payload: undefined } as Pick<Frame, 'payload'>]).payload
    if (known !== undefined && chance(0.5)) {
      const payload = known.slice(0, chance(0.7) ? known.length : below(known.length))
      for (let i = below(3); i > 0 && payload.length > 0; i--) payload[below(payload.length)] = below(256)
      return { payload }
    }
    return { payload: chance(0.02) ? new Uint8Array(most).fill(below(256)) : randomBytes(below(256)) }
  }

  const copy = (body: unknown) => structuredClone(toWire(body)) as Json

  function seenOf(among: ReadonlySet<string>): Frame | null {
    const known = [...seen].filter(([type]) => among.has(type))
    return known.length === 0 ? null : pick(pick(known)[1])
  }

  /** Every object and array of a body, itself too. */
  function containers(body: Json): (Json[] | { [key: string]: Json })[] {
    if (typeof body !== 'object' || body === null) return []
    return [body, ...Object.values(body).flatMap(containers)]
  }

  const oddity = (): Json =>
    pick<() => Json>([
      () => null,
      () => [],
      () => ({}),
      () => chance(0.5),
      () => pick(numbers),
      () => pick(integers),
      () => pick(texts),
      () => randomHex(below(70)),
      () => Array<Json>(below(300)).fill(0),
      () => JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`) as Json,
    ])()

  return {
    observe({ type, body, payload }) {
      const parsed = isMessageType(type) ? messageBodies[type].safeParse(body) : null
      if (!parsed?.success) return
      const fitting = toWire(parsed.data)
      keep(seen, type, { type, body: fitting, ...(payload === undefined ? {} : { payload: payload.slice() }) })
      harvest(type, fitting)
    },

    replay: seenOf,

    async generate(among, signer) {
      const type = pick([...among])
      const body = instance('body', schemaOf[type])
      const isOthers = type === 'wrong.work' && chance(0.6)
      return { type, body: isOthers ? body : await sign(type, body, signer), ...payloadOf(type) }
    },

    async mutate(frame, signer) {
      const { type, body, payload } = frame
      if (!isMessageType(type)) return frame
      const [changed, schema] = [copy(body), schemaOf[type]]
      for (let times = 1 + below(2); times > 0; times--) changeOne(changed, schema)
      const signed = chance(0.85) ? await sign(type, changed, signer) : changed
      return { type, body: signed, ...(payload === undefined ? {} : chance(0.5) ? { payload } : payloadOf(type)) }
    },

    bend({ type, body, payload }) {
      let bent = copy(body)
      for (let times = 1 + below(2); times > 0; times--) {
        const inner = containers(bent)
        if (inner.length === 0 || chance(0.05)) {
          bent = oddity()
          continue
        }
        const target = pick(inner) as Record<string, Json>
        const key = pick([...Object.keys(target), Array.isArray(target) ? '0' : pick(fields)])
        if (chance(0.3)) delete target[key]
        else
          Object.defineProperty(target, key, { value: oddity(), enumerable: true, writable: true, configurable: true })
      }
      if (chance(0.05)) return { type: pick([...types, 'constructor', 'garbage', 'tostring']), body: bent }
      if (chance(0.05)) return { type, body: bent, payload: new Uint8Array(below(100_000)).fill(below(256)) }
      return { type, body: bent, ...(payload === undefined ? {} : { payload }) }
    },

    shatter(frame) {
      const bytes = Buffer.from(encodeFrame(frame, { maxFrameBytes: 2 ** 30, maxHeaderBytes: 2 ** 30 }))
      const withHeader = (header: Buffer) => {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(header.length)
        return Buffer.concat([length, header])
      }
      return pick<() => Uint8Array>([
        () => bytes.subarray(0, below(bytes.length)),
        () => randomBytes(below(200)),
        () => new Uint8Array(0),
        () => {
          bytes.writeUInt32BE(pick([0, 1, bytes.length, 2 ** 32 - 1, below(2 ** 20)]), 0)
          return bytes
        },
        () => {
          for (let i = 1 + below(8); i > 0; i--) bytes[below(bytes.length)] = below(256)
          return bytes
        },
        () => Buffer.concat([bytes, randomBytes(below(100))]),
        () =>
          withHeader(
            Buffer.from(pick(['null', '1', '"a"', '[]', '{}', '{"type":1,"body":{}}', '{"type":"A b","body":{}}'])),
          ),
        () => withHeader(Buffer.from('{"type":"__proto__","body":{"__proto__":{"type":"session"}}}')),
        () => withHeader(Buffer.from(`{"type":"job.mark","body":${'['.repeat(50_000)}${']'.repeat(50_000)}}`)),
        () => withHeader(Buffer.from(`{"type":"job.mark","body":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`)),
        () =>
          withHeader(Buffer.concat([Buffer.from('{"type":"job.mark","body":"'), randomBytes(20), Buffer.from('"}')])),
        () => withHeader(Buffer.from(`{"type":"job.mark","body":${'1'.repeat(400)}e${'9'.repeat(9)}}`)),
      ])()
    },
  }

  /** Puts another value that fits in the place of one field. */
  function changeOne(body: Json, schema: Schema): void {
    const { properties = {} } = schema
    const key = pick(Object.keys(properties))
    if (key === undefined || typeof body !== 'object' || body === null || Array.isArray(body)) return
    const inner = properties[key] as Schema
    if (inner.type === 'object' && body[key] !== undefined) changeOne(body[key], inner)
    else body[key] = instance(key, inner)
  }
}
