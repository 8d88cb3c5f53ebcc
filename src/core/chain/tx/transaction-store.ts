import type { Address, Hex } from 'viem'
import type { Row, Store } from '../../platform/store.ts'
import type { Receipt } from './receipt.ts'

/**
 * `queued`: wanted, no nonce · `pending`: signed for a nonce · `displaced`: another action took its nonce, it waits until that
 * is decided · `mined`: in a block that may still be reorganised · `final`: deep enough · `failed`, `expired`: given up.
 */
export type ActionState = 'queued' | 'pending' | 'displaced' | 'mined' | 'final' | 'failed' | 'expired'

/** A transaction to be made once. */
export type Action = {
  /** Idempotency key, e.g. `commit/12`. */
  readonly key: string
  readonly to: Address
  readonly data: Hex
  readonly functionName: string
  /** Lower goes first. */
  readonly priority: number
  /** Block time in seconds after which it is pointless; null for a claim, which can wait. */
  readonly deadline: number | null
}

export type ActionRow = Action & {
  readonly position: number
  readonly state: ActionState
  readonly nonce: number | null
  readonly receipt: Receipt | null
  /** The reason for which it failed, with its code. */
  readonly failure: { readonly code: string; readonly message: string } | null
}

/** A signed transaction. `key` is empty for one that only fills a nonce. */
export type Attempt = {
  readonly hash: Hex
  readonly key: string
  readonly nonce: number
  readonly raw: Hex
  readonly gas: bigint
  readonly maxFeePerGas: bigint
  readonly maxPriorityFeePerGas: bigint
  /** The head when it was signed. */
  readonly atBlock: bigint
}

/** Enough of a signed transaction to look for it on the chain. */
export type Signed = Pick<Attempt, 'hash' | 'key' | 'nonce'>

/** The tables of the transaction sender, to be created by a migration of the store they live in. */
export const transactionTables = `
CREATE TABLE tx_action (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  key TEXT NOT NULL,
  "to" TEXT NOT NULL, data TEXT NOT NULL, function_name TEXT NOT NULL,
  priority INTEGER NOT NULL, deadline INTEGER,
  state TEXT NOT NULL, nonce INTEGER, receipt TEXT, failure TEXT,
  UNIQUE (account, key)
) STRICT;
CREATE INDEX tx_action_open ON tx_action (account, state);
CREATE TABLE tx_attempt (
  hash TEXT PRIMARY KEY,
  account TEXT NOT NULL,
  key TEXT NOT NULL, nonce INTEGER NOT NULL, raw TEXT NOT NULL, gas TEXT NOT NULL,
  max_fee TEXT NOT NULL, max_tip TEXT NOT NULL, at_block TEXT NOT NULL,
  settled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tx_attempt_open ON tx_attempt (account, settled, nonce);
CREATE TABLE tx_spend (
  account TEXT NOT NULL, hash TEXT NOT NULL, wei TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (account, hash)
) STRICT;
`

export type TransactionStore = ReturnType<typeof createTransactionStore>

/**
 * The memory of one account's sender, in the daemon's own store, so that an action can be recorded in the same SQLite transaction as
 * the step of the daemon that needs it.
 */
