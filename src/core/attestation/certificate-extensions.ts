// reflect-metadata must be loaded before @peculiar/x509.
import 'reflect-metadata'
import type { X509Certificate } from 'node:crypto'
import { KeyUsageFlags, KeyUsagesExtension, X509Certificate as ParsedCertificate } from '@peculiar/x509'
import { type BaseBlock, Constructed, fromBER, OctetString } from 'asn1js'

/** Extensions that node:crypto does not show. */
export type CertificateExtensions = {
  readonly signsData: boolean
  readonly signsCertificates: boolean
  /** SHA-384 of the firmware that the leaf's key belongs to (TCG DICE), or null where the certificate does not say. */
  readonly fwid: Buffer | null
}

/** Hopper carries the firmware digest at the end of one DICE extension, Blackwell inside TcbInfo. */
const hopperFwid = '2.23.133.5.4.1'
const tcbInfo = '2.23.133.5.4.1.1'
const digestBytes = 48

export function readExtensions(certificate: X509Certificate): CertificateExtensions {
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
    fwid: blackwell
      ? firstFwidDigest(blackwell)
      : hopper && hopper.length >= digestBytes
        ? hopper.subarray(-digestBytes)
        : null,
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
