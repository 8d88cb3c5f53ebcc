// Why: docs/why/chain-reads-and-transactions.md

import type { Address } from 'viem'
import type { Chain } from '../client.ts'
import { untilMost } from '../until-most.ts'
import { lookUpReceipt } from './receipt.ts'
import type { Attempt, TransactionStore } from './transaction-store.ts'

export type SettleInput = {
  readonly chain: Chain
  readonly store: TransactionStore
  readonly address: Address
  readonly head: {
    readonly number: bigint
    /** Block time in seconds. */
    readonly timestamp: bigint
    /** Nonces whose mined transaction was found at this very head. They are not asked for again; new ones are added. */
    readonly decided: Set<number>
  }
  /** Blocks after which the use of a nonce counts as decided. */
  readonly watchBlocks: number
}

export type Settled = {
  /** The account's mined nonce, as most usable endpoints have reached it. */
  readonly minedNonce: number
  /** Used nonces for which the endpoints do not show the mined transaction now; their record may be of another branch. */
  readonly undecided: ReadonlySet<number>
}

/**
 * Brings the record in line with the chain: which of the transactions signed for each nonce was mined, which came back after
 * a reorg, and which lost their nonce to another and are wanted again.
 */
export async function settleNonces(input: SettleInput): Promise<Settled> {
  const { chain, store, address, head, watchBlocks } = input
  const mined = await minedNonce(chain, address)
  const attempts = store.attempts()
  const undecided = new Set<number>()
  let decidedNonce: number | null = null

  for (const nonce of new Set(attempts.map(attempt => attempt.nonce))) {
    const atNonce = attempts.filter(attempt => attempt.nonce === nonce).reverse()
    if (nonce >= mined) {
      const [latest] = atNonce
      // It was mined before and is not any more: a reorg took it out, and it does not return by itself.
      for (const action of store.open())
        if (action.state === 'mined' && action.nonce === nonce)
          store.update(action.key, { state: latest?.key === action.key ? 'pending' : 'displaced', nonce })
      continue
    }
    if (head.decided.has(nonce)) continue
    const winner = await minedAttempt(chain, atNonce)
    if (winner === null || winner === 'doubt') undecided.add(nonce)
    if (winner === 'doubt') continue
    if (winner !== null) {
      const { attempt, receipt } = winner
      head.decided.add(nonce)
      const deep = head.number - receipt.blockNumber >= BigInt(watchBlocks)
      store.atomically(() => {
        // An action that was asked for again has no nonce yet, or another one, so this is not its outcome.
        if (store.find(attempt.key)?.nonce === nonce)
          store.update(attempt.key, { state: deep ? 'final' : 'mined', nonce, receipt })
        store.addSpend(receipt.hash, receipt.gasUsed * receipt.effectiveGasPrice, Number(head.timestamp))
        if (deep) release(nonce, attempt.key)
      })
      continue
    }
    // Another machine with this key used the nonce. That is certain only when it is deep.
    decidedNonce ??= await nonceAt(chain, address, head.number - BigInt(watchBlocks))
    if (nonce < decidedNonce) store.atomically(() => release(nonce, null))
  }
  return { minedNonce: mined, undecided }

  /** Marks the nonce as decided: the other actions that were signed for it are queued again. */
  function release(nonce: number, winnerKey: string | null) {
    store.settleNonce(nonce)
    for (const action of store.open())
      if (action.nonce === nonce && action.key !== winnerKey && action.state !== 'queued')
        store.update(action.key, { state: 'queued' })
  }
}

/** The attempt that was mined; null where no endpoint knows of one. */
async function minedAttempt(chain: Chain, attempts: readonly Attempt[]) {
  let inDoubt = false
  for (const attempt of attempts) {
    const receipt = await lookUpReceipt(chain, attempt.hash)
    if (typeof receipt === 'object') return { attempt, receipt }
    inDoubt ||= receipt === 'doubt'
  }
  return inDoubt ? 'doubt' : null
}

async function minedNonce(chain: Chain, address: Address): Promise<number> {
  const asked = chain.usable().map(({ client }) => client.getTransactionCount({ address, blockTag: 'latest' }))
  const { most, answers } = await untilMost(asked, count => count)
  if (most !== undefined) return most
  // Of three endpoints one that is behind or lies decides nothing. Of two the lower nonce counts: waiting for a nonce does no harm.
  const ordered = [...answers].sort((a, b) => a - b)
  return (
    ordered[Math.ceil(ordered.length / 2) - 1] ??
    (await chain.client.getTransactionCount({ address, blockTag: 'latest' }))
  )
}

const nonceAt = (chain: Chain, address: Address, blockNumber: bigint): Promise<number> =>
  blockNumber < 0n ? Promise.resolve(0) : chain.client.getTransactionCount({ address, blockNumber })
