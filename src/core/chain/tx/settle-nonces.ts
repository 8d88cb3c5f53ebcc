// Why: docs/why/chain-reads-and-transactions.md

import type { Address, Hex } from 'viem'
import type { Chain } from '../client.ts'
import { untilMost } from '../until-most.ts'
import { lookUpReceipt } from './receipt.ts'
import type { Signed, TransactionStore } from './transaction-store.ts'

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
  /** The block in which each used nonce was last recorded as mined. It is not recorded again while it stays there; new ones are added. */
  readonly recorded: Map<number, Hex>
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
  const { chain, store, address, head, recorded, watchBlocks } = input
  const mined = await minedNonce(chain, address)
  const attempts = store.signed()
  const undecided = new Set<number>()
  let decidedNonce: number | null = null

  // They were mined before and are not any more: a reorg took them out, and they do not return by themselves.
  for (const { key, nonce } of store.minedFrom(mined)) {
    const latest = attempts.findLast(attempt => attempt.nonce === nonce)
    recorded.delete(nonce)
    store.update(key, { state: latest?.key === key ? 'pending' : 'displaced', nonce })
  }
  for (const nonce of new Set(attempts.map(attempt => attempt.nonce))) {
    if (nonce >= mined) break
    const atNonce = attempts.filter(attempt => attempt.nonce === nonce).reverse()
    if (head.decided.has(nonce)) continue
    const winner = await minedAttempt(chain, atNonce)
    if (winner === null || winner === 'doubt') undecided.add(nonce)
    if (winner === 'doubt') continue
    if (winner !== null) {
      const { attempt, receipt } = winner
      head.decided.add(nonce)
      const deep = head.number - receipt.blockNumber >= BigInt(watchBlocks)
      if (!deep && recorded.get(nonce) === receipt.blockHash) continue
      store.atomically(() => {
        // An action that was asked for again has no nonce yet, or another one, so this is not its outcome.
        if (store.find(attempt.key)?.nonce === nonce)
          store.update(attempt.key, { state: deep ? 'final' : 'mined', nonce, receipt })
        store.addSpend(receipt.hash, receipt.gasUsed * receipt.effectiveGasPrice, Number(head.timestamp))
        if (deep) release(nonce, attempt.key)
      })
      if (deep) recorded.delete(nonce)
      else recorded.set(nonce, receipt.blockHash)
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
    for (const key of store.keysAt(nonce)) if (key !== winnerKey) store.update(key, { state: 'queued' })
  }
}

/** The attempt that was mined; null where no endpoint knows of one. */
async function minedAttempt(chain: Chain, attempts: readonly Signed[]) {
  let inDoubt = false
  for (const attempt of attempts) {
    const receipt = await lookUpReceipt(chain, attempt.hash)
    if (typeof receipt === 'object') return { attempt, receipt }
    inDoubt ||= receipt === 'doubt'
  }
  return inDoubt ? 'doubt' : null
}

async function minedNonce(chain: Chain, address: Address): Promise<number> {
  const mined = { address, blockTag: 'latest' } as const
  const usable = chain.usable()
  if (usable.length > 1) {
    const { most, answers } = await untilMost(
      usable.map(({ client }) => client.getTransactionCount(mined)),
      count => count,
    )
    if (most !== undefined) return most
    // Of two endpoints the lower nonce counts: waiting for a nonce does no harm. Of three, one that is behind or lies decides nothing, also not while
    // another one is silent.
    const middle = answers.toSorted((a, b) => a - b)[Math.ceil(answers.length / 2) - 1]
    if (middle !== undefined && (answers.length > 2 || chain.all().length < 3)) return middle
  }
  return chain.client.getTransactionCount(mined)
}

const nonceAt = (chain: Chain, address: Address, blockNumber: bigint): Promise<number> =>
  blockNumber < 0n ? Promise.resolve(0) : chain.client.getTransactionCount({ address, blockNumber })
