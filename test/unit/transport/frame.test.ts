import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isKaisarError } from '../../../src/core/platform/errors.ts'
import { decodeFrame, encodeFrame, lengthBytes } from '../../../src/core/transport/frame.ts'
import { defaultLimits } from '../../../src/core/transport/transport.ts'
import { anyText } from '../../helpers/arbitraries.ts'

const limits = { maxFrameBytes: 4096, maxHeaderBytes: 1024 }
const type = fc.stringMatching(/^[a-z][a-z.]{0,31}$/)
const frame = (header: string | Uint8Array, payload = new Uint8Array(), headerBytes?: number) => {
  const bytes = Buffer.from(header)
  const length = Buffer.alloc(lengthBytes)
  length.writeUInt32BE(headerBytes ?? bytes.length)
  return Buffer.concat([length, bytes, payload])
}
const decoding = (bytes: Uint8Array) => () => decodeFrame(bytes, limits)

describe('frame', () => {
  it('a frame is a length, a JSON header and the payload', () => {
    const bytes = encodeFrame({ type: 'job.openings', body: { rows: 2 }, payload: Uint8Array.of(1, 2, 3) }, limits)
    expect(Buffer.from(bytes).toString('latin1')).toBe(
      '\0\0\0\x29{"type":"job.openings","body":{"rows":2}}\x01\x02\x03',
    )
  })

  it('a frame decodes as it was encoded', () => {
    fc.assert(
      fc.property(type, fc.jsonValue({ maxDepth: 4 }), fc.uint8Array({ maxLength: 200 }), (type, body, payload) => {
        const bytes = encodeFrame({ type, body, payload }, defaultLimits)
        const plain = JSON.parse(JSON.stringify(body))
        expect(decodeFrame(bytes, defaultLimits)).toEqual(
          payload.length === 0 ? { type, body: plain } : { type, body: plain, payload: Buffer.from(payload) },
        )
      }),
      { numRuns: 1000 },
    )
  })

  it('a frame that is a view into a larger buffer is read by its own offset', () => {
    const bytes = encodeFrame({ type: 'a', body: 1, payload: Uint8Array.of(9) }, limits)
    const larger = Buffer.concat([Buffer.from('noise'), bytes, Buffer.from('noise')])
    expect(decodeFrame(larger.subarray(5, 5 + bytes.length), limits)).toMatchObject({ type: 'a', body: 1 })
  })

  it('any bytes decode to a frame or to one of two errors', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(anyText(), fc.uint8Array({ maxLength: 20 }), fc.option(fc.nat(600), { nil: undefined }))
        .map(([header, payload, length]) => frame(header, payload, length)),
      fc.tuple(fc.json(), fc.uint8Array({ maxLength: 20 })).map(([header, payload]) => frame(header, payload)),
    )
    fc.assert(
      fc.property(bytes, bytes => {
        try {
          const { type, body, payload } = decodeFrame(bytes, limits)
          expect(type).toMatch(/^[a-z][a-z.]{0,31}$/)
          expect(body).not.toBe(undefined)
          expect(payload?.length ?? 1).toBeGreaterThan(0)
        } catch (error) {
          expect(isKaisarError(error) && error.code).toMatch(/^TRANSPORT_FRAME_(MALFORMED|TOO_LARGE)$/)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('a flipped bit never makes decoding crash', () => {
    const bytes = encodeFrame(
      { type: 'job.commitment', body: { message: { rows: '12' } }, payload: Uint8Array.of(1) },
      limits,
    )
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      try {
        decodeFrame(flipped, limits)
      } catch (error) {
        expect(isKaisarError(error)).toBe(true)
      }
    }
  })

  it.each([
    ['nothing', Buffer.alloc(0), 'MALFORMED'],
    ['half a length', Buffer.alloc(3), 'MALFORMED'],
    ['no header', Buffer.alloc(4), 'MALFORMED'],
    ['a header that runs over the end', frame('{"type":"a","body":1}', undefined, 22), 'MALFORMED'],
    ['a header above the limit', frame('', undefined, 1025), 'TOO_LARGE'],
    ['a header of 4 GiB', frame('', undefined, 0xffff_ffff), 'TOO_LARGE'],
    ['a frame above the limit', frame('{"type":"a","body":1}', new Uint8Array(4096)), 'TOO_LARGE'],
    ['JSON that is no object', frame('"type"'), 'MALFORMED'],
    ['null', frame('null'), 'MALFORMED'],
    ['an array', frame('["type","body"]'), 'MALFORMED'],
    ['no body', frame('{"type":"a"}'), 'MALFORMED'],
    ['a type that is a number', frame('{"type":1,"body":1}'), 'MALFORMED'],
    ['an empty type', frame('{"type":"","body":1}'), 'MALFORMED'],
    ['a type of a property of objects', frame('{"type":"__proto__","body":1}'), 'MALFORMED'],
    ['a type that is too long', frame(`{"type":"${'a'.repeat(33)}","body":1}`), 'MALFORMED'],
    ['invalid UTF-8', frame(Uint8Array.of(0x22, 0xff, 0x22)), 'MALFORMED'],
    ['a byte order mark', frame('\uFEFF{"type":"a","body":1}'), 'MALFORMED'],
    ['two values', frame('{"type":"a","body":1}{}'), 'MALFORMED'],
  ])('refuses %s', (_, bytes, code) => {
    expect(decoding(bytes)).toThrow(expect.objectContaining({ code: `TRANSPORT_FRAME_${code}` }))
  })

  it('decoding survives the deepest nesting that fits', () => {
    const deep = `{"type":"a","body":${'['.repeat(250_000)}${']'.repeat(250_000)}}`
    expect(decodeFrame(frame(deep), defaultLimits).type).toBe('a')
  })

  it('encoding refuses what the other side would refuse', () => {
    const payload = new Uint8Array(4096)
    expect(() => encodeFrame({ type: 'a', body: 1, payload }, limits)).toThrow(/limit of 4096/)
    expect(() => encodeFrame({ type: 'a', body: 'x'.repeat(1024) }, limits)).toThrow(/limit of 1024/)
  })
})
