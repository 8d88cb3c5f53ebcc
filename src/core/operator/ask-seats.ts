/** Asks Checkers at their endpoints: what lies below the evidence roots that they opened, what devices are, and whether they are there. */
import type { Hex } from 'viem'
import { jobsByHash } from '../job/jobs.ts'
import type { EvidenceSource, ShownRounds } from '../network/epoch-facts.ts'
import type { DeviceView } from '../network/network-view.ts'
import { isKaisarError } from '../platform/errors.ts'
import { parseJson } from '../platform/output.ts'
import { deviceRecordSchema, hashRecordText } from '../protocol/device-record.ts'
import { bundleLimit, decodeBundle } from '../report/evidence-bundle.ts'
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

/**
 * The models of devices, by the records that seats keep in their evidence bundles: the chain has a record's hash, so that whoever shows it
 * needs no trust. Each look asks for one bundle at most, so that no page waits for more than one Checker.
 */
export function createModelSource(
  { dialsPrivate }: { readonly dialsPrivate: boolean },
  { get = getContent }: { readonly get?: typeof getContent } = {},
) {
  const models = new Map<Hex, string>()
  const asked = new Set<Hex>()
  return {
    modelOf: (device: Hex): string | null => models.get(device) ?? null,
    /** @param seats - what an explanation has of the seats that judged the device. Never throws. */
    async look(
      { id, record: { deviceHash } }: Pick<DeviceView, 'id' | 'record'>,
      seats: readonly { readonly endpoint: string | null; readonly below: Pick<ShownRounds, 'rounds'> | null }[],
    ): Promise<void> {
      if (models.has(id)) return
      const next = seats
        .flatMap(({ endpoint, below }) => {
          const valid = below?.rounds.find(({ verdict, evidence }) => verdict === 'VALID' && evidence !== null)
          return endpoint === null || valid === undefined ? [] : [{ endpoint, evidence: valid.evidence! }]
        })
        .find(({ evidence }) => !asked.has(evidence))
      if (next === undefined) return
      asked.add(next.evidence)
      if (asked.size > keptAnswers) asked.delete(asked.values().next().value!)
      try {
        const { body } = await get({
          ...{ endpoint: next.endpoint, path: `/evidence/${next.evidence}`, limitBytes: bundleLimit, timeoutMs },
          publicOnly: !dialsPrivate,
        })
        const text = decodeBundle(body).deviceReport?.device
        if (text === undefined || hashRecordText(text) !== deviceHash) return
        models.set(id, deviceRecordSchema.parse(parseJson(text)).model)
      } catch {
        // The next look asks another seat.
      }
    },
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
