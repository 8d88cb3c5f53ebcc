import { describe, expect, it } from 'vitest'
import { findDevice } from '../../../src/core/network/network-view.ts'
import { shortHex } from '../../../src/core/view/figures.ts'

const first = `0x12ab${'00'.repeat(28)}34cd` as const
const second = `0x12ab${'00'.repeat(28)}34ce` as const

describe('findDevice', () => {
  it('takes an id, its first digits, and the short form that tables show', () => {
    for (const asked of [first, first.slice(2).toUpperCase(), shortHex(first)])
      expect(findDevice([first, second], asked)).toBe(first)
    expect(findDevice([first], '0x12')).toBe(first)
  })

  it('refuses what names none or several', () => {
    for (const asked of ['0x99', '0x', '', '…', '0x…34cd', '0x12…ab…cd'])
      expect(() => findDevice([first], asked), asked).toThrow(/./)
    expect(() => findDevice([first, second], '0x12ab')).toThrow(
      expect.objectContaining({ code: 'EXPLORER_DEVICE_AMBIGUOUS' }),
    )
  })
})
