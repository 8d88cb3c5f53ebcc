import { describe, expect, test } from 'vitest'
import { planErrands } from '../../../src/core/epoch/settlement-plan.ts'

const rules = { seatBond: 1_000n, strikesToJail: 3, delistAfterEpochs: 8 }
const me = `0x${'01'.repeat(20)}` as const
const other = `0x${'02'.repeat(20)}` as const
const checker = { operator: other, seats: 2, strikes: 0, bond: 2_000n, jailed: false, jailedUntil: 0 }
const device = { id: `0x${'aa'.repeat(32)}` as const, until: null, silentEpochs: 0 }
const none = { checkers: [], devices: [], claims: [] }

describe('what keepers call about Checkers and devices', () => {
  test('keepers have no errand where there is no reason for one', () => {
    expect(planErrands(5, me, { ...none, checkers: [checker], devices: [device] }, rules)).toEqual([])
  })

  test('keepers jail Checkers with three strikes or without a tenth of the bond, unless they are in jail or have no seats', () => {
    const jailed = (change: Partial<typeof checker>) =>
      planErrands(5, me, { ...none, checkers: [{ ...checker, ...change }] }, rules).length === 1
    expect(jailed({ strikes: 3 })).toBe(true)
    expect(jailed({ strikes: 2 })).toBe(false)
    expect(jailed({ bond: 1_800n })).toBe(true)
    expect(jailed({ bond: 1_801n })).toBe(false)
    expect(jailed({ strikes: 3, jailed: true })).toBe(false)
    expect(jailed({ strikes: 3, seats: 0 })).toBe(false)
  })

  test('a keeper takes its own seats out of jail, from the epoch on until which they were jailed', () => {
    const inJail = { ...checker, operator: me, jailed: true, seats: 0, jailedUntil: 7 }
    const plan = (epoch: number, operator: typeof me | typeof other) =>
      planErrands(epoch, me, { ...none, checkers: [{ ...inJail, operator }] }, rules)
    expect(plan(5, me)).toEqual([])
    expect(plan(6, me)).toEqual([{ do: 'unjail', epoch: 6, checker: me }])
    expect(plan(6, other)).toEqual([])
  })

  test('keepers delist devices that stayed silent, and claim confirmed identities', () => {
    const devices = [
      { ...device, silentEpochs: 8 },
      { ...device, silentEpochs: 7 },
      { ...device, silentEpochs: 9, until: 4 },
    ]
    expect(planErrands(5, me, { ...none, devices, claims: [device.id] }, rules)).toEqual([
      { do: 'delist', epoch: 5, device: device.id },
      { do: 'claimIdentity', epoch: 5, device: device.id },
    ])
  })
})
