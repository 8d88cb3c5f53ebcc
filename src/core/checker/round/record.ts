/**
 * Keeps a verdict with what it rests on: evidence bundle, contradiction and verdict reach the disk in one transaction, several at once
 * where they come together, and are tried again at the next block where the disk is full.
 *
 * Why: docs/why/evidence.md
 */
import type { Hex } from 'viem'
import type { Job } from '../../job/jobs.ts'
import { isKaisarError } from '../../platform/errors.ts'
import type { Logger } from '../../platform/log.ts'
import type { Store } from '../../platform/store.ts'
import { storeErrors } from '../../platform/store-errors.ts'
import type { MessageBody } from '../../protocol/messages.ts'
import type { Signed } from '../../protocol/typed-data.ts'
import { encodeBusyBundle } from '../../report/busy-bundle.ts'
import { bundleHash, type EvidenceBundle, encodeBundle } from '../../report/evidence-bundle.ts'
import type { WrongWork } from '../../report/wrong-work.ts'
import type { JudgedRound } from '../epoch/pack.ts'
import type { DeviceCheckRecord } from '../journal.ts'
import type { RoundCheck } from './check.ts'
import type { RoundJudgeDependencies } from './judge.ts'
import type { SeatDevice, SeatRound } from './seat-round.ts'

export type ConcludedRound = Pick<RoundEvidence, 'offer' | 'request' | 'openings' | 'check' | 'forwarded'> & {
  readonly round: SeatRound
  readonly device: SeatDevice
  readonly judged: JudgedRound
}

/** @returns whether the verdict is new and stands. @throws as store and disk do; it may be called again */
export function recordVerdict(
  { network, job }: Pick<RoundEvidence, 'network' | 'job'>,
  { round, device, judged, ...known }: ConcludedRound,
  { journal, evidence, crashPoint = () => {} }: Pick<RoundJudgeDependencies, 'journal' | 'evidence' | 'crashPoint'>,
): boolean {
  const { epoch, epochSeed, trigger } = round
  const { deviceId, generation } = device
  const { commitment, commitmentHash, contradiction, witness } = known.check
  const reported = journal.deviceCheck(epoch, deviceId)
  const bundle = roundEvidence({ network, job, epochSeed, ...known, reported })
  const about = { round: trigger.hash, deviceId, epoch, generation, commitmentHash, commitment }
  return journal.transaction(() => {
    const kept = bundle === null ? null : evidence.keep(bundle)
    if (bundle !== null) crashPoint('checker.evidence-kept')
    if (commitment !== null && contradiction !== null) journal.recordContradiction(commitment, contradiction)
    return journal.recordVerdict({ ...judged, ...about, evidence: kept, witness })
  })
}

export type RoundEvidence = Pick<EvidenceBundle, 'network' | 'epochSeed' | 'openings'> & {
  readonly job: Pick<Job, 'kind' | 'spec' | 'bundle'>
  readonly offer: Signed<'JobOffer'> | null
  readonly request: Signed<'SampleRequest'> | null
  readonly check: RoundCheck
  /** What another seat proved wrong. */
  readonly forwarded: WrongWork | null
  readonly reported: DeviceCheckRecord | null
}

/** The bytes of its bundle; null where nothing was signed, so that there is nothing to show. */
function roundEvidence(known: RoundEvidence): Uint8Array | null {
  const { network, offer, check } = known
  if (check.judged?.verdict === 'BUSY' && offer !== null && check.busy !== null)
    return encodeBusyBundle({ network, offer, busy: check.busy })
  const bundle = workEvidence(known)
  return bundle === null ? null : encodeBundle(bundle, known.job.bundle)
}

