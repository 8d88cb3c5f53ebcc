import 'reflect-metadata'
import { createHash, createPrivateKey, createSign, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type { Evidence } from '../../../src/core/attestation/read-evidence.ts'

/** A GPU of our own making: a chain to a root of its own, and reports signed like a card's. No bytes of a real card. */
export type SyntheticGpu = {
  readonly rootSha256: string
  readonly chain: readonly Buffer[]
  sign(options?: ReportOptions): Evidence
}

type ReportOptions = {
  readonly nonce?: Buffer
  readonly opaque?: readonly (readonly [type: number, value: Buffer])[]
  readonly measurements?: ReadonlyMap<number, Buffer>
  readonly architecture?: string | null
  /** Changes the bytes before they are signed. */
  readonly edit?: (unsigned: Buffer) => Buffer
  readonly behind?: Buffer
}

export type ChainOptions = {
  readonly style?: 'hopper' | 'blackwell'
  readonly curve?: 'P-384' | 'P-256'
  /** Index of a certificate authority that is not marked as one. */
  readonly notCa?: number
  readonly notSigning?: number
  readonly expired?: number
  readonly leafName?: string
}

const provider = webcrypto as typeof globalThis.crypto
x509.cryptoProvider.set(provider)

export const fwid = createHash('sha384').update('synthetic firmware').digest()

const der = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts)
  return Buffer.concat([
    content.length < 128 ? Buffer.from([tag, content.length]) : Buffer.from([tag, 0x81, content.length]),
    content,
  ])
}
/** SHA-384, 2.16.840.1.101.3.4.2.2. */
const sha384Oid = Buffer.from('0609608648016503040202', 'hex')
const fwidEntry = der(0x30, sha384Oid, der(0x04, fwid))

const fwidExtension = (style: ChainOptions['style']) =>
  style === 'blackwell'
    ? new x509.Extension(
        '2.23.133.5.4.1.1',
        false,
        new Uint8Array(der(0x30, der(0x80, Buffer.from('maker')), der(0xa6, fwidEntry))),
      )
    : new x509.Extension('2.23.133.5.4.1', false, new Uint8Array(der(0x30, fwidEntry)))

export async function makeSyntheticGpu(options: ChainOptions = {}): Promise<SyntheticGpu> {
  const algorithm = { name: 'ECDSA', namedCurve: options.curve ?? 'P-384', hash: 'SHA-384' }
  const names = [
    options.leafName ?? (options.style === 'blackwell' ? 'GB20X A01 GSP FMC LF' : 'GH100 A01 GSP FMC LF'),
    'GH100 A01 GSP BROM',
    'Provisioner',
    'Identity',
    'Root',
  ]
  const keys = await Promise.all(
    names.map(
      () => provider.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>,
    ),
  )
  const chain: Buffer[] = []
  for (const [at, name] of names.entries()) {
    const ca = at > 0 && options.notCa !== at
    const usage =
      options.notSigning === at
        ? x509.KeyUsageFlags.keyAgreement
        : at === 0
          ? x509.KeyUsageFlags.digitalSignature
          : x509.KeyUsageFlags.keyCertSign
    const issuer = Math.min(at + 1, names.length - 1)
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: `0${at + 1}abcdef`,
      subject: `CN=${name}`,
      issuer: `CN=${names[issuer]}`,
      notBefore: new Date('2021-01-01'),
      notAfter: options.expired === at ? new Date('2022-01-01') : new Date('2049-12-31'),
      publicKey: keys[at]!.publicKey,
      signingKey: keys[issuer]!.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(ca, undefined, true),
        new x509.KeyUsagesExtension(usage, true),
        ...(at === 0 ? [fwidExtension(options.style)] : []),
      ],
    })
    chain.push(Buffer.from(certificate.rawData))
  }
  const leafKey = createPrivateKey({
    key: Buffer.from(await provider.subtle.exportKey('pkcs8', keys[0]!.privateKey)),
    format: 'der',
    type: 'pkcs8',
  })
  return {
    rootSha256: createHash('sha256').update(chain.at(-1)!).digest('hex'),
    chain,
    sign: (report = {}) => {
      const built = buildReport(report)
      const unsigned = report.edit ? report.edit(built) : built
      const signature = createSign('sha384').update(unsigned).sign({ key: leafKey, dsaEncoding: 'ieee-p1363' })
      return {
        report: Buffer.concat([unsigned, signature, report.behind ?? Buffer.alloc(0)]),
        chain,
        statedNonce: null,
        statedArchitecture: report.architecture ?? null,
      }
    },
  }
}

export const defaultOpaque: readonly (readonly [number, Buffer])[] = [
  [3, Buffer.from('580.10.01\0')],
  [6, Buffer.from('00bb009701000000', 'hex')],
  [11, Buffer.from([0xaa])],
  [15, Buffer.from('885\0')],
  [17, Buffer.from('G520\0')],
  [18, Buffer.from('0200\0')],
  [20, fwid],
  [21, Buffer.from([0x55])],
  [34, Buffer.from([1, 0])],
  [36, Buffer.from([1, 0])],
]

export const nonceOf = (text: string): Buffer => createHash('sha256').update(text).digest()

function buildReport({ nonce = nonceOf('synthetic'), opaque = defaultOpaque, measurements }: ReportOptions): Buffer {
  const blocks = Array.from({ length: 64 }, (_, at) =>
    Buffer.concat([Buffer.from([at + 1, 1, 51, 0, 1, 48, 0]), measurements?.get(at) ?? Buffer.alloc(48)]),
  )
  const fields = opaque.map(([type, value]) => {
    const head = Buffer.alloc(4)
    head.writeUInt16LE(type, 0)
    head.writeUInt16LE(value.length, 2)
    return Buffer.concat([head, value])
  })
  const data = Buffer.concat(fields)
  const length = Buffer.alloc(2)
  length.writeUInt16LE(data.length)
  return Buffer.concat([
    Buffer.from([0x11, 0xe0, 0x01, 0xff]),
    nonce,
    Buffer.from([0x00, 0x11, 0x60, 0x00, 0x00, 0x40, 0xc0, 0x0d, 0x00]),
    ...blocks,
    nonceOf('responder'),
    length,
    data,
  ])
}
