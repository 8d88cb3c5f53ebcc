import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type RecordedTransfer,
  readTransferRecord,
  transferPath,
  withListed,
  writeTransferRecord,
} from '../../../../src/core/chain/transfers/transfer-record.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-transfers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const to = `0x${'ab'.repeat(20)}` as const
const other = `0x${'cd'.repeat(20)}` as const
const from = `0x${'11'.repeat(20)}` as const
const source = { name: 'hosts', chainId: 31337, genesis: '0xaa', token: from, from } as const
const path = transferPath(folder, source)
const signed: RecordedTransfer = {
  to,
  unit: 'KAI',
  amount: 5n,
  nonce: 7,
  attempts: [{ hash: '0x01', raw: '0x02', maxFeePerGas: 3n, maxPriorityFeePerGas: 1n }],
  block: null,
  transaction: null,
  decided: false,
}

describe('the record of transfers', () => {
  it('is new where there is none, and comes back as it was written', () => {
    const empty = readTransferRecord(path, source)
    expect(empty).toEqual({ version: 1, ...source, transfers: [] })
    writeTransferRecord(path, { ...empty, transfers: [signed] })
    expect(readTransferRecord(path, source)).toEqual({ ...empty, transfers: [signed] })
    expect(readdirSync(join(folder, 'transfers'))).toEqual(['hosts-31337-1111111111.json'])
  })

  it('keeps what was signed, forgets what was not, and adds what is listed', () => {
    const unsigned = { ...signed, to: other, nonce: null, attempts: [] }
    const record = { ...readTransferRecord(path, source), transfers: [signed, unsigned] }
    const { transfers } = withListed(record, [
      { to, unit: 'KAI', amount: 5n },
      { to, unit: 'coin', amount: 9n },
    ])
    expect(transfers).toEqual([signed, { ...unsigned, to, unit: 'coin', amount: 9n }])
  })

  it('refuses another amount for somebody who was sent one', () => {
    const record = { ...readTransferRecord(path, source), transfers: [signed] }
    expect(() => withListed(record, [{ to, unit: 'KAI', amount: 6n }])).toThrow(
      expect.objectContaining({ code: 'TRANSFERS_DIFFER', message: expect.stringContaining(to) }),
    )
  })

  it.each([
    ['another chain', { genesis: '0xbb' }],
    ['another network', { token: other }],
  ] as const)('is refused where it is of %s', (what, change) => {
    expect(() => readTransferRecord(path, { ...source, ...change })).toThrow(
      expect.objectContaining({ code: 'TRANSFER_RECORD_UNFIT', message: expect.stringContaining(`it is of ${what}`) }),
    )
  })

  it('is refused, and not begun anew, where it is damaged', () => {
    const damaged = join(folder, 'damaged.json')
    for (const text of ['', '{', '{"version":1}', '[]']) {
      writeFileSync(damaged, text)
      expect(() => readTransferRecord(damaged, source), text).toThrow(
        expect.objectContaining({ code: 'TRANSFER_RECORD_UNFIT' }),
      )
    }
  })
})
