import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { devnetParameters } from '../../../src/core/chain/network-presets.ts'
import { dutyOf } from '../../../src/core/checker/duty.ts'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { atOnce } from '../../../src/core/platform/slices.ts'
import { openStore, type Store } from '../../../src/core/platform/store.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-journal-'))
let files = 0
afterAll(() => rmSync(folder, { recursive: true }))
const address = `0x${'a1'.repeat(20)}` as const
const { rounds: rules } = devnetParameters(`0x${'5c'.repeat(32)}`)
const hash = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as const

it('the journal keeps what was read of an epoch with the seed that it had then', () => {
  const journal = createCheckerJournal(openStore({ path: ':memory:', migrations: checkerMigrations }))
  const rounds = { seed: hash(1), seededAt: 3, startsAt: 0, epochSeconds: 16, rules }
  const device = { deviceId: hash(2), generation: 1, operator: address, cohort: 7, lane: 63 }
  const duty = dutyOf({
    ...{ epoch: 4, seed: hash(1), rounds, cohortCount: 9 },
    ...{ committees: new Map([[7, [address]]]), devices: [device] },
  })
  expect(journal.duty(4, rounds)).toBeNull()
  journal.keepDuty(duty)
  expect(journal.duty(4, rounds)).toEqual(duty)
  expect(journal.duty(5, rounds)).toBeNull()
  const other = { ...rounds, seed: hash(3) }
  expect(journal.duty(4, other)).toBeNull()
  journal.keepDuty({ ...duty, seed: hash(3), rounds: other, devices: [] })
  expect(journal.duty(4, other)?.devices).toEqual([])
  expect(journal.duty(4, rounds)).toBeNull()
})

it('the journal forgets every earlier epoch, with the evidence that no verdict names any more', () => {
  const store = openStore({ path: ':memory:', migrations: checkerMigrations })
  const journal = createCheckerJournal(store)
  for (const epoch of [9, 10, 11]) {
    const about = { round: hash(epoch), deviceId: hash(1), epoch, generation: 1 }
    const message = {
      ...about,
      epoch: BigInt(epoch),
      specHash: hash(2),
      rows: 1n,
      root: hash(3),
      environmentHash: hash(4),
    }
    const commitment = { message, signature: '0x01' } as const
    journal.keepRounds(epoch, [{ hash: hash(epoch), number: 1n, timestamp: 1, slot: 0, ordinal: 0, kind: 'tensor' }])
    journal.recordVerdict({
      ...{ ...about, commitment, commitmentHash: hash(5), evidence: hash(100 + epoch), witness: null },
      ...{ verdict: 'VALID', reason: 'ALL_EQUAL', detail: '', kind: 'tensor', figures: { tensor: 1 } },
    })
    journal.recordDeviceCheck({
      ...{ deviceId: hash(1), epoch, deviceValid: true, environmentValid: true },
      ...{ environmentHash: hash(4), findings: [], report: '{}' },
    })
    journal.recordContradiction(commitment, { message: { ...message, rows: 2n }, signature: '0x02' })
    journal.recordOpenings(epoch, hash(6), hash(7), new Map([[0, [1n]]]))
    const rounds = { seed: hash(1), seededAt: 3, startsAt: 0, epochSeconds: 16, rules }
    journal.keepDuty(dutyOf({ epoch, seed: hash(1), rounds, cohortCount: 1, committees: new Map(), devices: [] }))
    for (const n of [100, 200]) store.run('INSERT INTO evidence VALUES (?, ?)', hash(n + epoch), new Uint8Array(1))
  }
  atOnce(journal.prune(11))
  expect(store.all('SELECT hash FROM evidence')).toEqual([{ hash: hash(111) }])
  const counts = ['round', 'verdict', 'device_check', 'opening', 'seat_commitment', 'contradiction', 'duty'].map(
    table => store.get<{ n: bigint }>(`SELECT COUNT(*) AS n FROM ${table}`)!.n,
  )
  expect(counts).toEqual([1n, 1n, 1n, 1n, 1n, 1n, 1n])
  expect(journal.contradictions()).toMatchObject([
    { first: { message: { epoch: 11n, rows: 1n } }, second: { message: { rows: 2n }, signature: '0x02' } },
  ])
})

it('what is pruned goes a few verdicts at a time, each with its evidence', () => {
  const store = openStore({ path: ':memory:', migrations: checkerMigrations })
  const journal = createCheckerJournal(store)
  for (let i = 0; i < 200; i++) {
    store.run('INSERT INTO evidence VALUES (?, ?)', hash(1000 + i), new Uint8Array(1))
    journal.recordVerdict({
      ...{ round: hash(i), deviceId: hash(1), epoch: i < 150 ? 3 : 4, generation: 1, commitment: null, witness: null },
      ...{ commitmentHash: null, evidence: hash(1000 + i), kind: 'tensor', figures: {} },
      ...{ verdict: 'VALID', reason: 'ALL_EQUAL', detail: '' },
    })
  }
  const left = ['SELECT evidence AS hash FROM verdict', 'SELECT hash FROM evidence'].map(
    sql => () => store.all<{ hash: string }>(`${sql} ORDER BY 1`).map(row => row.hash),
  )
  const slices: number[] = []
  for (const _ of journal.prune(4)) {
    slices.push(left[0]!().length)
    expect(left[1]!()).toEqual(left[0]!())
  }
  expect(slices).toEqual([136, 72])
  expect(left.map(names => names())).toEqual(Array(2).fill(Array.from({ length: 50 }, (_, i) => hash(1150 + i))))
})