function workEvidence(known: RoundEvidence): EvidenceBundle | null {
  const { network, epochSeed, job, offer, request, openings, check, forwarded, reported } = known
  const { commitment, contradiction, witness, marks } = check
  const { kind, spec, bundle: form } = job
  if (commitment === null || offer === null) return null
  // One that did not hold would make a bundle that nobody can verify: a device could have its seats taken for false ones.
  const holds = reported?.deviceValid === true && reported.environmentValid
  const isNamed = holds && reported.environmentHash === commitment.message.environmentHash
  const deviceReport = isNamed ? (JSON.parse(reported.report) as MessageBody<'device.report'>) : null
  const isEmpty = openings.length === 0 && commitment.message.rows === 0n
  const bundle: EvidenceBundle = {
    ...{ network, epochSeed, kind, spec, offer, commitment, openings, deviceReport, ...(form.marks && { marks }) },
    ...{ environment: deviceReport?.environment ?? null, request: isEmpty ? null : request },
  }
  if (contradiction !== null) return { ...bundle, against: { commitment: contradiction } }
  // The seat's own sample may be right: what it adopted rests on the forwarded place alone.
  return forwarded === null
    ? { ...bundle, ...(witness !== null && check.judged?.verdict === 'VALID' && { witness }) }
    : { ...bundle, request: null, openings: forwarded.openings, against: { wrongRow: forwarded.place } }
}

/** Writes, in a transaction, and returns what is to be told of it once it is on disk. */
type PendingRecord = () => (() => void) | undefined

export function createPendingRecords({ log, transaction }: { readonly log: Logger } & Pick<Store, 'transaction'>) {
  /** Not tried yet. */
  let fresh: PendingRecord[] = []
  /** Refused, or behind one that the disk refused. */
  let waiting: PendingRecord[] = []
  /** Whether the disk refused what was tried last: then it is not asked for the others. */
  let isRefusing = false
  let isGathering = false
  const reported = new WeakSet<PendingRecord>()

  /** Writes in order, up to what the disk refuses. Returns the records that could not be written. */
  function flush(records: readonly PendingRecord[]): readonly PendingRecord[] {
    const [first] = records
    if (first === undefined || isRefusing) return records
    let news: readonly ReturnType<PendingRecord>[]
    try {
      news = transaction(() => records.map(record => record()))
    } catch (error) {
      isRefusing = isKaisarError(error) && error.code in storeErrors
      // One that can never be written must not hold up the others.
      if (records.length > 1 && !isRefusing) return records.flatMap(record => flush([record]))
      if (!reported.has(first)) log.error({ error }, 'a record could not be written; it is tried again')
      reported.add(first)
      return records
    }
    for (const tell of news) tell?.()
    return []
  }
  function writeFresh() {
    if (isGathering) return
    const records = fresh
    fresh = []
    const left = flush(records)
    waiting.push(...left)
  }

  return {
    /** Tries again what waits, in order: once a block, since a full disk is full for each of them. */
    retry(): void {
      const [first, ...others] = waiting
      if (isGathering || first === undefined) return
      waiting = []
      isRefusing = false
      // One alone shows whether the disk takes any: the others are not made for nothing.
      const left = [...flush([first]), ...flush(others)]
      waiting = [...left, ...waiting]
    },
    /** Writes now, or once what waits is tried again. Never throws. */
    write(record: PendingRecord): void {
      fresh.push(record)
      writeFresh()
    },
    /** What `work` writes reaches the disk in one transaction, when `work` is over. */
    together(work: () => void): void {
      isGathering = true
      try {
        work()
      } finally {
        isGathering = false
        writeFresh()
      }
    },
  }
}

export const evidenceTable = 'CREATE TABLE evidence (hash TEXT PRIMARY KEY, bundle BLOB NOT NULL) STRICT;'

export type EvidenceStore = ReturnType<typeof createEvidenceStore>

export function createEvidenceStore(store: Store) {
  return {
    /** Keeps the bytes of a bundle and returns their content address. */
    keep(bytes: Uint8Array): Hex {
      const hash = bundleHash(bytes)
      store.run('INSERT OR IGNORE INTO evidence VALUES (?, ?)', hash, bytes)
      return hash
    },
    /** The bytes of a bundle, or null; any other name than a hash finds nothing. */
    read: (hash: string): Uint8Array | null =>
      store.get<{ bundle: Uint8Array }>('SELECT bundle FROM evidence WHERE hash = ?', hash)?.bundle ?? null,
  }
}
