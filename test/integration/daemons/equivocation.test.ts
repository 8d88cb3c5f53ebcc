/** Threat row "Equivocation": whatever is tried at once, one commitment of a round and one verdict stand. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Hex } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { openStore, type Store } from '../../../src/core/platform/store.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import type { Outcomes, ParallelWriter } from './parallel-writer.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-equivocation-'))
const stores: Store[] = []
afterAll(() => {
  for (const store of stores) store.close()
  rmSync(folder, { recursive: true })
})
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
/** What each of four threads writes: it takes a second to load, so not every one of the ten has a thread of its own. */
const shares = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8],
  [9, 10],
]
const open = (name: string, migrations: readonly string[]) => {
  const store = openStore({ path: join(folder, name), migrations })
  stores.push(store)
  return store
}

let outcomes: readonly Outcomes[]
// Ten writers in four threads, each with connections of its own, that write as soon as all of them are ready.
beforeAll(async () => {
  open('checker.db', checkerMigrations)
  open('provider.db', providerMigrations)
  const paths = { checkerPath: join(folder, 'checker.db'), providerPath: join(folder, 'provider.db') }
  const start = new SharedArrayBuffer(4)
  const workers = shares.map(numbers => {
    const workerData: ParallelWriter = { ...paths, numbers, start }
    return new Worker(new URL('./parallel-writer.ts', import.meta.url), { workerData })
  })
  const next = async (worker: Worker): Promise<readonly Outcomes[]> => (await once(worker, 'message'))[0]
  await Promise.all(workers.map(next))
  const written = workers.map(next)
  Atomics.store(new Int32Array(start), 0, 1)
  Atomics.notify(new Int32Array(start), 0)
  outcomes = (await Promise.all(written)).flat()
})

describe('Equivocation', () => {
  it('of ten different commitments for one round, from four threads at once, exactly one is kept, before any is sent', () => {
    const written = outcomes.map(({ commitment }) => commitment)
    expect(written.filter(({ kept }) => kept)).toHaveLength(1)
    for (const { kept, code } of written) expect(code).toBe(kept ? null : 'PROVIDER_SECOND_COMMITMENT')
    const winner = written.find(({ kept }) => kept)!.n
    const journals = [1, 2].map(() => createProviderJournal(open('provider.db', providerMigrations)))
    const message = (rows: number) => ({
      ...{ epoch: 3n, round: hash(7), deviceId: hash(8), generation: 1, specHash: hash(9) },
      ...{ rows: BigInt(rows), root: hash(rows), environmentHash: hash(10) },
    })
    // The one that stands may be said again, also after a restart.
    for (const journal of journals) {
      expect(journal.commitmentOf(hash(7), hash(8))?.message.rows).toBe(BigInt(winner))
      expect(() =>
        journal.recordCommitment(hash(winner), { message: message(winner), signature: '0x', notes: '' }),
      ).not.toThrow()
    }
  })

  it('of ten different verdicts on one device and round, from four threads at once, exactly one is kept, and none after the commitment', () => {
    const written = outcomes.map(({ verdict }) => verdict)
    expect(written.map(({ code }) => code)).toEqual(shares.flat().map(() => null))
    const kept = written.filter(outcome => outcome.kept)
    expect(kept).toHaveLength(1)
    const journals = [1, 2].map(() => createCheckerJournal(open('checker.db', checkerMigrations)))
    for (const journal of journals)
      expect(journal.verdicts(3)).toMatchObject([{ reason: `REASON_${kept[0]!.n}`, figures: { tensor: kept[0]!.n } }])

    const [standing] = journals[0]!.verdicts(3)
    journals[0]!.recordOpenings(3, hash(1), hash(2), new Map())
    expect(journals[1]!.recordVerdict({ ...standing!, verdict: 'WRONG', reason: 'ROW_WRONG' })).toBe(false)
    expect(journals[1]!.verdicts(3)).toEqual([standing])
  })
})
