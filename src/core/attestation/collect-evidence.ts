import { findJsonDocuments } from '../devices/json-documents.ts'
import type { RunTool } from '../devices/run-tool.ts'
import { attestationErrors } from './errors.ts'
import { type Evidence, readEvidenceJson } from './read-evidence.ts'

/** NVIDIA's collector (attestation-sdk); the card signs over the nonce. */
const collector = 'nvattest'

/**
 * Asks NVIDIA's collector for the evidence of every card over one nonce (32 bytes). Returns it as printed and as read.
 *
 * @throws ATTESTATION_COLLECTOR_MISSING, ATTESTATION_COLLECTOR_FAILED
 */
export async function collectEvidence(
  nonce: Buffer,
  { run }: { readonly run: RunTool },
): Promise<{ readonly json: string; readonly devices: readonly (Evidence | Error)[] }> {
  const output = await run(collector, ['collect-evidence', '--device', 'gpu', '--nonce', nonce.toString('hex')], {
    timeoutMs: 120_000,
    maxBytes: 4 * 1024 * 1024,
  })
  if (output.failure === 'missing' || output.failure === 'not-executable')
    throw attestationErrors.ATTESTATION_COLLECTOR_MISSING({ tool: collector })
  const holdsEvidence = (value: unknown): boolean => JSON.stringify(value).includes('"evidence"')
  const value = findJsonDocuments(output.stdout).values.find(holdsEvidence)
  if (value === undefined) {
    const said =
      output.failure ??
      (`${output.stderr}\n${output.stdout}`.trim().split('\n')[0]?.slice(0, 200) || `exit code ${output.exitCode}`)
    throw attestationErrors.ATTESTATION_COLLECTOR_FAILED({ tool: collector, said })
  }
  const json = JSON.stringify(value)
  return { json, devices: readEvidenceJson(json) }
}
