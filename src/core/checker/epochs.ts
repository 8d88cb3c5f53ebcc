/** The epochs of this seat: each read once its seed is there, judged while it lasts, and kept until it is settled and audited. */
import type { Address } from 'viem'
import { blockAt, readRounds } from '../chain/blocks.ts'
import { getEpochRounds, settledThrough } from '../chain/epochs.ts'
import type { HeadStream } from '../chain/head-stream.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { RoundStream } from '../chain/round-stream.ts'
import type { Round, RoundEvent } from '../chain/rounds.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import { isKaisarError } from '../platform/errors.ts'
import { inSlices } from '../platform/slices.ts'
import type { Store } from '../platform/store.ts'
import { keptEpochs } from '../protocol/constants.ts'
import { type RoundRules, timingOf } from '../protocol/network-parameters.ts'
import { isSameSeed } from '../protocol/trigger.ts'
import type { CheckerEvent } from './checker-event.ts'
import type { DeviceJobs } from './device-check.ts'
import { type Duty, readDuty } from './duty.ts'
import { createSeatEpoch, type SeatEpoch } from './epoch/seat-epoch.ts'
import { checkerErrors } from './errors.ts'
import type { CheckerJournal } from './journal.ts'
import type { ForwardWrongWork } from './peers.ts'
import { createRoundJudge, type RoundJudge, type RoundJudgeDependencies } from './round/judge.ts'
import type { Recomputer, Recomputers } from './round/recompute.ts'
import type { OperatorSessions } from './sessions.ts'

/** One epoch at this seat. */
type Epoch = {
  readonly duty: Duty
  readonly engine: Recomputer
  readonly judge: RoundJudge
  readonly seat: SeatEpoch
}

export type Epochs = ReturnType<typeof createEpochs>

/** A judge's dependencies, as far as they are the same in every epoch, and what epochs are read and settled with. */
export type EpochsDependencies = Pick<
  RoundJudgeDependencies,
  'signer' | 'secrets' | 'journal' | 'evidence' | 'clock' | 'log' | 'stoodStillAt' | 'onOpen' | 'crashPoint'
> & {
  readonly store: Store
  readonly sender: TransactionSender
  readonly recomputers: Recomputers
  readonly heads: HeadStream
  readonly rounds: RoundStream
  readonly sessions: OperatorSessions
  readonly jobs: Pick<DeviceJobs, 'ask'>
  readonly forwardWrongWork: ForwardWrongWork
  readonly emit: (event: CheckerEvent) => void
  readonly onTrouble: (where: string) => (error: unknown) => void
}

