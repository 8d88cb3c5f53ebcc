import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { verifyChain } from '../../../../src/core/gpu/attestation/certificate-chain.ts'
import { MalformedReport, parseAttestationReport } from '../../../../src/core/gpu/attestation/parse-report.ts'
import {
  type Evidence,
  readEvidenceJson,
  readEvidenceText,
} from '../../../../src/core/gpu/attestation/read-evidence.ts'
import { parseReferenceMeasurements } from '../../../../src/core/gpu/attestation/reference-measurements.ts'
import { type AttestationPolicy, verifyEvidence } from '../../../../src/core/gpu/attestation/verify-evidence.ts'
import { makeSyntheticGpu, nonceOf, type SyntheticGpu } from './synthetic-evidence.ts'

const recordings = new URL('../../../../shared/recordings/attestation/', import.meta.url)
const recorded = existsSync(recordings)
if (!recorded)
  console.warn('NOTICE: ../shared/recordings/attestation is absent; tests on recorded evidence are skipped')
const text = (file: string) => readFileSync(new URL(file, recordings), 'utf8')

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

describe.skipIf(!recorded)('recorded evidence (../shared/recordings/attestation)', () => {
  const json = (file: string) => readEvidenceJson(text(file)).map(entry => entry as Evidence)
  const files = (report: string, chain: string) => readEvidenceText(text(report), text(chain))
  const offline: AttestationPolicy = { nonce: null }

  it.each([
    ['hopper_evidence.json', '590.12', '96.00.A5.00.01', 'protected-pcie', '412921CE551E4EEDA3'],
    ['hopper_evidence_cert_hold.json', '570.86.10', '96.00.AF.00.01', null, '41AD48FF92CDC93D9A'],
  ])('%s verifies', (file, driver, vbios, feature, serialNumber) => {
    const [evidence, ...more] = json(file)
    expect(more).toEqual([])
    expect(
      verifyEvidence(evidence!, {
        nonce: evidence!.statedNonce,
        reported: { driver, vbios, model: 'NVIDIA H100 80GB HBM3' },
      }),
    ).toMatchObject({
      valid: true,
      driver,
      vbios,
      feature,
      chip: 'GH100',
      revocation: 'not checked',
      identity: { serialNumber, hardwareModel: 'GH100 A01 GSP BROM' },
    })
  })

  it('matches the golden pair: 20 of the driver and 12 of the VBIOS', () => {
    const references = ['rim/Driver_RIM_test_no_gpu.swidtag', 'rim/1010_0200_882_96005E0001_test_no_gpu.swidtag'].map(
      file => parseReferenceMeasurements(text(file)),
    )
    const result = verifyEvidence(files('go-nvtrust/attestationReport.txt', 'go-nvtrust/gpuAkCertChain.txt'), {
      ...offline,
      references,
    })
    expect(result).toMatchObject({ valid: true, measurements: 'pass' })
    expect(result.steps.find(({ step }) => step === 'measurements')?.detail).toMatch(/^32 of 32 match/)
  })

  it('matches the pinned VBIOS digests under the driver they were vetted with', () => {
    const result = verifyEvidence(files('sdk/hopperAttestationReport.txt', 'sdk/hopperCertChain.txt'), offline)
    expect(result).toMatchObject({ valid: true, measurements: 'unknown', driver: '535.86.09', vbios: '96.00.5E.00.01' })
    expect(result.steps.find(({ step }) => step === 'measurements')?.detail).toMatch(
      /^12 of 12 match \(vbios 96.00.5E.00.01\); no reference for the driver/,
    )
  })

  it('pins digests that equal the file they come from', async () => {
    const { pinnedReferences } = await import('../../../../src/core/gpu/attestation/pinned-references.ts')
    const file = parseReferenceMeasurements(text('rim/1010_0200_882_96005E0001_PROD.swidtag'))
    expect(pinnedReferences[0]!.digests).toEqual(file.digests)
    expect(pinnedReferences[0]!.version).toBe(file.version)
  })

  it.each([
    [
      'a broken signature',
      () => files('sdk/hopperAttestationReportInvalidSignature.txt', 'sdk/hopperCertChain.txt'),
      'signature',
    ],
    [
      'a chain without its second link',
      () => files('go-nvtrust/attestationReport.txt', 'go-nvtrust/invalidCertChain.txt'),
      'chain',
    ],
    [
      'the chain of another card',
      () => files('go-nvtrust/attestationReport.txt', 'sdk/hopperCertChain.txt'),
      'signature',
    ],
  ])('refuses %s', (_, evidence, failedStep) => {
    expect(verifyEvidence(evidence(), offline)).toMatchObject({ valid: false, failedStep })
  })

  it('accepts none of 10,000 mutations of reports and certificates', { timeout: 120_000 }, () => {
    const samples = [
      json('hopper_evidence.json')[0]!,
      files('go-nvtrust/attestationReport.txt', 'go-nvtrust/gpuAkCertChain.txt'),
    ]
    const accepted = samples.map((evidence, seed) =>
      countAccepted(evidence, offline, { report: 4_000, chain: 1_000 }, seed + 1),
    )
    expect(accepted).toEqual([0, 0])
  })
})
