/** What a Provider must not forget (what it has signed, what Checkers have promised to say about it), and how others read it while it runs. */
import type { Hex } from 'viem'
import { operatorSessionTable } from '../daemon/operator-session.ts'
import { ownChainTable } from '../daemon/own-chain.ts'
import type { Measures } from '../epoch/capacity.ts'
import { readFromStore, type Store, type StoreReader } from '../platform/store.ts'
import { toWire } from '../protocol/messages.ts'
import type { Signed, SignedMessage } from '../protocol/typed-data.ts'
import { flagBit } from '../protocol/verdict.ts'
import { providerErrors } from './errors.ts'
import { type BusyRound, type Pause, pauseTables, readBusyRounds, readPauses } from './pause.ts'

/** SQL of each schema version of a Provider's store. */
export const providerMigrations = [
  `CREATE TABLE commitment (
     round TEXT NOT NULL, device_id TEXT NOT NULL, epoch INTEGER NOT NULL, hash TEXT NOT NULL,
     message TEXT NOT NULL, signature TEXT NOT NULL, PRIMARY KEY (round, device_id)) STRICT;
   CREATE TABLE receipt (
     epoch INTEGER NOT NULL, device_id TEXT NOT NULL, checker TEXT NOT NULL, message TEXT NOT NULL, signature TEXT NOT NULL,
     PRIMARY KEY (epoch, device_id, checker)) STRICT;
   CREATE TABLE refusal (
     time INTEGER NOT NULL, checker TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL) STRICT;`,
  'CREATE TABLE environment (epoch INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT;',
  operatorSessionTable,
  `CREATE TABLE request (
     commitment_hash TEXT NOT NULL, checker TEXT NOT NULL, epoch INTEGER NOT NULL, secret TEXT NOT NULL,
     sampling_block TEXT NOT NULL, PRIMARY KEY (commitment_hash, checker)) STRICT;
   CREATE INDEX commitment_hash ON "commitment" (hash);
   CREATE INDEX refusal_time ON refusal (checker, time);`,
  ownChainTable,
  // A reorg may replace the sampling block. A seat asks again with the other block, and always with the same secret.
  `CREATE TABLE asked (
     commitment_hash TEXT NOT NULL, checker TEXT NOT NULL, epoch INTEGER NOT NULL, secret TEXT NOT NULL,
     sampling_block TEXT NOT NULL, PRIMARY KEY (commitment_hash, checker, sampling_block)) STRICT;
   INSERT INTO asked SELECT commitment_hash, checker, epoch, secret, sampling_block FROM request;
   DROP TABLE request;
   ALTER TABLE asked RENAME TO request;`,
  `ALTER TABLE "commitment" ADD COLUMN notes TEXT NOT NULL DEFAULT '';`,
  'ALTER TABLE receipt ADD COLUMN measures TEXT;',
  pauseTables,
] as const

type CommitmentRow = { hash: Hex; message: string; signature: Hex; notes: string }

/** With what the kind of round needs, beside the commitment, to do the work again. */
export type RecordedCommitment = Signed<'Commitment'> & { readonly notes: string }

export type ProviderJournal = ReturnType<typeof createProviderJournal>

/** A minute, in ms. */
const refusalSpanMs = 60_000
const refusalsPerSpan = 10
const keptRefusals = 10_000

