// Why: docs/why/consensus-and-audits.md

import { numberToHex } from 'viem'
import { blockAt, firstBlockSince } from '../chain/blocks.ts'
import { frozenSeats, getCheckers } from '../chain/checkers.ts'
import { claimableIdentities, getDevices } from '../chain/devices.ts'
import {
  type EpochOverview,
  getAudit,
  getEpoch,
  getTimeline,
  hasSeed,
  keeperCallsOf,
  type ReadEpoch,
  settledThrough,
} from '../chain/epochs.ts'
import { readParameters } from '../chain/governance.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { callOf } from '../chain/read.ts'
import { simulateCall } from '../chain/tx/transact.ts'
import { priority, type TransactionSender } from '../chain/tx/transaction-sender.ts'
import type { KaisarError } from '../platform/errors.ts'
import { mapSome } from '../platform/map-some.ts'
import { cohortLanes, keptEpochs, seatNumbers } from '../protocol/constants.ts'
import type { Timeline } from '../protocol/network-parameters.ts'
import { type BlockHead, epochAt, epochStartsAt } from '../protocol/trigger.ts'
import { createCohortSteps } from './cohort-steps.ts'
import { keeperRank, nextLookAt, turnBlocks, turnSeconds } from './keeper-times.ts'
import { type OpeningOnChain, planErrands, planSeed, type SettlementStep, seatsIn } from './settlement-plan.ts'
import { shownOpenings } from './shown-openings.ts'

/**
 * Gives the opening of every committed seat of a cohort, in seat order; null where one of them is not there, and then it is asked again at the next
 * pass. Every step waits for it, so it should wait for nobody. `seats`: the mask of the committed seats.
 */
export type Gather = (epoch: number, cohort: number, seats: number) => Promise<readonly OpeningOnChain[] | null>

export type KeeperOptions = {
  /** Whether steps are left to the keepers before us for a while; default true. Settling by hand acts at once. */
  readonly takeTurns?: boolean
}

export type KeeperDependencies = {
  readonly network: ConnectedNetwork
  readonly sender: TransactionSender
  /** Called with a step that could not be taken now. The others go on, and the next pass tries again. */
  readonly onTrouble?: (step: SettlementStep, error: unknown) => void
}

type OpenStep = { readonly step: SettlementStep; readonly overview: EpochOverview }
export type Head = Pick<BlockHead, 'number' | 'timestamp'>
/** A step that was handed to the transaction sender, with the key of its outcome. */
type TakenStep = SettlementStep & { readonly key: string }

/** Steps that are taken at a time. */
const stepsAtOnce = 16
/** Audits that are read at a time. */
const auditsAtOnce = 16
/** Steps of one kind and epoch that are left to the sender together: more than it has in flight in the blocks for which it watches them. */
const mostInHand = 256
/** Every chain knows the hashes of this many last blocks. */
const surelyKept = 250n
/** A seed that was there for this many blocks is not looked at again: no reorg takes it. */
const surelySeeded = 64n

/**
 * A keeper: it makes the seed of the current epoch, and finalizes, voids and pays the last ones. Call it at each block, or as often as you
 * like: it takes the steps that the chain shows as open, and none twice. What it reads of epochs in which nothing is open does not grow
 * with the number of blocks, see {@link nextLookAt}; with `takeTurns: false` it looks at everything each time.
 */
