/** Threat row "Equivocation": whatever is tried at once, one commitment of a round and one verdict stand. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { afterAll, describe, expect, it } from 'vitest'
import { checkerMigrations, createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { openStore, type Store } from '../../../src/core/platform/store.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-equivocation-'))
const stores: Store[] = []
afterAll(() => {
  for (const store of stores) store.close()
  rmSync(folder, { recursive: true })
})
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const ten = Array.from({ length: 10 }, (_, i) => i + 1)
const open = (name: string, migrations: readonly string[]) => {
  const store = openStore({ path: join(folder, name), migrations })
  stores.push(store)
  return store
}

describe('Equivocation', () => {
  it('ten different commitments of one round, each over a connection of its own: exactly one is kept, before any is sent', async () => {
    const journals = ten.map(() => createProviderJournal(open('provider.db', providerMigrations)))
    const message = (rows: number) => ({
      ...{ epoch: 3n, round: hash(7), deviceId: hash(8), generation: 1, specHash: hash(9) },
      ...{ rows: BigInt(rows), root: hash(rows), environmentHash: hash(10) },
    })
    const outcomes = await Promise.allSettled(
      journals.map(async (journal, i) => journal.recordCommitment(hash(i), { message: message(i), signature: '0x' })),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'PROVIDER_SECOND_COMMITMENT' })
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled')
    // The one that stands may be said again, also after a restart.
    for (const journal of journals) {
      expect(journal.commitmentOf(hash(7), hash(8))?.message.rows).toBe(BigInt(winner))
      expect(() => journal.recordCommitment(hash(winner), { message: message(winner), signature: '0x' })).not.toThrow()
    }
  })

  it('ten different verdicts of one device and round: exactly one is kept, and none after the commitment', async () => {
    const journals = ten.map(() => createCheckerJournal(open('checker.db', checkerMigrations)))
    const about = { round: hash(7), deviceId: hash(8), epoch: 3, generation: 1, commitmentHash: null, commitment: null }
    const verdict = (rate: number) => ({
      ...about,
      ...({ verdict: 'VALID', reason: 'ROWS_EQUAL', detail: '', evidence: null } as const),
      rate,
    })
    const kept = journals.map((journal, i) => journal.recordVerdict(verdict(i + 1)))
    expect(kept.filter(Boolean)).toHaveLength(1)
    expect(journals[5]!.verdicts(3)).toHaveLength(1)
    journals[0]!.recordOpenings(3, hash(1), hash(2), new Map())
    const late = { ...verdict(0), verdict: 'WRONG', reason: 'ROW_WRONG' } as const
    expect(journals[9]!.recordVerdict(late)).toBe(false)
    expect(journals[9]!.verdicts(3)[0]).toMatchObject({ verdict: 'VALID' })
  })
})
