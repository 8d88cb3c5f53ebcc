/** A keeper's part of OPEN: asks the other seats of a cohort for their openings and checks each against its commitment. */
import type { Address, Hex } from 'viem'
import { getChecker } from '../chain/checkers.ts'
import { commitmentOf } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { isCommitted } from '../epoch/commitment-tree.ts'
import type { OpeningWords } from '../epoch/opening.ts'
import type { OpeningOnChain } from '../epoch/settlement-plan.ts'
import { type Clock, timeLimit } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Signer } from '../report/signer.ts'
import { dialSession } from '../transport/dial-session.ts'
import type { Session } from '../transport/session.ts'
import type { Transport } from '../transport/transport.ts'

export type Peers = {
  /** Openings of the cohort's committed seats, in seat order; null where one of them gives none or a false one. */
  gather(
    epoch: number,
    cohort: number,
    committee: readonly Address[],
    own: OpeningOnChain,
  ): Promise<OpeningOnChain[] | null>
  /** Sends a message to a Checker; resolves false where it cannot be reached. */
  tell(checker: Address, send: (session: Session) => Promise<void>): Promise<boolean>
  close(): void
}

export type PeersDependencies = {
  readonly network: ConnectedNetwork
  readonly signer: Signer
  readonly transport: Transport
  readonly clock: Clock
  readonly log: Logger
  /** How long a seat has to answer, in ms. */
  readonly answerMs: number
}

export function createPeers({ network, signer, transport, clock, log, answerMs }: PeersDependencies): Peers {
  const sessions = new Map<Address, Promise<Session>>()

  async function dial(checker: Address): Promise<Session> {
    const known = await getChecker(network, checker)
    if (known === null) throw new Error(`${checker} is not bonded`)
    const endpoint = { checker, url: known.endpoint, certificateHash: known.certificateHash }
    const session = await dialSession(
      { endpoint, network, role: 'checker', operator: signer.address, deviceIds: [] },
      { transport, sign: (type, message) => signer.sign(type, message), clock },
    )
    session.onClose(() => sessions.delete(checker))
    return session
  }

  async function sessionWith(checker: Address): Promise<Session> {
    const open = sessions.get(checker) ?? dial(checker)
    sessions.set(checker, open)
    try {
      return await open
    } catch (error) {
      sessions.delete(checker)
      throw error
    }
  }

  async function ask(
    checker: Address,
    seat: number,
    epoch: number,
    cohort: number,
    commitment: { readonly root: Hex; readonly depth: number },
  ): Promise<OpeningOnChain> {
    const session = await sessionWith(checker)
    let stopListening = () => {}
    const reply = new Promise<OpeningOnChain>((resolve, reject) => {
      const stopReplies = session.on(
        'opening.reply',
        ({ epoch: repliedEpoch, cohort: repliedCohort, words, salt, proof }) => {
          if (Number(repliedEpoch) !== epoch || repliedCohort !== cohort) return
          // The schema of the message lets exactly ten words through; `map` forgets how many.
          const numbers = words.map(BigInt) as unknown as OpeningWords
          const scope = { chainId: network.chainId, consensus: network.consensus, epoch, owner: checker, salt }
          // Who holds an opening that passes its commitment needs nobody's signature on it.
          if (!isCommitted(scope, cohort, { words: numbers, proof }, commitment))
            return reject(new Error('the opening is not what it committed to'))
          resolve({ seat, salt, words: numbers, proof })
        },
      )
      const stopRefusals = session.on('refused', ({ code, regarding }) => {
        if (regarding === 'opening.request') reject(new Error(code))
      })
      const stopWatching = session.onClose(({ code }) => reject(new Error(code)))
      const answered = timeLimit(clock, answerMs, () => reject(new Error(`no answer within ${answerMs} ms`)))
      stopListening = () => {
        for (const stop of [stopReplies, stopRefusals, stopWatching, answered]) stop()
      }
    })
    try {
      await session.send('opening.request', { epoch: BigInt(epoch), cohort })
      return await reply
    } finally {
      stopListening()
      reply.catch(() => undefined)
    }
  }

  return {
    async gather(epoch, cohort, committee, own) {
      const roots = await Promise.all(committee.map(owner => commitmentOf(network, epoch, owner)))
      const asked = committee.map(async (owner, seat) => {
        const root = roots[seat]!
        if (root === null) return null
        // Trees of an epoch are all of one depth.
        const commitment = { root, depth: own.proof.length }
        return owner === signer.address ? own : ask(owner, seat, epoch, cohort, commitment)
      })
      const answers = await Promise.allSettled(asked)
      const missing = answers.flatMap((answer, seat) =>
        answer.status === 'rejected' ? [`${committee[seat]}: ${(answer.reason as Error).message}`] : [],
      )
      if (missing.length > 0) {
        log.warn({ epoch, cohort, missing }, 'not every seat gave its opening; it goes to REVEAL')
        return null
      }
      return answers.flatMap(answer => (answer.status === 'fulfilled' && answer.value !== null ? [answer.value] : []))
    },
    async tell(checker, send) {
      try {
        await send(await sessionWith(checker))
        return true
      } catch (error) {
        log.debug({ error, checker }, 'a seat could not be told')
        return false
      }
    },
    close() {
      for (const session of sessions.values()) session.then(open => open.close()).catch(() => undefined)
    },
  }
}
