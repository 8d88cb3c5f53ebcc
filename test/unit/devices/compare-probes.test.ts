import { describe, expect, it } from 'vitest'
import { compareProbes } from '../../../src/core/devices/compare-probes.ts'
import { type FaultCode, makeFault } from '../../../src/core/devices/fault-table.ts'
import {
  deviceRecord,
  type ProbedDevice,
  type ProbeResult,
  probedDevice,
  worstState,
} from '../../../src/core/devices/probed-device.ts'

const card = (identity: string, pciBusId: string, known: Partial<ProbedDevice> = {}, more = {}) =>
  probedDevice(
    deviceRecord({
      kind: 'gpu',
      vendor: 'nvidia',
      model: 'NVIDIA L4',
      identity,
      identitySource: 'uuid',
      pciBusId,
      memoryMiB: 23034,
      driver: '570.1',
      ...more,
    }),
    known,
  )
const a = card('GPU-a', '0000:01:00.0')
const b = card('GPU-b', '0000:02:00.0')
const result = (
  devices: ProbedDevice[],
  faults: readonly (readonly [FaultCode, string | null])[] = [],
): ProbeResult => ({
  state: worstState(devices),
  devices,
  faults: faults.map(([code, device]) => makeFault(code, { device })),
  notes: [],
})
const events = (before: ProbeResult, after: ProbeResult) =>
  compareProbes(before, after).map(({ type, device, reason, abort }) => [type, device, reason, abort])

describe('compareProbes', () => {
  const healthy = result([a, b])
  it('says nothing where nothing changed, and nothing of an update', () => {
    expect(events(healthy, healthy)).toEqual([])
    expect(events(healthy, result([b, card('GPU-a', '0000:01:00.0', {}, { driver: '580.1', firmware: '9' })]))).toEqual(
      [],
    )
  })
  it('names a card that is gone; the others go on', () => {
    expect(events(healthy, result([b]))).toEqual([['card-lost', 'GPU-a', 'GPU_LOST', true]])
  })
  it('knows a card that fell off the bus by its address when its name and UUID are gone', () => {
    const ghost = card(
      'nvidia:m:pci-0000:01:00.0',
      '0000:01:00.0',
      { state: 'unreadable' },
      { model: 'unknown', memoryMiB: null },
    )
    expect(events(healthy, result([b, ghost], [['GPU_FELL_OFF_BUS', ghost.record.identity]]))).toEqual([
      ['card-lost', 'GPU-a', 'GPU_FELL_OFF_BUS', true],
    ])
  })
  it('does not call a card lost that fell off earlier and answers again', () => {
    const after = { ...healthy, faults: [makeFault('GPU_FELL_OFF_BUS', { device: 'GPU-a', critical: false })] }
    expect(events(healthy, after)).toEqual([])
  })
  it.each([
    ['GPU_RESET_REQUIRED', 'reset-required', true],
    ['GPU_ECC_UNCONTAINED', 'failed', true],
    ['GPU_THERMAL_THROTTLE', 'throttling', false],
    ['GPU_POWER_BRAKE', 'throttling', false],
  ] as const)('says %s once (%s, abort: %s), and a recovery when it is over', (code, type, abort) => {
    const faulty = result([a, b], [[code, 'GPU-a']])
    expect(events(healthy, faulty)).toEqual([[type, 'GPU-a', code, abort]])
    expect(events(faulty, faulty)).toEqual([])
    expect(events(faulty, healthy)).toEqual([['recovered', 'GPU-a', code, false]])
  })
  it('says that a card works again although it is throttled now, and not that a stopped one does', () => {
    const throttled = result([a], [['GPU_THERMAL_THROTTLE', 'GPU-a']])
    const stopped = result([a], [['GPU_RESET_REQUIRED', 'GPU-a']])
    const both = result(
      [a],
      [
        ['GPU_RESET_REQUIRED', 'GPU-a'],
        ['GPU_THERMAL_THROTTLE', 'GPU-a'],
      ],
    )
    expect(events(stopped, throttled)).toEqual([
      ['recovered', 'GPU-a', 'GPU_RESET_REQUIRED', false],
      ['throttling', 'GPU-a', 'GPU_THERMAL_THROTTLE', false],
    ])
    expect(events(both, stopped)).toEqual([])
    expect(events(both, throttled)).toEqual([['recovered', 'GPU-a', 'GPU_RESET_REQUIRED', false]])
  })
  it('does not abort a card at its power limit', () => {
    expect(events(healthy, result([a, b], [['GPU_POWER_CAP', 'GPU-a']]))).toEqual([])
  })
  it('recovers a card that was unreadable', () => {
    const before = result([card('GPU-a', '0000:01:00.0', { state: 'unreadable' })], [['GPU_LOST', 'GPU-a']])
    expect(events(before, result([a]))).toEqual([['recovered', 'GPU-a', 'GPU_LOST', false]])
  })
  it('sees other hardware under the same identity, and a card that is new', () => {
    expect(events(result([a]), result([card('GPU-a', '0000:01:00.0', {}, { memoryMiB: 1 })]))).toEqual([
      ['hardware-changed', 'GPU-a', 'HARDWARE_CHANGED', true],
    ])
    expect(events(result([a]), healthy)).toEqual([['card-added', 'GPU-b', 'CARD_ADDED', false]])
  })
  it('fails every working card with the host’s reason where the tool stopped answering', () => {
    const silent: ProbeResult = { ...result([], [['GPU_TOOL_TIMEOUT', null]]), state: 'unreadable' }
    expect(events(healthy, silent)).toEqual([
      ['failed', 'GPU-a', 'GPU_TOOL_TIMEOUT', true],
      ['failed', 'GPU-b', 'GPU_TOOL_TIMEOUT', true],
    ])
  })
})
