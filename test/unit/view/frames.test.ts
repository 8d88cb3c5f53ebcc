import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkerFrame } from '../../../src/core/view/checker-dashboard.ts'
import { type Line, lineText, lineWidth } from '../../../src/core/view/line.ts'
import { networkFrame } from '../../../src/core/view/network-dashboard.ts'
import { providerFrame } from '../../../src/core/view/provider-dashboard.ts'
import { tableLines } from '../../../src/core/view/table.ts'
import { checkerFacts, networkFacts, providerFacts } from './dashboard-fixtures.ts'

const standard = { columns: 80, rows: 24 }
const text = (lines: readonly Line[]) => lines.map(lineText).join('\n')

describe('frames', () => {
  it('shows a devnet on 80×24: clock, devices, payments, verdicts', () => {
    const frame = text(networkFrame(networkFacts, standard))
    expect(frame).toContain('Epoch 3  WORK  █')
    expect(frame).toContain('COMMIT✓ [OPEN] REVEAL FINALIZE PAY  2 s left')
    expect(frame).toMatch(/0x1111…1111 .*working +✓✓✓✗! +412/)
    expect(frame).toMatch(/ 2 {2}0x1111…1111 .* 450\.0000/)
    expect(frame).toContain('ALL_EQUAL')
    expect(frame).toMatchSnapshot()
  })

  it('shows a Provider, and says so when no Checker sees it', () => {
    const frame = text(providerFrame(providerFacts, standard))
    const alone = { ...providerFacts, live: { ...providerFacts.live, sessions: new Set<string>() } }
    expect(text(providerFrame(alone, standard))).toContain('! no Checker has a session with this Provider: 2 devices')
    expect(frame).toContain('0x2222…2222  GPU_FELL_OFF_BUS: Xid 79')
    expect(frame).toMatchSnapshot()
  })

  it('shows a Checker, its duties and what it said', () => {
    const frame = text(checkerFrame(checkerFacts, standard))
    expect(frame).toContain('strikes 1')
    expect(frame).toContain('VALID 18   TIMEOUT 2')
    expect(frame).toMatchSnapshot()
  })

  it('says it when the chain stands still or an endpoint does not answer', () => {
    const frame = text(
      networkFrame(
        { ...networkFacts, now: networkFacts.now + 119, warning: 'http://127.0.0.1:8545 does not answer' },
        standard,
      ),
    )
    expect(frame).toContain('block 1,234 · 2 min ago (stale)')
    expect(frame).toContain('! http://127.0.0.1:8545 does not answer')
  })

  it('is never taller or wider than the terminal', () => {
    const { view } = networkFacts
    const frames = [
      (size: typeof standard) => networkFrame(networkFacts, size),
      (size: typeof standard) => providerFrame(providerFacts, size),
      (size: typeof standard) => checkerFrame(checkerFacts, size),
      (size: typeof standard) =>
        networkFrame(
          { ...networkFacts, view: { ...view, devices: Array.from({ length: 90 }, () => view.devices[0]!) } },
          size,
        ),
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
      { title: 'ID', cell: () => id, isHex: true },
      { title: 'TO', cell: () => id, isHex: true },
      { title: 'SUM', cell: () => 7, rank: 1 },
    ]
    const at = (width: number) => text(tableLines(columns, [null], { width })).split('\n')[1]
    expect(at(100)).toBe(`${id}  ${id}  7`)
    expect(at(80)).toBe(`${id}  0xabab…abab  7`)
    expect(at(30)).toBe('0xabab…abab  0xabab…abab  7')
    expect(at(25)).toBe('0xabab…abab  0xabab…abab')
  })

  it('cuts words before a line would be broken, and no number and no id', () => {
    const model = 'NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition'
    const columns = [
      { title: 'device', cell: () => `0x${'ab'.repeat(32)}`, isHex: true },
      { title: 'model', cell: () => model },
      { title: 'operator', cell: () => `0x${'cd'.repeat(20)}`, isHex: true },
      { title: 'state', cell: () => 'is registered already' },
      { title: 'KAI', cell: () => '1234567.000000000000000001', numeric: true },
    ]
    const [, line] = text(tableLines(columns, [null], { width: 80 })).split('\n')
    expect(line).toHaveLength(80)
    expect(line).toMatch(/^0xabab…abab {2}NVIDIA.*… {2}0xcdcd…cdcd {2}is reg.*… {2}1234567\.000000000000000001$/)
  })

  it('drops the columns of highest rank first, and says how many rows are left out', () => {
    const columns = [
      { title: 'ID', cell: (n: number) => `id${n}` },
      { title: 'LONG', cell: () => 'long', rank: 2 },
      { title: 'SUM', cell: (n: number) => n, rank: 1, numeric: true },
    ]
    expect(text(tableLines(columns, [1, 2, 3, 4], { width: 12, most: 3 }))).toBe(
      'ID   SUM\nid1    1\nid2    2\n… and 2 more',
    )
  })
})
