/** What the daemons’ dashboards are made of, and that a frame of it says what matters. */
import { describe, expect, it } from 'vitest'
import type { DutyStatus } from '../../../src/core/network/duties.ts'
import type { Trigger } from '../../../src/core/protocol/trigger.ts'
import { checkerFrame, seatEpochRows } from '../../../src/core/view/checker-dashboard.ts'
import { deviceRows } from '../../../src/core/view/device-rows.ts'
import type { DaemonEvent } from '../../../src/core/view/event-text.ts'
import { lineText } from '../../../src/core/view/line.ts'
import { emptyLiveState, liveStateAfter, liveStateAfterLog } from '../../../src/core/view/live-state.ts'
import { providerFrame } from '../../../src/core/view/provider-dashboard.ts'
import { address, device, hash, headTimestamp, networkView, nowMs, operator } from '../operator/network-fixture.ts'

const now = nowMs / 1000
const payout = address('b2')
const size = { columns: 100, rows: 40 }
const trigger = (changes: Partial<Trigger> = {}): Trigger => ({
  number: 4_320n,
  hash: hash('a'),
  timestamp: headTimestamp,
  ordinal: 0,
  slot: 0,
  kind: 'tensor',
  ...changes,
})
const told = (events: readonly DaemonEvent[]) =>
  events.reduce((state, event) => liveStateAfter(state, event, now), emptyLiveState)
const worth = (tensor: number) => ({ kind: 'tensor', figures: { tensor } }) as const
const open: DaemonEvent = { type: 'session.opened', checker: address('1'), reason: null }

describe('what daemons tell', () => {
  it('keeps the newest events first, and takes from the log only what is at least a warning', () => {
    const lines = [
      '{"level":"info","message":"registered"}',
      'not json',
      '{"level":"warn","message":"no connection"}',
      '{"level":"error","code":"X"}',
    ]
    const logged = lines.reduce((state, line) => liveStateAfterLog(state, line, now), emptyLiveState)
    const { events } = liveStateAfter(logged, { ...open, type: 'session.closed', reason: 'TRANSPORT_CLOSED' }, now)
    expect(events.map(({ level, text }) => [level, text])).toEqual([
      ['warn', 'session with Checker 0x1111…1111 ended: TRANSPORT_CLOSED'],
      ['error', 'X'],
      ['warn', 'no connection'],
    ])
    expect(events[0]!.time).toMatch(/^\d\d:\d\d:\d\d$/)
    expect(told(Array.from({ length: 100 }, () => open)).events).toHaveLength(64)
  })

  it('leaves alone what is of no known type', () => {
    const unknown = { type: 'later.version', something: 1 } as unknown as DaemonEvent
    expect(liveStateAfter(emptyLiveState, unknown, now).events[0]).toMatchObject({ text: 'later.version  something=1' })
  })
})

