/** Bytes that are no frame, put on a wire that takes frames: they travel as a payload, and the wire takes the frame off again. */

import type { Frame } from '../../../src/core/transport/transport.ts'
import type { Rewrite } from '../../helpers/in-memory-transport.ts'

const header = Buffer.from(JSON.stringify({ type: 'raw', body: null }))
const prefix = Buffer.concat([Buffer.from(new Uint32Array([header.length]).buffer).swap32(), header])

/** What {@link unwrapped} puts on the wire as exactly these bytes. */
export const rawBytes = (bytes: Uint8Array): Frame => ({ type: 'raw', body: null, payload: bytes })

export const unwrapped: Rewrite = bytes =>
  prefix.compare(bytes, 0, prefix.length) === 0 ? bytes.subarray(prefix.length) : bytes
