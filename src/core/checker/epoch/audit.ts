/** What an audit of a seat asks for, from its own evidence: leaves from the drawn round on, up to the first that claims work. */
import type { Hex } from 'viem'
import { hasFlag, type Opening } from '../../epoch/opening.ts'
import { zeroBytes32 } from '../../protocol/primitives.ts'
import type { Signed } from '../../protocol/typed-data.ts'
import type { EvidenceLeaf, EvidenceTree } from '../../report/evidence-root.ts'
import type { RecordedVerdict } from '../journal.ts'

export type AuditDraw = { readonly laneDraw: bigint; readonly ordinal: number }

export type AuditAnswer = {
  readonly lane: number
  readonly leaves: readonly (EvidenceLeaf & { readonly proof: readonly Hex[] })[]
  /** The device-signed commitment of the last leaf; all zero where no leaf claims work. */
  readonly commitment: Signed<'Commitment'>
}

const noCommitment: Signed<'Commitment'> = {
  message: {
    epoch: 0n,
    round: zeroBytes32,
    deviceId: zeroBytes32,
    generation: 0,
    specHash: zeroBytes32,
    rows: 0n,
    root: zeroBytes32,
    environmentHash: zeroBytes32,
  },
  signature: '0x',
}

/**
 * The lane is the (draw mod n)-th of the n lanes that this seat judged. Where it gave the lane a rate, rounds are shown from the
 * drawn one on, cyclically, up to the first with work; else the drawn round alone.
 *
 * @param verdictsOf - those of the device in a lane
 * @returns null when the seat judged no lane, which leaves nothing to ask
 */
export function answerAudit(
  { laneDraw, ordinal }: AuditDraw,
  opening: Opening,
  { evidence, maxRounds }: { readonly evidence: EvidenceTree; readonly maxRounds: number },
  verdictsOf: (lane: number) => readonly RecordedVerdict[],
): AuditAnswer | null {
  const judged = opening.lanes.flatMap(({ flags }, lane) => (hasFlag(flags, 'judged') ? [lane] : []))
  if (judged.length === 0) return null
  const lane = judged[Number(laneDraw % BigInt(judged.length))]!
  const shown: number[] = [ordinal]
  const claimsWork = (at: number) => evidence.leaf(lane, at).commitmentHash !== zeroBytes32
  if (opening.lanes[lane]!.rate > 0)
    while (!claimsWork(shown.at(-1)!) && shown.length < maxRounds) shown.push((shown.at(-1)! + 1) % maxRounds)
  const last = evidence.leaf(lane, shown.at(-1)!)
  const commitment = verdictsOf(lane).find(({ commitmentHash }) => commitmentHash === last.commitmentHash)?.commitment
  return {
    lane,
    leaves: shown.map(at => ({ ...evidence.leaf(lane, at), proof: evidence.proof(lane, at) })),
    commitment: commitment ?? noCommitment,
  }
}
