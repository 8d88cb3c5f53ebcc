// Why: docs/why/transport.md

import { createPrivateKey, type webcrypto, X509Certificate } from 'node:crypto'
import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeFileAtomically } from '../platform/write-file-atomically.ts'
import { type CertificateBinding, createCertificate, readBinding } from './certificate.ts'
import { certificateHash } from './endpoint-url.ts'
import { certificateErrors } from './errors.ts'
import type { Identity } from './transport.ts'

const renewBeforeMs = 30 * 86_400_000

/**
 * The certificate in `file`. It is made on first use, and made anew when it no longer says what `binding` says.
 *
 * Key and certificate are one PEM file of mode 0600, replaced in one step, so that no crash leaves a key without its
 * certificate. The caller holds the lock of the data directory.
 *
 * @throws CERTIFICATE_FILE_MODE, CERTIFICATE_FILE_MALFORMED (an unreadable file is never overwritten),
 * CERTIFICATE_FILE_INACCESSIBLE
 */
export async function ensureCertificate(
  { file, binding }: { readonly file: string; readonly binding: CertificateBinding },
  dependencies: { readonly now: () => Date; readonly crypto: webcrypto.Crypto },
): Promise<Identity> {
  const existing = await readCertificate(file)
  if (existing !== null && stillSays(existing, binding, dependencies.now())) return existing
  const fresh = await createCertificate(binding, dependencies)
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    writeFileAtomically(file, `${fresh.keyPem}\n${fresh.certificatePem}\n`, 0o600)
  } catch (cause) {
    throw certificateErrors.CERTIFICATE_FILE_INACCESSIBLE({ file, why: (cause as Error).message, cause })
  }
  return fresh
}

/** Reads a file that {@link ensureCertificate} wrote; `null` where there is none. */
export async function readCertificate(file: string): Promise<Identity | null> {
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(file, 'r')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw certificateErrors.CERTIFICATE_FILE_INACCESSIBLE({ file, why: (cause as Error).message, cause })
  }
  try {
    const { mode } = await handle.stat()
    if ((mode & 0o077) !== 0)
      throw certificateErrors.CERTIFICATE_FILE_MODE({ file, mode: (mode & 0o777).toString(8).padStart(4, '0') })
    return parse(file, await handle.readFile('utf8'))
  } finally {
    await handle.close()
  }
}

function parse(file: string, pem: string): Identity {
  const block = (label: string) => new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(pem)?.[0]
  const [keyPem, certificatePem] = [block('PRIVATE KEY'), block('CERTIFICATE')]
  if (keyPem === undefined || certificatePem === undefined)
    throw certificateErrors.CERTIFICATE_FILE_MALFORMED({ file, why: 'it does not hold a key and a certificate' })
  try {
    const certificate = new X509Certificate(certificatePem)
    if (!certificate.checkPrivateKey(createPrivateKey(keyPem)))
      throw new Error('its key does not belong to its certificate')
    return { keyPem, certificatePem, certificateHash: certificateHash(certificate.raw) }
  } catch (cause) {
    throw certificateErrors.CERTIFICATE_FILE_MALFORMED({ file, why: (cause as Error).message, cause })
  }
}

function stillSays({ certificatePem }: Identity, binding: CertificateBinding, now: Date): boolean {
  const found = readBinding(certificatePem)
  if (found === null) return false
  const expires = new X509Certificate(certificatePem).validToDate.getTime()
  const canonical = ({ deviceIds, ...rest }: CertificateBinding) =>
    JSON.stringify([rest.role, rest.operator, rest.hardwareHash, [...deviceIds].sort()])
  return expires - renewBeforeMs > now.getTime() && canonical(found) === canonical(binding)
}
