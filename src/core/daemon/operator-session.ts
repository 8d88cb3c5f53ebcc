/**
 * Lets one run per operator key and role work. Every run claims a session on chain as it starts, and the newest claim counts. A run whose
 * session was replaced ends and gives the reason, so that two machines with one key do not contradict each other.
 *
 * Why: docs/why/daemons-and-operators.md
 */
import { bytesToHex, type Hex } from 'viem'
import { chainErrors } from '../chain/errors.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { callOf, read, reading } from '../chain/read.ts'
import { priority, type TransactionSender } from '../chain/tx/transaction-sender.ts'
import type { Clock } from '../platform/clock.ts'
import { aborted } from '../platform/graceful-stop.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from '../platform/store.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'

/** Migration: the sessions that this data folder has claimed, each with the one that replaced it. */
export const operatorSessionTable = 'CREATE TABLE operator_session (session TEXT PRIMARY KEY, replaced_by TEXT) STRICT;'

export type OperatorSessionOptions = {
  readonly network: ConnectedNetwork
  readonly role: 'provider' | 'checker'
  /** Start although another machine has replaced this one; default false. */
  readonly takeOver?: boolean
  /** How often the chain is asked for the present session; default 2,000. */
  readonly pollMs?: number
}

export type OperatorSessionDependencies = {
  readonly sender: TransactionSender
  readonly store: Store
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly log: Logger
}

/**
 * Runs `run` as the only run of this operator in this role. Where another machine may still work, `run` starts when the chain holds our
 * claim. A Provider without the chain's own coin claims none. Its signal aborts with `stop`, and when another run claims a session.
 *
 * @throws OPERATOR_REPLACED when another run claims a session meanwhile; and at once when the last run of this folder ended that way
 */
export async function asOnlyRun(
  { network, role, takeOver = false, pollMs = 2_000 }: OperatorSessionOptions,
  { sender, store, clock, randomBytes, log }: OperatorSessionDependencies,
  stop: AbortSignal,
  run: (stop: AbortSignal) => Promise<void>,
): Promise<void> {
  const contract = role === 'checker' ? 'CheckerSeats' : 'DeviceRegistry'
  const isOurs = (session: Hex) =>
    session === zeroBytes32 || store.get('SELECT 1 FROM operator_session WHERE session = ?', session) !== undefined

  async function present(): Promise<{ readonly session: Hex; readonly claimedAt: string }> {
    const [session, claimedAt] = await read(network, contract, 'sessionOf', sender.address)
    return { session, claimedAt: new Date(Number(claimedAt) * 1_000).toISOString() }
  }

  const balance = () => reading('eth_getBalance', network.chain.client.getBalance({ address: sender.address }))
  const before = await present()
  const isElsewhere = !isOurs(before.session)
  if (isElsewhere) {
    const { claimedAt } = before
    const replacedUs = store.get('SELECT 1 FROM operator_session WHERE replaced_by = ?', before.session) !== undefined
    if (replacedUs && !takeOver) throw chainErrors.OPERATOR_REPLACED({ role, claimedAt })
    log.warn({ claimedAt }, `another machine may still run this ${role}; it stops when it sees the session of this run`)
  }

  // A host whose owner registered its devices needs no gas. It then yields to whoever claims, and nobody to it.
  const claims = isElsewhere || role === 'checker' || (await balance()) > 0n
  if (!claims)
    log.warn(
      { operator: sender.address },
      'the operator key holds nothing for gas, so this run claims no session: a second machine with the key would not stop for it',
    )
  const session = bytesToHex(randomBytes(32))
  store.run('INSERT INTO operator_session (session) VALUES (?)', session)
  const key = `session/${session}`
  if (claims) {
    const claim = callOf(network.contracts, contract, 'claimSession', session)
    sender.enqueue({ key, ...claim, priority: priority.keeper })
  }
  const replaced = new AbortController()
  const ended = new AbortController()
  const either = AbortSignal.any([stop, replaced.signal])

  /**
   * Once our claim is in a block, or where we make none, a session that is neither ours nor the one we found is a newer one; an older one is shown by
   * an endpoint that is behind.
   */
  async function watch() {
    if (claims) await Promise.race([sender.outcome(key), aborted(ended.signal)])
    let newestOfOurs = before.claimedAt
    while (!ended.signal.aborted) {
      try {
        const { session: newest, claimedAt } = await present()
        if (isOurs(newest) && claimedAt > newestOfOurs) newestOfOurs = claimedAt
        if (newest !== before.session && !isOurs(newest) && claimedAt >= newestOfOurs) {
          store.run('UPDATE operator_session SET replaced_by = ? WHERE session = ?', newest, session)
          replaced.abort(chainErrors.OPERATOR_REPLACED({ role, claimedAt }))
          return
        }
      } catch (error) {
        log.warn({ error }, 'the operator’s session could not be read; trying again')
      }
      await clock.sleep(pollMs, ended.signal).catch(() => undefined)
    }
  }

  const watching = watch().catch(error => log.warn({ error }, 'the session could not be claimed'))
  try {
    if (isElsewhere) await Promise.race([sender.outcome(key).catch(() => undefined), aborted(either)])
    if (!either.aborted) await run(either)
  } finally {
    ended.abort()
    await watching
  }
  replaced.signal.throwIfAborted()
}
