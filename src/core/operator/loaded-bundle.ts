/** An evidence bundle from a file, or by its hash from the Checker that serves it; what verifying it says, and how that reads. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import type { Hex } from 'viem'
import type { Jobs, Kinds } from '../job/jobs.ts'
import type { Soundness } from '../job/soundness.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import { failureReason } from '../platform/errors.ts'
import { committeeSize } from '../protocol/constants.ts'
import {
  type BusyBundle,
  type BusyFacts,
  type BusyStep,
  busyNotProven,
  busySteps,
  decodeBusyBundle,
  isBusyBundle,
  verifyBusyBundle,
} from '../report/busy-bundle.ts'
import { reportErrors } from '../report/errors.ts'
import { bundleHash, bundleLimit, decodeBundle, type EvidenceBundle } from '../report/evidence-bundle.ts'
import { type BundleStep, type BundleVerification, bundleSteps, verifyBundle } from '../report/verify-bundle.ts'
import { getContent } from '../transport/get-content.ts'
import { figuresText, grouped } from '../view/figures.ts'
import { operatorErrors } from './errors.ts'

export type LoadedBundle = {
  readonly hash: Hex
  readonly bytes: Uint8Array
  readonly bundle: EvidenceBundle | BusyBundle
}

/** @throws REPORT_BUNDLE_MALFORMED, REPORT_BUNDLE_VERSION_UNKNOWN */
export const loadedBundle = (bytes: Uint8Array, kinds?: Kinds): LoadedBundle => ({
  ...{ hash: bundleHash(bytes), bytes },
  bundle: isBusyBundle(bytes) ? decodeBusyBundle(bytes) : decodeBundle(bytes, kinds),
})

/**
 * @param options.source - path of a file, or the bundle's hash
 * @param options.from - the endpoint that serves it, for a hash. It need not be trusted: the hash is.
 * @throws BUNDLE_SOURCE_MISSING, BUNDLE_FILE_UNREADABLE, BUNDLE_NOT_SERVED, BUNDLE_OTHER, REPORT_BUNDLE_MALFORMED,
 * REPORT_BUNDLE_VERSION_UNKNOWN, and what {@link getContent} throws
 */
export async function loadBundle(
  { source, from }: { readonly source: string; readonly from?: string | undefined },
  { get = getContent }: { readonly get?: typeof getContent } = {},
): Promise<LoadedBundle> {
  const named = /^0x[0-9a-f]{64}$/i.test(source)
  const bytes = named ? await fetchBundle(source.toLowerCase() as Hex, from, get) : await readBundle(source)
  return loadedBundle(bytes)
}

/** @throws BUNDLE_FILE_UNWRITABLE, also where the file exists: nothing is overwritten */
export async function saveBundle({ bytes }: Pick<LoadedBundle, 'bytes'>, path: string): Promise<void> {
  try {
    await writeFile(path, bytes, { flag: 'wx' })
  } catch (cause) {
    throw operatorErrors.BUNDLE_FILE_UNWRITABLE({ path, reason: failureReason(cause), cause })
  }
}

async function readBundle(path: string): Promise<Uint8Array> {
  try {
    // Before anything is read: a file of any size may be named.
    const { size } = await stat(path)
    if (size > bundleLimit)
      throw reportErrors.REPORT_BUNDLE_MALFORMED({
        problem: `it has ${size} bytes, at most ${bundleLimit} are possible`,
      })
    return await readFile(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === undefined || code.startsWith('REPORT_')) throw cause
    throw operatorErrors.BUNDLE_FILE_UNREADABLE({ path, reason: code, cause })
  }
}

async function fetchBundle(hash: Hex, endpoint: string | undefined, get: typeof getContent): Promise<Uint8Array> {
  if (endpoint === undefined) throw operatorErrors.BUNDLE_SOURCE_MISSING({ hash })
  const path = `/evidence/${hash}`
  const { status, body } = await get({ endpoint, path, limitBytes: bundleLimit, timeoutMs: 30_000 })
  if (status !== 200) throw operatorErrors.BUNDLE_NOT_SERVED({ endpoint, hash, status })
  const found = bundleHash(body)
  if (found !== hash) throw operatorErrors.BUNDLE_OTHER({ endpoint, hash, found })
  return body
}

type Step = BundleStep | BusyStep
type StepResult = { readonly step: Step; readonly status: 'ok' | 'failed' | 'not reached' }

export type LoadedBundleVerification = {
  /** SHA-256 of the bundle: its name, and the one on which its seat's evidence rests. */
  readonly hash: string
  readonly bytes: number
  readonly valid: boolean
  readonly failedStep: Step | null
  readonly detail: string | null
  readonly steps: readonly StepResult[]
  /** Null where it does not verify: then nothing it says is worth repeating. */
  readonly facts: Extract<BundleVerification, { ok: true }>['facts'] | BusyFacts | null
  readonly cannotProve: readonly string[]
}