export function createProviderJournal(store: Store) {
  const read = (round: Hex, deviceId: Hex) =>
    store.get<CommitmentRow>`
      SELECT hash, message, signature, notes FROM "commitment" WHERE round = ${round} AND device_id = ${deviceId}`
  return {
    /**
     * Keeps a commitment before it is sent. The same one again changes nothing.
     * @throws PROVIDER_SECOND_COMMITMENT when the device has another one for this round
     */
    recordCommitment(hash: Hex, { message, signature, notes }: RecordedCommitment): void {
      store.transaction(() => {
        const { round, deviceId, epoch } = message
        const known = read(round, deviceId)
        if (known?.hash === hash) return
        if (known !== undefined) throw providerErrors.PROVIDER_SECOND_COMMITMENT({ round })
        store.run`INSERT INTO "commitment" (round, device_id, epoch, hash, message, signature, notes)
          VALUES (${round}, ${deviceId}, ${epoch}, ${hash}, ${JSON.stringify(toWire(message))}, ${signature}, ${notes})`
      })
    },
    commitmentOf(round: Hex, deviceId: Hex): RecordedCommitment | null {
      const row = read(round, deviceId)
      if (row === undefined) return null
      const stored = JSON.parse(row.message) as SignedMessage<'Commitment'>
      return {
        message: { ...stored, epoch: BigInt(stored.epoch), rows: BigInt(stored.rows) },
        signature: row.signature,
        notes: row.notes,
      }
    },
    /** The epoch of a commitment that was recorded, by its hash. */
    epochOfCommitment(hash: Hex): number | null {
      const row = store.get<{ epoch: bigint }>`SELECT epoch FROM "commitment" WHERE hash = ${hash}`
      return row === undefined ? null : Number(row.epoch)
    },
    /**
     * Keeps a seat's sample request before it is answered. The same request again changes nothing; one for another block is kept too.
     * @throws PROVIDER_SECOND_REQUEST when the seat asked with another secret about this commitment
     */
    recordRequest(
      epoch: bigint,
      { commitmentHash, checker, secret, samplingBlockHash }: SignedMessage<'SampleRequest'>,
    ): void {
      store.transaction(() => {
        const known = store.get<{ secret: Hex }>`
          SELECT secret FROM request WHERE commitment_hash = ${commitmentHash} AND checker = ${checker}`
        if (known !== undefined && known.secret !== secret)
          throw providerErrors.PROVIDER_SECOND_REQUEST({ checker, commitmentHash })
        store.run`INSERT OR IGNORE INTO request (commitment_hash, checker, epoch, secret, sampling_block)
          VALUES (${commitmentHash}, ${checker}, ${epoch}, ${secret}, ${samplingBlockHash})`
      })
    },
    /** Keeps a seat's receipt for a device's epoch, and what its rate is made of; only the first counts. @returns whether it was kept */
    recordReceipt(checker: Hex, { message, signature }: Signed<'Receipt'>, measures: Measures | null): boolean {
      const { epoch, deviceId } = message
      const changes = store.run`INSERT OR IGNORE INTO receipt (epoch, device_id, checker, message, signature, measures)
        VALUES (${epoch}, ${deviceId}, ${checker}, ${JSON.stringify(toWire(message))}, ${signature},
          ${measures && JSON.stringify(measures)})`
      return changes > 0
    },
    receipts: (deviceId: Hex, epoch: number): { readonly checker: Hex; readonly receipt: Signed<'Receipt'> }[] =>
      store.all<{ checker: Hex; message: string; signature: Hex }>`
        SELECT checker, message, signature FROM receipt WHERE device_id = ${deviceId} AND epoch = ${epoch}
        ORDER BY checker`.map(({ checker, message, signature }) => {
        const stored = JSON.parse(message) as SignedMessage<'Receipt'>
        return { checker, receipt: { message: { ...stored, epoch: BigInt(stored.epoch) }, signature } }
      }),
    /** Keeps the environment record (canonical text) that the reports of an epoch carry from now on. */
    recordEnvironment: (epoch: number, record: string): void =>
      void store.run`INSERT OR REPLACE INTO environment (epoch, record) VALUES (${epoch}, ${record})`,
    environment: (epoch: number): string | null =>
      store.get<{ record: string }>`SELECT record FROM environment WHERE epoch = ${epoch}`?.record ?? null,
    /** Keeps a refusal by a Checker, at most ten a minute for each Checker. @returns whether it was kept */
    recordRefusal(
      time: number,
      { checker, code, message }: { readonly checker: Hex; readonly code: string; readonly message: string },
    ): boolean {
      const [from, to] = [time - refusalSpanMs, time + refusalSpanMs]
      const changes = store.run`INSERT INTO refusal (time, checker, code, message)
        SELECT ${time}, ${checker}, ${code}, ${message} WHERE
          (SELECT count(*) FROM refusal WHERE checker = ${checker} AND time BETWEEN ${from} AND ${to}) < ${refusalsPerSpan}`
      return changes > 0
    },
    /** Deletes the records of epochs before this one, and all but the newest refusals. */
    prune(epoch: number): void {
      store.transaction(() => {
        for (const table of ['"commitment"', 'request', 'receipt', 'environment', 'busy'])
          store.run(`DELETE FROM ${table} WHERE epoch < ?`, epoch)
        store.run('DELETE FROM refusal WHERE rowid <= (SELECT max(rowid) FROM refusal) - ?', keptRefusals)
      })
    },
  }
}

