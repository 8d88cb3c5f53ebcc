/**
 * Looks whether the seats beside ours recompute what they judge: once an epoch, of one device and one other seat, both by lot, it asks
 * that seat for the rounds below its opening and for the evidence of one of them, and recomputes it. A seat that repeats what others say
 * has no witness of its own. What is found costs nobody anything on chain; it is said, counted, and can be alerted on.
 *
 * Why: docs/why/evidence.md
 */
import { type Address, type Hex, zeroHash } from 'viem'
import { firstBlockSince } from '../chain/blocks.ts'
import { getChecker } from '../chain/checkers.ts'
import { getEpoch } from '../chain/epochs.ts'
import { getEvents } from '../chain/events.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { Logger } from '../platform/log.ts'
import type { Network } from '../protocol/typed-data.ts'
import { commitmentHash } from '../report/commitment.ts'
import { bundleHash, bundleLimit, decodeBundle } from '../report/evidence-bundle.ts'
import { readSeatEvidence, type SeatEvidence, seatEvidenceLimit, seatEvidencePath } from '../report/seat-evidence.ts'
import { verifyBundle } from '../report/verify-bundle.ts'
import type { Verifier } from '../report/wrong-work.ts'
import type { getContent } from '../transport/get-content.ts'
import type { CheckerEvent } from './checker-event.ts'
import type { Duty } from './duty.ts'
import { checkerErrors } from './errors.ts'

/** An epoch that this seat judged. */
type JudgedEpoch = { readonly duty: Duty; readonly engine: Verifier }

export type PeerCheckDependencies = {
  readonly network: ConnectedNetwork
  readonly self: Address
  readonly epochs: { of(epoch: number): JudgedEpoch | null; working(): Pick<Duty, 'epoch'> | null }
  readonly get: (options: Omit<Parameters<typeof getContent>[0], 'publicOnly'>) => ReturnType<typeof getContent>
  /** Bytes nobody can guess: who knew which seat is asked could work for that one. */
  readonly randomBytes: (size: number) => Uint8Array
  readonly log: Logger
  readonly emit: (event: CheckerEvent) => void
  /** Timestamp of the newest block, in seconds. */
  readonly now: () => number
}

const timeoutMs = 10_000

