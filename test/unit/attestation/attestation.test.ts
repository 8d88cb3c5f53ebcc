import { X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { MalformedReport } from '../../../src/core/attestation/attestation-report.ts'
import { InvalidChain, readPemChain, verifyChain } from '../../../src/core/attestation/certificate-chain.ts'
import { type Evidence, readEvidenceJson, readEvidenceText } from '../../../src/core/attestation/read-evidence.ts'
import {
  MalformedReference,
  parseReferenceMeasurements,
  type ReferenceMeasurements,
} from '../../../src/core/attestation/reference-measurements.ts'
import {
  type AttestationPolicy,
  attestationNonce,
  verifyEvidence,
} from '../../../src/core/attestation/verify-evidence.ts'
import { invalidAt } from '../../../src/core/attestation/verify-files.ts'
import { defaultOpaque, fwid, makeSyntheticGpu, nonceOf, type SyntheticGpu } from './synthetic-evidence.ts'

let gpu: SyntheticGpu
beforeAll(async () => {
  gpu = await makeSyntheticGpu()
})
const nonce = nonceOf('synthetic')
const verify = (evidence: Evidence, policy: Partial<AttestationPolicy> = {}, of: SyntheticGpu = gpu) =>
  verifyEvidence(evidence, { nonce, rootSha256: of.rootSha256, ...policy })
const without = (type: number) => defaultOpaque.filter(([id]) => id !== type)
const replaced = (type: number, value: Buffer) => [...without(type), [type, value] as const]

describe('verifyEvidence', () => {
  it.each(['hopper', 'blackwell'] as const)('accepts a %s card with everything in order', async style => {
    const card = await makeSyntheticGpu({ style })
    const result = verify(card.sign(), {}, card)
    expect(result).toMatchObject({
      valid: true,
      failedStep: null,
      revocation: 'not checked',
      measurements: 'unknown',
      driver: '580.10.01',
      vbios: '97.00.BB.00.01',
      feature: 'single-pass-through',
    })
    expect(result.identity).toMatchObject({ hardwareModel: 'GH100 A01 GSP BROM', serialNumber: '02ABCDEF' })
  })

  it('decodes the VBIOS version as nvidia-smi prints it', () => {
    const evidence = gpu.sign({ opaque: replaced(6, Buffer.from('009f009601000000', 'hex')) })
    expect(verify(evidence).vbios).toBe('96.00.9F.00.01')
  })

  it('takes the nonce of the request and not the one the card chose', () => {
    expect(verify(gpu.sign(), { nonce: nonceOf('responder') })).toMatchObject({ valid: false, failedStep: 'nonce' })
    expect(verify(gpu.sign(), { nonce: null })).toMatchObject({ valid: true })
    expect(verify(gpu.sign(), { nonce: null, requireFresh: true })).toMatchObject({ valid: false, failedStep: 'nonce' })
  })

  it('refuses public nonces where freshness is required', () => {
    const known = Buffer.from(`931d8dd0add203ac${'00'.repeat(21)}64dfcb`, 'hex')
    const evidence = gpu.sign({ nonce: known })
    expect(verify(evidence, { nonce: known })).toMatchObject({ valid: true })
    expect(verify(evidence, { nonce: known, requireFresh: true })).toMatchObject({ failedStep: 'nonce' })
  })

  it('stops at the step that fails and skips what follows', () => {
    const result = verify({ ...gpu.sign(), chain: [] })
    expect(result.failedStep).toBe('chain')
    expect(result.steps.map(({ status }) => status)).toEqual(['pass', 'pass', 'fail', ...Array(6).fill('skipped')])
  })

  it.each([
    ['an unknown request', (bytes: Buffer) => bytes.fill(0x10, 0, 1)],
    ['another certificate slot', (bytes: Buffer) => bytes.fill(1, 36, 37)],
    ['63 blocks', (bytes: Buffer) => bytes.fill(63, 41, 42)],
    ['a block out of order', (bytes: Buffer) => bytes.fill(9, 45, 46)],
    ['opaque data that claims more than there is', (bytes: Buffer) => bytes.fill(0xff, 3597, 3599)],
    ['a field that ends outside', (bytes: Buffer) => bytes.fill(0xff, 3601, 3603)],
  ])('refuses %s although it is signed', (_, edit) => {
    expect(verify(gpu.sign({ edit: bytes => edit(Buffer.from(bytes)) }))).toMatchObject({
      valid: false,
      failedStep: 'parse',
    })
  })

  it('refuses trailing bytes, and allows the one zero that pads to an even length', () => {
    const odd = (behind?: Buffer) =>
      gpu.sign({ opaque: [...defaultOpaque, [16, Buffer.from('0')]], ...(behind ? { behind } : {}) })
    const even = (behind?: Buffer) =>
      gpu.sign({ opaque: [...defaultOpaque, [16, Buffer.from('00')]], ...(behind ? { behind } : {}) })
    const [longer, shorter] = odd().report.length % 2 === 1 ? [odd, even] : [even, odd]
    expect(verify(longer(Buffer.alloc(1))).valid).toBe(true)
    expect(verify(shorter(Buffer.alloc(1)))).toMatchObject({ valid: false, failedStep: 'parse' })
    for (const behind of [Buffer.from([1]), Buffer.alloc(2), Buffer.alloc(100)])
      expect(verify(longer(behind))).toMatchObject({ valid: false, failedStep: 'parse' })
  })

  it('refuses a report of more than NVML gives', () => {
    expect(verify({ ...gpu.sign(), report: Buffer.alloc(0x2001) })).toMatchObject({ failedStep: 'parse' })
  })

  it('binds the firmware digest of report and certificate', () => {
    expect(verify(gpu.sign({ opaque: replaced(20, Buffer.alloc(48, 7)) }))).toMatchObject({ failedStep: 'fwid' })
    expect(verify(gpu.sign({ opaque: without(20) }))).toMatchObject({ failedStep: 'fwid' })
    const old = [...without(20).filter(([id]) => id !== 3), [3, Buffer.from('535.86.09\0')] as const]
    expect(verify(gpu.sign({ opaque: old })).steps.find(({ step }) => step === 'fwid')).toMatchObject({
      status: 'unknown',
    })
    expect(fwid).toHaveLength(48)
  })

  it('refuses the evidence of a switch', async () => {
    const other = await makeSyntheticGpu({ leafName: 'LS10 A01 FSP FMC LF' })
    expect(verify(other.sign({ architecture: 'LS10' }), {}, other)).toMatchObject({
      device: 'switch',
      valid: false,
      failedStep: 'parse',
      reason: expect.stringMatching(/NVSwitch \(arch LS10\), not of a GPU/),
    })
    // What the file says of itself makes no switch of a GPU.
    expect(verify(gpu.sign({ architecture: 'LS10' }))).toMatchObject({ device: 'gpu', failedStep: 'features' })
  })

  it('judges the eight GPUs of a board and names its four switches', async () => {
    const lswitch = await makeSyntheticGpu({ leafName: 'LS_10 A01 FSP FMC LF' })
    const judge = (evidence: Evidence[]) => evidence.map(each => verify(each))
    const board = [...Array.from({ length: 8 }, () => gpu.sign()), ...Array.from({ length: 4 }, () => lswitch.sign())]
    expect(judge(board).map(({ device, valid }) => `${device} ${valid}`)).toEqual([
      ...Array(8).fill('gpu true'),
      ...Array(4).fill('switch false'),
    ])
    expect(invalidAt(judge(board))).toBe(-1)
    expect(invalidAt(judge([...board, gpu.sign({ nonce: nonceOf('other') })]))).toBe(12)
    expect(invalidAt(judge([lswitch.sign()]))).toBe(0)
  })

  it('applies the version policy', () => {
    expect(verify(gpu.sign(), { minimumDriver: '570' }).valid).toBe(true)
    for (const policy of [
      { minimumDriver: '590' },
      { allowedDrivers: ['570.1'] },
      { allowedVbios: ['96.00.9F.00.01'] },
      { reported: { driver: '570.1' } },
    ])
      expect(verify(gpu.sign(), policy)).toMatchObject({ failedStep: 'versions' })
  })

  it('compares the chip with what is claimed', () => {
    expect(verify(gpu.sign(), { reported: { model: 'NVIDIA H100 80GB HBM3' } }).valid).toBe(true)
    expect(verify(gpu.sign(), { reported: { model: 'NVIDIA B200' } })).toMatchObject({ failedStep: 'features' })
    expect(verify(gpu.sign({ architecture: 'BLACKWELL' }))).toMatchObject({ failedStep: 'features' })
    expect(verify(gpu.sign({ opaque: [...defaultOpaque, [35, Buffer.from('GB202')]] }))).toMatchObject({
      failedStep: 'features',
    })
    expect(verify(gpu.sign(), { allowedFeatures: ['protected-pcie'] })).toMatchObject({ failedStep: 'features' })
  })

  it('refuses an engine state that is neither on nor off, and a data version it does not know', () => {
    expect(verify(gpu.sign({ opaque: replaced(11, Buffer.from([0])) }))).toMatchObject({ failedStep: 'parse' })
    expect(verify(gpu.sign({ opaque: replaced(34, Buffer.from([2, 0])) }))).toMatchObject({ failedStep: 'parse' })
  })

  it('keeps unknown fields, which are signed like the rest', () => {
    expect(verify(gpu.sign({ opaque: [...defaultOpaque, [99, Buffer.from('later')]] })).valid).toBe(true)
  })

  it('refuses an identity that another provider registered', () => {
    const ownerOf = () => '0xAA'
    expect(verify(gpu.sign(), { ownerOf, presentedBy: '0xbb' })).toMatchObject({ failedStep: 'identity' })
    expect(verify(gpu.sign(), { ownerOf, presentedBy: '0xaa' }).valid).toBe(true)
    expect(verify(gpu.sign(), { ownerOf: () => null, presentedBy: '0xbb' }).valid).toBe(true)
  })
})

describe('measurements', () => {
  const golden = Buffer.alloc(48, 5)
  const reference = (
    kind: 'driver' | 'vbios',
    index: number,
    more: Partial<ReferenceMeasurements> = {},
  ): ReferenceMeasurements => ({
    kind,
    version: kind === 'driver' ? '580.10.01' : '97.00.BB.00.01',
    board: null,
    digests: new Map([[index, ['11'.repeat(48), golden.toString('hex')]]]),
    vettedDrivers: null,
    ...more,
  })
  const signed = (edit: (values: Map<number, Buffer>) => void = () => {}) => {
    const measurements = new Map([3, 9, 35].map(index => [index, golden]))
    edit(measurements)
    return gpu.sign({ measurements, opaque: replaced(6, Buffer.from('00bb009701000000', 'hex')) })
  }
  const judge = (references: ReferenceMeasurements[], evidence = signed()) => verify(evidence, { references })

  it('passes when every active index of both references has one of its alternatives', () => {
    expect(judge([reference('driver', 3), reference('vbios', 9)])).toMatchObject({ valid: true, measurements: 'pass' })
  })
  it('is unknown, not right, where a reference is missing', () => {
    expect(judge([reference('driver', 3)])).toMatchObject({ valid: true, measurements: 'unknown' })
  })
  it('fails on a difference and on an index that both references claim', () => {
    const changed = signed(values => values.set(9, Buffer.alloc(48, 1)))
    expect(judge([reference('driver', 3), reference('vbios', 9)], changed)).toMatchObject({
      failedStep: 'measurements',
    })
    expect(judge([reference('driver', 9), reference('vbios', 9)])).toMatchObject({ failedStep: 'measurements' })
  })
  it('says nothing of a difference under a driver the digests were not vetted with', () => {
    const changed = signed(values => values.set(9, Buffer.alloc(48, 1)))
    expect(judge([reference('vbios', 9, { vettedDrivers: ['535.86.09'] })], changed)).toMatchObject({
      valid: true,
      measurements: 'unknown',
    })
  })
  it('leaves out index 35 where the engine is disabled', () => {
    const disabled = gpu.sign({
      opaque: [
        ...replaced(6, Buffer.from('00bb009701000000', 'hex')).filter(([id]) => id !== 11),
        [11, Buffer.from([0x55])],
      ],
    })
    expect(verify(disabled, { references: [reference('driver', 35)] })).toMatchObject({ valid: true })
    expect(
      verify(
        signed(values => values.delete(35)),
        { references: [reference('driver', 35)] },
      ),
    ).toMatchObject({ failedStep: 'measurements' })
  })
  it.each([
    '',
    '<a/>',
    '<SoftwareIdentity><Meta colloquialVersion="1"/><Payload/></SoftwareIdentity>',
    '<!DOCTYPE a [<!ENTITY b "c">]><a/>',
  ])('refuses %j as a reference', xml => {
    expect(() => parseReferenceMeasurements(xml)).toThrow(MalformedReference)
  })
})

describe('verifyChain', () => {
  const at = new Date('2026-11-22')
  const chainOf = async (options: Parameters<typeof makeSyntheticGpu>[0]) => {
    const card = await makeSyntheticGpu(options)
    return () => verifyChain(card.chain, { at, rootSha256: card.rootSha256 })
  }

  it.each([
    ['a curve other than P-384', { curve: 'P-256' as const }, /P-384/],
    ['an intermediate that is no authority', { notCa: 2 }, /authority|not issued/],
    ['an intermediate that may not sign certificates', { notSigning: 3 }, /not issued|may not sign/],
    ['a leaf that may not sign data', { notSigning: 0 }, /may not sign data/],
    ['an expired certificate', { expired: 1 }, /not valid at/],
  ])('refuses %s', async (_, options, message) => {
    expect(await chainOf(options)).toThrow(message)
  })

  it('refuses a chain that is reordered, shortened, doubled, mixed or ends in another root', async () => {
    const [a, b, c, d, e] = gpu.chain as [Buffer, Buffer, Buffer, Buffer, Buffer]
    const other = await makeSyntheticGpu()
    for (const chain of [
      [b, a, c, d, e],
      [a, c, b, d, e],
      [e, d, c, b, a],
      [a, b, c, d],
      [a, b, c, d, e, e],
      [other.chain[0]!, b, c, d, e],
      [a, b, c, d, other.chain[4]!],
    ])
      expect(() => verifyChain(chain, { at, rootSha256: gpu.rootSha256 })).toThrow(InvalidChain)
    expect(() => verifyChain(gpu.chain, { at })).toThrow(/pinned NVIDIA root/)
  })

  it('refuses bytes behind a certificate and broken base64', () => {
    const padded = [...gpu.chain.slice(0, 1).map(der => Buffer.concat([der, Buffer.alloc(1)])), ...gpu.chain.slice(1)]
    expect(() => verifyChain(padded, { at, rootSha256: gpu.rootSha256 })).toThrow(/canonical/)
    expect(() => readPemChain('-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----')).toThrow(/base64/)
  })

  it('keeps the identity of certificate 1 whatever the leaf', () => {
    const { identity } = verifyChain(gpu.chain, { at, rootSha256: gpu.rootSha256 })
    expect(new X509Certificate(gpu.chain[1]!).serialNumber).toBe(identity.serialNumber)
  })
})

describe('attestationNonce', () => {
  const binding = {
    chainId: 31337,
    provider: '0x00000000000000000000000000000000000000Aa',
    deviceId: `0x${'01'.repeat(32)}`,
    challenge: `0x${'02'.repeat(32)}`,
  } as const
  it('is bound to every part', () => {
    const base = attestationNonce(binding).toString('hex')
    expect(base).toHaveLength(64)
    for (const change of [
      { chainId: 1 },
      { provider: `0x${'03'.repeat(20)}` },
      { deviceId: `0x${'04'.repeat(32)}` },
      { challenge: `0x${'05'.repeat(32)}` },
    ] as const)
      expect(attestationNonce({ ...binding, ...change }).toString('hex')).not.toBe(base)
    expect(
      attestationNonce({ ...binding, provider: binding.provider.toLowerCase() as `0x${string}` }).toString('hex'),
    ).toBe(base)
  })
})

describe('readEvidenceJson', () => {
  const serialised = (changes: Record<string, unknown> = {}) => {
    const { report, chain } = gpu.sign()
    const pem = chain
      .map(der => `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`)
      .join('')
    return {
      arch: 'HOPPER',
      nonce: nonce.toString('hex'),
      evidence: report.toString('base64'),
      certificate: Buffer.from(pem).toString('base64'),
      ...changes,
    }
  }
  it('reads one device, a list, and a wrapped list', () => {
    for (const value of [serialised(), [serialised()], { evidences: [serialised(), serialised()] }]) {
      const list = readEvidenceJson(JSON.stringify(value))
      expect(list.length).toBeGreaterThan(0)
      for (const evidence of list) expect(verify(evidence as Evidence, { nonce: null }).valid).toBe(true)
    }
  })
  it('reads a collection of conceptual messages, with base64url', () => {
    const { evidence, certificate } = serialised()
    const url = (base64: string) => base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
    const item = (type: string, value: string) => [type, url(value)]
    const cmw = {
      __cmwc_t: 'tag:example.com,2026:evidence',
      nonce: item('application/octet-stream', nonce.toString('base64')),
      gpu_0: {
        __cmwc_t: 'tag',
        evidence: item('a/b', evidence),
        certificate: item('c/d', certificate),
        nonce: item('e/f', nonce.toString('base64')),
      },
    }
    const list = readEvidenceJson(JSON.stringify(cmw)) as Evidence[]
    expect(list).toHaveLength(1)
    expect(verify(list[0]!, { nonce: null }).valid).toBe(true)
    expect(list[0]!.statedNonce?.equals(nonce)).toBe(true)
  })
  it('judges every device on its own', () => {
    const [good, bad] = readEvidenceJson(JSON.stringify([serialised(), serialised({ evidence: '!' })]))
    expect(verify(good as Evidence).valid).toBe(true)
    expect(bad).toBeInstanceOf(MalformedReport)
  })
  it('notices that the stated nonce is not the signed one', () => {
    const [evidence] = readEvidenceJson(JSON.stringify(serialised({ nonce: '00'.repeat(32) })))
    expect(verify(evidence as Evidence, { nonce: null })).toMatchObject({ failedStep: 'nonce' })
  })
  it.each(['', 'null', '[]', '{', '[1]', '{"evidence":1}'])('never crashes on %j', json => {
    try {
      for (const entry of readEvidenceJson(json)) expect(entry).toBeInstanceOf(Error)
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedReport)
    }
  })
  it('is refused in a moment where its base64 is padding without end', () => {
    // A search for padding at the end of it would take minutes, in which a Checker takes no other message.
    const padding = `${'='.repeat(120_000)}x`
    const hostile = ['evidence', 'certificate', 'nonce'].map(field => serialised({ [field]: padding }))
    for (const entry of readEvidenceJson(JSON.stringify(hostile))) expect(entry).toBeInstanceOf(MalformedReport)
  })
  it('refuses a report that is not hexadecimal', () => {
    expect(() => readEvidenceText('zz', '')).toThrow(MalformedReport)
  })
})