it('the records behind an epoch’s openings stay as they were at the commitment', () => {
  const store = openStore({ path: ':memory:', migrations: checkerMigrations })
  const journal = createCheckerJournal(store)
  const device = hash(1)
  const check = { deviceId: device, epoch: 3, deviceValid: true, environmentValid: true, findings: [], report: '{}' }
  journal.recordDeviceCheck({ ...check, environmentHash: hash(4) })
  journal.recordOpenings(3, hash(6), hash(7), new Map([[0, [1n]]]))
  // A report that came while COMMIT was open.
  journal.recordDeviceCheck({ ...check, environmentHash: hash(5), environmentValid: false })
  expect(journal.deviceCheck(3, device)).toMatchObject({ environmentHash: hash(4), environmentValid: true })
})

it('a device that was valid stays so for the epoch, whatever a later report lacks; a valid report of another environment counts', () => {
  const journal = createCheckerJournal(openStore({ path: ':memory:', migrations: checkerMigrations }))
  const check = { deviceId: hash(1), epoch: 3, deviceValid: true, environmentValid: true, findings: [], report: '{}' }
  const known = () => journal.deviceCheck(3, hash(1))
  journal.recordDeviceCheck({ ...check, environmentHash: hash(4), deviceValid: false })
  journal.recordDeviceCheck({ ...check, environmentHash: hash(4) })
  expect(known()).toMatchObject({ deviceValid: true, environmentHash: hash(4) })
  journal.recordDeviceCheck({ ...check, environmentHash: hash(5), deviceValid: false })
  expect(known()).toMatchObject({ deviceValid: true, environmentHash: hash(4) })
  journal.recordDeviceCheck({ ...check, environmentHash: hash(6) })
  expect(known()).toMatchObject({ deviceValid: true, environmentHash: hash(6) })
  expect(journal.confirmedEnvironments(3, hash(1))).toEqual(new Set([hash(4), hash(6)]))
})

it('what was found valid before environments were kept counts after the update', () => {
  const before = checkerMigrations.findIndex(sql => sql.includes('confirmed_environment'))
  const store = openStore({ path: ':memory:', migrations: checkerMigrations.slice(0, before) })
  store.run('INSERT INTO device_check VALUES (3, ?, 1, 1, ?, ?, ?)', hash(1), hash(4), '[]', '{}')
  store.transaction(() => {
    for (const statement of checkerMigrations[before]!.split(';')) if (statement.trim() !== '') store.run(statement)
  })
  expect(createCheckerJournal(store).confirmedEnvironments(3, hash(1))).toEqual(new Set([hash(4)]))
})

/** What an update does: the first migrations, then what the earlier release wrote, then the rest. */
function updated(before: number, write: (store: Store) => void): Store {
  const path = join(folder, `checker-${before}-${++files}.db`)
  const old = openStore({ path, migrations: checkerMigrations.slice(0, before) })
  write(old)
  old.close()
  return openStore({ path, migrations: checkerMigrations })
}

it('verdicts of before rounds had kinds are of tensor rounds after the update, with their rate as the figure', () => {
  const before = checkerMigrations.findIndex(sql => sql.includes('DROP COLUMN rate'))
  const store = updated(before, old => {
    for (const [n, verdict, rate] of [
      [1, 'VALID', 5],
      [2, 'VALID', 1234.9],
      [3, 'TIMEOUT', 0],
    ] as const) {
      old.run('INSERT INTO round VALUES (3, ?, ?, 0, 7, 70)', hash(n), n - 1)
      old.run(
        `INSERT INTO verdict (round, device_id, epoch, generation, verdict, reason, detail, rate)
         VALUES (?, ?, 3, 1, ?, 'ROWS_EQUAL', '', ?)`,
        ...[hash(n), hash(9), verdict, rate],
      )
    }
  })
  const journal = createCheckerJournal(store)
  expect(journal.rounds(3)).toMatchObject([1, 2, 3].map(n => ({ hash: hash(n), kind: 'tensor' })))
  expect(journal.verdicts(3, hash(9)).map(({ kind, figures, verdict }) => [kind, figures, verdict])).toEqual([
    ['tensor', { tensor: 5 }, 'VALID'],
    ['tensor', { tensor: 1234 }, 'VALID'],
    ['tensor', {}, 'TIMEOUT'],
  ])
  expect(journal.lastRate(hash(9))).toBe(1234)
  // What is judged after the update stands beside it.
  const about = { round: hash(4), deviceId: hash(9), epoch: 3, generation: 1, commitment: null, commitmentHash: null }
  const judged = { verdict: 'VALID', reason: 'ALL_EQUAL', detail: '', kind: 'memory' } as const
  journal.recordVerdict({ ...about, ...judged, figures: { bandwidth: 7, resident: 8 }, evidence: null, witness: null })
  expect(journal.verdicts(3, hash(9)).at(-1)).toMatchObject({ kind: 'memory', figures: { bandwidth: 7, resident: 8 } })
  // The rate that is shown of a device is that of its last tensor round.
  expect(journal.lastRate(hash(9))).toBe(1234)
  store.close()
})

it('the journal gives back the kinds of an epoch’s rounds in the order in which they began', () => {
  const journal = createCheckerJournal(openStore({ path: ':memory:', migrations: checkerMigrations }))
  const rounds = (['tensor', 'memory', 'memory', 'tensor'] as const).map((kind, ordinal) => ({
    ...{ kind, ordinal, slot: ordinal >> 1, hash: hash(40 - ordinal), number: BigInt(ordinal), timestamp: ordinal },
  }))
  journal.keepRounds(3, rounds)
  expect(journal.rounds(3)).toEqual(rounds)
})