/** @returns what looks once at the epoch before the present one, when it is paid: to be called at every block */
export function createPeerChecks(dependencies: PeerCheckDependencies): () => Promise<void> {
  const { network, self, epochs, get, randomBytes, log, emit, now } = dependencies
  let last = -1
  /** When the epoch that is to be checked next is paid. */
  let due = { epoch: -1, at: 0 }
  const oneOf = <T>(list: readonly T[]): T | undefined =>
    list[new Uint32Array(randomBytes(4).slice().buffer)[0]! % Math.max(1, list.length)]

  async function check({ duty, engine }: JudgedEpoch, openAt: number) {
    const { epoch, seed, rounds } = duty
    const device = oneOf(duty.devices)
    if (device === undefined) return
    const { cohort, deviceId, lane } = device
    const committee = duty.committees.get(cohort) ?? []
    const from = await firstBlockSince(network.chain, openAt)
    const of = { epoch: BigInt(epoch), cohort }
    const [final] = await getEvents(network, 'EpochConsensus', 'CohortFinalized', { fromBlock: from }, of)
    const roots = final?.args.evidenceRoots.map((evidenceRoot, seat) => ({ checker: committee[seat]!, evidenceRoot }))
    const opened = oneOf((roots ?? []).filter(other => other.evidenceRoot !== zeroHash && other.checker !== self))
    if (opened === undefined) return
    const { checker, evidenceRoot } = opened
    const said = { type: 'peer.checked', epoch, checker, device: deviceId } as const
    try {
      const { endpoint } = (await getChecker(network, checker))!
      const about = { epoch, deviceId, lane, maxRounds: rounds.rules.maxRounds, evidenceRoot }
      const shown = await fetchFrom(endpoint, seatEvidencePath(about), seatEvidenceLimit)
      const judged = readSeatEvidence(shown, about).rounds
      const worked = judged.filter(({ witness }) => witness !== null)
      // Its kind first: beats are many and cheap, and a seat that recomputes nothing else is to be found out as often.
      const drawn = oneOf([...new Set(worked.map(({ kind }) => kind))])
      const round = judged.find(isUnwitnessed) ?? oneOf(worked.filter(({ kind }) => kind === drawn))
      if (round === undefined) return
      const step = await stepOf(round, endpoint, { checker, epochSeed: seed, ...round }, engine)
      emit({ ...said, result: step === null ? 'equal' : 'refuted', step })
      if (step === null) return
      const { code, message, fix } = checkerErrors.CHECKER_PEER_REFUTED({ checker, epoch, step })
      log.warn({ code, fix, checker, epoch, device: deviceId, round: round.round }, message)
    } catch (error) {
      log.debug({ error, checker, epoch }, 'a seat did not show its rounds')
      emit({ ...said, result: 'not shown', step: null })
    }
  }

  async function stepOf(round: ShownRound, endpoint: string, claim: EvidenceClaim, engine: Verifier) {
    if (isUnwitnessed(round)) return 'WITNESS'
    if (round.evidence === null) return 'EVIDENCE'
    const bytes = await fetchFrom(endpoint, `/evidence/${round.evidence}`, bundleLimit)
    return refutationOf(network, bytes, claim, engine)
  }

  async function fetchFrom(endpoint: string, path: string, limitBytes: number): Promise<Uint8Array> {
    const { status, body } = await get({ endpoint, path, limitBytes, timeoutMs })
    if (status !== 200) throw checkerErrors.CHECKER_PEER_SILENT({ endpoint, path, status })
    return body
  }

  return async () => {
    const epoch = (epochs.working()?.epoch ?? 0) - 1
    const judged = epoch > last ? epochs.of(epoch) : null
    if (judged === null || (epoch === due.epoch && now() < due.at)) return
    const { phase, openAt, payAt } = await getEpoch(network, epoch)
    due = { epoch, at: payAt }
    if (phase !== 'pay') return
    last = epoch
    await check(judged, openAt)
  }
}

type ShownRound = SeatEvidence['rounds'][number]

/** Work that a seat counts and does not show to have recomputed. Where a device did nothing there was nothing to recompute. */
const isUnwitnessed = ({ verdict, reason, figures, witness }: ShownRound): boolean =>
  verdict === 'VALID' && witness === null && (reason !== 'NO_WORK' || Object.values(figures).some(figure => figure > 0))

/** What a seat says of one round: the leaf on chain, and the hash of the bundle that it rests on. */
export type EvidenceClaim = {
  readonly checker: Address
  readonly epochSeed: Hex
  readonly evidence: Hex | null
  readonly witness: Hex | null
  readonly commitmentHash: Hex | null
}

/** Where a bundle does not hold what its seat claims, by the step of its verification, or `EVIDENCE` where it is another; null: it holds. */
export async function refutationOf(
  network: Network,
  bytes: Uint8Array,
  { checker, epochSeed, evidence, witness, commitmentHash: committed }: EvidenceClaim,
  engine: Verifier,
): Promise<string | null> {
  if (bundleHash(bytes) !== evidence) return 'EVIDENCE'
  const bundle = decodeBundle(bytes)
  // The hash is of this network, epoch, round and device.
  const isOfClaim = bundle.offer.message.checker === checker && bundle.epochSeed === epochSeed
  if (!isOfClaim || commitmentHash(network, bundle.commitment.message) !== committed) return 'EVIDENCE'
  const result = await verifyBundle(bundle, { openVerifier: async () => engine, shownWitness: witness })
  return result.ok ? null : result.step
}
