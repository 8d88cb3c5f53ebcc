import { readFile } from 'node:fs/promises'
import { MalformedReport } from './attestation-report.ts'
import { InvalidChain } from './certificate-chain.ts'
import { attestationErrors } from './errors.ts'
import { type Evidence, isEvidenceJson, readEvidenceJson, readEvidenceText } from './read-evidence.ts'
import {
  MalformedReference,
  parseReferenceMeasurements,
  pinnedReferences,
  type ReferenceMeasurements,
} from './reference-measurements.ts'
import { type AttestationResult, attestationSteps, verifyEvidence } from './verify-evidence.ts'

export type VerifyFilesOptions = {
  /** Evidence as JSON (one or many devices), or a report as hexadecimal text. */
  readonly file: string
  /** The chain as PEM, for a report in hexadecimal. */
  readonly chain?: string | undefined
  /** 64 hexadecimal digits. */
  readonly nonce?: string | undefined
  /** RIM files that the caller vouches for. */
  readonly references?: readonly string[]
  readonly minimumDriver?: string | undefined
}

/** One result per device, in the order of the file; a file that cannot be read as evidence is one failed result. */
export async function verifyEvidenceFiles(options: VerifyFilesOptions): Promise<readonly AttestationResult[]> {
  const nonce = options.nonce === undefined ? null : parseNonce(options.nonce)
  const references = [...pinnedReferences, ...(await Promise.all((options.references ?? []).map(readReference)))]
  const policy = { nonce, references, ...(options.minimumDriver ? { minimumDriver: options.minimumDriver } : {}) }
  const text = await readText(options.file)
  let list: readonly (Evidence | Error)[]
  try {
    list = isEvidenceJson(text) ? readEvidenceJson(text) : [readEvidenceText(text, await readChain(options))]
  } catch (error) {
    list = [error as Error]
  }
  return list.map(evidence => {
    if (!(evidence instanceof Error)) return verifyEvidence(evidence, policy)
    if (evidence instanceof MalformedReport || evidence instanceof InvalidChain) return unreadable(evidence)
    throw evidence
  })
}

/** The place of what makes a set invalid: a GPU whose evidence is not valid, else the first switch where there is no GPU; -1: none. */
export function invalidAt(devices: readonly AttestationResult[]): number {
  const failed = devices.findIndex(({ device, valid }) => device === 'gpu' && !valid)
  return failed >= 0 || devices.some(({ device }) => device === 'gpu') ? failed : 0
}

/** @throws ATTESTATION_NONCE_INVALID */
export function parseNonce(text: string): Buffer {
  const hex = text.trim().replace(/^0x/i, '')
  if (!/^[0-9a-f]{64}$/i.test(hex)) throw attestationErrors.ATTESTATION_NONCE_INVALID({ nonce: text.slice(0, 80) })
  return Buffer.from(hex, 'hex')
}

const readText = (path: string): Promise<string> =>
  readFile(path, 'latin1').catch(cause => {
    throw attestationErrors.ATTESTATION_FILE_UNREADABLE({ path, cause })
  })

async function readChain({ file, chain }: VerifyFilesOptions): Promise<string> {
  if (chain === undefined) throw attestationErrors.ATTESTATION_CHAIN_MISSING({ path: file })
  return readText(chain)
}

async function readReference(path: string): Promise<ReferenceMeasurements> {
  try {
    return parseReferenceMeasurements(await readText(path))
  } catch (error) {
    if (error instanceof MalformedReference)
      throw attestationErrors.ATTESTATION_REFERENCE_INVALID({ path, reason: error.message })
    throw error
  }
}

/** The form did not even let the steps begin: it fails at the step that would have read it. */
function unreadable(error: MalformedReport | InvalidChain): AttestationResult {
  const failedStep = error instanceof InvalidChain ? 'chain' : 'parse'
  const at = attestationSteps.indexOf(failedStep)
  return {
    device: 'gpu',
    valid: false,
    failedStep,
    reason: error.message,
    steps: attestationSteps.map((step, index) => ({
      step,
      status: index === at ? 'fail' : 'skipped',
      detail: index === at ? error.message : 'the evidence could not be read',
    })),
    revocation: 'not checked',
    nonce: null,
    driver: null,
    vbios: null,
    chip: null,
    feature: null,
    measurements: 'unknown',
    identity: null,
  }
}
