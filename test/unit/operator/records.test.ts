/** What is on file of a daemon's own, read from outside while it runs, and whose it is. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privateKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { transactionTables } from '../../../src/core/chain/tx/transaction-store.ts'
import { readCheckerRecords } from '../../../src/core/checker/checker-records.ts'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { memorySpecHash, memorySpecs } from '../../../src/core/job/memory/memory-spec.ts'
import { findOperators } from '../../../src/core/operator/find-operator.ts'
import { providerReport, reportLines } from '../../../src/core/operator/provider-report.ts'
import { probeDevices } from '../../../src/core/operator/provider-status.ts'
import { saveKey } from '../../../src/core/platform/key-folder.ts'
import { newestStateFile, openStore, stateFile } from '../../../src/core/platform/store.ts'
import { deviceIdOf } from '../../../src/core/protocol/device-record.ts'
import { createProviderJournal, providerMigrations, readProviderRecords } from '../../../src/core/provider/journal.ts'
import { address, hash, operator } from './network-fixture.ts'

const network = { chainId: 31337, consensus: address('c') }
const folder = mkdtempSync(join(tmpdir(), 'kaisar-records-'))
afterAll(() => rmSync(folder, { recursive: true }))
const roleFolder = (name: string) => {
  mkdirSync(join(folder, name), { recursive: true })
  return join(folder, name)
}

describe('a Provider’s records', () => {
  const at = roleFolder('provider')
  /** The second one of a memory round of the devnet, the others of a job that this release does not know. */
  const specHash = (digit: string) => (digit === '2' ? memorySpecHash(memorySpecs.devnet) : hash('5'))
  const commitment = (digit: string, rows: bigint) => ({
    message: {
      epoch: 3n,
      round: hash(digit),
      deviceId: hash('d'),
      generation: 1,
      specHash: specHash(digit),
      rows,
      root: hash('7'),
      environmentHash: hash('e'),
    },
    signature: '0x00' as const,
    notes: '',
  })

  it('are the last rounds, receipts and refusals, newest first', () => {
    const store = openStore({ path: stateFile(at, network), migrations: [transactionTables, ...providerMigrations] })
    const journal = createProviderJournal(store)
    for (const [digit, rows] of [
      ['1', 10n],
      ['2', 20n],
      ['3', 30n],
    ] as const)
      journal.recordCommitment(hash(digit), commitment(digit, rows))
    const message = { epoch: 3n, cohort: 0, lane: 1, deviceId: hash('d'), generation: 1 }
    const receipt = { message: { ...message, rate: 1025, uptime: 9_900, flags: 13 }, signature: '0x00' as const }
    journal.recordReceipt(address('c'), receipt, { tensor: 40_000, bandwidth: 9_000, resident: 64 })
    journal.recordRefusal(1_700_000_000_000, { checker: address('c'), code: 'LATE', message: 'It came late.' })
    // The daemon still has it open.
    const records = readProviderRecords(newestStateFile(at), 2)!
    store.close()
    expect(records.rounds.map(({ units, round }) => [units, round])).toEqual([
      [30, hash('3')],
      [20, hash('2')],
    ])
    expect(records.receipts).toEqual([
      {
        epoch: 3,
        deviceId: hash('d'),
        checker: address('c'),
        rate: 1025,
        uptime: 9_900,
        flags: ['device', 'work', 'judged'],
        measures: { tensor: 40_000, bandwidth: 9_000, resident: 64 },
      },
    ])
    expect(records.refusals).toEqual([
      { time: 1_700_000_000_000, checker: address('c'), code: 'LATE', message: 'It came late.' },
    ])

    const report = providerReport(operator, at, records)
    // 1025 is in the part of the minifloat that is not the number itself.
    expect(report.receipts[0]!.rate).toBe(1025n)
    const cells = reportLines(report, 200).map(line => line.trim().split(/ {2,}/))
    for (const row of [
      ['3', '0xdddd…dddd', '0x3333…3333', '—', '30', hash('3')],
      ['3', '0xdddd…dddd', '0x2222…2222', 'memory', '20', hash('2')],
      ['3', '0xdddd…dddd', '0xcccc…cccc', '1,025', '40.0 Gop/s, 9,000 MB/s, 64 MB', '99.00%', 'device work judged'],
      ['2023-11-14T22:13:20.000Z', '0xcccc…cccc', 'LATE', 'It came late.'],
    ])
      expect(cells).toContainEqual(row)
  })

  it('are null where there is no journal, or one of something else', () => {
    expect(readProviderRecords(newestStateFile(join(folder, 'nowhere')), 5)).toBeNull()
    const other = roleFolder('other')
    openStore({ path: stateFile(other, network), migrations: ['CREATE TABLE x (y TEXT)'] }).close()
    expect(readProviderRecords(stateFile(other, network), 5)).toBeNull()
    expect(readCheckerRecords(newestStateFile(other), 5)).toBeNull()
    expect(readCheckerRecords(stateFile(other, { ...network, chainId: 2 }), 5)).toBeNull()
  })
})

