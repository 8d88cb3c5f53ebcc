/**
 * The frames between Provider and Checker and between Checkers, as zod schemas of their bodies.
 * Bodies are JSON; openings travel as the frame's payload. Unknown fields are dropped, so that fields can be added.
 */
import { z } from 'zod'
import { openingWords } from './constants.ts'
import { pieceBytes } from './pieces.ts'
import {
  address,
  bytes32,
  bytes64,
  plainText,
  shownText,
  signature65,
  uint8,
  uint16,
  uint32,
  uint64,
} from './primitives.ts'
import { type SignedType, signedTypes } from './typed-data.ts'

export const protocolVersion = 3

const wireForms = { address, bytes32, uint8, uint16, uint32, uint64, string: plainText(256) }
type WireShape<T extends SignedType> = {
  [F in (typeof signedTypes)[T][number] as F['name']]: (typeof wireForms)[F['type']]
}

/** A signed message of this type, each field in its wire form, and the signature. */
function signed<T extends SignedType>(type: T) {
  const shape = signedTypes[type].map(field => [field.name, wireForms[field.type]])
  return z.object({ message: z.object(Object.fromEntries(shape) as WireShape<T>), signature: signature65 })
}

const measure = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const commitment = signed('Commitment')

/** A session names at most so many devices: an operator of more uses more keys. */
export const maxDevicesOfSession = 256

export const messageBodies = {
  /** Server → client, first frame: the server's Checker, the network it serves, a fresh nonce. */
  welcome: z.object({ version: uint32, chainId: uint32, consensus: address, checker: address, nonce: bytes32 }),
  /** Client → server: the signed session; `role` says whether devices or another Checker dial. */
  session: z.object({
    version: uint32,
    role: z.enum(['provider', 'checker']),
    session: signed('Session'),
    deviceIds: z.array(bytes32).max(maxDevicesOfSession),
  }),
  accepted: z.object({}),
  /**
   * Either side: a message was refused, with a code of `docs/errors.md`. A refusal is never answered by a refusal.
   * Where the sender closes the session too, the reason of the close carries the same code.
   */
  refused: z.object({
    code: z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/),
    message: shownText(1024),
    /** The type of the message that was refused. */
    regarding: shownText(128).optional(),
  }),
  'job.offer': signed('JobOffer'),
  'job.commitment': commitment,
  'job.abort': signed('Abort'),
  'job.busy': signed('Busy'),
  /** A part of a window that is over, in the encoding of its kind: what comes later cannot be put before it any more. */
  'job.mark': z.object({ epoch: uint64, round: bytes32, deviceId: bytes32, index: uint8, mark: bytes64 }),
  'job.request': signed('SampleRequest'),
  /**
   * The payload holds the openings, or the piece of them with this number, from 0. The sampling block tells which request they answer,
   * where a reorg made the seat ask twice.
   */
  'job.openings': z.object({
    commitmentHash: bytes32,
    secret: bytes32,
    samplingBlockHash: bytes32.optional(),
    piece: uint8.optional(),
  }),
  'device.request': signed('DeviceRequest'),
  /** `device`, `environment` and `attestation` are canonical JSON whose hashes are signed; parsed by the receiver. */
  'device.report': z.object({
    report: signed('DeviceReport'),
    device: z.string().max(65_536),
    environment: z.string().max(65_536),
    attestation: z.string().max(131_072).nullable(),
  }),
  /** `measures`: what the rate is made of, unsigned: the Provider keeps it where it gives the signed rate. */
  receipt: signed('Receipt').extend({
    measures: z.object({ tensor: measure, bandwidth: measure, resident: measure }).optional(),
  }),
  /** Seat → the other seats of its committee: wrong work under the signed root; the payload holds the place, opened. */
  'wrong.work': z.object({ commitment }),
  /** Keeper → seat, in OPEN. */
  'opening.request': z.object({ epoch: uint64, cohort: uint32 }),
  'opening.reply': z.object({
    epoch: uint64,
    cohort: uint32,
    words: z.array(z.string().regex(/^0x[0-9a-f]{64}$/)).length(openingWords),
    salt: bytes32,
    proof: z.array(bytes32).max(32),
  }),
} as const

export type MessageType = keyof typeof messageBodies

/** Only these travel before a session is accepted, and never after. */
export const handshakeTypes = ['welcome', 'session', 'accepted'] as const satisfies readonly MessageType[]
export type HandshakeType = (typeof handshakeTypes)[number]

/** The messages that carry a payload, and its limit in bytes; all others carry none. */
export const maxPayloadBytes: { readonly [T in MessageType]?: number } = {
  'job.openings': pieceBytes,
  'wrong.work': 64 * 1024,
}
/** A message's body after parsing (bigints in place of decimal strings). */
export type MessageBody<T extends MessageType> = z.output<(typeof messageBodies)[T]>

export const isMessageType = (type: string): type is MessageType => Object.hasOwn(messageBodies, type)

/** JSON form of a body: bigints become decimal strings; what JSON does not know is null in a list, and not there in an object. */
export function toWire(body: unknown): unknown {
  if (typeof body === 'bigint') return body.toString()
  if (typeof body === 'function' || typeof body === 'symbol') return undefined
  if (typeof body !== 'object' || body === null) return body
  if (Array.isArray(body)) return body.map(entry => toWire(entry) ?? null)
  const wire: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(body)) {
    const each = toWire(value)
    if (each !== undefined) wire[key] = each
  }
  return wire
}
