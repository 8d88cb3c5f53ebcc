import { X509Certificate } from 'node:crypto'
import { parseJson } from '../platform/output.ts'
import { MalformedReport, maxReportBytes } from './attestation-report.ts'
import { commonName, InvalidChain, maxChainBytes, readPemChain } from './certificate-chain.ts'

/** One card's evidence as it arrived; nothing in it but `report` and `chain` is signed. */
export type Evidence = {
  readonly report: Buffer
  readonly chain: readonly Buffer[]
  /** What the file says the nonce was; the report says what it is. */
  readonly statedNonce: Buffer | null
  readonly statedArchitecture: string | null
}

/**
 * Evidence of a switch between GPUs (NVSwitch; LS10 on Hopper boards), which a board in protected PCIe mode gives beside that of its
 * GPUs. The leaf certificate says it; the file's own word counts where that cannot be read.
 */
export function isSwitchEvidence({ chain, statedArchitecture }: Evidence): boolean {
  const isSwitch = (name: string | null): boolean => /^LS_?\d/i.test(name ?? '')
  try {
    return isSwitch(commonName(new X509Certificate(chain[0]!)))
  } catch {
    return isSwitch(statedArchitecture)
  }
}

/** No board has more cards. */
const maxDevices = 64

const hexBytes = (text: string, what: string): Buffer => {
  const hex = text.replace(/\s+/g, '').replace(/^0x/i, '')
  if (hex.length === 0 || hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex))
    throw new MalformedReport(`${what} is not hexadecimal`)
  return Buffer.from(hex, 'hex')
}

/**
 * Base64 in either alphabet, with or without padding; nothing else may be in it. It is matched from its beginning: looking for padding at
 * the end would take a time that grows with the square of what a Provider sends.
 */
function base64Bytes(text: string, what: string): Buffer {
  const plain = text.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/')
  const base64 = /^([A-Za-z0-9+/]+)=*$/.exec(plain)?.[1] ?? ''
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length === 0 || bytes.toString('base64').replace(/=+$/, '') !== base64)
    throw new MalformedReport(`${what} is not base64`)
  return bytes
}

export const isEvidenceJson = (text: string): boolean => /^\s*[[{]/.test(text)

/**
 * NVIDIA's serialised evidence: an object or an array of `{ arch, nonce, evidence, certificate }`, evidence in base64,
 * certificate as base64 of the PEM text; or the same as a collection of RATS conceptual messages. Throws {@link MalformedReport} or {@link InvalidChain} for the whole file; what is
 * wrong with one card is left to its verification.
 */
export function readEvidenceJson(text: string): readonly (Evidence | Error)[] {
  if (text.length > maxDevices * 4 * (maxReportBytes + maxChainBytes))
    throw new MalformedReport(`${text.length} characters of evidence`)
  const value = parseJson(text)
  if (value === undefined) throw new MalformedReport('the evidence is not JSON')
  const list = entriesOf(value)
  if (list.length === 0) throw new MalformedReport('the evidence holds no device')
  if (list.length > maxDevices) throw new MalformedReport(`${list.length} devices, at most ${maxDevices}`)
  return list.map(entry => {
    try {
      return readEntry(entry)
    } catch (error) {
      return error as Error
    }
  })
}

/** A list; or one entry; or an object that holds a list (`evidences`) or one entry per device (`gpu_0`, RATS CMW collections). */
function entriesOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (typeof value !== 'object' || value === null || hasEvidence(value)) return [value]
  const inner = Object.values(value)
  const entries = inner.filter(hasEvidence)
  return entries.length > 0 ? entries : (inner.find(Array.isArray) ?? [value])
}

const hasEvidence = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && 'evidence' in value

/** A member as text; in a CMW it is a pair of media type and base64. */
const member = (value: unknown): string | null => {
  const text = Array.isArray(value) && value.length >= 2 ? value[1] : value
  return typeof text === 'string' && text !== '' ? text : null
}

function readEntry(entry: unknown): Evidence {
  const evidence = hasEvidence(entry) ? member(entry.evidence) : null
  if (!hasEvidence(entry) || evidence === null) throw new MalformedReport('an entry has no evidence')
  const certificate = member(entry.certificate)
  if (certificate === null) throw new InvalidChain('an entry has no certificate chain')
  const nonce = member(entry.nonce)
  const pem = certificate.includes('-----BEGIN')
    ? certificate
    : base64Bytes(certificate, 'the certificate chain').toString('latin1')
  return {
    report: base64Bytes(evidence, 'the evidence'),
    chain: readPemChain(pem),
    statedNonce:
      nonce === null
        ? null
        : /^(?:0x)?[0-9a-f]{64}$/i.test(nonce.trim())
          ? hexBytes(nonce, 'the stated nonce')
          : base64Bytes(nonce, 'the stated nonce'),
    statedArchitecture: typeof entry.arch === 'string' ? entry.arch : null,
  }
}

/** The report as hexadecimal text and the chain as PEM text, as NVIDIA's sample files hold them. */
export const readEvidenceText = (reportHex: string, chainPem: string): Evidence => ({
  report: hexBytes(reportHex, 'the report'),
  chain: readPemChain(chainPem),
  statedNonce: null,
  statedArchitecture: null,
})