describe('provider dashboard', () => {
  const fault = { code: 'GPU_XID', meaning: 'The card reported a fault.', critical: true }
  const seen = [{ id: device().id, model: 'Example CPU', faults: [fault] }]
  const round = { epoch: 7, round: hash('a'), deviceId: device().id } as const
  const row = (events: readonly DaemonEvent[], changes = {}) =>
    deviceRows({ view: networkView(changes), live: told(events), now }, seen)[0]!

  it('follows a device through a round', () => {
    expect(row([]).stage).toBe('offline')
    expect(row([open]).stage).toBe('idle')
    const rounds = [trigger({ timestamp: Math.floor(now) - 1 })]
    expect(row([open], { rounds }).stage).toBe('working')
    const committed: DaemonEvent = { ...round, type: 'round.committed', ...worth(321), units: 5, lostMs: 4 }
    expect(row([open, committed], { rounds })).toMatchObject({
      ...{ stage: 'committed', model: 'Example CPU', figures: { tensor: 321 } },
    })
    const aborted: DaemonEvent = { ...round, type: 'round.aborted', reason: 'gone' }
    expect(row([open, committed, aborted], { rounds }).stage).toBe('idle')
    const missed: DaemonEvent = { ...round, type: 'round.missed', kind: 'tensor', lateMs: 12_000 }
    expect(row([open, missed], { rounds }).stage).toBe('missed')
    const closed: DaemonEvent = { ...open, type: 'session.closed', reason: 'TRANSPORT_CLOSED' }
    expect(row([open, committed, closed], { rounds }).stage).toBe('offline')
  })

  it('shows what the chain has, faults, events and trouble in a frame', () => {
    const live = told([open, { type: 'epoch.started', epoch: 7, devices: 1, seats: 5 }])
    const warning = 'The endpoint does not answer.'
    const facts = { name: 'devnet', view: networkView(), live, now, warning, operator, payout, seen }
    const text = providerFrame(facts, size).map(lineText).join('\n')
    for (const part of [
      'kaisar provider  devnet  block 4,321 · 2 s ago',
      'epoch 5 VALI…',
      'GPU_XID',
      'epoch 7: 1 device',
      '! The endpoint does not answer.',
      'Example CPU',
      ' 1/5 ',
    ])
      expect(text).toContain(part)
    const pause: DaemonEvent = { type: 'pause.changed', deviceId: device().id, state: 'paused', until: null }
    const busy: DaemonEvent = { ...round, type: 'round.busy' }
    const paused = providerFrame({ ...facts, live: told([open, pause, busy]) }, { ...size, columns: 160 }).map(lineText)
    expect(paused.join('\n')).toContain('is paused until it is resumed')
    expect(row([open, pause, busy]).stage).toBe('busy')
    const resumed = told([open, pause, { ...pause, state: 'resumed' }])
    expect(
      providerFrame({ ...facts, live: resumed }, size)
        .map(lineText)
        .join('\n'),
    ).not.toContain('is paused')
    const others = networkView({ devices: [device({ operator: address('9') })] })
    expect(
      providerFrame({ ...facts, view: others }, size)
        .map(lineText)
        .join('\n'),
    ).not.toContain('DEVICE')
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
    const live = told([
      { type: 'session.opened', operator: address('1'), reason: null },
      { type: 'epoch.started', epoch: 5, cohorts: 1, devices: 2 },
      ...['VALID', 'VALID', 'WRONG'].map(
        (verdict): DaemonEvent => ({
          type: 'check.completed',
          device: hash('d'),
          seat: operator,
          epoch: 7,
          round: hash('a'),
          verdict,
          reason: 'R',
          ...(verdict === 'VALID' ? worth(9) : { kind: 'memory', figures: {} }),
        }),
      ),
      { type: 'device.judged', epoch: 7, device: hash('d'), valid: false, findings: ['DEVICE_CHANGED'] },
    ])
    expect(live).toMatchObject({ verdictCounts: { VALID: 2, WRONG: 1 } })
    expect(live.sessions.size).toBe(1)
    const pending = { state: 'pending', opened: null, agreedLanes: null, earned: null } as const
    const duties = [
      duty(7, { ...pending, committedTxHash: null }),
      duty(6, pending),
      duty(5),
      duty(4, { committedTxHash: null, opened: false, agreedLanes: 0, earned: 0n }),
      duty(3, { ...pending, state: 'void' }),
    ]
    const rows = seatEpochRows(duties, live.judgedDevices)
    expect(rows.map(({ epoch, state, agreement }) => [epoch, state, agreement])).toEqual([
      [7, 'at work', null],
      [6, 'committed 0x4444…4444', null],
      [5, 'opened', 1],
      [4, 'missed COMMIT', null],
      [3, 'void', null],
    ])
    // A rate counts only where the work was valid.
    expect(live.verdicts.map(({ verdict, kind, figures }) => [verdict, kind, figures])).toEqual([
      ['WRONG', 'memory', {}],
      ['VALID', 'tensor', { tensor: 9 }],
      ['VALID', 'tensor', { tensor: 9 }],
    ])
    const facts = { name: 'devnet', view: networkView(), live, now, warning: null, operator, duties }
    const text = checkerFrame(facts, size).map(lineText).join('\n')
    for (const part of ['WRONG', 'DEVICE_CHANGED', 'missed COMMIT', 'wss://checker.example:7411', 'seats 2'])
      expect(text).toContain(part)
  })
})
