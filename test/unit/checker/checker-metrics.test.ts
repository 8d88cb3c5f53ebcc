import { describe, expect, it } from 'vitest'
import type { CheckerEvent } from '../../../src/core/checker/checker-event.ts'
import { type CheckerState, checkerUnready, createCheckerMetrics } from '../../../src/core/checker/checker-metrics.ts'
import { transportErrors } from '../../../src/core/transport/errors.ts'
import { findPromtool, promtoolCheck } from '../../helpers/promtool.ts'

const hash = (digit: string) => `0x${digit.repeat(64)}` as const
const operator = `0x${'1'.repeat(40)}` as const
const now = 1_700_000_000_000
const judged = (verdict: string, reason: string): CheckerEvent => ({
  type: 'check.completed',
  device: hash('d'),
  seat: operator,
  epoch: 4,
  round: hash('a'),
  verdict,
  reason,
  ...{ kind: 'tensor', figures: { tensor: 5 } },
})
const events: CheckerEvent[] = [
  { type: 'checker.listening', url: 'wss://checker.example:7411', seats: 3, change: 'bonded' },
  { type: 'epoch.started', epoch: 4, cohorts: 2, devices: 70 },
  { type: 'session.opened', operator, reason: null },
  judged('VALID', 'ALL_EQUAL'),
  judged('VALID', 'ALL_EQUAL'),
  judged('TIMEOUT', 'NO_COMMITMENT'),
  { type: 'device.judged', epoch: 4, device: hash('d'), valid: false, findings: ['DEVICE_CHANGED'] },
]

function metricsAfter(seen: readonly CheckerEvent[]) {
  const metrics = createCheckerMetrics(
    { version: '1.2.3' },
    {
      readHead: async () => ({ number: 77n, timestamp: now / 1000 - 3 }),
      unagreed: () => ({ RPC_DISAGREEMENT: 4, RPC_ALONE: 0 }),
      now: () => now,
    },
  )
  for (const event of seen) metrics.observe(event)
  return metrics
}

describe('checker metrics', () => {
  it('checker metrics count what the Checker emitted and was observed to do', async () => {
    const metrics = metricsAfter(events)
    metrics.verified(0.03, 2)
    metrics.settled('finalize/3/0')
    metrics.settled('finalize/3/1')
    const lines = (await metrics.registry.metrics()).split('\n')
    for (const line of [
      'kaisar_checker_build_info{version="1.2.3"} 1',
      'kaisar_checker_verdicts_total{verdict="VALID",reason="ALL_EQUAL"} 2',
      'kaisar_checker_verdicts_total{verdict="TIMEOUT",reason="NO_COMMITMENT"} 1',
      'kaisar_checker_verdicts_total{verdict="CHECKER_FAULT",reason=""} 0',
      `kaisar_checker_last_verdict_timestamp_seconds ${now / 1000}`,
      'kaisar_checker_verify_seconds_sum 0.03',
      'kaisar_checker_verify_seconds_bucket{le="0.025"} 0',
      'kaisar_checker_verified_devices_total 2',
      'kaisar_checker_device_reports_total{valid="false"} 1',
      'kaisar_checker_device_findings_total{code="DEVICE_CHANGED"} 1',
      'kaisar_checker_settlement_steps_total{step="finalize"} 2',
      'kaisar_checker_open_sessions 1',
      'kaisar_checker_bonded_seats 3',
      'kaisar_checker_duty_cohorts 2',
      'kaisar_checker_rpc_unagreed_reads_total{code="RPC_DISAGREEMENT"} 4',
      'kaisar_checker_rpc_unagreed_reads_total{code="RPC_ALONE"} 0',
      'kaisar_checker_duty_devices 70',
      'kaisar_checker_epoch 4',
      'kaisar_checker_chain_lag_seconds 3',
    ])
      expect(lines).toContain(line)
  })

  it('checker metrics are named kaisar_checker_… and have a description', async () => {
    for (const { name, help } of await metricsAfter(events).registry.getMetricsAsJSON()) {
      expect(name).toMatch(/^kaisar_checker_[a-z]+(_[a-z]+)*$/)
      expect(help).toMatch(/\.$/)
    }
  })

  const promtool = findPromtool()
  it.skipIf(promtool === null)(
    'promtool accepts the checker metrics (skipped where promtool is not installed)',
    async () => {
      expect(promtoolCheck(promtool!, ['metrics'], await metricsAfter(events).registry.metrics())).toEqual({
        ok: true,
        output: '',
      })
    },
  )
})

describe('checker health', () => {
  const ready: CheckerState = {
    endpoint: 'wss://checker.example:7411',
    epoch: { epoch: 4, cohorts: 1, devices: 2 },
    openSessions: 1,
    lastVerdict: null,
    chainLagSeconds: 2,
  }
  it.each([
    [{}, []],
    [{ endpoint: null }, ['it is not bonded and listening yet']],
    [{ epoch: null }, ['no epoch was entered yet']],
    [{ epoch: { epoch: 4, cohorts: 0, devices: 0 }, openSessions: 0 }, []],
    [
      { openSessions: 0 },
      ['none of the 2 devices it judges has a session: can wss://checker.example:7411 be reached?'],
    ],
    [{ chainLagSeconds: null }, ['no RPC endpoint answers']],
    [{ chainLagSeconds: 121 }, ['the newest block is 121 seconds old']],
  ] as const)('a Checker in the state %j is not ready because of %j', (changes, expected) => {
    expect(checkerUnready({ ...ready, ...changes })).toEqual(expected)
  })

  it('a Checker’s readiness follows its events', async () => {
    const metrics = metricsAfter([])
    expect(await metrics.health()).toMatchObject({ healthy: false, endpoint: null })
    for (const event of events) metrics.observe(event)
    expect(await metrics.health()).toMatchObject({ healthy: true, lastVerdict: { verdict: 'TIMEOUT', epoch: 4 } })
    metrics.observe({ type: 'session.closed', operator, reason: 'TRANSPORT_CLOSED' })
    expect(await metrics.health()).toMatchObject({ healthy: false, openSessions: 0 })
  })

  it('reasons that a peer makes up are one label', async () => {
    const metrics = metricsAfter([])
    for (const reason of [
      transportErrors.TRANSPORT_CLOSED({}).code,
      ...Array.from({ length: 300 }, (_, i) => `MADE_UP_${i}`),
    ])
      metrics.observe({ type: 'session.closed', operator, reason })
    const shown = (await metrics.registry.metrics()).split('\n').filter(line => line.includes('sessions_closed_total{'))
    expect(shown).toEqual([
      'kaisar_checker_sessions_closed_total{reason="TRANSPORT_CLOSED"} 1',
      'kaisar_checker_sessions_closed_total{reason="other"} 300',
    ])
  })
})
