import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkerFrame } from '../../../src/core/view/checker-frame.ts'
import { devnetFrame } from '../../../src/core/view/devnet-frame.ts'
import { type Line, lineText, lineWidth } from '../../../src/core/view/line.ts'
import { providerFrame } from '../../../src/core/view/provider-frame.ts'
import { tableLines } from '../../../src/core/view/table-lines.ts'
import { checkerView, devnetView, providerView } from './dashboard-fixtures.ts'

const standard = { columns: 80, rows: 24 }
const text = (lines: readonly Line[]) => lines.map(lineText).join('\n')

describe('frames', () => {
  it('shows a devnet on 80×24: clock, devices, payments, verdicts', () => {
    const frame = text(devnetFrame(devnetView, standard))
    expect(frame).toContain('Epoch 3  WORK  █')
    expect(frame).toContain('COMMIT✓ [OPEN] REVEAL FINALIZE PAY  2 s left')
    expect(frame).toMatch(/0x1111…1111 .*working +✓✓·✗! +412/)
    expect(frame).toMatch(/ 2 {2}0x1111…1111 .* 450\.0000/)
    expect(frame).toContain('ROWS_EQUAL')
    expect(frame).toMatchSnapshot()
  })

  it('shows a Provider, and says which devices no Checker sees', () => {
    const frame = text(providerFrame(providerView, standard))
    expect(frame).toContain('1 of 2 devices are seen by no Checker')
    expect(frame).toContain('0x2222…2222  GPU_FELL_OFF_BUS: Xid 79')
    expect(frame).toMatchSnapshot()
  })

  it('shows a Checker, its duties and what it said', () => {
    const frame = text(checkerFrame(checkerView, standard))
    expect(frame).toContain('strikes 1')
    expect(frame).toContain('VALID 18   TIMEOUT 2')
    expect(frame).toMatchSnapshot()
  })

  it('says it when the chain stands still or an endpoint does not answer', () => {
    const frame = text(
      devnetFrame(
        { ...devnetView, head: { number: 9n, ageSeconds: 120 }, warning: 'http://127.0.0.1:8545 does not answer' },
        standard,
      ),
    )
    expect(frame).toContain('block 9 · 2 min ago (stale)')
    expect(frame).toContain('! http://127.0.0.1:8545 does not answer')
  })

  it('is never taller or wider than the terminal', () => {
    const frames = [
      (size: typeof standard) => devnetFrame(devnetView, size),
      (size: typeof standard) => providerFrame(providerView, size),
      (size: typeof standard) => checkerFrame(checkerView, size),
      (size: typeof standard) =>
        devnetFrame({ ...devnetView, devices: Array.from({ length: 90 }, () => devnetView.devices[0]!) }, size),
    ]
    fc.assert(
      fc.property(
        fc.constantFrom(...frames),
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 60 }),
        (frame, columns, rows) => {
          const lines = frame({ columns, rows })
          expect(lines.length).toBeLessThanOrEqual(rows)
          for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(columns)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('shortens ids, the last column first, before anything is cut or dropped', () => {
    const id = `0x${'ab'.repeat(20)}`
    const columns = [
      { title: 'ID', isHex: true },
      { title: 'TO', isHex: true },
      { title: 'SUM', rank: 1 },
    ]
    const at = (width: number) => text(tableLines(columns, [[id, id, '7']], { width })).split('\n')[1]
    expect(at(100)).toBe(`${id}  ${id}  7`)
    expect(at(80)).toBe(`${id}  0xabab…abab  7`)
    expect(at(30)).toBe('0xabab…abab  0xabab…abab  7')
    expect(at(25)).toBe('0xabab…abab  0xabab…abab')
  })

  it('drops the columns of highest rank first, and says how many rows are left out', () => {
    const columns = [{ title: 'ID' }, { title: 'LONG', rank: 2 }, { title: 'SUM', rank: 1, align: 'right' as const }]
    const rows = [1, 2, 3, 4].map(n => [`id${n}`, 'long', String(n)])
    expect(text(tableLines(columns, rows, { width: 12, most: 3 }))).toBe('ID   SUM\nid1    1\nid2    2\n… and 2 more')
  })
})
