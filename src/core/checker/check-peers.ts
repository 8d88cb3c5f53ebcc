/**
 * Looks whether the seats beside ours recompute what they judge: once an epoch, of one device and one other seat, both by lot, it asks
 * that seat for the rounds below its opening and for the evidence of one of them, and recomputes it. A seat that repeats what others say
 * has no witness of its own. What is found costs nobody anything on chain; it is said, counted, and can be alerted on.
 *
 * Why: docs/why/evidence.md
 */
import { isDeepStrictEqual } from 'node:util'
import { type Address, type Hex, zeroHash } from 'viem'
import { firstBlockSince } from '../chain/blocks.ts'
import { type BondedChecker, getChecker } from '../chain/checkers.ts'
import { getEpoch } from '../chain/epochs.ts'
import { getEvents } from '../chain/events.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { isKaisarError } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import type { Network } from '../protocol/typed-data.ts'
import { commitmentHash } from '../report/commitment.ts'
import { bundleHash, bundleLimit, decodeBundle, type EvidenceBundle } from '../report/evidence-bundle.ts'
import { readSeatEvidence, type SeatEvidence, seatEvidenceLimit, seatEvidencePath } from '../report/seat-evidence.ts'
import { isSignedBy } from '../report/signer.ts'
import { verifyBundle } from '../report/verify-bundle.ts'
import type { Verifier } from '../report/wrong-work.ts'
import { transportErrors } from '../transport/errors.ts'
import type { getContent } from '../transport/get-content.ts'
import type { CheckerEvent } from './checker-event.ts'
import type { Duty } from './duty.ts'
import type { SeatEpoch } from './epoch/seat-epoch.ts'
import { checkerErrors } from './errors.ts'
import type { SeatDevice } from './round/seat-round.ts'