/** @param rules - those at start, whose recomputer is kept running; @param stop - no new round is begun after it */
export function createEpochs(
  { network, rules }: { readonly network: ConnectedNetwork; readonly rules: RoundRules },
  dependencies: EpochsDependencies,
  stop: AbortSignal,
) {
  const { signer, journal, recomputers, heads, rounds, sessions, jobs, forwardWrongWork, log, emit } = dependencies
  const { onTrouble } = dependencies
  const epochs = new Map<number, Epoch>()
  /** The epochs that are read and prepared in full. */
  const entered = new Set<number>()
  let workingEpoch = -1
  const early = createEarlyRounds()
  const newestFirst = () => [...epochs.values()].sort((a, b) => b.duty.epoch - a.duty.epoch)

  async function enter(epoch: number): Promise<boolean> {
    const { tip } = heads
    if (tip === null) return false
    const known = epochs.get(epoch)
    const epochRounds = await getEpochRounds(network, epoch, tip.hash, known?.duty.rounds)
    if (epochRounds === null) return epoch < workingEpoch
    const isSame = isSameSeed(known?.duty.rounds, epochRounds)
    if (isSame && entered.has(epoch)) return true
    entered.delete(epoch)
    const recomputer = recomputerOf(epoch, epochRounds.rules)
    if (recomputer === null) return true
    const recorded = journal.duty(epoch, epochRounds)
    const duty = recorded ?? (await readDuty(network, signer.address, epoch, epochRounds, tip.hash))
    if (recorded === null) journal.keepDuty(duty)
    epochs.set(epoch, openEpoch(duty, recomputer, isSame ? known!.judge : null))
    if (tip.timestamp >= epochRounds.startsAt + epochRounds.epochSeconds) return true
    const asked = early.take(epoch, takeRoundEvent).then(() => (epoch === workingEpoch ? askDevices(duty) : undefined))
    await Promise.all([asked, recomputer.prepare(epochRounds.seed)])
    entered.add(epoch)
    emit({ type: 'epoch.started', epoch, cohorts: duty.committees.size, devices: duty.devices.length })
    return true
  }

  /** Null where this release cannot recompute the epoch's rows: it then judges nobody, rather than wrongly. */
  function recomputerOf(epoch: number, epochRules: RoundRules): Recomputer | null {
    try {
      return recomputers.of(epochRules)
    } catch (error) {
      if (!isKaisarError(error, 'JOB_SPEC_UNKNOWN') && !isKaisarError(error, 'CHECKER_WINDOW_DIFFERS')) throw error
      log.error({ code: error.code, epoch, fix: error.fix }, `epoch ${epoch} is not judged: ${error.message}`)
      return null
    }
  }

  /** @param judge - of what was read of this epoch before; null: a new one */
  function openEpoch(duty: Duty, engine: Recomputer, judge: RoundJudge | null): Epoch {
    const canonicalRounds = async () =>
      rounds.finished(duty.epoch) ?? (await readRounds(network, duty.rounds, await blockAt(network))) ?? []
    const seat = createSeatEpoch(duty, {
      ...{ ...dependencies, network, sendTo: sessions.sendTo, canonicalRounds },
      beatShare: engine.jobs.beatShare,
    })
    return { duty, engine, judge: judge ?? openJudge(duty, engine), seat }
  }

  const openJudge = (duty: Duty, engine: Recomputer): RoundJudge =>
    createRoundJudge(
      { network, jobs: engine.jobs, rules: duty.rounds.rules },
      {
        ...dependencies,
        engine,
        sendTo: sessions.sendTo,
        isArriving: sessions.isArriving,
        forwardWrongWork(cohort, epoch, commitment, payload) {
          const { committees } = (epochs.get(duty.epoch) ?? { duty }).duty
          const others = (committees.get(cohort) ?? []).filter(other => other !== signer.address)
          void forwardWrongWork(others, epoch, commitment, payload)
        },
        onVerdict({ epoch, trigger: { hash: round } }, { deviceId: device }, { judged }) {
          if (judged !== null) emit({ type: 'check.completed', device, seat: signer.address, epoch, round, ...judged })
        },
      },
    )

  async function takeRoundEvent(event: RoundEvent): Promise<void> {
    if (event.type === 'epoch') return begin(event.epoch)
    const { round } = event
    const epoch = epochs.get(round.epoch)
    if (epoch === undefined) {
      if (round.epoch >= workingEpoch) early.keep(event)
      return
    }
    if (event.type === 'dropped') epoch.judge.drop(round.hash)
    else if (event.type === 'sampling') {
      await epoch.judge.takeSamplingBlock(round.hash, event.block)
      // A device that has not shown what it is, or was not believed, is asked again: a report may have been lost on our side.
      if (round.epoch === workingEpoch) await askDevices(epoch.duty)
    } else if (!isMissed(round, epoch) && !stop.aborted) {
      const { seenAtMs } = round
      const { seed: epochSeed, devices } = epoch.duty
      // An engine that rests is back, with what the round needs, before there is anything to recompute.
      epoch.engine.prepare(epochSeed, round.kind).catch(onTrouble('preparing'))
      await epoch.judge.begin({ epoch: round.epoch, epochSeed, trigger: round, seenAtMs, devices })
    }
  }

  /** A round that was past its commitments when we saw it: nothing can be said of it, and that is our own fault. */
  const isMissed = ({ timestamp, kind }: Round, { duty }: Epoch) =>
    (heads.tip?.timestamp ?? timestamp) >= timestamp + timingOf(duty.rounds.rules, kind).samplingSeconds

  async function begin(epoch: number) {
    workingEpoch = epoch
    epochs.delete(epoch - keptEpochs)
    entered.delete(epoch - keptEpochs)
    early.forgetBefore(epoch)
    const duty = epochs.get(epoch)?.duty
    if (duty !== undefined) await askDevices(duty)
    const inUse = newestFirst().map(each => each.duty.rounds.rules.specHash)
    await recomputers.keepOnly(new Set([rules.specHash, ...inUse]))
    await pruneRecords(network, epoch, { journal })
  }

  /** A session that is closed or full keeps no other operator from being asked. */
  async function askDevices({ epoch, byOperator }: Duty) {
    const asking = sessions.all().map(session => jobs.ask(session, epoch, byOperator.get(session.operator) ?? []))
    for (const outcome of await Promise.allSettled(asking))
      if (outcome.status === 'rejected') onTrouble('device request')(outcome.reason)
  }

  return {
    newestFirst,
    of: (epoch: number): Epoch | null => epochs.get(epoch) ?? null,
    /** @throws CHECKER_ROUND_UNKNOWN */
    judgeOf(epoch: bigint): RoundJudge {
      const judge = epochs.get(Number(epoch))?.judge
      if (judge === undefined) throw checkerErrors.CHECKER_ROUND_UNKNOWN({ round: `of epoch ${epoch}` })
      return judge
    },
    /** The duty of the epoch that lasts; null until it was read. */
    working: (): Duty | null => epochs.get(workingEpoch)?.duty ?? null,
    /**
     * Reads an epoch's duty and prepares it once its seed is there, which is after its first block: no device joins, renews or leaves any
     * more. Once for a seed, also by a process that is started again; only a reorg brings another. Of an epoch that is over it reads what
     * is left to settle.
     * @returns whether there is nothing left to do
     */
    enter,
    /** Begins and ends the work of a round; the rounds that count are read when the epoch is packed. */
    takeRoundEvent,
  }
}