export function createTransactionStore(store: Store, account: Address) {
  return {
    find(key: string): ActionRow | null {
      const row = store.get`SELECT * FROM tx_action WHERE account = ${account} AND key = ${key}`
      return row === undefined ? null : toAction(row)
    },
    /** Actions that are not over, oldest first. */
    open: (): ActionRow[] =>
      store.all`SELECT * FROM tx_action
        WHERE account = ${account} AND state IN ('queued', 'pending', 'displaced', 'mined') ORDER BY position`.map(
        toAction,
      ),
    /** Whether there is an action that is not over, or a nonce that is not decided for good. */
    hasOpen: (): boolean =>
      store.get`SELECT 1 FROM tx_action
        WHERE account = ${account} AND state IN ('queued', 'pending', 'displaced', 'mined')
        UNION ALL SELECT 1 FROM tx_attempt WHERE account = ${account} AND settled = 0 LIMIT 1` !== undefined,
    /** Whether an action waits to be mined. */
    hasUnmined: (): boolean =>
      store.get`SELECT 1 FROM tx_action
        WHERE account = ${account} AND state IN ('queued', 'pending', 'displaced') LIMIT 1` !== undefined,
    /** Actions that are to be signed, or signed and not mined, oldest first. */
    waiting: (): ActionRow[] =>
      store.all`SELECT * FROM tx_action
        WHERE account = ${account} AND state IN ('queued', 'pending') ORDER BY position`.map(toAction),
    /** Keys and nonces of the actions that are recorded as mined with this nonce or a higher one. */
    minedFrom: (nonce: number): { readonly key: string; readonly nonce: number }[] =>
      store.all`SELECT key, nonce FROM tx_action
        WHERE account = ${account} AND state = 'mined' AND nonce >= ${nonce}`.map(toPlace),
    /** Keys of the actions that have, or had, this nonce and are not over. */
    keysAt: (nonce: number): string[] =>
      store.all`SELECT key FROM tx_action
        WHERE account = ${account} AND state IN ('pending', 'displaced', 'mined') AND nonce = ${nonce}`.map(
        ({ key }) => key as string,
      ),
    /** Records a new action; replaces one of the same key, which must be over. */
    queue({ key, to, data, functionName, priority, deadline }: Action): void {
      store.run`INSERT OR REPLACE INTO tx_action (account, key, "to", data, function_name, priority, deadline, state)
        VALUES (${account}, ${key}, ${to}, ${data}, ${functionName}, ${priority}, ${deadline}, 'queued')`
    },
    update(key: string, change: Partial<Omit<ActionRow, 'state'>> & { state: ActionState }): void {
      const { state, nonce = null, receipt = null, failure = null } = change
      store.run`UPDATE tx_action
        SET state = ${state}, nonce = ${nonce}, receipt = ${toJson(receipt)}, failure = ${toJson(failure)}
        WHERE account = ${account} AND key = ${key}`
    },
    /** What was signed for nonces that are not decided for good, by nonce, oldest first. */
    signed: (): Signed[] =>
      store.all`SELECT hash, key, nonce FROM tx_attempt
        WHERE account = ${account} AND settled = 0 ORDER BY nonce, rowid`.map(toSigned),
    /** The signed transactions of those nonces from this one on, in the same order. */
    attemptsFrom: (nonce: number): Attempt[] =>
      store.all`SELECT * FROM tx_attempt
        WHERE account = ${account} AND settled = 0 AND nonce >= ${nonce} ORDER BY nonce, rowid`.map(toAttempt),
    addAttempt({ hash, key, nonce, raw, gas, maxFeePerGas, maxPriorityFeePerGas, atBlock }: Attempt): void {
      store.run(
        `INSERT INTO tx_attempt (hash, account, key, nonce, raw, gas, max_fee, max_tip, at_block)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[hash, account, key, nonce, raw, ...[gas, maxFeePerGas, maxPriorityFeePerGas, atBlock].map(String)],
      )
    },
    settleNonce(nonce: number): void {
      store.run`UPDATE tx_attempt SET settled = 1 WHERE account = ${account} AND settled = 0 AND nonce = ${nonce}`
    },
    /** Records what a mined transaction cost, at block time `at` (seconds). */
    addSpend(hash: Hex, wei: bigint, at: number): void {
      store.run`INSERT OR REPLACE INTO tx_spend (account, hash, wei, at) VALUES (${account}, ${hash}, ${`${wei}`}, ${at})`
    },
    /**
     * Wei spent on fees after block time `since` (seconds). What is older by another day is forgotten: no reorganisation makes it young again.
     */
    spentSince(since: number): bigint {
      const forgotten = since - 86_400
      const rows = store.all`SELECT wei, at FROM tx_spend WHERE account = ${account}`
      if (rows.some(({ at }) => Number(at) <= forgotten))
        store.run`DELETE FROM tx_spend WHERE account = ${account} AND at <= ${forgotten}`
      return rows.reduce((sum, { wei, at }) => (Number(at) > since ? sum + BigInt(wei as string) : sum), 0n)
    },
    /** When this returns, either everything in `work` is on disk or nothing is. It becomes part of a transaction that is already open. */
    atomically: <T>(work: () => T): T => store.transaction(work),
  }
}

const toAction = (row: Row): ActionRow => ({
  position: Number(row.position),
  key: row.key as string,
  to: row.to as Address,
  data: row.data as Hex,
  functionName: row.function_name as string,
  priority: Number(row.priority),
  deadline: row.deadline === null ? null : Number(row.deadline),
  state: row.state as ActionState,
  nonce: row.nonce === null ? null : Number(row.nonce),
  receipt: fromJson<Receipt>(row.receipt),
  failure: fromJson<{ code: string; message: string }>(row.failure),
})

const toPlace = (row: Row) => ({ key: row.key as string, nonce: Number(row.nonce) })
const toSigned = (row: Row): Signed => ({ hash: row.hash as Hex, ...toPlace(row) })

const toAttempt = (row: Row): Attempt => ({
  ...toSigned(row),
  raw: row.raw as Hex,
  gas: BigInt(row.gas as string),
  maxFeePerGas: BigInt(row.max_fee as string),
  maxPriorityFeePerGas: BigInt(row.max_tip as string),
  atBlock: BigInt(row.at_block as string),
})

const toJson = (value: unknown): string | null =>
  value === null ? null : JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))

const fromJson = <T>(text: unknown): T | null =>
  typeof text !== 'string'
    ? null
    : (JSON.parse(text, (_, v) => (typeof v === 'string' && /^\d+n$/.test(v) ? BigInt(v.slice(0, -1)) : v)) as T)

/** Whether recording the same key again means to try again. */
export const isOver = ({ state, receipt }: ActionRow): boolean =>
  state === 'failed' || state === 'expired' || receipt?.success === false