/** Verifies a bundle with this machine's own engine, which is started only where there is work to recompute, and closed again. */
export async function verifyLoadedBundle(
  { hash, bytes, bundle }: LoadedBundle,
  {
    startEngine,
    shownWitness = null,
    kinds,
  }: {
    readonly startEngine: (jobs: Jobs) => Promise<Pick<WorkEngine, 'kinds' | 'close'>>
    readonly kinds?: Kinds
    /** What the seat's leaf said on chain. */
    readonly shownWitness?: Hex | null
  },
): Promise<LoadedBundleVerification> {
  const about = { hash, bytes: bytes.length }
  if ('busy' in bundle)
    return { ...about, ...outcomeOf(busySteps, { ...verifyBusyBundle(bundle), cannotProve: busyNotProven }) }
  const engines: Pick<WorkEngine, 'close'>[] = []
  try {
    const result = await verifyBundle(bundle, {
      ...{ shownWitness, kinds },
      async openVerifier(jobs) {
        const engine = await startEngine(jobs)
        engines.push(engine)
        return engine
      },
    })
    return { ...about, ...outcomeOf(bundleSteps, result) }
  } finally {
    await Promise.all(engines.map(engine => engine.close()))
  }
}

type Outcome<F> = { readonly cannotProve: readonly string[] } & (
  | { readonly ok: true; readonly facts: F }
  | { readonly ok: false; readonly step: Step; readonly detail: string }
)

function outcomeOf(steps: readonly Step[], result: Outcome<NonNullable<LoadedBundleVerification['facts']>>) {
  const failedAt = result.ok ? steps.length : steps.indexOf(result.step)
  return {
    valid: result.ok,
    failedStep: result.ok ? null : result.step,
    detail: result.ok ? null : result.detail,
    steps: steps.map(
      (step, at): StepResult => ({
        ...{ step, status: at < failedAt ? 'ok' : at === failedAt ? 'failed' : 'not reached' },
      }),
    ),
    facts: result.ok ? result.facts : null,
    cannotProve: result.cannotProve,
  }
}

/** What holds when a step passes. */
const claims: Record<Step, string> = {
  BUSY_BINDING: 'the device’s word answers this offer',
  BUSY_SIGNATURE: 'the device’s operator signed that it is busy',
  SPEC: 'the specification is the one that was committed to',
  OFFER_SIGNATURE: 'the Checker signed the job offer',
  COMMITMENT_BINDING: 'the commitment answers this offer',
  COMMITMENT_SIGNATURE: 'the commitment is signed',
  TWO_COMMITMENTS: 'no other commitment for the round is shown',
  ENVIRONMENT: 'the environment record is the committed one',
  DEVICE_REPORT: 'the device report is signed by the same operator, for this device',
  SAMPLE_REQUEST: 'the sample follows from what was fixed before it was known',
  COMMITMENT_INVALID: 'the claim is a possible one',
  OPENINGS_MALFORMED: 'the openings are exactly what was sampled',
  OPENINGS_NOT_IN_ROOT: 'what is opened is what was committed to',
  WRONG_CLAIM: 'nothing is falsely said to be wrong',
  ROW_WRONG: 'every sampled row, recomputed, is equal',
  COORDINATE_WRONG: 'every sampled coordinate of memory, recomputed, is equal',
  WITNESS: 'the seat’s witness, where the bundle has one, is what recomputing gives',
}

/** The verification as lines for people. */
export function bundleLines({ hash, valid, steps, detail, facts, cannotProve }: LoadedBundleVerification): string[] {
  const lines = [`${valid ? 'VALID' : 'NOT VALID'}  ${hash}`]
  for (const { step, status } of steps)
    lines.push(`  ${status.padEnd(11)}  ${status === 'failed' ? `${step}: ${detail}` : claims[step]}`)
  if (facts !== null)
    lines.push(
      '',
      `device      ${facts.deviceId}, generation ${facts.generation}`,
      `operator    ${facts.operator}`,
      `checker     ${facts.checker}`,
      `round       ${facts.round} of epoch ${facts.epoch}`,
    )
  if (facts !== null && !('units' in facts))
    lines.push('verdict     BUSY: the owner had paused the device, and it worked nothing')
  else if (facts !== null)
    lines.push(
      `job         ${facts.specName ?? 'of a specification this release does not know'}`,
      `witness     ${facts.witness ?? 'none: the bundle is of before leaves had one'}`,
      `work        ${grouped(facts.units)} ${facts.unit}s, ${figuresText(facts.figures)}`,
      `recomputed  ${facts.checked} places; ${facts.unitsPerSample.toFixed(1)} ${facts.unit}s of work for each one sampled`,
      `soundness   ${soundnessText(facts.soundness, 'this seat')}`,
    )
  lines.push('', 'What a bundle cannot prove by itself:', ...cannotProve.map(limit => `  · ${limit}`))
  return lines
}

/** How well a window is checked, in bits; without the forwarding of wrong work a quorum of the committee decides. */
export const soundnessText = ({ oneSeat, forwarding, alone }: Soundness, seat: string): string =>
  `${oneSeat.toFixed(1)} bits by ${seat}, ${forwarding.toFixed(1)} by ${committeeSize} that forward, ${alone.toFixed(1)} by ${committeeSize} alone, against skipping a quarter`
