/**
 * What a seat's opening says of one device in an epoch, down to its rounds, as the seat serves it to anybody: each round with what it
 * was worth, and the proof that its leaf lies under the evidence root that the seat opened on chain. Leaves bind verdicts and
 * commitments; figures are bound by what they add up to, which is the opened lane.
 *
 * Why: docs/why/evidence.md
 */

import type { Hex } from 'viem'
import { z } from 'zod'
import { ownKinds } from '../job/jobs.ts'
import { parseJson } from '../platform/output.ts'
import { bytes32, uint8 } from '../protocol/primitives.ts'
import { verdicts } from '../protocol/verdict.ts'
import { reportErrors } from './errors.ts'
import { evidenceDepth, evidenceRootFromProof, leafOfVerdict } from './evidence-root.ts'

/** 255 rounds with 14 siblings each, and figures of 16 digits: the largest there can be. */
export const seatEvidenceLimit = 512 * 1024

/** The path at which a Checker serves it. */
export const seatEvidencePath = ({ epoch, deviceId }: { readonly epoch: number; readonly deviceId: Hex }): string =>
  `/evidence/${epoch}/${deviceId}`

const figureNames = new Set(Object.values(ownKinds).flatMap(({ figures }) => Object.keys(figures)))
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

const shownRound = z.object({
  ordinal: uint8,
  /** Hash of the trigger block. */
  round: bytes32,
  kind: z.enum(Object.keys(ownKinds)),
  verdict: z.enum(verdicts),
  reason: z.string().regex(/^[\x20-\x7e]{0,32}$/),
  /** What it is worth, by its kind; none unless `VALID`. */
  figures: z.record(
    z.string().refine(name => figureNames.has(name)),
    count,
  ),
  commitmentHash: bytes32.nullable(),
  witness: bytes32.nullable(),
  /** Content address of its evidence bundle, which the same Checker serves. */
  evidence: bytes32.nullable(),
  /** Siblings of its leaf, from the leaf up. */
  proof: z.array(bytes32).max(14),
})

const seatEvidence = z.object({
  epoch: count,
  deviceId: bytes32,
  rounds: z.array(shownRound).max(255),
})
export type SeatEvidence = z.output<typeof seatEvidence>

export const encodeSeatEvidence = (evidence: SeatEvidence): Uint8Array => Buffer.from(JSON.stringify(evidence))

/**
 * Reads what a seat served, and checks every leaf against the root.
 *
 * @param about - the device's lane in its cohort, and the epoch's rule and the seat's root as the chain has them
 * @throws REPORT_SHOWN_INVALID
 */
export function readSeatEvidence(
  body: Uint8Array,
  about: {
    readonly epoch: number
    readonly deviceId: Hex
    readonly lane: number
    readonly maxRounds: number
    readonly evidenceRoot: Hex
  },
): SeatEvidence {
  const { epoch, deviceId, lane, maxRounds, evidenceRoot } = about
  const invalid = (problem: string) => reportErrors.REPORT_SHOWN_INVALID({ problem })
  const parsed = seatEvidence.safeParse(parseJson(Buffer.from(body).toString('utf8')))
  if (!parsed.success) throw invalid('it is not of the form in which a seat shows its rounds')
  const evidence = parsed.data
  if (evidence.epoch !== epoch || evidence.deviceId !== deviceId)
    throw invalid('it is about another epoch or another device')
  const depth = evidenceDepth(maxRounds)
  for (const [at, { ordinal, round, proof, ...seen }] of evidence.rounds.entries()) {
    if (ordinal !== at || ordinal >= maxRounds) throw invalid(`round ${ordinal} does not follow round ${at - 1}`)
    const number = lane * maxRounds + ordinal
    if (proof.length !== depth || evidenceRootFromProof(leafOfVerdict(round, seen), number, proof) !== evidenceRoot)
      throw invalid(`round ${ordinal} does not lie under the root that the seat opened`)
  }
  return evidence
}
