import { describe, expect, it } from 'vitest'
import { checkerChanges, devnetChanges, providerChanges } from '../../../../src/core/platform/ui/view-changes.ts'
import { checkerView, devnetView, providerView } from './dashboard-fixtures.ts'

describe('view changes', () => {
  it('prints each thing once, oldest first', () => {
    const older = { ...devnetView, payments: devnetView.payments.slice(2), verdicts: devnetView.verdicts.slice(1) }
    const lines = devnetChanges(older, devnetView)
    expect(lines).toEqual([
      'epoch 3: seat 0xaaaa…aaaa says VALID (ROWS_EQUAL) of device 0x1111…1111 at 412 Mop/s',
      `epoch 2: device 0x2222…2222 is paid 450.000000 KAI to 0x${'8'.repeat(40)} (0x${'f'.repeat(64)})`,
      `epoch 2: device 0x1111…1111 is paid 450.000000 KAI to 0x${'7'.repeat(40)} (0x${'f'.repeat(64)})`,
    ])
    expect(devnetChanges(devnetView, devnetView)).toEqual([])
  })

  it('begins with where the network stands, and reports new phases and warnings', () => {
    expect(providerChanges(null, providerView).slice(0, 2)).toEqual([
      'epoch 3 WORK: round 1 of 2',
      'epoch 2 OPEN: 0 of 1 cohorts final',
    ])
    const next = {
      ...checkerView,
      warning: 'no RPC endpoint answers',
      epochs: [checkerView.epochs[0]!, { ...checkerView.epochs[1]!, phase: 'PAY' as const, note: '' }],
    }
    expect(checkerChanges(checkerView, next)).toEqual(['! no RPC endpoint answers', 'epoch 2 PAY'])
  })
})
