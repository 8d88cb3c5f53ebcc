import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tensorSpecs } from '../../../src/core/job/tensor/tensor-spec.ts'
import type { WorkCore } from '../../../src/core/job/work-core.ts'
import { canonicalJson } from '../../../src/core/protocol/canonical-json.ts'
import { toWire } from '../../../src/core/protocol/messages.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import { commitmentHash, seedOf } from '../../../src/core/report/commitment.ts'
import {
  bundleHash,
  decodeBundle,
  type EvidenceBundle,
  encodeBundle,
} from '../../../src/core/report/evidence-bundle.ts'
import { signMessage } from '../../../src/core/report/signer.ts'
import { type BundleStep, notProven, verifyBundle } from '../../../src/core/report/verify-bundle.ts'
import { runs } from '../../helpers/full-runs.ts'
import { epochSeed, smallCore, smallJobs } from '../job/small-spec.ts'
import { expectDecodesOrRefuses, headed } from './bundle-bytes.ts'
import { checker, makeAccusation, makeReport, provider, witnessOfReport, word } from './sample-report.ts'

let core: WorkCore
let bundle: EvidenceBundle & { readonly kind: 'tensor' }
const openVerifier = async () => core
type Changed = Omit<Partial<typeof bundle>, 'kind'>
const check = (changed: Changed) => verifyBundle({ ...bundle, ...changed }, { openVerifier })

beforeAll(async () => {
  core = await smallCore()
  bundle = await makeReport(core, smallJobs)
})
afterAll(() => core.close())

describe('evidence bundle', () => {
  it('a bundle has one encoding and reads back as it was', () => {
    const bytes = encodeBundle(bundle)
    expect(decodeBundle(bytes)).toEqual(bundle)
    expect(encodeBundle(decodeBundle(bytes))).toEqual(bytes)
    expect(bundleHash(bytes)).toMatch(/^0x[0-9a-f]{64}$/)
  })

  it('a bundle leaves out fields that the caller’s values hold beyond it', () => {
    const wider = { ...bundle, network: { ...bundle.network, contracts: { KaisarToken: '0x00' }, chain: { uid: 'x' } } }
    expect(encodeBundle(wider)).toEqual(encodeBundle(bundle))
  })

  it('decoding fails only with errors of its own, whatever the bytes', () => expectDecodesOrRefuses(bundle))

  it.each([
    ['another order of the header', (text: string) => text.replace('{"commitment"', '{ "commitment"')],
    ['an extra field', (text: string) => text.replace('{"commitment"', '{"a":1,"commitment"')],
    ['a spec that cannot be', (text: string) => text.replace('"width":64', '"width":5000')],
    ['an address in upper case', (text: string) => text.replace('c0ffee', 'C0FFEE')],
  ])('decoding refuses a bundle with %s', (_, change) => {
    const { openings: _openings, kind: _kind, ...rest } = bundle
    const text = canonicalJson(toWire(rest))
    expect(change(text)).not.toBe(text)
    expect(() => decodeBundle(headed(7, change(text)))).toThrow(
      expect.objectContaining({ code: 'REPORT_BUNDLE_MALFORMED' }),
    )
  })

  it('decoding refuses a bundle whose header is lists within lists', () => {
    const depth = 200_000
    expect(() => decodeBundle(headed(1, '['.repeat(depth) + ']'.repeat(depth)))).toThrow(
      expect.objectContaining({ code: 'REPORT_BUNDLE_MALFORMED' }),
    )
  })

  it('a bundle has version 7 and one encoding, with proof against the device or a witness where there is one', () => {
    for (const more of [
      {},
      { against: { wrongRow: 7 } },
      { against: { commitment: bundle.commitment } },
      { witness: word('77') },
    ]) {
      const bytes = encodeBundle({ ...bundle, ...more })
      expect(bytes[13]).toBe(7)
      expect(decodeBundle(bytes)).toEqual({ ...bundle, ...more })
      expect(encodeBundle(decodeBundle(bytes))).toEqual(bytes)
    }
  })

  it('a specification of version 1 makes a bundle of version 1, 2 or 3, which no other becomes by its version', () => {
    const before = { ...bundle, spec: { ...bundle.spec, version: 1 } as const }
    const forms = [{}, { against: { wrongRow: 7 } }, { witness: word('77') }].map(more => ({ ...before, ...more }))
    for (const [at, form] of forms.entries()) {
      const bytes = encodeBundle(form)
      expect(bytes[13]).toBe(at + 1)
      expect(decodeBundle(bytes)).toEqual(form)
      for (const version of [1, 2, 3].filter(other => other !== at + 1))
        expect(() => decodeBundle(bytes.map((byte, i) => (i === 13 ? version : byte)))).toThrow(
          expect.objectContaining({ code: 'REPORT_BUNDLE_MALFORMED' }),
        )
    }
    const named = canonicalJson(toWire({ ...before, openings: undefined, kind: undefined }))
    for (const version of [1, 7])
      expect(() => decodeBundle(headed(version, named))).toThrow(
        expect.objectContaining({ code: 'REPORT_BUNDLE_MALFORMED' }),
      )
  })

  it('a bundle whose commitment is of the other version is refuted by its specification', async () => {
    const spec = { ...bundle.spec, version: 1 }
    expect(await check({ spec })).toMatchObject({ ok: false, step: 'SPEC' })
    expect(await verifyBundle(decodeBundle(encodeBundle(bundle).with(13, 1)), { openVerifier })).toMatchObject({
      ok: false,
      step: 'SPEC',
    })
  })

  it('a bundle of an unknown version is refused, and the version is named', () => {
    const bytes = encodeBundle(bundle).map((byte, i) => (i === 13 ? 9 : byte))
    expect(() => decodeBundle(bytes)).toThrow(
      expect.objectContaining({ code: 'REPORT_BUNDLE_VERSION_UNKNOWN', fix: expect.stringContaining('Update') }),
    )
  })
})

