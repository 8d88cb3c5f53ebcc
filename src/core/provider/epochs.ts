/** What a Provider does when an epoch begins: read it, prepare its model, connect to its seats, and settle accounts with older ones. */
import type { Hex } from 'viem'
import { watchEpochs } from '../chain/epoch-watch.ts'
import { getTimeline } from '../chain/epochs.ts'
import type { HeadStream } from '../chain/head-stream.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { frozenEpochs, keptEpochs } from '../protocol/constants.ts'
import type { RoundRules } from '../protocol/network-parameters.ts'
import { epochAt, isSameSeed } from '../protocol/trigger.ts'
import { providerErrors } from './errors.ts'
import type { ProviderJournal } from './journal.ts'
import type { ProviderEvent } from './provider-event.ts'
import type { Readiness } from './readiness.ts'
import { reportFalseReceipts } from './report-false-receipts.ts'
import { isSameWork, type Rosters, readRoster } from './rosters.ts'
import type { RoundRunner } from './round-runner.ts'
import type { Seats } from './seats.ts'

export type FollowEpochsOptions = {
  readonly network: ConnectedNetwork
  /** By which the engines work. */
  readonly rules: RoundRules
  readonly deviceIds: readonly Hex[]
  /** Canonical text that this run's reports carry. */
  readonly environment: string
}

export type FollowEpochsDependencies = {
  readonly heads: HeadStream
  readonly rosters: Rosters
  readonly seats: Pick<Seats, 'connect'>
  readonly readiness: Pick<Readiness, 'prepare'>
  readonly runner: Pick<RoundRunner, 'entered'>
  readonly journal: ProviderJournal
  readonly sender: TransactionSender
  readonly clock: Clock
  readonly log: Logger
  readonly emit: (event: ProviderEvent) => void
  /** The chain names another spec: this run ends, and one with other engines begins. */
  readonly renew: () => void
  readonly onTrouble: (where: string) => (error: unknown) => void
}

/** Epochs that the journal keeps: far more than the chain keeps, and than a bond or deposit answers for. */
const journalEpochs = 64

/** Enters each epoch once its seed is there, again where a reorg brings another seed. @returns how to end it */
export async function followEpochs(
  { network, rules, deviceIds, environment }: FollowEpochsOptions,
  dependencies: FollowEpochsDependencies,
): Promise<() => void> {
  const { heads, rosters, seats, readiness, runner, journal, sender, clock, log, emit, renew, onTrouble } = dependencies
  /** Epochs for which everything is prepared. */
  const entered = new Set<number>()
  const said = new Set<string>()
  const left = new AbortController()

  /** Emits once the reason why there is no work. */
  function sayIdle(reason: string) {
    if (said.has(reason)) return
    said.add(reason)
    const { code, message, fix } = providerErrors.PROVIDER_NO_SEATS({ reason })
    log.warn({ code, fix }, message)
    emit({ type: 'provider.idle', code, reason })
  }

  /** @param seenAt - time of the block at which the epoch has no seed, which a later one may have */
  async function sayUnseeded(epoch: number, seenAt: number) {
    const timeline = await getTimeline(network)
    // Some blocks of every epoch pass before its seed is pinned.
    const since = seenAt - rules.eligibleFromSeconds
    if (timeline !== null && epochAt(timeline, since) >= epoch) sayIdle(`epoch ${epoch} has no seed yet`)
  }

  async function enter(epoch: number): Promise<boolean> {
    const { tip } = heads
    if (tip === null) return false
    const roster = await readRoster(network, epoch, deviceIds, tip.hash)
    if (roster === null) {
      await sayUnseeded(epoch, tip.timestamp)
      return false
    }
    const { rounds, members, endpoints } = roster
    if (entered.has(epoch) && isSameSeed(rosters.of(epoch)?.rounds, rounds)) return true
    entered.delete(epoch)
    if (!isSameWork(rounds.rules, rules)) {
      const { code, message } = providerErrors.PROVIDER_SPEC_CHANGED({ epoch })
      log.info({ code, epoch, specHash: rounds.rules.specHash }, message)
      renew()
      return true
    }
    if (members.length === 0) sayIdle(`none of its devices is a member of epoch ${epoch}`)
    else if (endpoints.length === 0) sayIdle(`no seats were drawn for epoch ${epoch}`)
    journal.recordEnvironment(epoch, environment)
    journal.prune(epoch - journalEpochs)
    rosters.keep(roster)
    entered.delete(epoch - frozenEpochs)
    seats.connect(rosters.seatsSince(epoch))
    runner.entered(epoch)
    await readiness.prepare(roster)
    entered.add(epoch)
    emit({ type: 'epoch.started', epoch, devices: members.length, seats: endpoints.length })
    // The epoch before this one is being settled. What the chain keeps of those before it is settled.
    for (let settled = Math.max(0, epoch - keptEpochs + 1); settled <= epoch - 2; settled++)
      reportFalseReceipts({ epoch: settled, deviceIds }, { network, journal, sender, clock, log }, left.signal).catch(
        error => left.signal.aborted || onTrouble('receipts')(error),
      )
    return true
  }

  const leave = watchEpochs({}, { network, heads, visit: enter, onTrouble: onTrouble('epochs') })
  if ((await getTimeline(network)) === null) sayIdle('the network has not been started')
  return () => {
    left.abort()
    leave()
  }
}
