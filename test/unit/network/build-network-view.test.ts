import { describe, expect, it } from 'vitest'
import { buildNetworkView, chainVerdict, epochPartsOf } from '../../../src/core/network/build-network-view.ts'
import { epochProgress } from '../../../src/core/network/epoch-progress.ts'
import { networkChanges } from '../../../src/core/network/network-changes.ts'
import { findDevice } from '../../../src/core/network/network-view.ts'
import { deviceRows } from '../../../src/core/view/device-rows.ts'
import { type DaemonEvent, eventText } from '../../../src/core/view/event-text.ts'
import { lineText } from '../../../src/core/view/line.ts'
import { emptyLiveState, liveStateAfter } from '../../../src/core/view/live-state.ts'
import { networkFrame } from '../../../src/core/view/network-dashboard.ts'
import { firstDevice, networkReadings, networkView, secondDevice, simulated } from './network-fixture.ts'

describe('network view', () => {
  it('sums what was paid, by epoch, device and Checker', () => {
    const amount = simulated.amounts[0]!
    expect(networkView.currentEpoch).toBe(3)
    expect(networkView.epochs.map(({ epoch, isPaid, paidToDevices }) => [epoch, isPaid, paidToDevices])).toEqual([
      [3, false, 0n],
      [2, true, 0n],
      [1, true, amount],
      [0, true, amount],
    ])
    expect(networkView.devices[0]).toMatchObject({ id: firstDevice, earned: 2n * amount })
    expect(networkView.devices[0]!.history.map(({ epoch, verdict }) => [epoch, verdict.verdict])).toEqual([
      [0, 'VALID'],
      [1, 'VALID'],
      [2, 'VOID'],
    ])
    expect(networkView.devices[1]!.history[1]).toMatchObject({ score: 0n, amount: 0n, verdict: { verdict: 'MISSED' } })
    expect(networkView.checkers[4]).toMatchObject({ earned: 6n, agreedLanes: 2, drawnLanes: 4 })
    expect(networkView.payments.map(({ epoch, device }) => [epoch, device])).toEqual([
      [1, firstDevice],
      [1, secondDevice],
      [0, firstDevice],
      [0, secondDevice],
    ])
  })

  it('keeps what only events change, until an event, a phase or an epoch changes it', () => {
    const parts = epochPartsOf(networkReadings)
    const later = { ...networkReadings, head: { ...networkReadings.head, number: 121n, timestamp: 1_054 } }
    expect(epochPartsOf(later, parts)).toBe(parts)
    expect(buildNetworkView(later, parts)).toEqual(buildNetworkView(later))
    const changed = [
      { ...later, history: { ...later.history } },
      { ...later, overviews: new Map() },
      { ...later, head: { ...later.head, timestamp: 1_064 } },
    ]
    for (const readings of changed) expect(epochPartsOf(readings, parts)).not.toBe(parts)
  })

  it('looks at each committee as often, however many Checkers there are', () => {
    const parts = epochPartsOf(networkReadings)
    const looksFor = (times: number) => {
      let looks = 0
      class Counted extends Map<string, readonly `0x${string}`[]> {
        override get(key: string) {
          looks++
          return super.get(key)
        }
      }
      const checkers = Array.from({ length: times }, () => networkReadings.checkers).flat()
      buildNetworkView({ ...networkReadings, checkers, committees: new Counted(networkReadings.committees) }, parts)
      return looks
    }
    expect(looksFor(1)).toBeGreaterThan(0)
    expect(looksFor(100)).toBe(looksFor(1))
  })

  it('shows what there is before the network starts', () => {
    const view = buildNetworkView({ ...networkReadings, timeline: null, rounds: null })
    expect(view).toMatchObject({ currentEpoch: null, epochs: [], payments: [] })
    expect(view.devices).toHaveLength(2)
    expect(networkChanges(null, view).map(({ type }) => type)).toEqual(['network.seen'])
  })

  it.each([
    [7, 'ABSTAINED'],
    [11, 'WRONG'],
    [14, 'UNSUPPORTED'],
    [13, 'UNSUPPORTED'],
    [15, 'VALID'],
  ])('reads flags %d as %s', (flags, verdict) => {
    expect(chainVerdict({ rate: 1, uptime: 1, flags }).verdict).toBe(verdict)
  })

  it('finds a device by the first digits that name it alone', () => {
    expect(findDevice([firstDevice, secondDevice], firstDevice.slice(0, 4))).toBe(firstDevice)
    expect(findDevice([firstDevice, secondDevice], firstDevice.slice(2).toUpperCase())).toBe(firstDevice)
    expect(() => findDevice([firstDevice, secondDevice], '0x1')).toThrow('2 device ids')
    expect(() => findDevice([firstDevice], '')).toThrow('No device')
  })
})

describe('a cohort without a result in PAY', () => {
  it.each([
    ['is void once the total is fixed', true, 'void'],
    ['is pending as long as a revealed quorum may be finalized', false, 'pending'],
  ])('%s', (_, totalFixed, state) => {
    const overview = { ...networkReadings.overviews.get(3)!, epoch: 2, phase: 'pay' as const, totalFixed }
    const history = { ...networkReadings.history, voided: new Map() }
    const { epochs } = buildNetworkView({ ...networkReadings, history, overviews: new Map([[2, overview]]) })
    const { cohorts } = epochs.find(({ epoch }) => epoch === 2)!
    expect(cohorts.find(({ cohort }) => cohort === 2)!.state).toBe(state)
  })
})

