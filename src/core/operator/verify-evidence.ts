/** Verification of a bundle with this machine's own engine, and how its result reads. */

import type { Hex } from 'viem'
import type { JobSpec } from '../job/spec.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import { type BundleStep, type BundleVerification, bundleSteps, verifyBundle } from '../report/verify-bundle.ts'
import { grouped } from '../view/figures.ts'
import type { LoadedBundle } from './load-bundle.ts'
import { soundnessText } from './soundness-text.ts'

type StepResult = { readonly step: BundleStep; readonly status: 'ok' | 'failed' | 'not reached' }

export type EvidenceVerification = {
  /** SHA-256 of the bundle: its name, and the one on which its seat's evidence rests. */
  readonly hash: string
  readonly bytes: number
  readonly valid: boolean
  readonly failedStep: BundleStep | null
  readonly detail: string | null
  readonly steps: readonly StepResult[]
  /** Null where it does not verify: then nothing it says is worth repeating. */
  readonly facts: Extract<BundleVerification, { ok: true }>['facts'] | null
  readonly cannotProve: readonly string[]
}

/** The engine is started only where there are rows to recompute, and is closed again. */
export async function verifyEvidence(
  { hash, bytes, bundle }: LoadedBundle,
  {
    startEngine,
    shownWitness = null,
  }: {
    readonly startEngine: (spec: JobSpec) => Promise<Pick<WorkEngine, 'verify' | 'close'>>
    /** What the seat's leaf said on chain. */
    readonly shownWitness?: Hex | null
  },
): Promise<EvidenceVerification> {
  const engines: Pick<WorkEngine, 'verify' | 'close'>[] = []
  try {
    const result = await verifyBundle(bundle, {
      shownWitness,
      async openVerifier(spec) {
        const engine = await startEngine(spec)
        engines.push(engine)
        return engine
      },
    })
    const failedAt = result.ok ? bundleSteps.length : bundleSteps.indexOf(result.step)
    return {
      hash,
      bytes: bytes.length,
      valid: result.ok,
      failedStep: result.ok ? null : result.step,
      detail: result.ok ? null : result.detail,
      steps: bundleSteps.map((step, at) => ({
        step,
        status: at < failedAt ? 'ok' : at === failedAt ? 'failed' : 'not reached',
      })),
      facts: result.ok ? result.facts : null,
      cannotProve: result.cannotProve,
    }
  } finally {
    await Promise.all(engines.map(engine => engine.close()))
  }
}

/** What holds when a step passes. */
const claims: Record<BundleStep, string> = {
  SPEC: 'the specification is the one that was committed to',
  OFFER_SIGNATURE: 'the Checker signed the job offer',
  COMMITMENT_BINDING: 'the commitment answers this offer',
  COMMITMENT_SIGNATURE: 'the commitment is signed',
  TWO_COMMITMENTS: 'no other commitment for the round is shown',
  ENVIRONMENT: 'the environment record is the committed one',
  DEVICE_REPORT: 'the device report is signed by the same operator, for this device',
  SAMPLE_REQUEST: 'the sample follows from what was fixed before it was known',
  COMMITMENT_INVALID: 'the claim is a possible one',
  OPENINGS_MALFORMED: 'the openings are exactly the sampled rows',
  OPENINGS_NOT_IN_ROOT: 'the opened rows are the committed ones',
  ROW_CLAIM: 'no row is falsely said to be wrong',
  ROW_WRONG: 'every sampled row, recomputed, is equal',
  WITNESS: 'the seat’s witness, where the bundle has one, is what recomputing gives',
}

/** The verification as lines for people. */
export function evidenceLines({ hash, valid, steps, detail, facts, cannotProve }: EvidenceVerification): string[] {
  const lines = [`${valid ? 'VALID' : 'NOT VALID'}  ${hash}`]
  for (const { step, status } of steps)
    lines.push(`  ${status.padEnd(11)}  ${status === 'failed' ? `${step}: ${detail}` : claims[step]}`)
  if (facts !== null) {
    lines.push(
      '',
      `device      ${facts.deviceId}, generation ${facts.generation}`,
      `operator    ${facts.operator}`,
      `checker     ${facts.checker}`,
      `round       ${facts.round} of epoch ${facts.epoch}`,
      `job         ${facts.specName ?? 'of a specification this release does not know'}`,
      `witness     ${facts.witness ?? 'none: the bundle is of before leaves had one'}`,
      `work        ${grouped(facts.rows)} rows, ${grouped(facts.rate)} Mop/s`,
      `recomputed  ${facts.rowsChecked} rows; ${facts.rowsPerSample.toFixed(1)} rows of work for each one sampled`,
      `soundness   ${soundnessText(facts.soundness, 'this seat')}`,
    )
  }
  lines.push('', 'What a bundle cannot prove by itself:', ...cannotProve.map(limit => `  · ${limit}`))
  return lines
}