describe('a seat’s witness', () => {
  it('a witness is verified by recomputing, and a bundle without one verifies', async () => {
    const witness = await witnessOfReport(core, bundle)
    expect(await check({ witness })).toMatchObject({ ok: true, facts: { witness } })
    expect(await check({})).toMatchObject({ ok: true, facts: { witness: null } })
  })

  it('a witness is refuted where it is another seat’s, invented, or differs from the leaf on chain', async () => {
    const witness = await witnessOfReport(core, bundle)
    for (const other of [await witnessOfReport(core, bundle, provider.address), word('77')]) {
      expect(await check({ witness: other })).toMatchObject({ ok: false, step: 'WITNESS' })
      const shown = verifyBundle({ ...bundle, witness }, { openVerifier, shownWitness: other })
      expect(await shown).toMatchObject({ ok: false, step: 'WITNESS' })
    }
    const none = verifyBundle(bundle, { openVerifier, shownWitness: witness })
    expect(await none).toMatchObject({ ok: false, step: 'WITNESS' })
    const shown = verifyBundle({ ...bundle, witness }, { openVerifier, shownWitness: witness })
    expect(await shown).toMatchObject({ ok: true })
  })
})

describe('verifyBundle', () => {
  it('an honest report is accepted, with its facts and its limits', async () => {
    const result = await check({})
    expect(result).toMatchObject({
      ok: true,
      facts: {
        operator: provider.address,
        checker: checker.address,
        epoch: 3n,
        specName: null,
        checked: 8,
        kind: 'tensor',
        unit: 'row',
      },
    })
    expect(result.cannotProve).toEqual([
      notProven.arrival,
      notProven.blocks,
      notProven.seed,
      notProven.registration,
      notProven.seat,
      notProven.choice,
      notProven.device,
      notProven.spec,
    ])
  })

  it('the verification names what is missing where a seat had no records', async () => {
    const { cannotProve, ok } = await check({ deviceReport: null, environment: null })
    expect(ok).toBe(true)
    expect(cannotProve).toEqual(expect.arrayContaining([notProven.record, notProven.environment]))
  })

  const signedBy = (signer: typeof provider, changes: object) =>
    signMessage(signer, 'Commitment', { ...bundle.commitment.message, ...changes })
  const spoils: [BundleStep, string, () => Promise<Changed>][] = [
    ['SPEC', 'another spec', async () => ({ spec: tensorSpecs.devnet })],
    [
      'OFFER_SIGNATURE',
      'an offer of nobody',
      async () => ({ offer: { ...bundle.offer, signature: bundle.commitment.signature } }),
    ],
    [
      'COMMITMENT_BINDING',
      'a commitment of another round',
      async () => ({ commitment: await signedBy(provider, { round: word('2b') }) }),
    ],
    [
      'COMMITMENT_BINDING',
      'a commitment of another generation',
      async () => ({ commitment: await signedBy(provider, { generation: 2 }) }),
    ],
    [
      'COMMITMENT_SIGNATURE',
      'a signature that is none',
      async () => ({ commitment: { ...bundle.commitment, signature: `0x${'00'.repeat(65)}` as const } }),
    ],
    [
      'ENVIRONMENT',
      'another environment',
      async () => ({ environment: bundle.environment!.replace('Debian', 'Fedora') }),
    ],
    [
      'DEVICE_REPORT',
      'a commitment signed by somebody else',
      async () => ({ commitment: await signedBy(checker, {}) }),
    ],
    [
      'DEVICE_REPORT',
      'another device record',
      async () => ({
        deviceReport: { ...bundle.deviceReport!, device: bundle.deviceReport!.device.replace('Example', 'Better') },
      }),
    ],
    [
      'DEVICE_REPORT',
      'attestation that was not signed',
      async () => ({ deviceReport: { ...bundle.deviceReport!, attestation: '{}' } }),
    ],
    ['SAMPLE_REQUEST', 'no request', async () => ({ request: null })],
    [
      'SAMPLE_REQUEST',
      'another secret than offered',
      async () => ({
        request: await signMessage(checker, 'SampleRequest', { ...bundle.request!.message, secret: word('00') }),
      }),
    ],
    [
      'SAMPLE_REQUEST',
      'a request by another seat',
      async () => ({ request: await signMessage(provider, 'SampleRequest', bundle.request!.message) }),
    ],
    ['OPENINGS_MALFORMED', 'openings cut short', async () => ({ openings: bundle.openings.slice(0, -1) })],
    [
      'OPENINGS_NOT_IN_ROOT',
      'openings of other rows',
      async () => ({ openings: bundle.openings.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) }),
    ],
    ['ROW_WRONG', 'another epoch’s model', async () => ({ epochSeed: word('e6') })],
  ]
  it.each(spoils)('the verification names the step %s for %s', async (step, _, spoil) => {
    expect(await check(await spoil())).toMatchObject({ ok: false, step })
  })

  it('a bundle with a forwarded wrong row or a second commitment is proof against the device', async () => {
    const { ROW_WRONG, TWO_COMMITMENTS } = await makeAccusation(core, bundle)
    expect(await verifyBundle(ROW_WRONG, { openVerifier })).toMatchObject({
      ok: false,
      step: 'ROW_WRONG',
      detail: expect.stringContaining('Row 70'),
    })
    expect(await verifyBundle(TWO_COMMITMENTS, { openVerifier })).toMatchObject({ ok: false, step: 'TWO_COMMITMENTS' })
  })

  it('an accusation that does not hold is named, and never counts as proof', async () => {
    const { rows } = bundle.commitment.message
    const { tensor } = core.kinds
    const window = await tensor.rework({
      epochSeed,
      seed: seedOf(bundle.network, bundle.commitment.message),
      units: Number(rows),
      notes: '',
    })
    const openings = await tensor.open({ handle: window.handle, sample: [3] })
    expect(await check({ request: null, openings, against: { wrongRow: 3 } })).toMatchObject({ step: 'WRONG_CLAIM' })
    expect(await check({ request: null, openings, against: { wrongRow: Number(rows) } })).toMatchObject({
      step: 'OPENINGS_MALFORMED',
    })
    for (const [commitment, step] of [
      [bundle.commitment, 'COMMITMENT_BINDING'],
      [await signedBy(provider, { round: word('2b'), rows: 1n }), 'COMMITMENT_BINDING'],
      [await signedBy(checker, { rows: 1n }), 'COMMITMENT_SIGNATURE'],
    ] as const)
      expect(await check({ against: { commitment } })).toMatchObject({ step })
  })

  it('a round without rows is accepted, and refused where it hides a root or openings', async () => {
    const none = { request: null, openings: new Uint8Array() }
    const commitment = await signedBy(provider, { rows: 0n, root: zeroBytes32 })
    expect(await check({ ...none, commitment })).toMatchObject({
      ok: true,
      facts: { units: 0, figures: {}, checked: 0 },
    })
    expect(await check({ ...none, commitment, openings: Uint8Array.of(1) })).toMatchObject({
      step: 'OPENINGS_MALFORMED',
    })
    expect(await check({ ...none, commitment: await signedBy(provider, { rows: 0n }) })).toMatchObject({
      step: 'COMMITMENT_INVALID',
    })
  })

  it('every row count that can be signed gets an answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt(0n, 2n ** 64n - 1n), async rows => {
        const commitment = await signedBy(provider, { rows })
        const request = await signMessage(checker, 'SampleRequest', {
          ...bundle.request!.message,
          commitmentHash: commitmentHash(bundle.network, commitment.message),
        })
        if (rows !== bundle.commitment.message.rows)
          expect(await check({ commitment, request })).toMatchObject({ ok: false })
      }),
      { numRuns: runs(100) },
    )
  })
})
