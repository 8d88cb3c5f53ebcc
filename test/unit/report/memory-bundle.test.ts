/** Evidence of memory rounds: bundles of version 4. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Jobs, jobOf, jobSets } from '../../../src/core/job/jobs.ts'
import { markCount, memorySpecs } from '../../../src/core/job/memory/memory-spec.ts'
import { decodeMarks, markBytes, memoryRoot } from '../../../src/core/job/memory/state-tree.ts'
import { threadClock } from '../../../src/core/job/thread-clock.ts'
import { createWorkCore, type WorkCore } from '../../../src/core/job/work-core.ts'
import { bytesToHex } from '../../../src/core/platform/hex.ts'
import { canonicalJson } from '../../../src/core/protocol/canonical-json.ts'
import { toWire } from '../../../src/core/protocol/messages.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import { commitmentHash, sampleOf, seedOf } from '../../../src/core/report/commitment.ts'
import { decodeBundle, type EvidenceBundle, encodeBundle } from '../../../src/core/report/evidence-bundle.ts'
import { signMessage } from '../../../src/core/report/signer.ts'
import { type BundleStep, verifyBundle } from '../../../src/core/report/verify-bundle.ts'
import { runs } from '../../helpers/full-runs.ts'
import { smallMemorySpec as spec } from '../job/small-memory-spec.ts'
import { epochSeed, smallCore, smallJobs } from '../job/small-spec.ts'
import { expectDecodesOrRefuses, headed } from './bundle-bytes.ts'
import { checker, fillOf, makeReport, makeWrongPlace, provider, witnessOfReport, word } from './sample-report.ts'

type MemoryBundle = EvidenceBundle & { readonly kind: 'memory' }
type Changed = Omit<Partial<MemoryBundle>, 'kind'>

let core: WorkCore
let bundle: MemoryBundle
const job = jobOf(smallJobs, 'memory')
const openVerifier = async () => core
const check = (changed: Changed) => verifyBundle({ ...bundle, ...changed }, { openVerifier })

beforeAll(async () => {
  core = await smallCore()
  await core.prepare({ epochSeed, device: fillOf })
  bundle = await makeReport(core, smallJobs, { kind: 'memory' })
})
afterAll(() => core.close())

const malformed = expect.objectContaining({ code: 'REPORT_BUNDLE_MALFORMED' })
const versionAt = 13
const headerOf = (changed: object = {}): string => {
  const { openings: _openings, kind: _kind, ...rest } = { ...bundle, ...changed } as MemoryBundle
  return canonicalJson(toWire(rest))
}

describe('a bundle of a memory round', () => {
  it('has version 4 and one encoding, with its marks, and with proof or a witness where there is one', () => {
    expect(bundle.marks).toHaveLength(2)
    for (const changed of [
      {},
      { marks: [] },
      { marks: [null, bundle.marks![1]!] },
      { witness: word('77') },
      { against: { wrongRow: 70 } },
      { against: { commitment: bundle.commitment }, witness: word('77') },
      { request: null, openings: new Uint8Array() },
    ] as Changed[]) {
      const made: EvidenceBundle = { ...bundle, ...changed }
      const bytes = encodeBundle(made)
      expect(bytes[versionAt]).toBe(4)
      expect(decodeBundle(bytes)).toEqual(made)
      expect(encodeBundle(decodeBundle(bytes))).toEqual(bytes)
    }
  })

  it.each([
    ['no marks', { marks: undefined }],
    ['a mark that is no bytes', { marks: ['0x0'] }],
    ['more marks than an index can name', { marks: Array.from({ length: 256 }, () => null) }],
    ['a last mark that never came', { marks: [`0x${'01'.repeat(40)}`, null] }],
    ['a specification of a tensor job', { spec: smallJobs.tensor }],
    ['a specification that cannot be', { spec: { ...spec, markMs: 70 } }],
    ['a place that is no number', { against: { wrongRow: -1 } }],
  ])('is refused with %s', (_, changed) => {
    const bytes = headed(4, headerOf(changed), bundle.openings)
    expect(() => decodeBundle(bytes)).toThrow(malformed)
  })

  it('is none of an earlier version, and an earlier one is none of a memory round', () => {
    for (const version of [1, 2, 3]) {
      expect(() => decodeBundle(headed(version, headerOf(), bundle.openings))).toThrow(malformed)
      expect(() => decodeBundle(headed(version, headerOf({ marks: undefined }), bundle.openings))).toThrow(malformed)
    }
    const old = Uint8Array.from(readFileSync('fixtures/reports/bundle-v1.bin'))
    old[versionAt] = 4
    expect(() => decodeBundle(old)).toThrow(malformed)
  })

  it('decoding fails only with errors of its own, whatever the bytes', () => expectDecodesOrRefuses(bundle))
})

describe('verifying a memory round', () => {
  const signedBy = (signer: typeof provider, changes: object) =>
    signMessage(signer, 'Commitment', { ...bundle.commitment.message, ...changes })
  const requestFor = async (commitment: EvidenceBundle['commitment']) =>
    signMessage(checker, 'SampleRequest', {
      ...bundle.request!.message,
      commitmentHash: commitmentHash(bundle.network, commitment.message),
    })

  it('accepts an honest one, with what it is worth by the marks that came in time', async () => {
    const whole = await check({})
    expect(whole).toMatchObject({
      ok: true,
      facts: { kind: 'memory', unit: 'step', checked: spec.samples, specName: null, witness: null },
    })
    if (!whole.ok) return
    expect(whole.facts.units).toBe(Number(bundle.commitment.message.rows))
    expect(whole.facts.unitsPerSample).toBe(whole.facts.units / spec.samples)
    expect(await check({ marks: bundle.marks!.map(() => null) })).toMatchObject({
      ok: true,
      facts: { figures: { bandwidth: 0, resident: whole.facts.figures.resident } },
    })
    // A guess of seven bits passes one time in 128: each sampled place is worth a little less than one of a tensor round.
    const tensor = await verifyBundle(await makeReport(core, smallJobs), { openVerifier })
    if (!tensor.ok) throw new Error(tensor.detail)
    expect(whole.facts.soundness.oneSeat).toBeLessThan(tensor.facts.soundness.oneSeat)
  })

  const otherSpec = { ...spec, samples: 9 }
  const spoils: [BundleStep, string, () => Promise<Changed>][] = [
    ['SPEC', 'another specification', async () => ({ spec: otherSpec })],
    ['OFFER_SIGNATURE', 'an offer of nobody', async () => ({ offer: { ...bundle.offer, signature: '0x00' } })],
    [
      'COMMITMENT_BINDING',
      'another round',
      async () => ({ commitment: await signedBy(provider, { round: word('2b') }) }),
    ],
    [
      'COMMITMENT_SIGNATURE',
      'a signature that is none',
      async () => ({ commitment: { ...bundle.commitment, signature: `0x${'00'.repeat(65)}` as const } }),
    ],
    [
      'TWO_COMMITMENTS',
      'a second commitment',
      async () => ({ against: { commitment: await signedBy(provider, { rows: 1n }) } }),
    ],
    [
      'ENVIRONMENT',
      'another environment',
      async () => ({ environment: bundle.environment!.replace('Debian', 'Fedora') }),
    ],
    ['DEVICE_REPORT', 'somebody else’s signature', async () => ({ commitment: await signedBy(checker, {}) })],
    ['SAMPLE_REQUEST', 'no request', async () => ({ request: null })],
    [
      'COMMITMENT_INVALID',
      'fewer groups than a device must have',
      async () => {
        const claim = await claimed(0)
        const few = Uint8Array.from(claim.openings!)
        new DataView(few.buffer).setUint32(1, 3)
        const commitment = await signedBy(provider, { root: bytesToHex(memoryRoot(3, marksOf(bundle.openings))) })
        return { ...claim, commitment, openings: few }
      },
    ],
    ['OPENINGS_MALFORMED', 'openings cut short', async () => ({ openings: bundle.openings.slice(0, -1) })],
    [
      'OPENINGS_NOT_IN_ROOT',
      'another mark in the openings',
      async () => ({ openings: bundle.openings.with(5 + 40, bundle.openings[5 + 40]! ^ 1) }),
    ],
    [
      'OPENINGS_NOT_IN_ROOT',
      'another state in the openings',
      async () => ({ openings: bundle.openings.with(5 + 120 + 3, bundle.openings[5 + 120 + 3]! ^ 1) }),
    ],
    ['WRONG_CLAIM', 'a place that is right', async () => await claimed(0)],
    [
      'OPENINGS_MALFORMED',
      'a place that there is none of',
      async () => ({ ...(await claimed(0)), against: { wrongRow: 2 ** 40 } }),
    ],
    ['COORDINATE_WRONG', 'another epoch’s memory', async () => ({ epochSeed: word('e6') })],
    ['WITNESS', 'a witness of its own', async () => ({ witness: word('77') })],
  ]
  it.each(spoils)('names the step %s for %s', async (step, _, spoil) => {
    expect(await check(await spoil())).toMatchObject({ ok: false, step })
  })

  /** The marks that openings begin with. */
  const marksOf = (openings: Uint8Array) => decodeMarks(openings.subarray(5, 5 + markCount(spec) * markBytes))

  /** An accusation of one place of the honest window. */
  async function claimed(index: number): Promise<Changed> {
    const { message } = bundle.commitment
    const place = sampleOf(job, message, bundle.request!.message)[index]!
    const seed = seedOf(bundle.network, message)
    const notes = JSON.stringify({
      groups: spec.leastGroups,
      marks: marksOf(bundle.openings).map(({ steps }) => steps),
    })
    const { memory } = core.kinds
    const { handle } = await memory.rework({ epochSeed, device: fillOf, seed, units: Number(message.rows), notes })
    const openings = await core.kinds.memory.open({ handle, sample: [place] })
    return { request: null, openings, against: { wrongRow: place } }
  }

  it('accepts a witness that recomputing gives, and no other seat’s', async () => {
    const witness = await witnessOfReport(core, bundle)
    expect(await check({ witness })).toMatchObject({ ok: true, facts: { witness } })
    const others = await witnessOfReport(core, bundle, provider.address)
    expect(await check({ witness: others })).toMatchObject({ ok: false, step: 'WITNESS' })
    const shown = verifyBundle({ ...bundle, witness }, { openVerifier, shownWitness: word('12') })
    expect(await shown).toMatchObject({ ok: false, step: 'WITNESS' })
  })

  it('takes a wrong place of another device’s memory as proof, by itself', async () => {
    const proof = await verifyBundle(await makeWrongPlace(core, bundle), { openVerifier })
    expect(proof).toMatchObject({ ok: false, step: 'COORDINATE_WRONG' })
  })

  it('accepts a window in which no step ended, whatever its root, and refuses openings of it', async () => {
    const none = { request: null, openings: new Uint8Array(), marks: [] }
    for (const root of [zeroBytes32, word('ab')]) {
      const commitment = await signedBy(provider, { rows: 0n, root })
      expect(await check({ ...none, commitment })).toMatchObject({ ok: true, facts: { units: 0, figures: {} } })
      expect(await check({ ...none, commitment, openings: Uint8Array.of(1) })).toMatchObject({
        step: 'OPENINGS_MALFORMED',
      })
    }
  })

  it('gives an answer for every step count that can be signed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt(0n, 2n ** 64n - 1n), async rows => {
        const commitment = await signedBy(provider, { rows })
        if (rows !== bundle.commitment.message.rows)
          expect(await check({ commitment, request: await requestFor(commitment) })).toMatchObject({ ok: false })
      }),
      { numRuns: runs(100) },
    )
  })

  it('names the network’s jobs where the specification is one of theirs', async () => {
    const jobs: Jobs = { ...smallJobs, memory: { ...memorySpecs.devnet } }
    const devnet = await createWorkCore(
      { jobs: jobSets.devnet, provider: 'cpu', form: 'u8', threads: 1 },
      { clock: threadClock },
    )
    await devnet.kinds.memory.prepare({ epochSeed, device: fillOf })
    const report = await makeReport(devnet, jobs, { kind: 'memory', durationMs: 100 })
    const verified = await verifyBundle(decodeBundle(encodeBundle(report)), { openVerifier: async () => devnet })
    expect(verified).toMatchObject({ ok: true, facts: { specName: 'devnet', checked: 16, kind: 'memory' } })
    await devnet.close()
  })
})
