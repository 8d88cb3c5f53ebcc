import { transportErrors } from './errors.ts'
import type { Frame, Limits } from './transport.ts'

/** Bytes of the length field in front of the header. */
export const lengthBytes = 4
const typePattern = /^[a-z][a-z.]{0,31}$/
const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export type FrameLimits = Pick<Limits, 'maxFrameBytes' | 'maxHeaderBytes'>

/**
 * Bytes of a frame: uint32 header length (big-endian) ‖ header, JSON `{"type", "body"}` in UTF-8 ‖ payload.
 *
 * @throws TRANSPORT_FRAME_TOO_LARGE before anything is sent.
 */
export function encodeFrame({ type, body, payload }: Frame, limits: FrameLimits): Uint8Array {
  const header = Buffer.from(JSON.stringify({ type, body }))
  if (header.length > limits.maxHeaderBytes) throw tooLarge(header.length, limits.maxHeaderBytes)
  const bytes = lengthBytes + header.length + (payload?.length ?? 0)
  if (bytes > limits.maxFrameBytes) throw tooLarge(bytes, limits.maxFrameBytes)
  const frame = Buffer.allocUnsafe(bytes)
  frame.writeUInt32BE(header.length, 0)
  frame.set(header, lengthBytes)
  if (payload !== undefined) frame.set(payload, lengthBytes + header.length)
  return frame
}

/**
 * The inverse of {@link encodeFrame} for hostile bytes: every length is checked before it is used, and JSON is parsed only
 * within `maxHeaderBytes`. The payload is a view into `bytes`.
 *
 * @throws TRANSPORT_FRAME_TOO_LARGE, TRANSPORT_FRAME_MALFORMED
 */
export function decodeFrame(bytes: Uint8Array, limits: FrameLimits): Frame {
  if (bytes.length > limits.maxFrameBytes) throw tooLarge(bytes.length, limits.maxFrameBytes)
  if (bytes.length < lengthBytes) throw malformed('it is shorter than its length field')
  const headerBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  if (headerBytes > limits.maxHeaderBytes) throw tooLarge(headerBytes, limits.maxHeaderBytes)
  if (lengthBytes + headerBytes > bytes.length) throw malformed('its header is longer than the frame')

  const { type, body } = parseHeader(bytes.subarray(lengthBytes, lengthBytes + headerBytes))
  const payload = bytes.subarray(lengthBytes + headerBytes)
  return payload.length === 0 ? { type, body } : { type, body, payload }
}

function parseHeader(bytes: Uint8Array): { type: string; body: unknown } {
  let header: unknown
  try {
    header = JSON.parse(text.decode(bytes))
  } catch (cause) {
    throw malformed('its header is not JSON', cause)
  }
  if (typeof header !== 'object' || header === null || !('type' in header) || !('body' in header))
    throw malformed('its header has no type or no body')
  if (typeof header.type !== 'string' || !typePattern.test(header.type))
    throw malformed('its type is not the name of a message')
  return { type: header.type, body: header.body }
}

const tooLarge = (bytes: number, maxBytes: number) => transportErrors.TRANSPORT_FRAME_TOO_LARGE({ bytes, maxBytes })
const malformed = (why: string, cause?: unknown) => transportErrors.TRANSPORT_FRAME_MALFORMED({ why, cause })
