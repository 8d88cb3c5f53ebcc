/** One device's part of a round: work the window, sign one commitment, open what each seat samples. */
import type { Address, Hex } from 'viem'
import { type JobSpec, windowRate } from '../job/spec.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import { crashPoint } from '../platform/crash-point.ts'
import type { Trigger } from '../protocol/trigger.ts'
import type { Network, Signed, SignedMessage } from '../protocol/typed-data.ts'
import { checkSampleRequest, commitmentHash, sampleOf, seedOf } from '../report/commitment.ts'
import { type Signer, signMessage } from '../report/signer.ts'
import { providerErrors } from './errors.ts'
import type { ProviderJournal } from './journal.ts'

export type WorkingDevice = {
  readonly deviceId: Hex
  readonly generation: number
  /** keccak256 of the environment record that the device's reports of this epoch carry. */
  readonly environmentHash: Hex
  readonly engine: Pick<WorkEngine, 'runWindow' | 'rework' | 'open'>
}

export type WorkedRound = {
  /** Our own monotonic time of the trigger. */
  readonly seenAtMs: number
  readonly commitment: Signed<'Commitment'>
  readonly commitmentHash: Hex
  readonly rate: number
  readonly lostMs: number
}

export type RoundWork = {
  /**
   * Works the window that began when the trigger was seen (`seenAtMs`, monotonic) and returns the signed commitment, kept
   * durably before it is returned. @throws as the engine does
   */
  work(device: WorkingDevice, trigger: Trigger, epoch: number, epochSeed: Hex, seenAtMs: number): Promise<WorkedRound>
  /**
   * Takes up a round that was committed to before a restart: its rows are computed again. A round that is open stays as it is.
   * @throws PROVIDER_ROWS_DIFFER, and as the engine does
   */
  restore(
    device: WorkingDevice,
    commitment: Signed<'Commitment'>,
    epochSeed: Hex,
    seenAtMs: number,
  ): Promise<WorkedRound>
  /** What was committed to for a round, as long as it can be opened. */
  committed(round: Hex, deviceId: Hex): WorkedRound | null
  /** Keeps a seat's offer: the promise that its later sample is not chosen after the fact. The first of a seat counts. */
  takeOffer(offer: SignedMessage<'JobOffer'>): void
  /**
   * Encoded openings for a seat's request; the same request may be answered again.
   * @throws PROVIDER_ROUND_UNKNOWN, PROVIDER_OFFER_MISSING, REPORT_SAMPLE_REFUSED
   */
  answer(checker: Address, request: SignedMessage<'SampleRequest'>): Promise<Uint8Array>
  /** Rounds that still may be asked about, newest last. */
  open(): readonly WorkedRound[]
}

/** Rounds whose rows are kept for opening: two more than can be open at once. */
const keptRounds = 4
const keptOffers = 4096

type OpenRound = WorkedRound & { readonly device: WorkingDevice; readonly handle: string }

export function createRoundWork(
  { network, spec, specHash }: { readonly network: Network; readonly spec: JobSpec; readonly specHash: Hex },
  { signer, journal }: { readonly signer: Signer; readonly journal: ProviderJournal },
): RoundWork {
  const rounds = new Map<Hex, OpenRound>()
  const offers = new Map<string, SignedMessage<'JobOffer'>>()
  const offerKey = (checker: Address, round: Hex, deviceId: Hex) => `${checker} ${round} ${deviceId}`
  const forget = (deviceId: Hex) => {
    const own = [...rounds.values()].filter(round => round.device.deviceId === deviceId)
    for (const old of own.slice(0, -keptRounds)) {
      rounds.delete(old.commitmentHash)
      for (const [key, offer] of offers) if (offer.round === old.commitment.message.round) offers.delete(key)
    }
  }

  function keep(round: OpenRound): OpenRound {
    rounds.set(round.commitmentHash, round)
    forget(round.device.deviceId)
    return round
  }

  return {
    async work(device, trigger, epoch, epochSeed, seenAtMs) {
      const identity = { round: trigger.hash, deviceId: device.deviceId, generation: device.generation, specHash }
      const seed = seedOf(network, identity)
      const { rows, root, handle, rate, lostMs } = await device.engine.runWindow({
        epochSeed,
        seed,
        startedAtMs: seenAtMs,
      })
      crashPoint('provider.worked')
      const message = {
        ...identity,
        epoch: BigInt(epoch),
        rows: BigInt(rows),
        root,
        environmentHash: device.environmentHash,
      }
      const hash = commitmentHash(network, message)
      const commitment = await signMessage(signer, 'Commitment', message)
      journal.recordCommitment(hash, commitment)
      crashPoint('provider.commitment-recorded')
      return keep({ seenAtMs, commitment, commitmentHash: hash, rate, lostMs, device, handle })
    },
    async restore(device, commitment, epochSeed, seenAtMs) {
      const { message } = commitment
      const hash = commitmentHash(network, message)
      const known = rounds.get(hash)
      if (known !== undefined) return known
      const rows = Number(message.rows)
      const { root, handle } = await device.engine.rework({ epochSeed, seed: seedOf(network, message), rows })
      if (root !== message.root) throw providerErrors.PROVIDER_ROWS_DIFFER({ round: message.round })
      const rate = windowRate(spec, rows)
      return keep({ seenAtMs, commitment, commitmentHash: hash, rate, lostMs: 0, device, handle })
    },
    committed: (round, deviceId) =>
      [...rounds.values()].find(
        ({ commitment: { message } }) => message.round === round && message.deviceId === deviceId,
      ) ?? null,
    takeOffer(offer) {
      const key = offerKey(offer.checker, offer.round, offer.deviceId)
      if (offers.has(key)) return
      offers.set(key, offer)
      // Offers of rounds that never come must not fill the memory; the oldest go first.
      if (offers.size > keptOffers) offers.delete(offers.keys().next().value!)
    },
    async answer(checker, request) {
      const round = rounds.get(request.commitmentHash)
      if (round === undefined) throw providerErrors.PROVIDER_ROUND_UNKNOWN({ commitmentHash: request.commitmentHash })
      const commitment = round.commitment.message
      const offer = offers.get(offerKey(checker, commitment.round, commitment.deviceId))
      if (offer === undefined) throw providerErrors.PROVIDER_OFFER_MISSING({ checker })
      checkSampleRequest(network, { offer, commitment, request })
      return round.device.engine.open({ handle: round.handle, sample: sampleOf(spec, commitment, request) })
    },
    open: () => [...rounds.values()],
  }
}