/** An epoch that this seat judged. */
type JudgedEpoch = { readonly duty: Duty; readonly engine: Verifier; readonly seat: Pick<SeatEpoch, 'evidenceOf'> }

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
  /** Checkers that showed nothing when they were asked last. */
  const silent = new Set<Address>()
  const oneOf = <T>(list: readonly T[]): T | undefined =>
    list[new Uint32Array(randomBytes(4).slice().buffer)[0]! % Math.max(1, list.length)]

  async function check({ duty, engine, seat }: JudgedEpoch, openAt: number) {
    const { epoch, seed, rounds } = duty
    const device = oneOf(duty.devices)
    if (device === undefined) return
    const { cohort, deviceId, lane } = device
    const committee = duty.committees.get(cohort) ?? []
    const from = await firstBlockSince(network.chain, openAt)
    const of = { epoch: BigInt(epoch), cohort }
    const [final] = await getEvents(network, 'EpochConsensus', 'CohortFinalized', { fromBlock: from }, of)
    const roots = final?.args.evidenceRoots.map((evidenceRoot, at) => ({ checker: committee[at]!, evidenceRoot }))
    const opened = oneOf((roots ?? []).filter(other => other.evidenceRoot !== zeroHash && other.checker !== self))
    if (opened === undefined) return
    const { checker, evidenceRoot } = opened
    const registered = await getChecker(network, checker)
    if (registered === null) return
    const about = { epoch, deviceId, lane, maxRounds: rounds.rules.maxRounds, evidenceRoot }
    const said = { type: 'peer.checked', epoch, checker, device: deviceId } as const
    const own = seat.evidenceOf(deviceId)
    let found: Found | null
    try {
      found = await ask(registered, about, own)
    } catch (error) {
      log.debug({ error, checker, epoch }, 'a seat did not show its rounds')
      return sayUnshown(said)
    }
    if (found === null) return void silent.delete(checker)
    const { round, shown } = found
    const claim = { checker, device, epoch, epochSeed: seed, ...round }
    const step = typeof shown === 'string' ? shown : await refutationOf(network, shown, claim, engine)
    // It may be of a newer release, which is no fault; where it goes on, somebody should look.
    if (step === 'VERSION') return sayUnshown(said)
    silent.delete(checker)
    emit({ ...said, result: step === null ? 'equal' : 'refuted', step })
    if (step === null) return
    const { code, message, fix } = checkerErrors.CHECKER_PEER_REFUTED({ checker, epoch, step })
    log.warn({ code, fix, checker, epoch, device: deviceId, round: round.round }, message)
  }

  function sayUnshown(said: { readonly type: 'peer.checked'; epoch: number; checker: Address; device: Hex }) {
    const { checker, epoch, device } = said
    const isAgain = silent.has(checker)
    silent.add(checker)
    emit({ ...said, result: isAgain ? 'not shown again' : 'not shown', step: null })
    if (!isAgain) return
    const { code, message, fix } = checkerErrors.CHECKER_PEER_UNSHOWN({ checker, epoch })
    log.warn({ code, fix, checker, epoch, device }, message)
  }

  /**
   * A round by lot of those that a seat shows, or one that nothing has to be fetched of to refute it; null where there was no work.
   * @param own - what this seat shows itself. @throws where the other shows nothing
   */
  async function ask(seat: Endpoint, about: About, own: SeatEvidence | null): Promise<Found | null> {
    const { endpoint } = seat
    const evidence = readSeatEvidence(await fetchFrom(seat, seatEvidencePath(about), seatEvidenceLimit), about)
    const round = drawRound(evidence, oneOf)
    if (round === null) {
      if (own?.rounds.some(isWitnessed)) throw checkerErrors.CHECKER_PEER_IDLE({ endpoint })
      return null
    }
    if (!isSameRounds(evidence, own)) return { round, shown: 'ROUNDS' }
    if (isUnwitnessed(round)) return { round, shown: 'WITNESS' }
    if (round.evidence === null) return { round, shown: 'EVIDENCE' }
    return { round, shown: await fetchFrom(seat, `/evidence/${round.evidence}`, bundleLimit) }
  }

  async function fetchFrom(
    { endpoint, certificateHash }: Endpoint,
    path: string,
    limitBytes: number,
  ): Promise<Uint8Array> {
    const { status, body, certificateHash: found } = await get({ endpoint, path, limitBytes, timeoutMs })
    // Whoever answers in a seat's place could have it taken for a lazy one.
    if (found !== certificateHash)
      throw transportErrors.TRANSPORT_PIN_MISMATCH({ url: endpoint, expected: certificateHash, found })
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

type About = Parameters<typeof readSeatEvidence>[1]
type Endpoint = Pick<BondedChecker, 'endpoint' | 'certificateHash'>
type ShownRound = SeatEvidence['rounds'][number]
/** A round, with its bundle or the step that refutes it without one. */
type Found = { readonly round: ShownRound; readonly shown: Uint8Array | string }

/** Of a round that was judged VALID first and then WRONG the bundle is about what was wrong. */
const isWitnessed = ({ verdict, witness }: ShownRound): boolean => verdict === 'VALID' && witness !== null

/** Work that a seat counts and does not show to have recomputed. Where a device did nothing there was nothing to recompute. */
const isUnwitnessed = ({ verdict, reason, figures, witness }: ShownRound): boolean =>
  verdict === 'VALID' && witness === null && (reason !== 'NO_WORK' || Object.values(figures).some(figure => figure > 0))

/** The round to be recomputed; null where there was no work in any. */
export function drawRound(
  { rounds }: SeatEvidence,
  oneOf: <T>(list: readonly T[]) => T | undefined,
): ShownRound | null {
  const worked = rounds.filter(isWitnessed)
  // Its kind first: beats are many and cheap, and a seat that recomputes nothing else is to be found out as often.
  const drawn = oneOf([...new Set(worked.map(({ kind }) => kind))])
  return rounds.find(isUnwitnessed) ?? oneOf(worked.filter(({ kind }) => kind === drawn)) ?? null
}

/** Whether a seat shows the rounds that this one committed to; what it says of them is its own. */
const isSameRounds = (shown: SeatEvidence, own: SeatEvidence | null): boolean =>
  own === null ||
  (shown.rounds.length === own.rounds.length &&
    shown.rounds.every(({ round, kind }, at) => round === own.rounds[at]!.round && kind === own.rounds[at]!.kind))

/** What a seat says of one round: the leaf on chain, what it counted, and the hash of the bundle that both rest on. */
export type EvidenceClaim = Pick<
  ShownRound,
  'round' | 'kind' | 'figures' | 'evidence' | 'witness' | 'commitmentHash'
> & {
  readonly checker: Address
  readonly device: Pick<SeatDevice, 'deviceId' | 'generation' | 'operator'>
  readonly epoch: number
  readonly epochSeed: Hex
}

/**
 * Where a bundle does not hold what its seat claims; null: it holds. `EVIDENCE` where it is none, or another than the seat names;
 * `VERSION` where this release does not read it; what it is about where that is another than claimed, such as `ROUND` and `DEVICE`; the
 * step of its verification; `FIGURES` where it is worth something else.
 */
export async function refutationOf(
  network: Network,
  bytes: Uint8Array,
  claim: EvidenceClaim,
  engine: Verifier,
): Promise<string | null> {
  if (bundleHash(bytes) !== claim.evidence) return 'EVIDENCE'
  const bundle = bundleOf(bytes)
  if (typeof bundle === 'string') return bundle
  // A bundle that holds may be of another round, or of another device: one would do for all that a seat shows.
  const { device } = claim
  const { message } = bundle.commitment
  const isAsClaimed = {
    EPOCH: message.epoch === BigInt(claim.epoch) && bundle.epochSeed === claim.epochSeed,
    ROUND: message.round === claim.round,
    KIND: bundle.kind === claim.kind,
    DEVICE: message.deviceId === device.deviceId,
    GENERATION: message.generation === device.generation,
    CHECKER: bundle.offer.message.checker === claim.checker,
    // The hash is of this network.
    COMMITMENT: commitmentHash(network, message) === claim.commitmentHash,
    OPERATOR: isSignedBy(network, 'Commitment', bundle.commitment, device.operator),
  }
  const [other] = Object.entries(isAsClaimed).find(([, holds]) => !holds) ?? []
  if (other !== undefined) return other
  const result = await verifyBundle(bundle, { openVerifier: async () => engine, shownWitness: claim.witness })
  if (!result.ok) return result.step
  return isDeepStrictEqual(result.facts.figures, claim.figures) ? null : 'FIGURES'
}

function bundleOf(bytes: Uint8Array): EvidenceBundle | 'EVIDENCE' | 'VERSION' {
  try {
    return decodeBundle(bytes)
  } catch (error) {
    if (isKaisarError(error, 'REPORT_BUNDLE_MALFORMED')) return 'EVIDENCE'
    if (isKaisarError(error, 'REPORT_BUNDLE_VERSION_UNKNOWN')) return 'VERSION'
    throw error
  }
}
