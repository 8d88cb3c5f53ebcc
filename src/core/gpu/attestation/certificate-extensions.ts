// reflect-metadata must be loaded before @peculiar/x509.
import 'reflect-metadata'
import type { X509Certificate } from 'node:crypto'
import { KeyUsageFlags, KeyUsagesExtension, X509Certificate as ParsedCertificate } from '@peculiar/x509'

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

type Element = { readonly tag: number; readonly content: Buffer }

/** The elements of a DER sequence's content; stops at what is not one. */
function* elements(content: Buffer): Generator<Element> {
  let at = 0
  while (at + 2 <= content.length) {
    const tag = content[at]!
    let length = content[at + 1]!
    let header = 2
    if (length & 0x80) {
      const bytes = length & 0x7f
      if (bytes === 0 || bytes > 3 || at + 2 + bytes > content.length) return
      length = content.readUIntBE(at + 2, bytes)
      header += bytes
    }
    if (at + header + length > content.length) return
    yield { tag, content: content.subarray(at + header, at + header + length) }
    at += header + length
  }
}

const sequence = 0x30
const octetString = 0x04
/** DiceTcbInfo.fwids is [6] IMPLICIT SEQUENCE OF FWID { hashAlg, digest } (TCG DICE Attestation Architecture, 6.1.1). */
const fwids = 0xa6

function firstFwidDigest(value: Buffer): Buffer | null {
  const info = elements(value).find(({ tag }) => tag === sequence)
  const list = info && elements(info.content).find(({ tag }) => tag === fwids)
  const first = list && elements(list.content).find(({ tag }) => tag === sequence)
  const digest = first && elements(first.content).find(({ tag }) => tag === octetString)
  return digest && digest.content.length === digestBytes ? digest.content : null
}
