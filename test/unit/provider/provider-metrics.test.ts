import { describe, expect, it } from 'vitest'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import type { ProviderEvent } from '../../../src/core/provider/provider-event.ts'
import {
  createProviderMetrics,
  type ProviderState,
  providerUnready,
} from '../../../src/core/provider/provider-metrics.ts'
import { transportErrors } from '../../../src/core/transport/errors.ts'
import { findPromtool, promtoolCheck } from '../../helpers/promtool.ts'

const device = `0x${'d'.repeat(64)}` as const
const round = `0x${'a'.repeat(64)}` as const
const checkers = ['1', '2', '3', '4', '5'].map(digit => `0x${digit.repeat(40)}` as const)
const now = 1_700_000_000_000
const head = { number: 77n, timestamp: now / 1000 - 3 }

const session = (type: 'session.opened' | 'session.closed', checker = checkers[0]!): ProviderEvent => ({
  type,
  checker,
  reason: type === 'session.closed' ? transportErrors.TRANSPORT_CLOSED({}).code : null,
})
const worked = (kind: RoundKindName, units: number) => ({ kind, units })
const events: ProviderEvent[] = [
  { type: 'device.registered', deviceId: device, change: 'registered', generation: 1, model: 'Example CPU' },
  { type: 'epoch.started', epoch: 4, devices: 1, seats: 5 },
  ...checkers.map(checker => session('session.opened', checker)),
  {
    type: 'round.committed',
    epoch: 4,
    round,
    deviceId: device,
    ...worked('tensor', 500),
    figures: { tensor: 1_200 },
    lostMs: 12,
  },
  {
    type: 'round.committed',
    epoch: 4,
    round,
    deviceId: device,
    ...worked('tensor', 300),
    figures: { tensor: 1_100 },
    lostMs: 8,
  },
  {
    ...{ type: 'round.committed', epoch: 4, round, deviceId: device, ...worked('memory', 40), lostMs: 0 },
    figures: { bandwidth: 900, resident: 17 },
  },
  { type: 'round.aborted', epoch: 4, round, deviceId: device, reason: 'the card is gone' },
  { type: 'round.late', epoch: 4, round, deviceId: device, kind: 'tensor', lateMs: 2_000, leftMs: 8_000 },
  { type: 'round.missed', epoch: 4, round, deviceId: device, kind: 'beat', lateMs: 2_000 },
  { type: 'receipt.received', epoch: 3, deviceId: device, checker: checkers[0]!, rate: 900, flags: 15, measures: null },
  { type: 'receipt.received', epoch: 3, deviceId: device, checker: checkers[1]!, rate: 0, flags: 15, measures: null },
  { type: 'device.health', device: 'GPU-1', change: 'lost', reason: 'XID_79', detail: '' },
  session('session.closed', checkers[4]),
]

function metricsAfter(seen: readonly ProviderEvent[], readHead = async () => head) {
  const metrics = createProviderMetrics({ version: '1.2.3' }, { readHead, now: () => now })
  for (const event of seen) metrics.observe(event)
  return metrics
}

