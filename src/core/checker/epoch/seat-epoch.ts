/**
 * The end of an epoch at a seat: pack what was judged, commit, show openings to keepers, reveal where none came for them, tell
 * Providers what was opened, answer audits. Level-triggered: each call looks at the chain and does what is still open.
 */
import type { Hex } from 'viem'
import { commitmentOf, type EpochOverview, getAudit, getCohort } from '../../chain/epochs.ts'
import type { ConnectedNetwork } from '../../chain/network.ts'
import { callOf } from '../../chain/read.ts'
import type { TransactionSender } from '../../chain/tx/transaction-sender.ts'
import { laneRateOf, measuresOf } from '../../epoch/capacity.ts'
import {
  buildCommitmentTree,
  type CommitmentTree,
  commitmentDepth,
  type OpeningWords,
  unpackOpening,
} from '../../epoch/opening.ts'
import type { OpeningOnChain } from '../../epoch/settlement-plan.ts'
import { cutEvery } from '../../job/round-kind.ts'
import type { CrashPoint } from '../../platform/crash-point.ts'
import type { Logger } from '../../platform/log.ts'
import { atOnce, inSlices } from '../../platform/slices.ts'
import type { Store } from '../../platform/store.ts'
import type { MessageBody } from '../../protocol/messages.ts'
import type { Trigger } from '../../protocol/trigger.ts'
import { evidenceProof } from '../../report/evidence-root.ts'
import type { SeatEvidence } from '../../report/seat-evidence.ts'
import { type Signer, signMessage } from '../../report/signer.ts'
import type { CheckerEvent } from '../checker-event.ts'
import type { Duty } from '../duty.ts'
import { checkerErrors } from '../errors.ts'
import type { CheckerJournal } from '../journal.ts'
import type { SeatDevice, Send } from '../round/seat-round.ts'
import type { SeatSecrets } from '../seat-secrets.ts'
import { answerAudit } from './audit.ts'
import { type PackedCohort, seenRounds, slicedCohort } from './pack.ts'

export type SeatEpochDependencies = {
  readonly network: ConnectedNetwork
  readonly signer: Signer
  readonly secrets: SeatSecrets
  readonly store: Store
  readonly journal: CheckerJournal
  readonly sender: TransactionSender
  readonly log: Logger
  /** Of the epoch's jobs: {@link import('../../job/jobs.ts').Jobs}. */
  readonly beatShare: number
  readonly sendTo: (operator: Hex) => Send | null
  /** The epoch's rounds as the chain has them, those included that this seat was not there for. */
  readonly canonicalRounds: () => Promise<readonly Trigger[]>
  readonly emit?: (event: CheckerEvent) => void
  /** Lets everything else have its turn while this seat packs; default: that of the event loop. */
  readonly giveWay?: () => Promise<unknown>
  /** Called at named points between recording and saying; tests end the process there. */
  readonly crashPoint?: (name: CrashPoint) => void
}

export type SeatEpoch = ReturnType<typeof createSeatEpoch>

/** Cohorts that are read at a time. */
const readAtOnce = 16

