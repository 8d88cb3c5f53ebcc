/** One of some threads that write to the same databases at once: opens connections of its own, waits for the start, and says what became of it. */
import { parentPort, workerData } from 'node:worker_threads'
import type { Hex } from 'viem'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'

export type ParallelWriter = {
  readonly checkerPath: string
  readonly providerPath: string
  /** What it writes, through connections of its own each; other numbers for each thread. */
  readonly numbers: readonly number[]
  /** 0 until all may start. */
  readonly start: SharedArrayBuffer
}
export type Outcome = { readonly n: number; readonly kept: boolean; readonly code: string | null }
export type Outcomes = { readonly verdict: Outcome; readonly commitment: Outcome }

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const about = { round: hash(7), deviceId: hash(8), generation: 1 }
const { checkerPath, providerPath, numbers, start } = workerData as ParallelWriter
// Ten connections take turns on a host that may be busy.
const busyTimeoutMs = 60_000
const writers = numbers.map(n => ({
  n,
  checkers: openStore({ path: checkerPath, migrations: checkerMigrations, busyTimeoutMs }),
  providers: openStore({ path: providerPath, migrations: providerMigrations, busyTimeoutMs }),
}))
type Writer = (typeof writers)[number]

const recordVerdict = ({ n, checkers }: Writer) =>
  createCheckerJournal(checkers).recordVerdict({
    ...{ ...about, epoch: 3, commitmentHash: null, commitment: null, evidence: null, witness: null },
    ...{ verdict: n % 2 === 0 ? 'VALID' : 'TIMEOUT', reason: `REASON_${n}`, detail: '' },
    ...{ kind: 'tensor', figures: { tensor: n } },
  })
function recordCommitment({ n, providers }: Writer) {
  const message = { ...about, epoch: 3n, specHash: hash(9), rows: BigInt(n), root: hash(n), environmentHash: hash(10) }
  createProviderJournal(providers).recordCommitment(hash(n), { message, signature: '0x', notes: '' })
  return true
}
function outcomeOf(writer: Writer, write: (writer: Writer) => boolean): Outcome {
  const { n } = writer
  try {
    return { n, kept: write(writer), code: null }
  } catch (error) {
    return { n, kept: false, code: (error as { code?: string }).code ?? String(error) }
  }
}

parentPort!.postMessage('ready')
Atomics.wait(new Int32Array(start), 0, 0)
const outcomes = writers.map(
  (writer): Outcomes => ({
    verdict: outcomeOf(writer, recordVerdict),
    commitment: outcomeOf(writer, recordCommitment),
  }),
)
for (const { checkers, providers } of writers) {
  checkers.close()
  providers.close()
}
parentPort!.postMessage(outcomes)
