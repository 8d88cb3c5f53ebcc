import 'reflect-metadata'
import { webcrypto, X509Certificate } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'
import fc from 'fast-check'
import type { Hex } from 'viem'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CertificateBinding, createCertificate, readBinding } from '../../../src/core/transport/certificate.ts'
import { ensureCertificate, readCertificate } from '../../../src/core/transport/certificate-file.ts'
import { certificateHash } from '../../../src/core/transport/endpoint-url.ts'

const crypto = webcrypto as webcrypto.Crypto
const hash = (byte: string) => `0x${byte.repeat(32)}` as const
const binding: CertificateBinding = {
  role: 'provider',
  operator: `0x${'ab'.repeat(20)}`,
  deviceIds: [hash('01'), hash('02')],
  hardwareHash: hash('03'),
}
const at = (date: string) => ({ now: () => new Date(date), crypto })
const born = at('2026-11-22T10:00:00Z')

describe('certificate', () => {
  it('a certificate is self-signed P-256, valid for ten years from the day before the given clock', async () => {
    const { certificatePem, keyPem, certificateHash: pinned } = await createCertificate(binding, born)
    const certificate = new X509Certificate(certificatePem)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
    expect(certificate.validFromDate.toISOString()).toBe('2026-11-21T10:00:00.000Z')
    expect(certificate.validToDate.toISOString()).toBe('2036-11-21T10:00:00.000Z')
    expect(certificate.ca).toBe(false)
    expect(certificate.subject).toBe(`CN=Kaisar provider 0x${'ab'.repeat(20)}`)
    expect(pinned).toBe(`0x${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`)
    expect(pinned).toBe(certificateHash(certificate.raw))
    expect(keyPem).toContain('BEGIN PRIVATE KEY')
  })

  it('a certificate has a right date beyond 2050, where the encoding of dates changes', async () => {
    const { certificatePem } = await createCertificate(binding, at('2048-02-29T00:00:00Z'))
    expect(new X509Certificate(certificatePem).validToDate.toISOString()).toBe('2058-02-28T00:00:00.000Z')
  })

  it('every certificate has its own key and serial number', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => createCertificate(binding, born)))
    expect(new Set(made.map(({ certificateHash }) => certificateHash)).size).toBe(8)
    expect(new Set(made.map(({ keyPem }) => keyPem)).size).toBe(8)
    expect(new Set(made.map(({ certificatePem }) => new X509Certificate(certificatePem).serialNumber)).size).toBe(8)
  })

  it('a certificate binds up to 256 devices, and reads back which', async () => {
    const word = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .map(bytes => `0x${Buffer.from(bytes).toString('hex')}` as Hex)
    const any: fc.Arbitrary<CertificateBinding> = fc.record({
      role: fc.constantFrom('provider', 'checker'),
      operator: word.map(hex => hex.slice(0, 42) as Hex),
      deviceIds: fc.array(word, { maxLength: 256, size: 'max' }),
      hardwareHash: fc.option(word),
    })
    await fc.assert(
      fc.asyncProperty(any, async binding => {
        const { certificatePem } = await createCertificate(binding, born)
        expect(readBinding(certificatePem)).toEqual(binding)
        expect(readBinding(new X509Certificate(certificatePem).raw)).toEqual(binding)
      }),
      { numRuns: 20 },
    )
  })

  it('no binding is read from a certificate that is not ours', async () => {
    expect(readBinding('nonsense')).toBe(null)
    expect(readBinding(new Uint8Array())).toBe(null)
    const names = [`urn:kaisar:role:provider`, ...['ab', 'cd'].map(byte => `urn:kaisar:operator:0x${byte.repeat(20)}`)]
    const ambiguous = await X509CertificateGenerator.createSelfSigned({
      keys: await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']),
      extensions: [new SubjectAlternativeNameExtension(names.map(value => ({ type: 'url', value })))],
    })
    expect(readBinding(ambiguous.toString('pem'))).toBe(null)
  })
})