/** Epochs kept in any case, for who wants to look back. */
const recordEpochs = 8

/**
 * Records and evidence go when nobody can ask for them any more. A seat that judged an epoch is frozen for the next one too; once both
 * are paid and audited its bond may leave, and with it the duty to show what it saw.
 * @returns the first epoch that is kept
 */
export async function pruneRecords(
  network: ConnectedNetwork,
  current: number,
  {
    journal,
    readSettled = settledThrough,
  }: {
    readonly journal: Pick<CheckerJournal, 'prune'>
    readonly readSettled?: (network: ConnectedNetwork) => Promise<number | null>
  },
): Promise<number> {
  const settled = await readSettled(network)
  const first = Math.max(0, Math.min(settled ?? 0, current - recordEpochs))
  await inSlices(journal.prune(first))
  return first
}

/** Whose devices a seat judges, and who sits beside it, in any epoch that it still has. */
export const isExpectedIn =
  (epochs: Pick<Epochs, 'newestFirst'>) =>
  (operator: Address): boolean =>
    epochs.newestFirst().some(({ duty }) => duty.operators.has(operator) || duty.peers.has(operator))

/** How many devices of an operator a seat judges: the most of any epoch that it still has. */
export const devicesJudgedIn =
  (epochs: Pick<Epochs, 'newestFirst'>) =>
  (operator: Address): number =>
    Math.max(0, ...epochs.newestFirst().map(({ duty }) => duty.byOperator.get(operator)?.length ?? 0))

type EventOfRound = Exclude<RoundEvent, { type: 'epoch' }>

/** Events of rounds whose epoch is still being read: none is lost, whatever fails while they are taken up. */
export function createEarlyRounds() {
  let events: EventOfRound[] = []
  return {
    keep(event: EventOfRound): void {
      events.push(event)
    },
    /** Hands over the events of an epoch in order; from the first that fails on they stay. */
    async take(epoch: number, handle: (event: EventOfRound) => Promise<void>): Promise<void> {
      for (const event of events.filter(({ round }) => round.epoch === epoch)) {
        await handle(event)
        events = events.filter(other => other !== event)
      }
    },
    forgetBefore(epoch: number): void {
      events = events.filter(({ round }) => round.epoch >= epoch)
    },
  }
}