describe('network changes', () => {
  const before = buildNetworkView({
    ...networkReadings,
    head: { ...networkReadings.head, timestamp: 1_040 },
    rounds: [],
    devices: networkReadings.devices.slice(0, 1),
    checkers: networkReadings.checkers.map(checker => ({ ...checker, strikes: 0 })),
    overviews: new Map([[2, { ...networkReadings.overviews.get(3)!, epoch: 2, phase: 'open' as const }]]),
    history: { ...networkReadings.history, voided: new Map(), paidSeats: new Map() },
  })

  it('tells each thing once', () => {
    expect(networkChanges(before, networkView).map(eventText)).toEqual([
      `device ${secondDevice.slice(0, 6)}…${secondDevice.slice(-4)}  registered by 0x1111…1111 in lane 129`,
      'checker 0x9494…9494  strikes: 1',
      expect.stringMatching(/^epoch 0 {2}paid: 0x1010…1010 \d+\.\d{4} KAI, /),
      expect.stringMatching(/^epoch 1 {2}paid: /),
      'epoch 2  PAY',
      'epoch 2  cohort 2 is void: fewer than 3 seats opened',
      'epoch 3  WORK',
      'epoch 3  round 0 triggered by block 0x0a0a…0a0a',
    ])
    expect(networkChanges(networkView, networkView)).toEqual([])
  })
})

describe('network dashboard', () => {
  const facts = {
    name: 'devnet',
    rpcUrl: 'http://127.0.0.1:8545',
    explorerUrl: null,
    now: 1_052,
    warning: null,
    live: emptyLiveState,
    view: networkView,
  }
  const round = networkView.rounds![0]!.hash
  const worth = (tensor: number) => ({ kind: 'tensor', figures: { tensor } }) as const
  const told: DaemonEvent[] = [
    { type: 'device.registered', deviceId: firstDevice, model: 'AMD EPYC 7B13', change: 'kept', generation: 1 },
    { type: 'epoch.started', epoch: 3, devices: 1, seats: 5 },
    { type: 'round.committed', epoch: 3, deviceId: firstDevice, round, ...worth(400), units: 9, lostMs: 1 },
    {
      type: 'check.completed',
      device: firstDevice,
      seat: '0xa',
      epoch: 3,
      round: '0xa1d',
      verdict: 'VALID',
      reason: 'ALL_EQUAL',
      ...worth(9),
    },
    {
      type: 'check.completed',
      device: firstDevice,
      seat: '0xb',
      epoch: 3,
      round,
      verdict: 'VALID',
      reason: 'ALL_EQUAL',
      ...worth(412),
    },
    {
      type: 'check.completed',
      device: firstDevice,
      seat: '0xa',
      epoch: 3,
      round,
      verdict: 'TIMEOUT',
      reason: 'NO_OPENINGS',
      ...{ kind: 'tensor', figures: {} },
    },
  ]
  const toldBy = (count: number) =>
    told.slice(0, count).reduce((state, event) => liveStateAfter(state, event, 1_053), emptyLiveState)

  it('shows the chain and what the processes tell', () => {
    const later = { ...facts, now: 1_055, live: toldBy(6) }
    expect(deviceRows(later, null)[0]).toMatchObject({
      stage: 'judged',
      verdicts: ['TIMEOUT', 'VALID'],
      figures: { tensor: 412 },
    })
    const frame = networkFrame(later, { columns: 80, rows: 24 }).map(lineText).join('\n')
    expect(frame).toContain('block 120 · 2 s ago')
    expect(frame).toMatch(/0x1010…1010 {2}AMD EPYC 7B13 +judged +!✓/)
    expect(frame).toMatchSnapshot()
  })

  it('follows a device through a round', () => {
    const stages = [0, 1, 3, 4].map(count => deviceRows({ ...facts, live: toldBy(count) }, null)[0]!.stage)
    expect(stages).toEqual(['idle', 'working', 'committed', 'judged'])
    const aborted = liveStateAfter(
      toldBy(1),
      { type: 'round.aborted', epoch: 3, deviceId: firstDevice, round, reason: 'gone' },
      1_053,
    )
    expect(deviceRows({ ...facts, live: aborted }, null)[0]!.stage).toBe('offline')
    expect(deviceRows({ ...facts, now: 1_060, live: toldBy(1) }, null)[0]!.stage).toBe('idle')
  })

  it('knows which phase an epoch settles in', () => {
    const at = (timestamp: number, isPaid: boolean, state: 'pending' | 'final') => {
      const epochs = networkView.epochs.map(epoch => ({
        ...epoch,
        isPaid,
        cohorts: epoch.cohorts.map(cohort => ({ ...cohort, state })),
      }))
      return epochProgress({ ...networkView, epochs, head: { ...networkView.head, timestamp } })[1]
    }
    expect(at(1_049, false, 'pending')).toMatchObject({
      epoch: 2,
      phase: 'COMMIT',
      elapsedSeconds: 1,
      lengthSeconds: 4,
    })
    expect(at(1_053, false, 'pending')).toMatchObject({ phase: 'OPEN', elapsedSeconds: 1 })
    expect(at(1_053, false, 'final')).toMatchObject({ phase: 'PAY', lengthSeconds: null })
    expect(at(1_056, false, 'pending')).toMatchObject({ phase: 'REVEAL' })
    expect(at(1_058, false, 'pending')).toMatchObject({ phase: 'FINALIZE' })
    expect(at(1_063, true, 'final')).toMatchObject({ phase: 'PAID' })
  })
})
