/** Asks Checkers at their endpoints: what lies below the evidence roots that they opened, and whether they are there. */
import { jobsByHash } from '../job/jobs.ts'
import type { EvidenceSource, ShownRounds } from '../network/epoch-facts.ts'
import { isKaisarError } from '../platform/errors.ts'
import { readSeatEvidence, seatEvidenceLimit, seatEvidencePath } from '../report/seat-evidence.ts'
import { getContent } from '../transport/get-content.ts'
import type { EndpointCheck } from './checker-status.ts'

/** A Checker that is there answers within this; all seats are asked at once. */
const timeoutMs = 2_000
/** How long one that did not answer is left alone, in ms: a page that asks at every block does not wait for it each time. */
const restMs = 30_000
/** Answers kept, the oldest of which make way: what a seat committed to does not change. */
const keptAnswers = 512

/**
 * Whatever fails, an explanation does without.
 *
 * @param dialsPrivate - whether endpoints at loopback and private addresses are asked, as on a development chain
 */
export function createEvidenceSource(
  { dialsPrivate }: { readonly dialsPrivate: boolean },
  {
    get = getContent,
    now = () => performance.now(),
  }: { readonly get?: typeof getContent; readonly now?: () => number } = {},
): EvidenceSource {
  const answers = new Map<string, ShownRounds>()
  const restUntil = new Map<string, number>()

  return async query => {
    const { endpoint } = query
    const path = seatEvidencePath(query)
    const name = `${endpoint} ${path} ${query.evidenceRoot}`
    const known = answers.get(name)
    if (known !== undefined) return known
    if (now() < (restUntil.get(endpoint) ?? 0)) return null
    try {
      const { status, body } = await get({
        ...{ endpoint, path, limitBytes: seatEvidenceLimit, timeoutMs },
        publicOnly: !dialsPrivate,
      })
      if (status !== 200) return null
      // Another seat may have registered this endpoint as its own: that what it shows is not that one's says nothing against it.
      const shown = shownOf(body, query)
      if (shown === null) return null
      answers.set(name, shown)
      if (answers.size > keptAnswers) answers.delete(answers.keys().next().value!)
      return shown
    } catch {
      restUntil.set(endpoint, now() + restMs)
      return null
    }
  }
}

function shownOf(body: Uint8Array, query: Parameters<EvidenceSource>[0]): ShownRounds | null {
  try {
    return { ...readSeatEvidence(body, query), beatShare: jobsByHash(query.specHash).jobs.beatShare }
  } catch (error) {
    // What jobs count for that this release does not know, it cannot say either.
    if (!isKaisarError(error, 'REPORT_SHOWN_INVALID') && !isKaisarError(error, 'JOB_SPEC_UNKNOWN')) throw error
    return null
  }
}

/** Whether a Checker answers at an endpoint, as a Provider elsewhere would find it. Never throws. */
export async function checkEndpoint(
  endpoint: string,
  { get = getContent }: { readonly get?: typeof getContent } = {},
): Promise<EndpointCheck> {
  try {
    const { certificateHash } = await get({ endpoint, path: '/', limitBytes: 64 * 1024, timeoutMs: 5_000 })
    return { reached: true, certificateHash }
  } catch (error) {
    return { reached: false, why: (error as Error).message }
  }
}
