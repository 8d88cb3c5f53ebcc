import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { namelessList, nameOfListFile, sentUnderOtherNames } from '../../../../src/core/chain/transfers/list-name.ts'
import {
  otherTransferRecords,
  transferPath,
  withListed,
  writeTransferRecord,
} from '../../../../src/core/chain/transfers/transfer-record.ts'

const folder = mkdtempSync(join(tmpdir(), 'kaisar-lists-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
function listAt(...path: string[]): string {
  mkdirSync(join(folder, ...path.slice(0, -1)), { recursive: true })
  const file = join(folder, ...path)
  writeFileSync(file, '')
  return file
}

describe('the name of a list', () => {
  it('is another one in another folder, and the same one when the list is corrected, or has another ending', () => {
    const may = nameOfListFile(listAt('may', 'pay.csv'))
    const june = nameOfListFile(listAt('june', 'pay.csv'))
    expect([may, june]).toEqual([expect.stringMatching(/^pay-[0-9a-f]{8}$/), expect.stringMatching(/^pay-/)])
    expect(june).not.toBe(may)
    writeFileSync(join(folder, 'may', 'pay.csv'), 'a longer list')
    expect([nameOfListFile(join(folder, 'may', 'pay.csv')), nameOfListFile(listAt('may', 'pay.txt'))]).toEqual([
      may,
      may,
    ])
  })

  it('is that of the file behind a link', () => {
    const file = listAt('july', 'pay.csv')
    symlinkSync(file, join(folder, 'latest.csv'))
    expect(nameOfListFile(join(folder, 'latest.csv'))).toBe(nameOfListFile(file))
  })

  it('can be given as --name, whatever the file is called', () => {
    const names = ['июнь.csv', 'июль.csv', `${'x'.repeat(200)}.csv`, '.csv', 'a b.c.csv'].map(each =>
      nameOfListFile(listAt('odd', each)),
    )
    for (const name of names) expect(name).toMatch(/^\w[\w-]{0,63}$/)
    expect(new Set(names).size).toBe(names.length)
  })

  it('is the same for every pipe, whose place is another one each time', () => {
    expect(nameOfListFile('/dev/null')).toBe(namelessList)
  })
})

describe('what was sent under other names', () => {
  const [one, two, from] = ['ab', 'cd', '11'].map(each => `0x${each.repeat(20)}` as const) as [
    `0x${string}`,
    ...`0x${string}`[],
  ]
  const source = { name: 'may', chainId: 31337, genesis: '0xaa', token: from!, from: from! } as const
  const list = [one, two!].map(to => ({ to, unit: 'KAI' as const, amount: 5n }))
  const signed = (record: ReturnType<typeof withListed>) => ({
    ...record,
    transfers: record.transfers.map((each, i) => ({ ...each, nonce: i })),
  })

  it('is found in the records of the same sender and network, where address, unit and amount are the same', () => {
    const may = signed(withListed({ version: 1, ...source, transfers: [] }, list))
    writeTransferRecord(transferPath(folder, source), may)
    const elsewhere = { ...source, name: 'elsewhere', genesis: '0xbb' } as const
    writeTransferRecord(transferPath(folder, elsewhere), { ...may, ...elsewhere })
    writeFileSync(transferPath(folder, { ...source, name: 'damaged' }), '{')
    const others = otherTransferRecords(folder, { ...source, name: 'june' })
    expect(others).toEqual([may])
    expect(otherTransferRecords(folder, source)).toEqual([])
    expect(sentUnderOtherNames(list, others)).toEqual([{ name: 'may', count: 2 }])
    expect(sentUnderOtherNames([{ ...list[0]!, amount: 6n }, list[1]!], others)).toEqual([{ name: 'may', count: 1 }])
    expect(sentUnderOtherNames([{ ...list[0]!, unit: 'coin' }], others)).toEqual([])
  })

  it('is nothing where nothing of it was signed, or no record was ever written', () => {
    expect(sentUnderOtherNames(list, [withListed({ version: 1, ...source, transfers: [] }, list)])).toEqual([])
    expect(otherTransferRecords(join(folder, 'none'), source)).toEqual([])
  })
})
