/** `kaisar/verify`: an evidence bundle verified in another program, with this machine's own engine. */
import type { ExecutionProvider } from '../job/execution-provider.ts'
import { createWorkEngine } from '../job/work-engine.ts'
import { reportErrors } from '../report/errors.ts'
import { bundleLimit } from '../report/evidence-bundle.ts'
import { bundleLines, type LoadedBundleVerification, loadedBundle, verifyLoadedBundle } from './loaded-bundle.ts'

export type { LoadedBundleVerification }
export { bundleLines }

export type VerifyOptions = {
  /** What the seat's evidence leaf of the round said on chain, in an audit: it must be the bundle's. */
  readonly witness?: `0x${string}`
  /** What recomputes the rows; every one gives the same bytes. Default `cpu`. */
  readonly executionProvider?: ExecutionProvider | 'auto'
  /** Of one operator on the CPU; default 1. */
  readonly threads?: number
}

/**
 * Verifies every signature, every binding and everything sampled. Nobody is asked and nothing is trusted; what a bundle cannot prove is in
 * `cannotProve`.
 *
 * @example
 * const { valid, failedStep, facts } = await verify(await readFile('bundle'))
 * @throws an error with a `code`: REPORT_BUNDLE_MALFORMED, REPORT_BUNDLE_VERSION_UNKNOWN, or the engine's. What does not verify is no
 * error: `valid` is false then.
 */
export async function verify(
  bytes: Uint8Array,
  { witness, executionProvider = 'cpu', threads = 1 }: VerifyOptions = {},
): Promise<LoadedBundleVerification> {
  if (bytes.length > bundleLimit)
    throw reportErrors.REPORT_BUNDLE_MALFORMED({
      problem: `it has ${bytes.length} bytes, at most ${bundleLimit} are possible`,
    })
  return verifyLoadedBundle(loadedBundle(bytes), {
    shownWitness: witness ?? null,
    startEngine: jobs => createWorkEngine({ jobs, provider: executionProvider, threads, witnesses: true }),
  })
}