export function createSeatEpoch(duty: Duty, deps: SeatEpochDependencies) {
  const { network, signer, secrets, store, journal, sender, log, beatShare } = deps
  const { sendTo, canonicalRounds, emit, giveWay, crashPoint = () => {} } = deps
  const { epoch, committees, cohortCount } = duty
  const { contracts } = network
  const received = new Set<string>()
  const salt = secrets.salt(epoch)
  let isForeign = false
  /** From then on nobody can commit to what this seat shows. */
  let isCommitOver = false
  const scope = { chainId: network.chainId, consensus: contracts.EpochConsensus, epoch, owner: signer.address, salt }

  const deviceById = new Map(duty.devices.map(device => [device.deviceId, device]))
  const devicesOf = Map.groupBy(duty.devices, device => device.cohort)
  const packed = async (cohort: number, isAtOnce = false): Promise<PackedCohort> => {
    const devices = devicesOf.get(cohort) ?? []
    const { maxRounds } = duty.rounds.rules
    const work = slicedCohort(journal, { epoch, devices, rounds: journal.rounds(epoch), maxRounds, beatShare })
    return isAtOnce ? atOnce(work) : inSlices(work, giveWay)
  }
  /**
   * All cohorts, from the same records: what is recorded while they are packed makes them be packed again. The third time in one piece for each
   * cohort: whoever answers late and often would hold up a commitment otherwise.
   */
  async function packedCohorts(): Promise<ReadonlyMap<number, PackedCohort>> {
    for (let times = 1; ; times++) {
      const revision = journal.revision(epoch)
      const cohorts = new Map<number, PackedCohort>()
      for (const cohort of committees.keys()) cohorts.set(cohort, await packed(cohort, times > 2))
      if (journal.revision(epoch) === revision) return cohorts
    }
  }
  /** What was committed to does not change any more: many cohorts ask for it at each block. */
  let committed: { readonly words: ReadonlyMap<number, OpeningWords>; readonly tree: CommitmentTree } | null = null
  function commitment() {
    if (committed !== null) return committed
    const words = journal.openings(epoch)
    const whole = { words, tree: treeOf(words) }
    if (journal.seatCommitment(epoch) !== null) committed = whole
    return whole
  }
  const treeOf = (words: ReadonlyMap<number, OpeningWords>) =>
    buildCommitmentTree(scope, words, commitmentDepth(cohortCount))

  const seenOf = (deviceId: Hex, rounds: readonly Trigger[]) =>
    seenRounds(journal, { epoch, deviceId, rounds, beatShare })

  function opening(cohort: number): OpeningOnChain {
    const seat = committees.get(cohort)?.indexOf(signer.address) ?? -1
    const { words, tree } = commitment()
    const own = words.get(cohort)
    if (own === undefined || seat < 0) throw checkerErrors.CHECKER_OPENING_UNAVAILABLE({ epoch, cohort })
    return { seat, salt, words: own, proof: tree.proof(cohort) }
  }

  /** What the lane's rate was made of; not of a lane that this seat abstained in. */
  function measuresFor(deviceId: Hex, rate: number) {
    const measures = measuresOf(seenOf(deviceId, journal.rounds(epoch)), beatShare)
    return measures !== null && laneRateOf(measures) === rate ? { measures } : {}
  }

  async function sendReceiptsTo(operator: Hex, devices: readonly SeatDevice[]) {
    const { words } = commitment()
    for (const { deviceId, generation, cohort, lane } of devices) {
      if (received.has(deviceId)) continue
      const own = words.get(cohort)
      const send = sendTo(operator)
      if (own === undefined || send === null) continue
      const { rate, uptime, flags } = unpackOpening(own).lanes[lane]!
      const message = { epoch: BigInt(epoch), cohort, lane, deviceId, generation, rate, uptime, flags }
      received.add(deviceId)
      const receipt = { ...(await signMessage(signer, 'Receipt', message)), ...measuresFor(deviceId, rate) }
      await send('receipt', receipt).catch(() => received.delete(deviceId))
    }
  }

  /** A beat is measured by the epoch's memory rounds: why it does not count is known when all are judged. */
  function nameBeats({ beats }: PackedCohort) {
    for (const [deviceId, own] of beats)
      for (const beat of own) if (beat.reason !== 'ALL_EQUAL') journal.nameReason(beat.round, deviceId, beat)
  }
  function tellBeats({ beats }: PackedCohort) {
    for (const [device, own] of beats) {
      const named = Map.groupBy(own, ({ reason }) => (reason === 'ALL_EQUAL' ? 'counted' : reason))
      const results = Object.fromEntries([...named].map(([result, { length }]) => [result, length]))
      emit?.({ type: 'beats.counted', epoch, device, results })
    }
  }

  /** Recording the same again does nothing, unless it came to nothing before. */
  const sendCommitment = (root: Hex, openAt: number) =>
    sender.enqueue({
      key: `commit/${epoch}`,
      ...callOf(contracts, 'EpochConsensus', 'commit', BigInt(epoch), root),
      deadline: openAt,
    })

  return {
    /**
     * In COMMIT: packs once, in slices, and commits to it until the chain has it. Where the chain has a commitment that the records do not
     * know (a restored backup), it is adopted if the evidence still gives the same, and left alone otherwise.
     */
    async commit({ phase, openAt }: EpochOverview): Promise<void> {
      if (phase !== 'future' && phase !== 'work' && phase !== 'commit') isCommitOver = true
      if (phase === 'work' || committees.size === 0 || isForeign) return
      const recorded = journal.seatCommitment(epoch)
      if (recorded !== null && phase !== 'commit') return
      const onChain = await commitmentOf(network, epoch, signer.address)
      if (recorded !== null) {
        if (onChain === null) sendCommitment(recorded.root, openAt)
        return
      }
      if (onChain === null && phase !== 'commit') return
      journal.keepRounds(epoch, await canonicalRounds())
      const cohorts = await packedCohorts()
      const words = new Map([...cohorts].map(([cohort, own]) => [cohort, own.words]))
      const { root } = treeOf(words)
      const record = () => journal.recordOpenings(epoch, root, salt, words)
      /** So that whoever asks for rounds makes this seat build nothing. The commitment does not wait for room on the disk for them. */
      const keepTrees = () => {
        try {
          store.transaction(() => {
            for (const [cohort, { evidence }] of cohorts) journal.keepEvidenceTree(epoch, cohort, evidence.nodes)
          })
        } catch (error) {
          log.warn(
            { error, epoch },
            'the trees of evidence were not kept: the rounds of this epoch are shown to nobody',
          )
        }
      }
      if (onChain !== null) {
        isForeign = !root.startsWith(onChain)
        if (isForeign) {
          const { code, message } = checkerErrors.CHECKER_COMMITMENT_FOREIGN({ epoch })
          return log.error({ code, epoch }, message)
        }
        record()
        keepTrees()
        return
      }
      // One transaction: what was committed to, and the commitment that says so.
      store.transaction(() => {
        for (const cohort of cohorts.values()) nameBeats(cohort)
        record()
        sendCommitment(root, openAt)
      })
      for (const cohort of cohorts.values()) tellBeats(cohort)
      crashPoint('checker.openings-recorded')
      keepTrees()
      log.info({ epoch, cohorts: words.size, root }, 'committed')
    },

    /** Once COMMIT is closed: what each device's lane says, signed; a Provider that is away gets it when it is back. */
    async sendReceipts(): Promise<void> {
      if (journal.seatCommitment(epoch) === null) return
      await Promise.all([...duty.byOperator].map(([operator, devices]) => sendReceiptsTo(operator, devices)))
    },

    /** The opening of a cohort with its proof. @throws CHECKER_OPENING_UNAVAILABLE */
    opening,
    /** The same, for a keeper. @throws CHECKER_OPENING_UNAVAILABLE */
    openingReply(cohort: number): MessageBody<'opening.reply'> {
      const { words, proof } = opening(cohort)
      return {
        epoch: BigInt(epoch),
        cohort,
        words: words.map(word => `0x${word.toString(16).padStart(64, '0')}`),
        salt,
        proof: [...proof],
      }
    },

    /** Whether there is something to show of a device. */
    shows: (deviceId: Hex): boolean =>
      deviceById.has(deviceId) && isCommitOver && journal.seatCommitment(epoch) !== null,
    /** What its opening says of a device, down to the rounds; null while others may still commit, and where it judged no such device. */
    evidenceOf(deviceId: Hex): SeatEvidence | null {
      const device = deviceById.get(deviceId)
      if (device === undefined || !this.shows(deviceId)) return null
      const nodes = journal.evidenceTree(epoch, device.cohort)
      if (nodes === null) return null
      const rounds = journal.rounds(epoch)
      const seen = seenOf(deviceId, rounds)
      return {
        epoch,
        deviceId,
        rounds: rounds.map(({ hash: round, ordinal, kind }, i) => {
          const { verdict, reason, figures, commitmentHash, witness, evidence } = seen[i]!
          const proof = evidenceProof(nodes, duty.rounds.rules.maxRounds, device.lane, ordinal)
          return { ordinal, round, kind, verdict, reason, figures, commitmentHash, witness, evidence, proof }
        }),
      }
    },

    /** In REVEAL: puts openings on chain that no keeper finalized with. */
    async reveal({ phase, finalizeAt }: EpochOverview): Promise<void> {
      if (phase !== 'reveal' || journal.seatCommitment(epoch) === null) return
      if ((await commitmentOf(network, epoch, signer.address)) === null) return
      for (const cohorts of cutEvery([...committees.keys()], readAtOnce))
        await Promise.all(
          cohorts.map(async cohort => {
            const { state, revealed } = await getCohort(network, epoch, cohort)
            const own = opening(cohort)
            if (state !== 'pending' || revealed & (1 << own.seat)) return
            const call = callOf(contracts, 'EpochConsensus', 'reveal', BigInt(epoch), cohort, [own])
            sender.enqueue({ key: `reveal/${epoch}/${cohort}`, ...call, deadline: finalizeAt })
          }),
        )
    },

    /** Answers the audits drawn for this seat. */
    async answerAudits(): Promise<void> {
      if (journal.seatCommitment(epoch) === null) return
      for (const cohort of committees.keys()) {
        const own = opening(cohort)
        const audit = await getAudit(network, epoch, cohort, own.seat)
        if (audit === null || audit.answered) continue
        const verdictsOf = (lane: number) => {
          const device = devicesOf.get(cohort)?.find(each => each.lane === lane)
          return device === undefined ? [] : journal.verdicts(epoch, device.deviceId)
        }
        const answer = answerAudit(audit, unpackOpening(own.words), await packed(cohort), verdictsOf)
        if (answer === null) continue
        const { message, signature } = answer.commitment
        const about = [BigInt(epoch), cohort, own] as const
        const call = callOf(contracts, 'EpochConsensus', 'answerAudit', ...about, answer.leaves, message, signature)
        sender.enqueue({ key: `audit/${epoch}/${cohort}`, ...call, deadline: audit.closesAt })
        log.info({ epoch, cohort }, 'answering an audit')
      }
    },
  }
}
