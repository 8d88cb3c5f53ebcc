import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { expect, it } from 'vitest'
import { openStore } from '../../../src/core/platform/store.ts'
import { toWire } from '../../../src/core/protocol/messages.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'

const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const seat = (n: number): Hex => `0x${`${n}`.repeat(40)}`
const deviceId = hash(7)
const signature: Hex = '0x01'

function open() {
  const store = openStore({ path: ':memory:', migrations: [...providerMigrations] })
  const count = (table: string) => Number(store.get<{ n: bigint }>(`SELECT count(*) AS n FROM "${table}"`)!.n)
  return { journal: createProviderJournal(store), count }
}
const commitment = (round: number, epoch: number) => ({
  message: {
    epoch: BigInt(epoch),
    round: hash(round),
    deviceId,
    generation: 1,
    specHash: hash(8),
    rows: 64n,
    root: hash(9),
    environmentHash: hash(10),
  },
  signature,
  notes: '',
})

it('the journal keeps ten refusals of a Checker a minute, and those of other Checkers', () => {
  const { journal, count } = open()
  const refuse = (time: number, checker = seat(1)) => journal.recordRefusal(time, { checker, code: 'A', message: 'b' })
  const kept = Array.from({ length: 1000 }, (_, i) => refuse(1_000_000 + i))
  expect(kept.filter(Boolean)).toHaveLength(10)
  expect(refuse(1_000_000, seat(2))).toBe(true)
  expect(refuse(1_070_000)).toBe(true)
  // A clock that was set back a day does not silence them.
  expect(refuse(1_000_000 - 86_400_000)).toBe(true)
  expect(count('refusal')).toBe(13)
})

it('the journal keeps the environment that is reported now, so that a restart after an update reports the same', () => {
  const { journal } = open()
  journal.recordEnvironment(3, 'before the update')
  journal.recordEnvironment(3, 'after it')
  expect(journal.environment(3)).toBe('after it')
})

it('the journal forgets old epochs and all but the newest refusals, and nothing else', () => {
  const { journal, count } = open()
  for (const epoch of [3, 4, 5]) {
    const signed = commitment(epoch, epoch)
    journal.recordCommitment(hash(100 + epoch), signed)
    journal.recordEnvironment(epoch, `${epoch}`)
    const request = { commitmentHash: hash(100 + epoch), checker: seat(1), secret: hash(1), samplingBlockHash: hash(2) }
    journal.recordRequest(BigInt(epoch), request)
  }
  for (let i = 0; i < 10_100; i++) journal.recordRefusal(i * 120_000, { checker: seat(1), code: 'A', message: `${i}` })
  journal.prune(4)
  expect([count('commitment'), count('environment'), count('request'), count('refusal')]).toEqual([2, 2, 2, 10_000])
  expect(journal.commitmentOf(hash(3), deviceId)).toBeNull()
  expect(journal.commitmentOf(hash(4), deviceId)).toEqual(commitment(4, 4))
  expect(journal.environment(4)).toBe('4')
  journal.prune(-60)
  expect(count('commitment')).toBe(2)
})

it('a commitment of before rounds had kinds is there after the update, without notes, and is no second one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kaisar-journal-'))
  const path = join(folder, 'provider.db')
  const before = providerMigrations.findIndex(sql => sql.includes('COLUMN notes'))
  const old = openStore({ path, migrations: providerMigrations.slice(0, before) })
  const { message, signature } = commitment(3, 3)
  old.run(
    'INSERT INTO "commitment" (round, device_id, epoch, hash, message, signature) VALUES (?, ?, 3, ?, ?, ?)',
    ...[message.round, deviceId, hash(103), JSON.stringify(toWire(message)), signature],
  )
  old.close()
  const store = openStore({ path, migrations: [...providerMigrations] })
  const journal = createProviderJournal(store)
  expect(journal.commitmentOf(hash(3), deviceId)).toEqual({ message, signature, notes: '' })
  journal.recordCommitment(hash(103), { message, signature, notes: '' })
  expect(() => journal.recordCommitment(hash(104), { message, signature, notes: 'x' })).toThrow(
    expect.objectContaining({ code: 'PROVIDER_SECOND_COMMITMENT' }),
  )
  store.close()
  rmSync(folder, { recursive: true })
})

it('the journal gives back the notes by which a window is worked again', () => {
  const { journal } = open()
  const notes = '{"groups":64,"marks":[10,20]}'
  journal.recordCommitment(hash(103), { ...commitment(3, 3), notes })
  // The same one again changes nothing.
  journal.recordCommitment(hash(103), { ...commitment(3, 3), notes: 'other' })
  expect(journal.commitmentOf(hash(3), deviceId)).toEqual({ ...commitment(3, 3), notes })
})
