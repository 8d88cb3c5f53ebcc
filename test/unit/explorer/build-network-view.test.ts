import { describe, expect, it } from 'vitest'
import { buildNetworkView } from '../../../src/core/explorer/build-network-view.ts'
import { chainVerdict } from '../../../src/core/explorer/chain-verdict.ts'
import { findDevice } from '../../../src/core/explorer/find-device.ts'
import { changeText, networkChanges } from '../../../src/core/explorer/network-changes.ts'
import { epochProgress, networkDashboard } from '../../../src/core/explorer/network-dashboard.ts'
import { devnetFrame } from '../../../src/core/platform/ui/devnet-frame.ts'
import { lineText } from '../../../src/core/platform/ui/line.ts'
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

describe('network changes', () => {
  const before = buildNetworkView({
    ...networkReadings,
    head: { ...networkReadings.head, timestamp: 1_040 },
    rounds: [],
    devices: networkReadings.devices.slice(0, 1),
    checkers: networkReadings.checkers.map(checker => ({ ...checker, strikes: 0 })),
    history: { ...networkReadings.history, voided: new Map(), paidSeats: new Map() },
  })

  it('tells each thing once', () => {
    expect(networkChanges(before, networkView).map(changeText)).toEqual([
      `device ${secondDevice.slice(0, 6)}…${secondDevice.slice(-4)}  registered by 0x1111…1111 in lane 129`,
      'checker 0x9494…9494  strikes: 1',
      expect.stringMatching(/^epoch 0 {2}paid: 0x1010…1010 \d+\.\d{4} KAI, /),
      expect.stringMatching(/^epoch 1 {2}paid: /),
      'epoch 2  cohort 2 is void: fewer than 3 seats opened',
      'epoch 3  PAY',
      'epoch 3  round 0 triggered by block 0x0a0a…0a0a',
    ])
    expect(networkChanges(networkView, networkView)).toEqual([])
  })
})

describe('network dashboard', () => {
  const live = {
    name: 'devnet',
    rpcUrl: 'http://127.0.0.1:8545',
    explorerUrl: null,
    now: 1_055,
    warning: null,
    models: new Map([[firstDevice, 'AMD EPYC 7B13']]),
    stages: new Map([[firstDevice, 'working' as const]]),
    verdicts: [],
  }

  it('shows the chain and what the processes tell', () => {
    const frame = devnetFrame(networkDashboard(networkView, live), { columns: 80, rows: 24 }).map(lineText).join('\n')
    expect(frame).toContain('block 120 · 2 s ago')
    expect(frame).toMatch(/0x1010…1010 {2}AMD EPYC 7B13 +working/)
    expect(frame).toMatchSnapshot()
  })

  it('knows which phase an epoch settles in', () => {
    const { timeline } = networkReadings
    const at = (timestamp: number, isPaid: boolean, state: 'pending' | 'final') => {
      const epochs = networkView.epochs.map(epoch => ({
        ...epoch,
        isPaid,
        cohorts: epoch.cohorts.map(cohort => ({ ...cohort, state })),
      }))
      return epochProgress({ ...networkView, epochs, head: { ...networkView.head, timestamp } }, timeline!)[1]
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