describe('provider metrics', () => {
  it('provider metrics count the emitted events, in base units', async () => {
    const text = await metricsAfter(events).registry.metrics()
    for (const line of [
      'kaisar_provider_build_info{version="1.2.3"} 1',
      `kaisar_provider_rounds_total{device="${device}",result="committed"} 3`,
      `kaisar_provider_rounds_total{device="${device}",result="aborted"} 1`,
      `kaisar_provider_rounds_total{device="${device}",result="missed"} 1`,
      `kaisar_provider_rounds_late_total{device="${device}"} 1`,
      `kaisar_provider_work_units_total{device="${device}",kind="tensor"} 800`,
      `kaisar_provider_work_units_total{device="${device}",kind="memory"} 40`,
      `kaisar_provider_window_figure{device="${device}",figure="tensor"} 1100`,
      `kaisar_provider_window_figure{device="${device}",figure="bandwidth"} 900`,
      `kaisar_provider_window_figure{device="${device}",figure="resident"} 17`,
      `kaisar_provider_window_lost_seconds_sum{device="${device}"} 0.02`,
      `kaisar_provider_receipts_total{device="${device}",paid="true"} 1`,
      `kaisar_provider_receipts_total{device="${device}",paid="false"} 1`,
      'kaisar_provider_device_health_changes_total{change="lost",reason="XID_79"} 1',
      'kaisar_provider_open_sessions 4',
      'kaisar_provider_sessions_closed_total{reason="TRANSPORT_CLOSED"} 1',
      'kaisar_provider_member_devices 1',
      'kaisar_provider_epoch 4',
      'kaisar_provider_chain_reachable 1',
      'kaisar_provider_chain_head_blocks 77',
      'kaisar_provider_chain_lag_seconds 3',
    ])
      expect(text.split('\n')).toContain(line)
  })

  it('a round that is left out as busy is a round: after a long pause the last one is not old', async () => {
    const about = { round, deviceId: device }
    let time = now
    const metrics = createProviderMetrics({ version: '1.2.3' }, { readHead: async () => head, now: () => time })
    metrics.observe({
      ...about,
      ...{ type: 'round.committed', epoch: 4, ...worked('tensor', 9) },
      figures: {},
      lostMs: 0,
    })
    metrics.observe({ type: 'pause.changed', deviceId: device, state: 'paused', until: null })
    time += 20 * 3_600_000
    metrics.observe({ ...about, type: 'round.busy', epoch: 4 })
    metrics.observe({ type: 'pause.changed', deviceId: device, state: 'resumed', until: null })
    const lines = (await metrics.registry.metrics()).split('\n')
    const gauge = `kaisar_provider_last_round_timestamp_seconds{device="${device}"}`
    expect(lines).toContain(`${gauge} ${time / 1000}`)
    metrics.observe({ ...about, type: 'round.aborted', epoch: 4, reason: 'the card is gone' })
    expect(lines).toContain(`${gauge} ${time / 1000}`)
  })

  it('provider metrics say that the chain does not answer, and keep the last figures', async () => {
    let answers = true
    const metrics = metricsAfter(events, async () => (answers ? head : Promise.reject(new Error('gone'))))
    await metrics.registry.metrics()
    answers = false
    const lines = (await metrics.registry.metrics()).split('\n')
    expect(lines).toContain('kaisar_provider_chain_reachable 0')
    expect(lines).toContain('kaisar_provider_chain_head_blocks 77')
  })

  it('provider metrics are named kaisar_provider_… and have a description', async () => {
    for (const { name, help } of await metricsAfter(events).registry.getMetricsAsJSON()) {
      expect(name).toMatch(/^kaisar_provider_[a-z]+(_[a-z]+)*$/)
      expect(help).toMatch(/\.$/)
    }
  })

  const promtool = findPromtool()
  it.skipIf(promtool === null)(
    'promtool accepts the provider metrics (skipped where promtool is not installed)',
    async () => {
      const text = await metricsAfter(events).registry.metrics()
      expect(promtoolCheck(promtool!, ['metrics'], text)).toEqual({ ok: true, output: '' })
      expect(promtoolCheck(promtool!, ['metrics'], '# TYPE bad_metric_total gauge\nbad_metric_total 1\n').ok).toBe(
        false,
      )
    },
  )
})

describe('provider health', () => {
  const ready: ProviderState = {
    epoch: { epoch: 9, devices: 1, seats: 5 },
    openSessions: 5,
    lastRound: { epoch: 8, time: 't', result: 'committed' },
    chainLagSeconds: 2,
  }
  it.each([
    [{}, []],
    [{ openSessions: 3 }, []],
    [{ openSessions: 2 }, ['sessions with 2 of 5 Checkers are open, and 3 are needed']],
    [{ epoch: { epoch: 9, devices: 1, seats: 2 }, openSessions: 2 }, []],
    [{ epoch: null, openSessions: 0 }, ['no epoch was entered yet']],
    [{ epoch: { epoch: 9, devices: 0, seats: 0 } }, ['no device of ours is a member of epoch 9']],
    [{ chainLagSeconds: null }, ['no RPC endpoint answers']],
    [{ chainLagSeconds: 500.4 }, ['the newest block is 500 seconds old']],
    [{ lastRound: { epoch: 6, time: 't', result: 'committed' } }, []],
    [{ lastRound: { epoch: 5, time: 't', result: 'committed' } }, ['no round was worked since epoch 5']],
    [{ lastRound: null }, []],
  ] as const)('a Provider in the state %j is not ready because of %j', (changes, expected) => {
    expect(providerUnready({ ...ready, ...changes })).toEqual(expected)
  })

  it('a Provider is not ready at the start, ready with sessions, and not ready without them', async () => {
    const metrics = metricsAfter([])
    expect(await metrics.health()).toMatchObject({
      healthy: false,
      reasons: ['no epoch was entered yet'],
      head: 77n,
    })
    for (const event of events) metrics.observe(event)
    expect(await metrics.health()).toMatchObject({ healthy: true, openSessions: 4, lastRound: { result: 'aborted' } })
    for (const checker of checkers) metrics.observe(session('session.closed', checker))
    expect(await metrics.health()).toMatchObject({ healthy: false, openSessions: 0 })
    // An older epoch that is visited again does not turn the clock back.
    metrics.observe({ type: 'epoch.started', epoch: 2, devices: 0, seats: 0 })
    expect(await metrics.health()).toMatchObject({ epoch: { epoch: 4, devices: 1 } })
  })
})
