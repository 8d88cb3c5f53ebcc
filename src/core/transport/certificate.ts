import 'reflect-metadata'
import { X509Certificate as NodeCertificate, type webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Address, Hex } from 'viem'
import { certificateHash } from './endpoint-url.ts'
import type { Identity } from './transport.ts'

/** What a certificate says about its holder. The chain pins the certificate's hash, and thereby all of this. */
export type CertificateBinding = {
  readonly role: 'provider' | 'checker'
  readonly operator: Address
  /** Devices of a Provider, empty for a Checker. */
  readonly deviceIds: readonly Hex[]
  /** Hash of the device records the Provider saw when the certificate was made; `null` for a Checker. */
  readonly hardwareHash: Hex | null
}

const key = { name: 'ECDSA', namedCurve: 'P-256' } as const
const validYears = 10
const dayMs = 86_400_000

/**
 * A self-signed P-256 certificate, valid from a day before `now` (clocks differ) for ten years. The binding is written as
 * URIs of the subject alternative name, `urn:kaisar:<field>:<value>`, where `openssl x509 -text` shows it.
 */
export async function createCertificate(
  binding: CertificateBinding,
  { now, crypto }: { readonly now: () => Date; readonly crypto: webcrypto.Crypto },
): Promise<Identity> {
  const keys = await crypto.subtle.generateKey(key, true, ['sign', 'verify'])
  const notBefore = new Date(now().getTime() - dayMs)
  const notAfter = new Date(notBefore)
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + validYears)
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      // A serial number must be positive and at most 20 bytes: RFC 5280, 4.1.2.2.
      serialNumber: `01${Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString('hex')}`,
      name: [{ CN: [`Kaisar ${binding.role} ${binding.operator}`] }],
      notBefore,
      notAfter,
      keys,
      signingAlgorithm: { ...key, hash: 'SHA-256' },
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension(urisOf(binding).map(value => ({ type: 'url', value }))),
      ],
    },
    crypto as Parameters<typeof X509CertificateGenerator.createSelfSigned>[1],
  )
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    certificatePem: certificate.toString('pem'),
    keyPem: PemConverter.encode(pkcs8, PemConverter.PrivateKeyTag),
    certificateHash: certificateHash(new Uint8Array(certificate.rawData)),
  }
}

const urisOf = ({ role, operator, deviceIds, hardwareHash }: CertificateBinding): string[] => [
  `urn:kaisar:role:${role}`,
  `urn:kaisar:operator:${operator}`,
  ...deviceIds.map(id => `urn:kaisar:device:${id}`),
  ...(hardwareHash === null ? [] : [`urn:kaisar:hardware:${hardwareHash}`]),
]

/** Reads the binding back from PEM or DER; `null` where the certificate carries none, or an ambiguous one. */
export function readBinding(certificate: string | Uint8Array): CertificateBinding | null {
  let names: readonly { readonly type: string; readonly value: string }[]
  try {
    const parsed = new X509Certificate(new NodeCertificate(certificate).raw)
    names = parsed.getExtension(SubjectAlternativeNameExtension)?.names.toJSON() ?? []
  } catch {
    return null
  }
  const values = (field: string, pattern: RegExp) =>
    names
      .filter(({ type, value }) => type === 'url' && value.startsWith(`urn:kaisar:${field}:`))
      .map(({ value }) => value.slice(`urn:kaisar:${field}:`.length))
      .filter(value => pattern.test(value))
  const roles = values('role', /^(provider|checker)$/)
  const operators = values('operator', /^0x[0-9a-f]{40}$/)
  const hardware = values('hardware', /^0x[0-9a-f]{64}$/)
  if (roles.length !== 1 || operators.length !== 1 || hardware.length > 1) return null
  return {
    role: roles[0] as CertificateBinding['role'],
    operator: operators[0] as Address,
    deviceIds: values('device', /^0x[0-9a-f]{64}$/) as Hex[],
    hardwareHash: (hardware[0] as Hex | undefined) ?? null,
  }
}
