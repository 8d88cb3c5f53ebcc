// reflect-metadata must be loaded before @peculiar/x509.
import 'reflect-metadata'

import { createHash, X509Certificate } from 'node:crypto'
import { KeyUsageFlags, KeyUsagesExtension, X509Certificate as ParsedCertificate } from '@peculiar/x509'
import { type BaseBlock, Constructed, fromBER, OctetString } from 'asn1js'

/** SHA-256 of the DER of `NVIDIA Device Identity CA`. The root that came with the evidence counts for nothing. */
const nvidiaDeviceRootSha256 = '102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48'

/** NVML's buffer for a chain holds 4 KiB of PEM; some captures add text around it. */
export const maxChainBytes = 0x4000
const chainLength = 5

/** Why a chain is not one of an NVIDIA GPU, in words. */
export class InvalidChain extends Error {}

export type VerifiedChain = {
  readonly leaf: X509Certificate
  /** Common name of the leaf: `GH100 A01 GSP FMC LF`. */
  readonly leafName: string
  /** What stays with the hardware, whatever its firmware: certificate 1, provisioned at the factory. */
  readonly identity: DeviceIdentity
  readonly fwid: Buffer | null
}

export type DeviceIdentity = {
  /** SHA-256 of certificate 1's SubjectPublicKeyInfo, hex with 0x: the attested identity on chain. */
  readonly spkiSha256: `0x${string}`
  readonly serialNumber: string
  /** `GH100 A01 GSP BROM`. */
  readonly hardwareModel: string
}

/** The DER of every CERTIFICATE block; text around the blocks is ignored, broken base64 is not. */
export function readPemChain(text: string): Buffer[] {
  if (text.length > maxChainBytes) throw new InvalidChain(`${text.length} characters, at most ${maxChainBytes}`)
  return [...text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g)].map(match => {
    const base64 = match[1]!.replace(/\s+/g, '')
    const der = Buffer.from(base64, 'base64')
    if (der.toString('base64') !== base64) throw new InvalidChain('a certificate is not valid base64')
    return der
  })
}

/** Of the subject; null where it has none. */
export const commonName = ({ subject }: X509Certificate): string | null => /^CN=(.*)$/m.exec(subject)?.[1] ?? null

function parseCertificate(der: Buffer, at: number): X509Certificate {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(der)
  } catch {
    throw new InvalidChain(`certificate ${at} cannot be parsed`)
  }
  // The parser skips bytes behind a certificate and takes lengths that DER does not allow.
  if (!certificate.raw.equals(der)) throw new InvalidChain(`certificate ${at} is not canonical DER`)
  return certificate
}

/** Verifies a chain, leaf first, up to the pinned root. */
export function verifyChain(
  ders: readonly Buffer[],
  options: { readonly at: Date; readonly rootSha256?: string },
): VerifiedChain {
  if (ders.length !== chainLength) throw new InvalidChain(`${ders.length} certificates, expected ${chainLength}`)
  const rootHash = createHash('sha256').update(ders.at(-1)!).digest('hex')
  if (rootHash !== (options.rootSha256 ?? nvidiaDeviceRootSha256))
    throw new InvalidChain('the last certificate is not the pinned NVIDIA root')
  const chain = ders.map(parseCertificate)
  chain.forEach((certificate, at) => {
    const issuer = chain[at + 1] ?? certificate
    const name = `certificate ${at} (${commonName(certificate) ?? 'unnamed'})`
    const { publicKey } = certificate
    if (publicKey.asymmetricKeyType !== 'ec' || publicKey.asymmetricKeyDetails?.namedCurve !== 'secp384r1')
      throw new InvalidChain(`${name} does not have a P-384 key`)
    if (certificate.issuer !== issuer.subject) throw new InvalidChain(`${name} was issued by another than the next one`)
    // Checks names, authority key id, and that the issuer's key usage allows signing certificates.
    if (!certificate.checkIssued(issuer)) throw new InvalidChain(`${name} was not issued by the next one`)
    if (at > 0 && !certificate.ca) throw new InvalidChain(`${name} is not a certification authority`)
    if (at === 0 && certificate.ca) throw new InvalidChain(`${name} may not be a certification authority`)
    if (!certificate.verify(issuer.publicKey)) throw new InvalidChain(`the signature of ${name} is wrong`)
    if (options.at < certificate.validFromDate || options.at > certificate.validToDate)
      throw new InvalidChain(`${name} is not valid at ${options.at.toISOString()}`)
  })
  const extensions = chain.map(extensionsOf)
  extensions.forEach(({ signsData, signsCertificates }, at) => {
    if (at === 0 ? !signsData : !signsCertificates)
      throw new InvalidChain(`certificate ${at} may not sign ${at === 0 ? 'data' : 'certificates'}`)
  })
  const [leaf, factory] = [chain[0]!, chain[1]!]
  return {
    leaf,
    leafName: commonName(leaf) ?? '',
    identity: {
      spkiSha256: `0x${createHash('sha256')
        .update(factory.publicKey.export({ type: 'spki', format: 'der' }))
        .digest('hex')}`,
      serialNumber: factory.serialNumber,
      hardwareModel: commonName(factory) ?? '',
    },
    fwid: extensions[0]!.fwid,
  }
}

/** Hopper carries the firmware digest at the end of one DICE extension, Blackwell inside TcbInfo. */
const hopperFwid = '2.23.133.5.4.1'
const tcbInfo = '2.23.133.5.4.1.1'
const digestBytes = 48

/** Extensions that node:crypto does not show. */
function extensionsOf(certificate: X509Certificate, at: number) {
  try {
    const parsed = new ParsedCertificate(certificate.raw)
    const usages = parsed.getExtension(KeyUsagesExtension)?.usages ?? 0
    const value = (oid: string): Buffer | null => {
      const extension = parsed.getExtension(oid)
      return extension ? Buffer.from(extension.value) : null
    }
    const hopper = value(hopperFwid)
    const blackwell = value(tcbInfo)
    return {
      signsData: (usages & KeyUsageFlags.digitalSignature) !== 0,
      signsCertificates: (usages & KeyUsageFlags.keyCertSign) !== 0,
      /** SHA-384 of the firmware that the leaf's key belongs to (TCG DICE), or null where the certificate does not say. */
      fwid: blackwell
        ? firstFwidDigest(blackwell)
        : hopper && hopper.length >= digestBytes
          ? hopper.subarray(-digestBytes)
          : null,
    }
  } catch {
    throw new InvalidChain(`the extensions of certificate ${at} cannot be parsed`)
  }
}

/** DiceTcbInfo.fwids is [6] IMPLICIT SEQUENCE OF FWID { hashAlg, digest } (TCG DICE Attestation Architecture, 6.1.1). */
function firstFwidDigest(value: Buffer): Buffer | null {
  const list = children(fromBER(value).result).find(
    ({ idBlock: { tagClass, tagNumber } }) => tagClass === 3 && tagNumber === 6,
  )
  const [first] = children(list)
  const digest = children(first).find(field => field instanceof OctetString)
  const bytes = digest && Buffer.from(digest.getValue())
  return bytes?.length === digestBytes ? bytes : null
}

const children = (block: BaseBlock | undefined): BaseBlock[] =>
  block instanceof Constructed ? block.valueBlock.value : []
