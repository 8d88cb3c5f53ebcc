/** What the daemons’ dashboards are made of, and that a frame of it says what matters. */
import { describe, expect, it } from 'vitest'
import type { DutyStatus } from '../../../src/core/operator/checker-status.ts'
import { createCheckerDashboard } from '../../../src/core/view/checker-dashboard.ts'
import { checkerFrame } from '../../../src/core/view/checker-frame.ts'
import { lineText } from '../../../src/core/view/line.ts'
import { createProviderDashboard } from '../../../src/core/view/provider-dashboard.ts'
import { providerFrame } from '../../../src/core/view/provider-frame.ts'
import { createRecentEvents } from '../../../src/core/view/recent-events.ts'
import { address, device, hash, headTimestamp, networkView, nowMs, operator } from '../operator/network-fixture.ts'

const clock = { now: () => nowMs }
const payout = address('b2')
const size = { columns: 100, rows: 40 }
const trigger = (changes: object = {}) => ({
  number: 4_320n,
  hash: hash('a'),
  timestamp: headTimestamp,
  ordinal: 0,
  slot: 0,
  ...changes,
})

describe('recent events', () => {
  it('keeps the newest first and takes only what is at least a warning from the log', () => {
    const recent = createRecentEvents({ most: 3 }, clock)
    recent.takeLogLine('{"level":"info","message":"registered"}')
    recent.takeLogLine('not json')
    recent.takeLogLine('{"level":"warn","message":"no connection"}')
    recent.takeLogLine('{"level":"error","code":"X"}')
    recent.tell('info', 'third')
    recent.tell('info', 'fourth')
    expect(recent.list().map(({ level, text }) => [level, text])).toEqual([
      ['info', 'fourth'],
      ['info', 'third'],
      ['error', 'X'],
    ])
    expect(recent.list()[0]!.time).toMatch(/^\d\d:\d\d:\d\d$/)
  })
})

describe('provider dashboard', () => {
  const fault = { code: 'GPU_XID', meaning: 'The card reported a fault.', fix: 'Reset it.', critical: true }
  const start = () => {
    const events = createRecentEvents({}, clock)
    const local = () => [{ id: device().id, model: 'Example CPU', faults: [fault] }]
    return createProviderDashboard({ operator, payout, network: 'devnet' }, { events, local })
  }
  const show = (state: ReturnType<typeof start>, changes = {}) =>
    state.view(networkView(changes), { nowMs, trouble: null })
  const open = { type: 'session.opened', checker: address('1'), reason: null } as const

  it('follows a device through a round', () => {
    const state = start()
    const stage = (changes = {}) => show(state, changes).devices[0]!.stage
    expect(stage()).toBe('offline')
    state.observe(open)
    expect(stage()).toBe('idle')
    const rounds = [trigger({ timestamp: Math.floor(nowMs / 1000) - 1 })]
    expect(stage({ rounds })).toBe('working')
    state.observe({
      type: 'round.committed',
      epoch: 7,
      round: hash('a'),
      deviceId: device().id,
      rows: 5,
      rate: 321,
      lostMs: 4,
    })
    expect(stage({ rounds })).toBe('committed')
    expect(show(state, { rounds }).devices[0]).toMatchObject({ rate: 321, sessions: 1, model: 'Example CPU' })
    state.observe({ type: 'round.aborted', epoch: 7, round: hash('a'), deviceId: device().id, reason: 'gone' })
    expect(stage({ rounds })).toBe('idle')
    state.observe({ ...open, type: 'session.closed', reason: 'TRANSPORT_CLOSED' })
    expect(stage({ rounds })).toBe('offline')
  })

  it('shows what the chain has, faults, events and trouble in a frame', () => {
    const state = start()
    state.observe(open)
    state.observe({ type: 'epoch.started', epoch: 7, devices: 1, seats: 5 })
    const view = state.view(networkView(), { nowMs, trouble: 'The endpoint does not answer.' })
    expect(view).toMatchObject({ operator, payout, network: 'devnet', head: { number: 4_321n, ageSeconds: 2 } })
    const text = providerFrame(view, size).map(lineText).join('\n')
    for (const part of [
      'epoch 5 VALID',
      'GPU_XID',
      'epoch 7: 1 device',
      '! The endpoint does not answer.',
      'Example CPU',
    ])
      expect(text).toContain(part)
    expect(show(state, { devices: [device({ operator: address('9') })] }).devices).toEqual([])
  })
})

describe('checker dashboard', () => {
  const duty = (epoch: number, changes: Partial<DutyStatus> = {}): DutyStatus => ({
    epoch,
    cohort: 0,
    committedTxHash: hash('4'),
    state: 'final',
    opened: true,
    agreedLanes: 2,
    earned: 10n ** 18n,
    ...changes,
  })

  it('counts verdicts, and says of each epoch what became of the duty', () => {
    const state = createCheckerDashboard(
      { operator, payout, network: 'devnet' },
      { events: createRecentEvents({}, clock), now: clock.now },
    )
    state.observe({ type: 'session.opened', operator: address('1'), reason: null })
    state.observe({ type: 'epoch.started', epoch: 5, cohorts: 1, devices: 2 })
    for (const verdict of ['VALID', 'VALID', 'WRONG'])
      state.observe({
        type: 'check.completed',
        device: hash('d'),
        seat: operator,
        epoch: 7,
        round: hash('a'),
        verdict,
        reason: 'R',
        rate: 9,
      })
    state.observe({ type: 'device.judged', epoch: 7, device: hash('d'), valid: false, findings: ['DEVICE_CHANGED'] })
    const pending = { state: 'pending', opened: null, agreedLanes: null, earned: null } as const
    const duties = [
      duty(7, { ...pending, committedTxHash: null }),
      duty(6, pending),
      duty(5),
      duty(4, { committedTxHash: null, opened: false, agreedLanes: 0, earned: 0n }),
      duty(3, { ...pending, state: 'void' }),
    ]
    const view = state.view(networkView(), { nowMs, duties, trouble: null })
    expect(view).toMatchObject({ sessions: 1, seats: 2, verdictCounts: { VALID: 2, WRONG: 1 }, jailed: false })
    expect(view.duties.map(({ epoch, state, agreement }) => [epoch, state, agreement])).toEqual([
      [7, 'at work', null],
      [6, 'committed 0x4444…4444', null],
      [5, 'opened', 1],
      [4, 'missed COMMIT', null],
      [3, 'void', null],
    ])
    // A rate counts only where the work was valid.
    expect(view.verdicts.map(({ verdict, rate }) => [verdict, rate])).toEqual([
      ['WRONG', null],
      ['VALID', 9],
      ['VALID', 9],
    ])
    const text = checkerFrame(view, size).map(lineText).join('\n')
    for (const part of ['WRONG', 'DEVICE_CHANGED', 'missed COMMIT', 'wss://checker.example:7411'])
      expect(text).toContain(part)
  })
})