export function createKeeper(options: KeeperOptions, dependencies: KeeperDependencies) {
  const { network, sender, onTrouble = () => {} } = dependencies
  const ranks = new Map<number, number>()
  const unanswered = new Map<number, readonly SettlementStep[]>()
  const errands = new Map<number, readonly SettlementStep[]>()
  const paidClaims = new Set<string>()
  /** Epochs that are paid and closed, and whose audits are over: no step is left for them. */
  const over = new Set<number>()
  /** The block at which the seed of an epoch was first seen. */
  const seededAt = new Map<number, bigint>()
  /** Block time before which an epoch is not looked at, since nothing of it was open. */
  const restsUntil = new Map<number, number>()
  const looksAtAll = options.takeTurns === false
  const cohortSteps = createCohortSteps(network, { readsAll: looksAtAll })

  async function rankIn({ epoch, seed }: EpochOverview): Promise<number> {
    if (looksAtAll) return 0
    const known = ranks.get(epoch)
    if (known !== undefined) return known
    const rank = keeperRank(seed ?? numberToHex(epoch, { size: 32 }), await frozenSeats(network, epoch), sender.address)
    if (seed !== null) ranks.set(epoch, rank)
    ranks.delete(epoch - keptEpochs)
    return rank
  }

  /** Seconds within which a step should be taken: a part of the time to its deadline, so that the last keeper in turn still reaches a block. */
  function secondsFor(step: SettlementStep, overview: EpochOverview, timeline: Timeline, since: number): number {
    // A cohort that misses OPEN can be revealed. A cohort that misses FINALIZE is void.
    const isLast = step.do === 'finalize-revealed' || step.do === 'void'
    return isLast ? Math.floor((overview.payAt - since) / 2) : timeline.openSeconds
  }

  async function seedSteps(timeline: Timeline, head: Head, readEpoch: ReadEpoch): Promise<OpenStep[]> {
    const epoch = epochAt(timeline, head.timestamp)
    if (epoch < 0 || head.number >= (seededAt.get(epoch) ?? head.number) + surelySeeded) return []
    if (seededAt.has(epoch) && (await hasSeed(network, epoch))) return []
    const overview = await readEpoch(epoch)
    if (overview.seed === null) seededAt.delete(epoch)
    else if (!seededAt.has(epoch)) seededAt.set(epoch, head.number)
    seededAt.delete(epoch - 1)
    const step = planSeed(overview, head.number, await isPinExpired(overview, head))
    return step === null ? [] : [{ step, overview }]
  }

  /** Hashes reach 256 blocks back on some chains and 8191 on others (EIP-2935), so the chain is asked, once the hash may be out of reach. */
  async function isPinExpired({ epoch, seed, pinnedBlock }: EpochOverview, head: Head): Promise<boolean> {
    if (seed !== null || pinnedBlock === null || head.number < pinnedBlock + surelyKept) return false
    const roll = callOf(network.contracts, 'EpochConsensus', 'roll', BigInt(epoch))
    return simulateCall(network.chain, sender.address, roll).then(
      () => false,
      (error: KaisarError) => error.context.errorName === 'PinExpired',
    )
  }

  async function openSteps(timeline: Timeline, head: Head, readEpoch: ReadEpoch): Promise<OpenStep[]> {
    const now = head.timestamp
    const current = epochAt(timeline, now)
    over.delete(current - keptEpochs - 1)
    restsUntil.delete(current - keptEpochs - 1)
    const first = Math.max(0, current - keptEpochs)
    const ended = Array.from({ length: Math.max(0, current - first) }, (_, i) => first + i)
    const due = ended.filter(epoch => !over.has(epoch) && now >= (restsUntil.get(epoch) ?? 0))
    // All at once: an epoch whose deadline is near does not wait for what is read of one that has time.
    const found = await Promise.all(
      due.map(async epoch => {
        const overview = await readEpoch(epoch)
        const open = overview.seed === null ? [] : await stepsOf(overview, timeline, now)
        if (open.length === 0 && !looksAtAll) restsUntil.set(epoch, nextLookAt(overview, now))
        return open.map((step): OpenStep => ({ step, overview }))
      }),
    )
    return found.flat()
  }

  async function stepsOf(overview: EpochOverview, timeline: Timeline, now: number): Promise<SettlementStep[]> {
    const { epoch, phase, totalFixed, auditClosesAt, money } = overview
    const steps = await epochSteps(overview, epoch >= timeline.firstPaidEpoch, now)
    if (epoch === epochAt(timeline, now) - 1 && phase === 'pay' && totalFixed) steps.push(...(await errandsOf(epoch)))
    if (now >= auditClosesAt && now < auditClosesAt + timeline.auditSeconds)
      steps.push(...(await unansweredAudits(overview)))
    else if (now >= auditClosesAt && money.closed) over.add(epoch)
    return steps
  }

  /** The seats that did not answer. After the audits of an epoch have closed only strikes change, so this is read once. */
  async function unansweredAudits({ epoch, cohorts }: EpochOverview): Promise<readonly SettlementStep[]> {
    const known = unanswered.get(epoch)
    if (known !== undefined) return known
    const seats = Array.from({ length: cohorts }, (_, cohort) =>
      seatNumbers.map(seat => ({ epoch, cohort, seat })),
    ).flat()
    const audits = await mapSome(auditsAtOnce, seats, ({ cohort, seat }) => getAudit(network, epoch, cohort, seat))
    const steps = seats.flatMap((of, i): SettlementStep[] =>
      audits[i]?.answered === false ? [{ do: 'strike', ...of }] : [],
    )
    unanswered.set(epoch, steps)
    unanswered.delete(epoch - keptEpochs)
    return steps
  }

  /** The errands of an epoch. Strikes, missed epochs and credits do not change after it is resolved, so they are read once. */
  async function errandsOf(epoch: number): Promise<readonly SettlementStep[]> {
    const known = errands.get(epoch)
    if (known !== undefined) return known
    const [checkers, devices, { seats, scores }] = await Promise.all([
      getCheckers(network),
      getDevices(network),
      readParameters(network),
    ])
    const claims = await claimableIdentities(network, devices, paidClaims)
    const steps = planErrands(epoch, sender.address, { checkers, devices, claims }, { ...seats, ...scores })
    errands.set(epoch, steps)
    errands.delete(epoch - keptEpochs)
    return steps
  }

  async function epochSteps(overview: EpochOverview, paid: boolean, now: number): Promise<SettlementStep[]> {
    const { epoch, phase, totals, totalFixed, members, money, auditClosesAt } = overview
    const steps: SettlementStep[] = []
    // In PAY the total may not be fixed yet, because a revealed quorum waits to be finalized.
    const isOpen = phase === 'open' || phase === 'finalize' || (phase === 'pay' && !totalFixed)
    const undecided = totals.resolvedLanes < members && isOpen
    const unpaid = paid && totalFixed && totals.unpaid > 0
    if (undecided || unpaid) for (const step of await cohortSteps.of(overview)) steps.push(step)
    if (paid && phase === 'pay' && money.opened && !money.closed && totals.unpaid === 0) {
      const { lanes, errands } = await keeperCallsOf(network, epoch, sender.address)
      if (lanes + errands > 0n) steps.push({ do: 'payKeeper', epoch })
      // No epoch is settled before its audits are over.
      const through = now < auditClosesAt ? null : await settledThrough(network)
      if (through !== null && epoch <= through) steps.push({ do: 'closeEpoch', epoch })
    }
    return steps
  }

  /** The call of a step; null where it cannot be made yet. */
  async function callFor(step: SettlementStep, overview: EpochOverview, gather: Gather) {
    const { startsAt, commitAt, revealAt, payAt } = overview
    const { contracts } = network
    const epoch = BigInt(step.epoch)
    const inTime = (deadline: number) => ({ priority: priority.keeper, deadline })
    switch (step.do) {
      case 'pin':
      case 'roll':
        return { ...callOf(contracts, 'EpochConsensus', step.do, epoch), ...inTime(commitAt) }
      case 'finalize':
      case 'finalize-revealed': {
        const { cohort, seats } = step
        const inOpen = step.do === 'finalize'
        const openings = inOpen
          ? await gather(step.epoch, cohort, seats)
          : await shownOpenings(network, step.epoch, cohort, await firstBlockSince(network.chain, overview.revealAt))
        if (openings === null || seatsIn(openings) !== seats) return null
        const nextEnds = 2 * commitAt - startsAt
        const call = callOf(contracts, 'EpochConsensus', 'finalize', epoch, cohort, [...openings])
        return { ...call, ...inTime(inOpen ? revealAt : nextEnds) }
      }
      case 'void':
        return { ...callOf(contracts, 'EpochConsensus', 'voidCohort', epoch, step.cohort), ...inTime(payAt) }
      case 'strike': {
        const call = callOf(contracts, 'EpochConsensus', 'strikeUnanswered', epoch, step.cohort, step.seat)
        return { ...call, priority: priority.keeper }
      }
      case 'jail':
        return callOf(contracts, 'CheckerSeats', 'jail', step.checker)
      case 'unjail':
        return callOf(contracts, 'CheckerSeats', 'unjail')
      case 'delist':
      case 'claimIdentity':
        return callOf(contracts, 'DeviceRegistry', step.do, step.device)
      case 'payCohort':
        return callOf(contracts, 'RewardVault', 'payCohort', epoch, step.cohort, cohortLanes)
      case 'payCheckers':
        return callOf(contracts, 'RewardVault', 'payCheckers', epoch, step.cohort)
      case 'payKeeper':
        return callOf(contracts, 'RewardVault', 'payKeeper', epoch, sender.address)
      case 'closeEpoch':
        return callOf(contracts, 'RewardVault', 'closeEpoch', epoch)
    }
  }

  /** Hands a step to the sender; resolves with null where it cannot be taken yet. */
  async function take(step: SettlementStep, overview: EpochOverview, gather: Gather): Promise<TakenStep | null> {
    const call = await callFor(step, overview, gather)
    if (call === null) return null
    if ('cohort' in step && step.do !== 'strike' && !(await cohortSteps.isOpen(step, overview))) return null
    const key = keyOf(step)
    sender.enqueue({ key, ...call })
    return { ...step, key }
  }

  /** Both passes of a block begin at once, with the same reads. */
  let looking: Promise<readonly [Timeline | null, Head]> | null = null
  function look(head: Head | undefined) {
    looking ??= Promise.all([timetable(head), head ?? blockAt(network)]).finally(() => {
      looking = null
    })
    return looking
  }

  /** What was read last, and until when (block time) it stands: the contracts let nobody change the epoch that lasts. */
  let known: { readonly timeline: Timeline; readonly until: number } | null = null
  async function timetable(head: Head | undefined): Promise<Timeline | null> {
    if (head !== undefined && known !== null && head.timestamp < known.until) return known.timeline
    const timeline = await getTimeline(network)
    const isCurrent = timeline !== null && head !== undefined && head.timestamp >= timeline.firstEpochAt
    known = isCurrent ? { timeline, until: epochStartsAt(timeline, epochAt(timeline, head.timestamp) + 1) } : null
    return timeline
  }

  /** Takes the steps whose turn it is. */
  function inTurn(stepsAt: typeof openSteps) {
    /** When each step was first seen as possible; turns are counted from there. */
    const possibleSince = new Map<string, { readonly time: number; readonly block: bigint }>()
    /** Keys of the steps that the sender has, by kind and epoch. */
    const hands = new Map<string, Set<string>>()
    function handOf({ do: what, epoch }: SettlementStep): Set<string> {
      const name = `${what}/${epoch}`
      const hand = hands.get(name) ?? new Set()
      hands.set(name, hand)
      return hand
    }
    function putDown() {
      for (const [name, hand] of hands) {
        for (const key of hand) if (!sender.isOpen(key)) hand.delete(key)
        if (hand.size === 0) hands.delete(name)
      }
    }
    return async (
      gather: Gather,
      newest?: Head,
      readEpoch: ReadEpoch = epoch => getEpoch(network, epoch),
    ): Promise<TakenStep[]> => {
      putDown()
      const [timeline, head] = await look(newest)
      if (timeline === null) return []
      const now = head.timestamp
      const open = await stepsAt(timeline, head, readEpoch)
      const takeInTurn = async ({ step, overview }: OpenStep): Promise<TakenStep | null> => {
        const key = keyOf(step)
        const hand = handOf(step)
        // Openings are not gathered again at each block for what waits to be mined.
        if (hand.has(key)) return { ...step, key }
        const since = possibleSince.get(key) ?? { time: now, block: head.number }
        possibleSince.set(key, since)
        if (hand.size >= mostInHand && !looksAtAll) return null
        if (sender.isOpen(key)) {
          hand.add(key)
          return { ...step, key }
        }
        try {
          const rank = await rankIn(overview)
          const isTurn =
            step.do === 'pin' || step.do === 'roll'
              ? head.number >= since.block + BigInt(turnBlocks(rank))
              : now >= since.time + turnSeconds(rank, secondsFor(step, overview, timeline, since.time))
          const taken = isTurn ? await take(step, overview, gather) : null
          if (taken !== null) hand.add(key)
          return taken
        } catch (error) {
          onTrouble(step, error)
          return null
        }
      }
      const taken: (TakenStep | null)[] = []
      for (let from = 0; from < open.length; from += stepsAtOnce)
        taken.push(...(await Promise.all(open.slice(from, from + stepsAtOnce).map(takeInTurn))))
      const keys = new Set(open.map(({ step }) => keyOf(step)))
      for (const key of possibleSince.keys()) if (!keys.has(key)) possibleSince.delete(key)
      return taken.filter(step => step !== null)
    }
  }

  const seed = inTurn(seedSteps)
  return {
    /**
     * Pins and rolls the seed of the current epoch; resolves with the steps taken. The whole network waits for the seed, so this waits for no other step.
     * @param head - the newest block, where the caller knows it; default: it is read
     * @param readEpoch - where the caller reads epochs too; default: from the chain, each time
     */
    seed: (head?: Head, readEpoch?: ReadEpoch): Promise<TakenStep[]> => seed(async () => null, head, readEpoch),
    /** Reads the chain and hands every other open step to the sender; resolves with the steps taken. */
    pass: inTurn(openSteps),
  }
}

type KeyPart = 'do' | 'epoch' | 'cohort' | 'seat' | 'checker' | 'device' | 'after'

function keyOf(step: SettlementStep): string {
  const { do: what, epoch, cohort, seat, checker, device, after }: Partial<Record<KeyPart, unknown>> = step
  return [what, epoch, cohort, seat, checker, device, after].filter(part => part !== undefined).join('/')
}
