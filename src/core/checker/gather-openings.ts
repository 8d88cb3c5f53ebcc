/**
 * The openings of a committee, for a keeper: the other seats are asked for theirs, and each is checked against its seat's commitment. Nobody
 * is waited for: a seat that takes the connection and says nothing would hold up every other step of the keeper.
 *
 * Why: docs/why/consensus-and-audits.md
 */
import type { Address, Hex } from 'viem'
import { commitmentOf } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { isCommitted, type OpeningWords } from '../epoch/opening.ts'
import type { OpeningOnChain } from '../epoch/settlement-plan.ts'
import { type Clock, timeLimit } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { keptEpochs } from '../protocol/constants.ts'
import type { MessageType } from '../protocol/messages.ts'
import type { Session } from '../transport/session.ts'
import type { CloseReason } from '../transport/transport.ts'

type OpeningsWanted = {
  readonly epoch: number
  readonly cohort: number
  /** Mask of the seats that have committed. */
  readonly seats: number
  /** Owners of the seats, in seat order. */
  readonly committee: readonly Address[]
  /** The opening of this seat. */
  readonly own: OpeningOnChain
}

/**
 * Gives the openings of the committed seats, in seat order, once all are there. Until then null, and the seats whose openings lack are asked,
 * each as soon as it has answered, or failed to answer, the time before.
 */
export type GatherOpenings = (wanted: OpeningsWanted) => OpeningOnChain[] | null

export type GatherOpeningsDependencies = {
  readonly network: ConnectedNetwork
  readonly self: Address
  readonly sessionWith: (checker: Address) => Promise<Session>
  readonly clock: Clock
  readonly log: Logger
  /** How long a seat has to answer on an open session, in ms. */
  readonly answerMs: number
  /** Called when the last opening of a cohort has come. */
  readonly onGathered: () => void
}

/** What is known of an epoch. An owner has one commitment in it, whatever number of cohorts it judges. */
type Gathered = {
  readonly roots: Map<Address, Promise<Hex>>
  readonly cohorts: Map<number, Cohort>
  /** Owners that gave no opening when they were asked, which is told once. */
  readonly failed: Set<Address>
}

type Cohort = {
  readonly openings: Map<Address, OpeningOnChain>
  readonly asked: Set<Address>
  /** Owners whose openings lacked at the last pass. */
  lacking: readonly Address[]
}

type Asked = Pick<OpeningsWanted, 'epoch' | 'cohort'> & {
  readonly owner: Address
  readonly seat: number
  /** Trees of an epoch are all of one depth. */
  readonly depth: number
}

export function createGatherOpenings(deps: GatherOpeningsDependencies): GatherOpenings {
  const { network, self, sessionWith, clock, log, answerMs, onGathered } = deps
  const epochs = new Map<number, Gathered>()

  function ofEpoch(epoch: number): Gathered {
    for (const old of epochs.keys()) if (old <= epoch - keptEpochs) epochs.delete(old)
    const known = epochs.get(epoch) ?? { roots: new Map(), cohorts: new Map(), failed: new Set() }
    epochs.set(epoch, known)
    return known
  }

  function rootOf({ roots }: Gathered, epoch: number, owner: Address): Promise<Hex> {
    const known = roots.get(owner)
    if (known !== undefined) return known
    const root = commitmentOf(network, epoch, owner).then(found => {
      if (found === null) throw new Error('its commitment is not to be seen')
      return found
    })
    roots.set(owner, root)
    return root
  }

  async function ask({ owner, seat, epoch, cohort, depth }: Asked, root: Hex): Promise<OpeningOnChain> {
    const session = await sessionWith(owner)
    const { promise: reply, resolve, reject } = Promise.withResolvers<OpeningOnChain>()
    const stopReplies = session.on('opening.reply', ({ words, salt, proof, ...about }) => {
      if (Number(about.epoch) !== epoch || about.cohort !== cohort) return
      // The schema of the message lets exactly the words of an opening through; `map` forgets how many.
      const numbers = words.map(BigInt) as unknown as OpeningWords
      const scope = { chainId: network.chainId, consensus: network.consensus, epoch, owner, salt }
      // An opening that fits its commitment on chain needs no signature.
      if (!isCommitted(scope, cohort, { words: numbers, proof }, { root, depth }))
        return reject(new Error('the opening is not what it committed to'))
      resolve({ seat, salt, words: numbers, proof })
    })
    const stopRefusals = onRefusal(session, 'opening.request', ({ code }) => reject(new Error(code)))
    const answered = timeLimit(clock, answerMs, () => reject(new Error(`no answer within ${answerMs} ms`)))
    try {
      // A false answer may come before the request is even sent.
      reply.catch(() => undefined)
      await session.send('opening.request', { epoch: BigInt(epoch), cohort })
      return await reply
    } finally {
      for (const stop of [stopReplies, stopRefusals, answered]) stop()
    }
  }

  /** Never rejects. */
  async function askFor(about: Asked, known: Gathered) {
    const { owner, epoch, cohort } = about
    const its = known.cohorts.get(cohort)!
    const { openings, asked } = its
    if (asked.has(owner)) return
    asked.add(owner)
    try {
      openings.set(owner, await ask(about, await rootOf(known, epoch, owner)))
      asked.delete(owner)
      if (its.lacking.every(each => openings.has(each))) onGathered()
    } catch (error) {
      asked.delete(owner)
      // The root may have been read on a branch that is gone.
      known.roots.delete(owner)
      if (known.failed.has(owner)) return
      known.failed.add(owner)
      const reason = (error as Error).message
      log.warn({ epoch, cohort, owner, reason }, 'a seat gave no opening; without it the cohort goes to REVEAL')
    }
  }

  return ({ epoch, cohort, seats, committee, own }) => {
    const known = ofEpoch(epoch)
    const its: Cohort = known.cohorts.get(cohort) ?? { openings: new Map(), asked: new Set(), lacking: [] }
    known.cohorts.set(cohort, its)
    its.openings.set(self, own)
    const committed = committee.map((owner, seat) => ({ owner, seat })).filter(({ seat }) => seats & (1 << seat))
    const lacking = committed.filter(({ owner }) => !its.openings.has(owner))
    its.lacking = lacking.map(({ owner }) => owner)
    for (const each of lacking) void askFor({ ...each, epoch, cohort, depth: own.proof.length }, known)
    return lacking.length > 0 ? null : committed.map(({ owner }) => its.openings.get(owner)!)
  }
}

/** Tells why a peer does not take what it is sent, or that its session has ended. @returns what stops it from telling */
export function onRefusal(session: Session, type: MessageType, tell: (reason: CloseReason, hasEnded: boolean) => void) {
  const stopRefusals = session.on('refused', ({ regarding, ...reason }) => {
    if (regarding === type) tell(reason, false)
  })
  const stopWatching = session.onClose(reason => tell(reason, true))
  return () => {
    stopRefusals()
    stopWatching()
  }
}
