/** Reads a Provider's journal from another process, also while the daemon runs. Newest first. */
import type { Hex } from 'viem'
import { readStore, type StoreReader } from '../platform/read-store.ts'
import { flagBit } from '../protocol/verdict.ts'

export type CommittedRound = {
  readonly epoch: number
  readonly round: Hex
  readonly deviceId: Hex
  readonly rows: number
  readonly commitmentHash: Hex
}

/** A receipt: a Checker's signed word on a device's epoch. */
export type ReceiptSummary = {
  readonly epoch: number
  readonly deviceId: Hex
  readonly checker: Hex
  /** The rate as in the opening (minifloat). */
  readonly rate: number
  readonly uptime: number
  readonly flags: readonly (keyof typeof flagBit)[]
}

type RefusalRecord = {
  /** Milliseconds since 1970. */
  readonly time: number
  readonly checker: Hex
  readonly code: string
  readonly message: string
}

export type ProviderRecords = {
  readonly rounds: readonly CommittedRound[]
  readonly receipts: readonly ReceiptSummary[]
  readonly refusals: readonly RefusalRecord[]
}

/**
 * @param file - the store of its daemon, or null where there is none
 * @param limit - most entries of each kind
 * @returns null where there is no journal (yet), or it cannot be read
 */
export function readProviderRecords(file: string | null, limit: number): ProviderRecords | null {
  const store = file === null ? null : readStore(file)
  if (store === null) return null
  try {
    return {
      rounds: readRounds(store, limit),
      receipts: readReceipts(store, limit),
      refusals: store
        .all<{ time: bigint; checker: Hex; code: string; message: string }>(
          'SELECT time, checker, code, message FROM refusal ORDER BY rowid DESC LIMIT ?',
          limit,
        )
        .map(row => ({ ...row, time: Number(row.time) })),
    }
  } catch {
    // A journal of before its first migration has none of these tables.
    return null
  } finally {
    store.close()
  }
}

const readRounds = (store: StoreReader, limit: number): CommittedRound[] =>
  store
    .all<{ epoch: bigint; round: Hex; device_id: Hex; hash: Hex; message: string }>(
      'SELECT epoch, round, device_id, hash, message FROM "commitment" ORDER BY rowid DESC LIMIT ?',
      limit,
    )
    .map(({ epoch, round, device_id, hash, message }) => ({
      epoch: Number(epoch),
      round,
      deviceId: device_id,
      rows: Number((JSON.parse(message) as { rows: string }).rows),
      commitmentHash: hash,
    }))

const readReceipts = (store: StoreReader, limit: number): ReceiptSummary[] =>
  store
    .all<{ epoch: bigint; device_id: Hex; checker: Hex; message: string }>(
      'SELECT epoch, device_id, checker, message FROM receipt ORDER BY rowid DESC LIMIT ?',
      limit,
    )
    .map(({ epoch, device_id, checker, message }) => {
      const { rate, uptime, flags } = JSON.parse(message) as { rate: number; uptime: number; flags: number }
      return {
        epoch: Number(epoch),
        deviceId: device_id,
        checker,
        rate,
        uptime,
        flags: (Object.keys(flagBit) as (keyof typeof flagBit)[]).filter(flag => (flags & flagBit[flag]) !== 0),
      }
    })