export type CommittedRound = {
  readonly epoch: number
  readonly round: Hex
  readonly deviceId: Hex
  /** Rows or steps, by the kind of round. */
  readonly units: number
  readonly specHash: Hex
  readonly commitmentHash: Hex
}

/** A receipt: a Checker's signed word on a device's epoch. */
export type ReceiptSummary = {
  readonly epoch: number
  readonly deviceId: Hex
  readonly checker: Hex
  /** The capacity as in the opening (minifloat). */
  readonly rate: number
  readonly uptime: number
  readonly flags: readonly (keyof typeof flagBit)[]
  /** What the capacity is made of; null where the Checker did not say it so that it fits. */
  readonly measures: Measures | null
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
  /** Pauses of devices, those that are over included where no daemon has ended them. */
  readonly pauses: readonly Pause[]
  readonly busy: readonly BusyRound[]
}

/**
 * @param file - the store of its daemon, or null where there is none
 * @param limit - most entries of each kind
 * @returns null where there is no journal (yet), or it cannot be read
 */
export const readProviderRecords = (file: string | null, limit: number): ProviderRecords | null =>
  readFromStore(file, store => ({
    rounds: readRounds(store, limit),
    receipts: readReceipts(store, limit),
    pauses: readPauses(store),
    busy: readBusyRounds(store, limit),
    refusals: store.all<Omit<RefusalRecord, 'time'> & { time: bigint }>`
      SELECT time, checker, code, message FROM refusal ORDER BY rowid DESC LIMIT ${limit}`.map(row => ({
      ...row,
      time: Number(row.time),
    })),
  }))

const readRounds = (store: StoreReader, limit: number): CommittedRound[] =>
  store.all<{ epoch: bigint; round: Hex; deviceId: Hex; commitmentHash: Hex; message: string }>`
    SELECT epoch, round, device_id AS deviceId, hash AS commitmentHash, message FROM "commitment"
    ORDER BY rowid DESC LIMIT ${limit}`.map(({ epoch, message, ...row }) => {
    const { rows, specHash } = JSON.parse(message) as { rows: string; specHash: Hex }
    return { ...row, epoch: Number(epoch), units: Number(rows), specHash }
  })

const readReceipts = (store: StoreReader, limit: number): ReceiptSummary[] =>
  store.all<{ epoch: bigint; deviceId: Hex; checker: Hex; message: string; measures: string | null }>`
    SELECT epoch, device_id AS deviceId, checker, message, measures FROM receipt
    ORDER BY rowid DESC LIMIT ${limit}`.map(({ epoch, message, measures, ...row }) => {
    const { rate, uptime, flags } = JSON.parse(message) as { rate: number; uptime: number; flags: number }
    return {
      ...{ ...row, epoch: Number(epoch), rate, uptime },
      flags: (Object.keys(flagBit) as (keyof typeof flagBit)[]).filter(flag => (flags & flagBit[flag]) !== 0),
      measures: measures === null ? null : (JSON.parse(measures) as Measures),
    }
  })
