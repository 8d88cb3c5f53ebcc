/** Bundles as bytes, made by hand: what a stranger may send. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { isKaisarError } from '../../../src/core/platform/errors.ts'
import { decodeBundle, type EvidenceBundle, encodeBundle } from '../../../src/core/report/evidence-bundle.ts'
import { runs } from '../../helpers/full-runs.ts'

/** A bundle of this version with any text as its header. */
export function headed(version: number, text: string, openings: Uint8Array = new Uint8Array()): Uint8Array {
  const body = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Uint8Array.from(Buffer.concat([Buffer.from('kaisar-bundle'), Buffer.of(version), length, body, openings]))
}

/** Whatever bytes come, decoding gives a bundle that has no other encoding, or an error of its own. */
export function expectDecodesOrRefuses(bundle: EvidenceBundle): void {
  const bytes = encodeBundle(bundle)
  const version = bytes['kaisar-bundle'.length]!
  const damaged = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(bytes.length).map(length => bytes.slice(0, length)),
    fc
      .tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, change]) => bytes.map((byte, i) => (i === at ? byte ^ change : byte))),
    fc.string({ maxLength: 400 }).map(text => headed(version, text)),
    fc.jsonValue().map(value => headed(version, JSON.stringify(value))),
  )
  fc.assert(
    fc.property(damaged, candidate => {
      try {
        // What still decodes is another bundle, with its own name.
        expect(encodeBundle(decodeBundle(candidate))).toEqual(candidate)
      } catch (error) {
        expect(isKaisarError(error) && error.code).toMatch(/^REPORT_BUNDLE_/)
      }
    }),
    { numRuns: runs(1000) },
  )
}
