/** What a Checker must not forget: verdicts, what it asked and was told, what it committed to. */
import type { Address, Hex } from 'viem'
import type { OpeningWords } from '../epoch/opening.ts'
import type { Sliced } from '../platform/slices.ts'
import type { Store } from '../platform/store.ts'
import type { RoundKindName } from '../protocol/constants.ts'
import { toWire } from '../protocol/messages.ts'
import type { EpochRounds, Trigger } from '../protocol/trigger.ts'
import type { Signed, SignedMessage } from '../protocol/typed-data.ts'
import type { Figures, Verdict } from '../protocol/verdict.ts'
import { type Duty, dutyOf } from './duty.ts'
import type { JudgedRound } from './epoch/pack.ts'

/** A host is updated once or twice in an epoch; one that reports ever new environments fills no disk. */
const mostEnvironments = 8
/** Verdicts that are forgotten in one transaction. */
const prunedAtOnce = 64

export type RecordedVerdict = JudgedRound & {
  readonly round: Hex
  readonly deviceId: Hex
  readonly epoch: number
  readonly generation: number
  readonly commitmentHash: Hex | null
  readonly commitment: Signed<'Commitment'> | null
  /** Content address of the evidence bundle, or null where there is nothing to show. */
  readonly evidence: Hex | null
  /** The witness that this seat recomputed the rows; null where it did not have to, or recorded the verdict before leaves carried one. */
  readonly witness: Hex | null
}

export type DeviceCheckRecord = {
  readonly deviceId: Hex
  readonly epoch: number
  readonly deviceValid: boolean
  readonly environmentValid: boolean
  /** keccak256 of the environment record that was reported; the epoch's commitments must carry it. */
  readonly environmentHash: Hex
  /** What was wrong or worth noting, as sentences with their codes. */
  readonly findings: readonly { readonly code: string; readonly detail: string }[]
  /** The signed report with its records, as JSON, for the evidence bundle. */
  readonly report: string
}

export type CheckerJournal = ReturnType<typeof createCheckerJournal>

type RecordedDuty = Pick<Duty, 'cohortCount' | 'devices'> & { readonly committees: [number, readonly Address[]][] }

type VerdictRow = Omit<RecordedVerdict, 'epoch' | 'generation' | 'figures' | 'commitment'> & {
  readonly epoch: bigint
  readonly generation: bigint
  readonly figures: string
  readonly commitment: string | null
  readonly signature: Hex | null
}
/** Columns of a verdict by the names that they have here. */
const verdictColumns = `round, device_id AS deviceId, epoch, generation, verdict, reason, detail, kind, figures,
  commitment_hash AS commitmentHash, commitment, signature, evidence, witness`

type CheckRow = Pick<DeviceCheckRecord, 'environmentHash' | 'report'> & {
  readonly deviceValid: bigint
  readonly environmentValid: bigint
  readonly findings: string
}

