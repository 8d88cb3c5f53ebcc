// Why: docs/why/chain-reads-and-transactions.md

import type { ActionRow, Attempt } from './transaction-store.ts'

export type PlanInput = {
  /** Actions that are not over. */
  readonly actions: readonly ActionRow[]
  /** Signed transactions of nonces that are not decided for good. */
  readonly attempts: readonly Attempt[]
  /** Transactions of the account in the canonical chain: the lowest nonce that is still free there. */
  readonly minedNonce: number
  readonly headNumber: bigint
  readonly headTimestamp: number
  /** The base fee of the head, in wei per gas. */
  readonly baseFeePerGas: bigint
}

export type PlanRules = {
  /** Blocks after which an unmined transaction is replaced by a dearer one. */
  readonly bumpAfterBlocks: number
  /** Most nonces in flight; deadline transactions may use twice as many. */
  readonly maxInFlight: number
}

/** What to do now, in this order. */
export type Plan = {
  /** Actions whose deadline has passed: give these up. */
  readonly expire: readonly ActionRow[]
  /**
   * Sign these actions for these nonces, lowest nonce first. Where `action` is null, fill the nonce with an empty transaction. The action
   * in `displaces` gives its nonce up to the other one, and waits until that nonce is decided.
   */
  readonly sign: readonly {
    readonly nonce: number
    readonly action: ActionRow | null
    readonly displaces: ActionRow | null
  }[]
  /** Attempts that are unmined for too long, or offer less than the base fee while a deadline waits for their nonce: sign again, dearer. */
  readonly bump: readonly Attempt[]
}

/**
 * Decides what to do from what is recorded and what the chain shows. The same input always gives the same plan, so after a crash at
 * any point the next plan goes on from there.
 */
export function planTransactions(input: PlanInput, rules: PlanRules): Plan {
  const { actions, minedNonce, headNumber, headTimestamp, baseFeePerGas } = input
  const attempts = input.attempts.filter(attempt => attempt.nonce >= minedNonce)
  const late = (action: ActionRow) => action.deadline !== null && action.deadline < headTimestamp
  const expire = actions.filter(action => (action.state === 'queued' || action.state === 'pending') && late(action))

  const occupant = new Map<number, ActionRow>()
  for (const action of actions)
    if (action.state === 'pending' && action.nonce !== null && action.nonce >= minedNonce && !late(action))
      occupant.set(action.nonce, action)
  const queue = actions.filter(action => action.state === 'queued' && !late(action)).sort(firstThingsFirst)
  const latestAt = (nonce: number) => attempts.filter(attempt => attempt.nonce === nonce).at(-1)
  const overdue = (attempt: Attempt | undefined) =>
    attempt !== undefined && headNumber >= attempt.atBlock + BigInt(rules.bumpAfterBlocks)

  const top = Math.max(minedNonce - 1, ...occupant.keys(), ...attempts.map(attempt => attempt.nonce))
  const sign: { nonce: number; action: ActionRow | null; displaces: ActionRow | null }[] = []
  for (let nonce = minedNonce; nonce <= top; nonce++) {
    const holder = occupant.get(nonce)
    // What is stuck gives its nonce to a deadline that is more urgent: a claim to any, a keeper's step to what this key alone can send.
    const [next] = queue
    const isMoreUrgent =
      next?.deadline != null && (holder?.deadline === null || next.priority < (holder?.priority ?? 0))
    const makesWay = isMoreUrgent && overdue(latestAt(nonce))
    if (holder === undefined) {
      const action = queue.shift() ?? null
      const filled = latestAt(nonce)?.key === '' && action === null
      if (!filled) sign.push({ nonce, action, displaces: null })
    } else if (makesWay) {
      sign.push({ nonce, action: queue.shift()!, displaces: holder })
    }
  }
  for (let nonce = top + 1; queue.length > 0; nonce++) {
    const limit = queue[0]!.deadline === null ? rules.maxInFlight : rules.maxInFlight * 2
    if (nonce - minedNonce >= limit) break
    sign.push({ nonce, action: queue.shift()!, displaces: null })
  }

  const signedNow = new Set(sign.map(({ nonce }) => nonce))
  const waiting = [...new Set(attempts.map(attempt => attempt.nonce))].filter(nonce => !signedNow.has(nonce))
  const urgent = [...occupant, ...sign.map(({ nonce, action }) => [nonce, action] as const)]
  const lastUrgent = Math.max(-1, ...urgent.flatMap(([nonce, action]) => (action?.deadline == null ? [] : [nonce])))
  const pricedOut = ({ nonce, maxFeePerGas }: Attempt) => nonce <= lastUrgent && maxFeePerGas < baseFeePerGas
  const bump = waiting.map(nonce => latestAt(nonce)!).filter(attempt => overdue(attempt) || pricedOut(attempt))
  return { expire, sign, bump }
}

/** Priority, then the nearer deadline (none is last), then age. */
const firstThingsFirst = (a: ActionRow, b: ActionRow): number =>
  a.priority - b.priority ||
  (a.deadline ?? Number.MAX_SAFE_INTEGER) - (b.deadline ?? Number.MAX_SAFE_INTEGER) ||
  a.position - b.position
