import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { MalformedReport, parseAttestationReport } from '../../../src/core/attestation/attestation-report.ts'
import { verifyChain } from '../../../src/core/attestation/certificate-chain.ts'
import { type Evidence, readEvidenceJson, readEvidenceText } from '../../../src/core/attestation/read-evidence.ts'
import {
  parseReferenceMeasurements,
  pinnedReferences,
  type ReferenceMeasurements,
} from '../../../src/core/attestation/reference-measurements.ts'
import { type AttestationPolicy, verifyEvidence } from '../../../src/core/attestation/verify-evidence.ts'
import { defaultOpaque, makeSyntheticGpu, nonceOf, type SyntheticGpu } from './synthetic-evidence.ts'

/** Public evidence, and references, of `fixtures/attestation`. */
const text = (file: string) => readFileSync(new URL(`../../../fixtures/attestation/${file}`, import.meta.url), 'utf8')
const reference = (file: string) => parseReferenceMeasurements(text(file))
const published = () => readEvidenceJson(text('hopper_evidence.json'))[0] as Evidence

let gpu: SyntheticGpu
beforeAll(async () => {
  gpu = await makeSyntheticGpu()
})
const nonce = nonceOf('synthetic')

/** xorshift32: mutations are the same in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** Flips a bit, sets a byte, cuts, inserts, swaps or repeats; always different from what it was given. */
function mutate(bytes: Buffer, random: (below: number) => number): Buffer {
  const at = random(bytes.length)
  const copy = Buffer.from(bytes)
  const kind = random(8)
  if (kind < 4) copy[at] = copy[at]! ^ (1 << random(8))
  else if (kind === 4) copy[at] = (copy[at]! + 1 + random(255)) & 0xff
  else if (kind === 5) return copy.subarray(0, at)
  else if (kind === 6) return Buffer.concat([copy.subarray(0, at), Buffer.from([random(256)]), copy.subarray(at)])
  else {
    const other = random(bytes.length)
    ;[copy[at], copy[other]] = [copy[other]!, copy[at]!]
  }
  return copy.equals(bytes) ? mutate(bytes, random) : copy
}

function countAccepted(
  evidence: Evidence,
  policy: AttestationPolicy,
  rounds: { report: number; chain: number },
  seed: number,
): number {
  const random = seeded(seed)
  const authentic = verifyEvidence(evidence, policy)
  expect(authentic.valid).toBe(true)
  const kept = verifyChain(evidence.chain, {
    at: policy.at ?? new Date(),
    ...(policy.rootSha256 ? { rootSha256: policy.rootSha256 } : {}),
  })
  let accepted = 0
  for (let round = 0; round < rounds.report; round++)
    if (
      verifyEvidence({ ...evidence, report: mutate(evidence.report, random) }, policy, { verifyChain: () => kept })
        .valid
    )
      accepted++
  for (let round = 0; round < rounds.chain; round++) {
    const which = random(evidence.chain.length)
    const chain = evidence.chain.map((der, at) => (at === which ? mutate(der, random) : der))
    if (verifyEvidence({ ...evidence, chain }, policy).valid) accepted++
  }
  return accepted
}

describe('mutations', () => {
  it('accepts none of 1,000 of a synthetic card', () => {
    const policy = { nonce, rootSha256: gpu.rootSha256 }
    expect(countAccepted(gpu.sign(), policy, { report: 700, chain: 300 }, 7)).toBe(0)
  })
  it('survives any bytes as a report', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4400 }), bytes => {
        expect(() => parseAttestationReport(Buffer.from(bytes))).toThrow(MalformedReport)
      }),
    )
  })
})

