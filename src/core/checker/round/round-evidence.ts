/** What a seat keeps of a round: everything that was signed about it, and what its verdict rests on. Pure. */
import type { MessageBody } from '../../protocol/messages.ts'
import type { Signed } from '../../protocol/typed-data.ts'
import type { EvidenceBundle } from '../../report/evidence-bundle.ts'
import type { WrongRow } from '../../report/wrong-row.ts'
import type { DeviceCheckRecord } from '../journal.ts'
import type { RoundCheck } from './check.ts'

export type RoundEvidence = Pick<EvidenceBundle, 'network' | 'spec' | 'epochSeed' | 'openings'> & {
  readonly offer: Signed<'JobOffer'> | null
  readonly request: Signed<'SampleRequest'> | null
  readonly check: RoundCheck
  /** A row that another seat proved wrong. */
  readonly forwardedRow: WrongRow | null
  readonly reported: DeviceCheckRecord | null
}

/** @returns null where nothing was committed to, so that there is nothing to show */
export function roundEvidence(known: RoundEvidence): EvidenceBundle | null {
  const { offer, request, openings, check, forwardedRow, reported, ...common } = known
  const { commitment, contradiction, witness } = check
  if (commitment === null || offer === null) return null
  const isNamed = reported?.environmentHash === commitment.message.environmentHash
  const deviceReport = isNamed ? (JSON.parse(reported.report) as MessageBody<'device.report'>) : null
  const isEmpty = openings.length === 0 && commitment.message.rows === 0n
  const bundle = {
    ...{ ...common, offer, commitment, openings, deviceReport, environment: deviceReport?.environment ?? null },
    request: isEmpty ? null : request,
  }
  if (contradiction !== null) return { ...bundle, against: { commitment: contradiction } }
  // The seat's own sample may be right: what it adopted rests on the forwarded row alone.
  return forwardedRow === null
    ? { ...bundle, ...(witness !== null && check.judged?.verdict === 'VALID' && { witness }) }
    : { ...bundle, request: null, openings: forwardedRow.openings, against: { wrongRow: forwardedRow.row } }
}