it('a Checker’s records are its verdicts, how often it gave which, and what it committed to', () => {
  const at = roleFolder('checker')
  const store = openStore({ path: stateFile(at, network), migrations: [transactionTables, ...checkerMigrations] })
  const journal = createCheckerJournal(store)
  const verdict = { generation: 1, detail: 'x', commitmentHash: null, commitment: null, evidence: null, witness: null }
  for (const [epoch, round, given] of [
    [1, '1', 'VALID'],
    [1, '2', 'VALID'],
    [2, '3', 'TIMEOUT'],
  ] as const)
    journal.recordVerdict({
      ...verdict,
      epoch,
      round: hash(round),
      deviceId: hash('d'),
      verdict: given,
      reason: 'R',
      ...{ kind: 'memory', figures: { bandwidth: 5, resident: 7 } },
    })
  journal.recordOpenings(1, hash('a'), hash('b'), new Map([[0, [1n]]]))
  const records = readCheckerRecords(stateFile(at, network), 2)!
  store.close()
  expect(records.verdicts.map(({ epoch, verdict }) => [epoch, verdict])).toEqual([
    [2, 'TIMEOUT'],
    [1, 'VALID'],
  ])
  expect(records.verdicts[0]).toMatchObject({ kind: 'memory', figures: { bandwidth: 5, resident: 7 } })
  expect(records.verdictCounts).toEqual({ TIMEOUT: 1, VALID: 2 })
  expect(records.committedEpochs).toEqual([1])
})

describe('findOperators', () => {
  const key = hash('4')
  const own = privateKeyToAddress(key).toLowerCase() as `0x${string}`
  const dataDir = roleFolder('data')
  const devnetDataDir = roleFolder('devnet')
  const find = (changes: Partial<Parameters<typeof findOperators>[0]> = {}) =>
    findOperators({ role: 'provider', dataDir, key: 'operator', devnetDataDir: null, ...changes })

  it('has nobody to show without a key', () => {
    expect(() => find()).toThrow(expect.objectContaining({ code: 'OPERATOR_UNKNOWN', exit: 3 }))
  })

  describe('with keys', () => {
    beforeAll(async () => {
      const save = (at: string, privateKey: `0x${string}`) =>
        saveKey({ dataDir: at, name: 'operator', privateKey, password: 'x', strength: 'light' })
      for (const [name, digit] of [
        ['provider-10', '6'],
        ['provider-2', '7'],
        ['checker-1', '8'],
      ] as const)
        await save(join(devnetDataDir, name), hash(digit))
      await save(dataDir, key)
    })

    it('takes the operator that is named, then the local key, then the devnet’s', () => {
      expect(find()).toEqual([{ operator: own, dataDir }])
      expect(find({ operator: own })).toEqual([{ operator: own, dataDir }])
      expect(find({ operator: address('9') })).toEqual([{ operator: address('9'), dataDir: null }])
      expect(find({ devnetDataDir })).toEqual([{ operator: own, dataDir }])
      const all = find({ devnetDataDir, dataDir: folder })
      expect(all.map(each => each.dataDir)).toEqual([
        join(devnetDataDir, 'provider-2'),
        join(devnetDataDir, 'provider-10'),
      ])
      expect(find({ devnetDataDir, operator: all[1]!.operator })).toEqual([all[1]])
    })
  })
})

it('names probed devices as their registrations are called, each with its own faults and those of the host', async () => {
  const fault = (device: string | null, code: string) => ({
    code,
    device,
    meaning: 'm',
    fix: 'f',
    critical: false,
    detail: null,
    contradiction: null,
  })
  const probed = (identity: string, localId: string) => ({ record: { identity, model: `model ${identity}` }, localId })
  const probe = {
    probe: async () => ({
      state: 'healthy' as const,
      devices: [probed('a', hash('1')), probed('b', hash('2'))] as never,
      faults: [fault('a', 'OF_A'), fault(null, 'OF_HOST')],
      notes: [],
    }),
  }
  expect(await probeDevices(operator, { probes: [probe, probe] })).toMatchObject([
    { id: deviceIdOf(operator, hash('1')), model: 'model a', faults: [{ code: 'OF_A' }, { code: 'OF_HOST' }] },
    { id: deviceIdOf(operator, hash('2')), model: 'model b', faults: [{ code: 'OF_HOST' }] },
  ])
})
