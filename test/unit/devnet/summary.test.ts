import { expect, it } from 'vitest'
import { type DevnetSummary, nextStepsOf, summaryTable } from '../../../src/core/devnet/summary.ts'
import { textWidth } from '../../../src/core/view/line.ts'

const address = `0x${'a1'.repeat(20)}` as const
const device: DevnetSummary['devices'][number] = {
  ...{ device: `0x${'d1'.repeat(32)}`, operator: address, payout: address, rounds: 4, verdicts: { VALID: 2 } },
  ...{ capacity: 1_234n, measures: { tensor: 191_134, bandwidth: 17_083, resident: 67 }, score: 1_230n },
  ...{ share: 0.528, paid: 791_699_812_345_678_901_234n, balance: 791_699_812_345_678_901_234n },
}
const summaryOf = (devices: DevnetSummary['devices']): DevnetSummary => ({
  ...{ rpcUrl: '', chainId: 31_337, contracts: {}, epochs: [], devices, balances: {} },
})
const table = (devices: DevnetSummary['devices'], width: number) => summaryTable(summaryOf(devices), width).split('\n')

it('the table that a devnet ends with tells the measures and the capacity of each device, within 80 columns', () => {
  const unknown = { ...device, measures: null, capacity: null }
  const lines = table([device, unknown], 80)
  for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(80)
  const cells = lines.map(line => line.trim().split(/ {2,}/))
  for (const title of ['device', 'tensor', 'bandwidth', 'memory', 'capacity', 'paid (KAI)'])
    expect(cells[0]).toContain(title)
  for (const cell of ['191.1 Gop/s', '17,083 MB/s', '67 MB', '1,234', '791.6998']) expect(cells[1]).toContain(cell)
  expect(cells[2]!.filter(cell => cell === '—')).toHaveLength(4)
})

it('the whole table is there where there is room', () => {
  const [titles] = table([device], 200)
  expect(titles!.trim().split(/ {2,}/)).toEqual([
    'device',
    'rounds',
    'verdicts',
    'tensor',
    'bandwidth',
    'memory',
    'capacity',
    'score',
    'share',
    'paid (KAI)',
    'wallet (KAI)',
  ])
})

it('below it stands what to do next, about this devnet, and that it is gone where it is', () => {
  const running = nextStepsOf(summaryOf([device]), { context: 'mine', leaveRunning: null })
  expect(running).toEqual([
    'kaisar epoch explain 0xd1d1…d1d1 --context mine',
    'kaisar epoch rewards --context mine',
    'kaisar chain ui --context mine',
    'Ctrl-C ends the network',
  ])
  const ended = nextStepsOf(summaryOf([]), { context: null, leaveRunning: '--keep leaves it' })
  expect(ended).toEqual([
    'The network ended with this command. --keep leaves it running; then, in another terminal:',
    '  kaisar epoch explain <device>',
    '  kaisar epoch rewards',
    '  kaisar chain ui',
  ])
})