describe('certificate file', () => {
  let folder: string
  let file: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kaisar-certificate-'))
    file = join(folder, 'provider', 'certificate.pem')
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('a certificate file is made once, readable by its owner only, with no other file beside it', async () => {
    expect(await readCertificate(file)).toBe(null)
    const made = await ensureCertificate({ file, binding }, born)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readdir(join(folder, 'provider'))).toEqual(['certificate.pem'])
    const again = await ensureCertificate(
      { file, binding: { ...binding, deviceIds: binding.deviceIds.toReversed() } },
      born,
    )
    expect(again).toEqual(made)
    expect(await readCertificate(file)).toMatchObject({ certificateHash: made.certificateHash, keyPem: made.keyPem })
  })

  it.each<[string, Partial<CertificateBinding>]>([
    ['a device is added', { deviceIds: [...binding.deviceIds, hash('0f')] }],
    ['a device is gone', { deviceIds: [hash('01')] }],
    ['the hardware changed', { hardwareHash: hash('0f') }],
    ['the operator changed', { operator: `0x${'cd'.repeat(20)}` }],
  ])('a certificate file is renewed with a new key when %s', async (_, change) => {
    const old = await ensureCertificate({ file, binding }, born)
    const renewed = await ensureCertificate({ file, binding: { ...binding, ...change } }, born)
    expect(renewed.keyPem).not.toBe(old.keyPem)
    expect(readBinding(renewed.certificatePem)).toEqual({ ...binding, ...change })
    expect(await readCertificate(file)).toMatchObject({ certificateHash: renewed.certificateHash })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('a certificate file is renewed a month before it runs out, and not before', async () => {
    const old = await ensureCertificate({ file, binding }, born)
    expect(await ensureCertificate({ file, binding }, at('2036-10-20T00:00:00Z'))).toEqual(old)
    const renewed = await ensureCertificate({ file, binding }, at('2036-10-23T00:00:00Z'))
    expect(renewed.certificateHash).not.toBe(old.certificateHash)
  })

  it.each([0o640, 0o604, 0o644, 0o620])('a certificate file of mode %o is refused', async mode => {
    await ensureCertificate({ file, binding }, born)
    await chmod(file, mode)
    await expect(ensureCertificate({ file, binding }, born)).rejects.toMatchObject({
      code: 'CERTIFICATE_FILE_MODE',
      message: expect.stringContaining(`mode 0${mode.toString(8)}`),
    })
  })

  it.each<[string, (pem: string) => string]>([
    ['is empty', () => ''],
    ['has no key', pem => pem.slice(pem.indexOf('-----BEGIN CERTIFICATE'))],
    ['has no certificate', pem => pem.slice(0, pem.indexOf('-----BEGIN CERTIFICATE'))],
    ['was cut off', pem => pem.slice(0, -200)],
    ['has a damaged certificate', pem => pem.replace(/(BEGIN CERTIFICATE-----\n.{20})./, '$1!')],
  ])('a certificate file is refused and left alone when it %s', async (_, damage) => {
    await ensureCertificate({ file, binding }, born)
    const damaged = damage(await readFile(file, 'utf8'))
    await writeFile(file, damaged)
    await expect(ensureCertificate({ file, binding }, born)).rejects.toMatchObject({
      code: 'CERTIFICATE_FILE_MALFORMED',
    })
    expect(await readFile(file, 'utf8')).toBe(damaged)
  })

  it('a certificate file with the key of another certificate is refused', async () => {
    const mine = await createCertificate(binding, born)
    const other = await createCertificate(binding, born)
    await mkdir(join(folder, 'provider'))
    await writeFile(file, `${other.keyPem}\n${mine.certificatePem}\n`, { mode: 0o600 })
    await expect(readCertificate(file)).rejects.toMatchObject({ code: 'CERTIFICATE_FILE_MALFORMED' })
  })

  it('a certificate file that cannot be written gives an error with a code', async () => {
    await writeFile(join(folder, 'provider'), 'a file where the folder should be')
    await expect(ensureCertificate({ file, binding }, born)).rejects.toMatchObject({
      code: 'CERTIFICATE_FILE_INACCESSIBLE',
    })
  })
})