describe('evidence of a real card', () => {
  const offline: AttestationPolicy = { nonce: null }

  it('verifies, with what nvidia-smi says of the card', () => {
    expect(readEvidenceJson(text('hopper_evidence.json'))).toHaveLength(1)
    const evidence = published()
    const reported = { driver: '590.12', vbios: '96.00.A5.00.01', model: 'NVIDIA H100 80GB HBM3' }
    expect(verifyEvidence(evidence, { nonce: evidence.statedNonce, reported })).toMatchObject({
      device: 'gpu',
      valid: true,
      driver: '590.12',
      vbios: '96.00.A5.00.01',
      feature: 'protected-pcie',
      chip: 'GH100',
      revocation: 'not checked',
      identity: { serialNumber: '412921CE551E4EEDA3', hardwareModel: 'GH100 A01 GSP BROM' },
    })
  })

  it.each([
    ['a broken signature', (real: Evidence) => ({ ...real, report: flipped(real.report, -1) }), 'signature'],
    ['a chain without its second link', (real: Evidence) => ({ ...real, chain: real.chain.toSpliced(1, 1) }), 'chain'],
    ['the chain of another card', (real: Evidence) => ({ ...gpu.sign(), chain: real.chain }), 'signature'],
    ['a chain to another root', () => gpu.sign(), 'chain'],
  ])('is refused with %s', (_, change, failedStep) => {
    expect(verifyEvidence(change(published()), offline)).toMatchObject({ valid: false, failedStep })
  })

  it('is accepted in none of its mutations', { timeout: 600_000 }, () => {
    // A thousand for every change; KAISAR_MUTANTS asks for more.
    const mutants = Number(process.env.KAISAR_MUTANTS ?? 1_000)
    expect(countAccepted(published(), offline, { report: mutants * 0.8, chain: mutants * 0.2 }, 1)).toBe(0)
  })

  it('is the same as hexadecimal text and PEM, with text around the certificates', () => {
    const { report, chain } = published()
    const hex = report.toString('hex').replace(/(.{64})/g, '$1\n')
    const pem = chain.map(der => new X509Certificate(der).toString()).join('subject=CN\n')
    expect(readEvidenceText(hex, pem)).toMatchObject({ report, chain })
  })
})

const flipped = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[copy.length + at] = copy.at(at)! ^ 1
  return copy
}

describe('references', () => {
  const valuesOf = (...references: ReferenceMeasurements[]) =>
    new Map(
      references.flatMap(({ digests }) =>
        // Of several digests any is right: the last here.
        [...digests].map(([at, hashes]) => [at, Buffer.from(hashes.at(-1)!, 'hex')] as const),
      ),
    )
  const steps = (evidence: Evidence, references?: ReferenceMeasurements[]) =>
    verifyEvidence(evidence, { nonce, rootSha256: gpu.rootSha256, ...(references ? { references } : {}) })

  it('are matched: 20 digests of the driver and 12 of the VBIOS', () => {
    const references = [reference('driver-made-up.swidtag'), reference('vbios-made-up.swidtag')]
    expect(references[1]!.digests.get(12)).toHaveLength(3)
    const result = steps(gpu.sign({ measurements: valuesOf(...references) }), references)
    expect(result).toMatchObject({ valid: true, measurements: 'pass' })
    expect(result.steps.find(({ step }) => step === 'measurements')?.detail).toMatch(/^32 of 32 match/)
  })

  it('that are pinned are matched under the driver they were vetted with', () => {
    const board: Record<number, string> = { 3: '535.86.09\0', 15: '882\0', 17: '1010\0', 18: '0200\0' }
    const opaque = defaultOpaque
      .filter(([type]) => type !== 20)
      .map(([type, value]) => [type, board[type] === undefined ? value : Buffer.from(board[type])] as const)
      .map(([type, value]) => [type, type === 6 ? Buffer.from('005e009601000000', 'hex') : value] as const)
    const result = steps(gpu.sign({ opaque, measurements: valuesOf(reference('vbios-96005E0001.swidtag')) }))
    expect(result).toMatchObject({ valid: true, measurements: 'unknown', driver: '535.86.09', vbios: '96.00.5E.00.01' })
    expect(result.steps.find(({ step }) => step === 'measurements')?.detail).toMatch(
      /^12 of 12 match \(vbios 96.00.5E.00.01\); no reference for the driver/,
    )
  })

  it('that are pinned equal the file they come from', () => {
    const file = reference('vbios-96005E0001.swidtag')
    expect(pinnedReferences[0]!.digests).toEqual(file.digests)
    expect(pinnedReferences[0]!.version).toBe(file.version)
  })

  it('are not needed where a card states no feature and an older driver', () => {
    const opaque = defaultOpaque
      .filter(([type]) => ![34, 36].includes(type))
      .map(([type, value]) => [type, type === 3 ? Buffer.from('570.86.10\0') : value] as const)
    expect(steps(gpu.sign({ opaque }))).toMatchObject({ valid: true, driver: '570.86.10', feature: null })
  })
})