export function createCheckerJournal(store: Store) {
  const keepVerdict = ({ figures, commitment, ...v }: RecordedVerdict) =>
    store.run`INSERT OR REPLACE INTO verdict (round, device_id, epoch, generation, verdict, reason, detail, kind, figures,
        commitment_hash, commitment, signature, evidence, witness)
      VALUES (${v.round}, ${v.deviceId}, ${v.epoch}, ${v.generation}, ${v.verdict}, ${v.reason}, ${v.detail}, ${v.kind},
        ${JSON.stringify(figures)}, ${v.commitmentHash}, ${commitment && JSON.stringify(toWire(commitment.message))},
        ${commitment?.signature ?? null}, ${v.evidence}, ${v.witness})`
  const revisions = new Map<number, number>()
  const change = (epoch: number) => void revisions.set(epoch, (revisions.get(epoch) ?? 0) + 1)
  const isCommitted = (epoch: number) => store.get`SELECT 1 FROM seat_commitment WHERE epoch = ${epoch}` !== undefined
  return {
    /** What `work` records reaches the disk together, or not at all. */
    transaction: store.transaction,
    /** Keeps what was read of an epoch; another one replaces it. */
    keepDuty({ epoch, seed, cohortCount, committees, devices }: Duty): void {
      const read = JSON.stringify({ cohortCount, committees: [...committees], devices })
      store.run`INSERT OR REPLACE INTO duty VALUES (${epoch}, ${seed}, ${read})`
    },
    /** What was read of this epoch when it had this seed: the chain forgets what was frozen before audits are answered. */
    duty(epoch: number, rounds: EpochRounds): Duty | null {
      const { seed } = rounds
      const row = store.get<{ duty: string }>`SELECT duty FROM duty WHERE epoch = ${epoch} AND seed = ${seed}`
      if (row === undefined) return null
      const { committees, ...read } = JSON.parse(row.duty) as RecordedDuty
      return dutyOf({ epoch, seed, rounds, ...read, committees: new Map(committees) })
    },
    /**
     * Makes these the rounds of the epoch: others are dropped with their verdicts, and those that were missed are there without one.
     * Changes nothing once the epoch is committed to.
     */
    keepRounds: (epoch: number, rounds: readonly Trigger[]): void =>
      store.transaction(() => {
        if (isCommitted(epoch)) return
        change(epoch)
        store.run`DELETE FROM round WHERE epoch = ${epoch}`
        for (const { hash, ordinal, slot, number, timestamp, kind } of rounds)
          store.run`INSERT INTO round VALUES (${epoch}, ${hash}, ${ordinal}, ${slot}, ${number}, ${timestamp}, ${kind})`
        store.run`DELETE FROM verdict
          WHERE epoch = ${epoch} AND round NOT IN (SELECT hash FROM round WHERE epoch = ${epoch})`
      }),
    /** The epoch's rounds by ordinal. */
    rounds: (epoch: number): Trigger[] =>
      store.all<{ hash: Hex; ordinal: bigint; slot: bigint; number: bigint; timestamp: bigint; kind: RoundKindName }>`
        SELECT hash, ordinal, slot, number, timestamp, kind FROM round WHERE epoch = ${epoch} ORDER BY ordinal`.map(
        ({ ordinal, slot, timestamp, ...row }) => ({
          ...row,
          ...{ ordinal: Number(ordinal), slot: Number(slot), timestamp: Number(timestamp) },
        }),
      ),
    /**
     * The first verdict of a device and round stands; only a proven WRONG replaces it, and none once the epoch is committed to:
     * what was committed must stay what the evidence says. Returns whether this one was kept.
     */
    recordVerdict: (verdict: RecordedVerdict): boolean =>
      store.transaction(() => {
        const { round, deviceId } = verdict
        const known = store.get<{ verdict: Verdict }>`
          SELECT verdict FROM verdict WHERE round = ${round} AND device_id = ${deviceId}`
        if (isCommitted(verdict.epoch)) return false
        if (known !== undefined && (known.verdict === 'WRONG' || verdict.verdict !== 'WRONG')) return false
        change(verdict.epoch)
        keepVerdict(verdict)
        return true
      }),
    verdicts: (epoch: number, deviceId?: Hex): RecordedVerdict[] =>
      (deviceId === undefined
        ? store.all<VerdictRow>(
            `SELECT ${verdictColumns} FROM verdict WHERE epoch = ? ORDER BY device_id, round`,
            epoch,
          )
        : store.all<VerdictRow>(
            `SELECT ${verdictColumns} FROM verdict WHERE epoch = ? AND device_id = ? ORDER BY round`,
            ...[epoch, deviceId],
          )
      ).map(toVerdict),
    /** Rate of the device's last valid tensor round in Mop/s, or null. */
    lastRate: (deviceId: Hex): number | null =>
      store.get<{ rate: number | null }>`
        SELECT CAST(json_extract(figures, '$.tensor') AS REAL) AS rate FROM verdict
        WHERE device_id = ${deviceId} AND kind = 'tensor' AND verdict = 'VALID' ORDER BY epoch DESC, rowid DESC LIMIT 1`
        ?.rate ?? null,
    /** Says of a verdict why it does not count, where only the whole epoch tells. */
    nameReason: (round: Hex, deviceId: Hex, { reason, detail }: Pick<RecordedVerdict, 'reason' | 'detail'>): void =>
      void store.run`UPDATE verdict SET reason = ${reason}, detail = ${detail}
        WHERE round = ${round} AND device_id = ${deviceId} AND reason != ${reason}`,
    /** Nothing once the epoch is committed to. */
    recordDeviceCheck: (check: DeviceCheckRecord): void =>
      store.transaction(() => {
        const { epoch, deviceId, deviceValid, environmentValid, environmentHash, findings, report } = check
        if (isCommitted(epoch)) return
        change(epoch)
        // A device that was valid stays so for the epoch: evidence may fail to come once, and an environment counts by its own hash.
        store.run`INSERT INTO device_check VALUES (${epoch}, ${deviceId}, ${deviceValid ? 1 : 0}, ${environmentValid ? 1 : 0},
            ${environmentHash}, ${JSON.stringify(findings)}, ${report}) ON CONFLICT DO UPDATE SET
            device_valid = excluded.device_valid, environment_valid = excluded.environment_valid,
            environment_hash = excluded.environment_hash, findings = excluded.findings, report = excluded.report
          WHERE device_valid + environment_valid < 2 OR excluded.device_valid + excluded.environment_valid = 2`
        if (deviceValid && environmentValid)
          store.run`INSERT OR IGNORE INTO confirmed_environment SELECT ${epoch}, ${deviceId}, ${environmentHash} WHERE
            (SELECT count(*) FROM confirmed_environment WHERE epoch = ${epoch} AND device_id = ${deviceId}) < ${mostEnvironments}`
      }),
    /** Hashes of the environments that were reported in an epoch and found valid: more than one where its host was updated meanwhile. */
    confirmedEnvironments(epoch: number, deviceId: Hex): ReadonlySet<Hex> {
      const confirmed = store.all<{ hash: Hex }>`
        SELECT hash FROM confirmed_environment WHERE epoch = ${epoch} AND device_id = ${deviceId}`
      return new Set(confirmed.map(({ hash }) => hash))
    },
    deviceCheck(epoch: number, deviceId: Hex): DeviceCheckRecord | null {
      const row = store.get<CheckRow>`
        SELECT device_valid AS deviceValid, environment_valid AS environmentValid, environment_hash AS environmentHash,
          findings, report FROM device_check WHERE epoch = ${epoch} AND device_id = ${deviceId}`
      if (row === undefined) return null
      const [deviceValid, environmentValid] = [row.deviceValid === 1n, row.environmentValid === 1n]
      return { ...row, deviceId, epoch, deviceValid, environmentValid, findings: JSON.parse(row.findings) }
    },
    /** Changes with whatever an opening of this epoch is made of: rounds, verdicts, checks of devices. */
    revision: (epoch: number): number => revisions.get(epoch) ?? 0,
    /** Keeps the openings and their root in one transaction; a second call for an epoch changes nothing. */
    recordOpenings: (epoch: number, root: Hex, salt: Hex, openings: ReadonlyMap<number, readonly bigint[]>): void =>
      store.transaction(() => {
        if (store.run`INSERT OR IGNORE INTO seat_commitment VALUES (${epoch}, ${root}, ${salt})` === 0) return
        for (const [cohort, words] of openings) {
          const text = words.map(word => word.toString(16)).join(' ')
          store.run`INSERT INTO opening VALUES (${epoch}, ${cohort}, ${text})`
        }
      }),
    seatCommitment: (epoch: number): { readonly root: Hex; readonly salt: Hex } | null =>
      store.get<{ root: Hex; salt: Hex }>`SELECT root, salt FROM seat_commitment WHERE epoch = ${epoch}` ?? null,
    /** By cohort. A journal holds what packing made: the words of an opening each. */
    openings(epoch: number): Map<number, OpeningWords> {
      const rows = store.all<{ cohort: bigint; words: string }>`
        SELECT cohort, words FROM opening WHERE epoch = ${epoch}`
      const toWords = (text: string) => text.split(' ').map(word => BigInt(`0x${word}`)) as unknown as OpeningWords
      return new Map(rows.map(({ cohort, words }) => [Number(cohort), toWords(words)]))
    },
    /** Keeps the nodes of a cohort's evidence tree, which proofs of its leaves are made of. */
    keepEvidenceTree: (epoch: number, cohort: number, nodes: Uint8Array): void =>
      void store.run`INSERT OR REPLACE INTO evidence_tree VALUES (${epoch}, ${cohort}, ${nodes})`,
    /** Null where an epoch was committed to before trees were kept. */
    evidenceTree: (epoch: number, cohort: number): Uint8Array | null =>
      store.get<{ nodes: Uint8Array }>`SELECT nodes FROM evidence_tree WHERE epoch = ${epoch} AND cohort = ${cohort}`
        ?.nodes ?? null,
    recordContradiction(first: Signed<'Commitment'>, second: Signed<'Commitment'>): void {
      const { round, deviceId } = first.message
      const [one, other] = [first, second].map(each => JSON.stringify(toWire(each))) as [string, string]
      store.run`INSERT OR IGNORE INTO contradiction VALUES (${round}, ${deviceId}, ${one}, ${other})`
    },
    /** Pairs of commitments of one device and round, oldest first. */
    contradictions: (): { readonly first: Signed<'Commitment'>; readonly second: Signed<'Commitment'> }[] =>
      store.all<{ first: string; second: string }>`SELECT first, second FROM contradiction ORDER BY rowid`.map(
        ({ first, second }) => ({ first: parseSigned(first), second: parseSigned(second) }),
      ),
    /**
     * Forgets the epochs before `first`, and evidence that no verdict names any more; a slice is {@link prunedAtOnce} verdicts with what
     * they rest on, tens of kilobytes each.
     */
    *prune(first: number): Sliced<void> {
      const old = 'FROM verdict WHERE epoch < ? ORDER BY epoch, device_id, rowid LIMIT ?'
      const pruneVerdicts = () =>
        store.transaction(() => {
          store.run(`DELETE FROM evidence WHERE hash IN (SELECT evidence ${old})`, first, prunedAtOnce)
          return store.run(`DELETE FROM verdict WHERE rowid IN (SELECT rowid ${old})`, first, prunedAtOnce)
        })
      while (pruneVerdicts() === prunedAtOnce) yield
      store.transaction(() => {
        for (const epoch of revisions.keys()) if (epoch < first) revisions.delete(epoch)
        for (const table of [
          'round',
          'device_check',
          'confirmed_environment',
          'opening',
          'evidence_tree',
          'seat_commitment',
          'duty',
        ])
          store.run(`DELETE FROM ${table} WHERE epoch < ?`, first)
        store.run("DELETE FROM contradiction WHERE CAST(json_extract(first, '$.message.epoch') AS INTEGER) < ?", first)
        // Of verdicts that another took the place of. Looked for in the index alone: the bundles themselves are hundreds of megabytes.
        store.run(`DELETE FROM evidence WHERE rowid IN (
          SELECT rowid FROM evidence WHERE hash NOT IN (SELECT evidence FROM verdict WHERE evidence IS NOT NULL))`)
      })
    },
  }
}

const toVerdict = ({ commitment, signature, ...row }: VerdictRow): RecordedVerdict => ({
  ...row,
  ...{ epoch: Number(row.epoch), generation: Number(row.generation), figures: JSON.parse(row.figures) as Figures },
  commitment: commitment === null ? null : { message: toCommitment(JSON.parse(commitment)), signature: signature! },
})

function parseSigned(text: string): Signed<'Commitment'> {
  const { message, signature } = JSON.parse(text) as Signed<'Commitment'>
  return { message: toCommitment(message), signature }
}

const toCommitment = (stored: SignedMessage<'Commitment'>): SignedMessage<'Commitment'> => ({
  ...stored,
  epoch: BigInt(stored.epoch),
  rows: BigInt(stored.rows),
})
