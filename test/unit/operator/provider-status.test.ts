/** The chain speaks first: what a status says, and that a daemon nobody sees is told so. */
import { describe, expect, it } from 'vitest'
import { jobOf, jobSets } from '../../../src/core/job/jobs.ts'
import { type LocalProvider, providerStatus, providerStatusLines } from '../../../src/core/operator/provider-status.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import type { CommittedRound } from '../../../src/core/provider/journal.ts'
import { device, deviceEpoch, hash, isoAt, networkView, nowMs, operator } from './network-fixture.ts'

const running = (sinceEpoch: number) => ({
  owner: 'kaisar provider run',
  pid: 42,
  host: 'vm',
  since: isoAt(sinceEpoch),
})
const round = (epoch: number, units: number, kind: RoundKindName = 'tensor'): CommittedRound => ({
  epoch,
  round: hash('9'),
  deviceId: device().id,
  units,
  specHash: jobOf(jobSets.devnet, kind).specHash,
  commitmentHash: hash('8'),
})
const local = (changes: Partial<LocalProvider> = {}): LocalProvider => ({
  running: running(2),
  records: { rounds: [], receipts: [], refusals: [], pauses: [], busy: [] },
  devices: [{ id: device().id, model: 'Example CPU', faults: [] }],
  ...changes,
})
const missed = deviceEpoch(6, {
  score: 0n,
  rate: 0n,
  verdict: { verdict: 'MISSED', reason: 'no verified work in any round' },
})
const withLast = (last: typeof missed) => networkView({ devices: [device({ history: [...device().history, last] })] })
const codes = (view: ReturnType<typeof networkView>, here: LocalProvider | null) =>
  providerStatus({ view, operator, local: here, nowMs }).warnings.map(({ code }) => code)

describe('providerStatus', () => {
  it('shows the newest result on chain, the scores, what was earned, and the next epoch', () => {
    const status = providerStatus({ view: networkView(), operator, local: local(), nowMs })
    expect(status).toMatchObject({
      operator,
      network: { chainId: 31337, currentEpoch: 7, nextEpoch: { epoch: 8, inSeconds: 60 }, head: { ageSeconds: 2 } },
      daemon: { running: { pid: 42 } },
      warnings: [],
    })
    expect(status.devices).toHaveLength(1)
    expect(status.devices[0]).toMatchObject({
      model: 'Example CPU',
      faults: [],
      lastProof: { epoch: 5, verdict: { verdict: 'VALID' }, score: 995n },
      history: [2, 3, 4, 5].map(epoch => ({ epoch, score: 995n })),
    })
  })

  it('shows devices of this operator only', () => {
    const other = device({ id: hash('3'), operator: `0x${'cc'.repeat(20)}` })
    const view = networkView({ devices: [device(), other] })
    expect(providerStatus({ view, operator, local: null, nowMs }).devices.map(({ id }) => id)).toEqual([device().id])
  })

  it('says that a daemon runs and is not seen', () => {
    expect(codes(withLast(missed), local())).toEqual(['DEVICE_UNSEEN'])
    const worked = local({
      records: { rounds: [round(6, 900), round(6, 800, 'memory')], receipts: [], refusals: [], pauses: [], busy: [] },
    })
    const [warning] = providerStatus({ view: withLast(missed), operator, local: worked, nowMs }).warnings
    expect(warning).toMatchObject({ code: 'DEVICE_UNSEEN', device: device().id })
    expect(warning!.message).toContain('committed to 2 rounds of epoch 6')
    expect(warning!.message).toContain('9 min')
    expect(codes(withLast(deviceEpoch(6)), worked)).toEqual([])
  })

  it('says that a device works no memory rounds, without which it is paid nothing', () => {
    const rounds = [round(6, 900), round(6, 800), round(5, 700, 'memory')]
    const worked = local({ records: { rounds, receipts: [], refusals: [], pauses: [], busy: [] } })
    expect(codes(withLast(missed), worked)).toEqual(['DEVICE_WITHOUT_MEMORY'])
  })

  it('tells a device that finishes nothing from one that is not heard', () => {
    const slow = local({
      records: { rounds: [round(6, 0), round(5, 700)], receipts: [], refusals: [], pauses: [], busy: [] },
    })
    expect(codes(withLast(missed), slow)).toEqual(['DEVICE_TOO_SLOW'])
  })

  it('does not blame a daemon for an epoch it was not up in', () => {
    expect(codes(withLast(missed), local({ running: running(6.5) }))).toEqual([])
    expect(codes(withLast(missed), local({ running: null }))).toEqual(['DAEMON_DOWN', 'DEVICE_MISSED'])
    expect(codes(withLast(missed), null)).toEqual(['DEVICE_MISSED'])
  })

  it('shows a pause that holds, and warns of no epoch in which the device was busy', () => {
    const none = { rounds: [], receipts: [], refusals: [], pauses: [], busy: [] }
    const pause = { deviceId: device().id, since: nowMs - 60_000, until: nowMs + 60_000 }
    const here = (records: Partial<typeof none> | object) => local({ records: { ...none, ...records } })
    const of = (records: object) => providerStatus({ view: networkView(), operator, local: here(records), nowMs })
    const until = new Date(pause.until).toISOString()
    expect(of({ pauses: [pause] }).devices[0]!.pause).toEqual({ since: new Date(pause.since).toISOString(), until })
    expect(providerStatusLines(of({ pauses: [pause] })).join('\n')).toContain(
      `, until ${until}: its rounds are left out`,
    )
    expect(providerStatusLines(of({ pauses: [{ ...pause, until: null }] })).join('\n')).toContain('provider resume')
    // Over, and the daemon that would have ended it is not up.
    expect(of({ pauses: [{ ...pause, until: nowMs }] }).devices[0]!.pause).toBeNull()
    expect(of({}).devices[0]!.pause).toBeNull()

    const busy = [{ epoch: 6, round: hash('9'), deviceId: device().id }]
    expect(codes(withLast(missed), here({ busy }))).toEqual([])
    expect(codes(withLast(missed), here({ busy: [{ ...busy[0]!, epoch: 5 }], pauses: [pause] }))).toEqual([
      'DEVICE_UNSEEN',
    ])
  })

  it('says that nothing is registered although the daemon runs', () => {
    expect(codes(networkView({ devices: [] }), local())).toEqual(['DEVICE_UNREGISTERED'])
    expect(codes(networkView({ devices: [] }), local({ running: null }))).toEqual([])
  })

  it.each([
    ['WRONG', 'DEVICE_WRONG'],
    ['UNSUPPORTED', 'DEVICE_UNSUPPORTED'],
    ['ABSTAINED', 'DEVICE_UNSEEN'],
    ['VOID', undefined],
  ] as const)('of the verdict %s warns with %s', (verdict, code) => {
    const last = deviceEpoch(6, { score: verdict === 'VOID' ? null : 0n, verdict: { verdict, reason: 'as was said' } })
    expect(codes(withLast(last), local())).toEqual(code === undefined ? [] : [code])
  })

  it('says what else costs: no result at all, a fault, an undelivered payment, a device that leaves, a chain that stands still', () => {
    expect(codes(networkView({ devices: [device({ history: [], since: 5 })] }), null)).toEqual(['DEVICE_UNPROVEN'])
    expect(codes(networkView({ devices: [device({ history: [], since: 6 })] }), null)).toEqual([])
    const fault = { code: 'GPU_XID', meaning: 'The card reported a fault.', fix: 'Reset it.', critical: true }
    const faulty = local({ devices: [{ id: device().id, model: 'Example CPU', faults: [fault] }] })
    expect(codes(networkView(), faulty)).toEqual(['GPU_XID'])
    expect(codes(networkView({ devices: [device({ owed: 1n, until: 9 })] }), null)).toEqual([
      'DEVICE_LEAVING',
      'PAYMENT_OWED',
    ])
    const stale = providerStatus({ view: networkView(), operator, local: null, nowMs: nowMs + 600_000 })
    expect(stale.warnings.map(({ code }) => code)).toEqual(['CHAIN_STALE'])
  })

  it('reads in a terminal', () => {
    const view = networkView({
      devices: [device({ silentEpochs: 1, history: [...device().history, deviceEpoch(6, { score: null }), missed] })],
    })
    expect(
      providerStatusLines(providerStatus({ view, operator, local: local(), nowMs })).join('\n'),
    ).toMatchInlineSnapshot(`
      "provider  0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
      chain     31337, block 4,321, 2 s old
      epoch     7 is worked; epoch 8 begins in 1 min
      daemon    process 42 on vm, since 1970-01-12T13:50:00.000Z

      device 0xdddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd  Example CPU
        lane        3, generation 1, since epoch 2
        last proof  epoch 6  MISSED: no verified work in any round
        score       0 = capacity 0 × 99.50% uptime
        beats       not all of them count: "kaisar epoch explain" names those that do not, and why
        paid        5.0000 KAI in 0x7777777777777777777777777777777777777777777777777777777777777777
        scores      ████·▁  epochs 2–6, highest 995
        standing    1,000, silent for 1 epoch
        earned      20.0000 KAI, owed 0.0000 KAI, to 0xb2b2…b2b2
        faults      none
      ! DEVICE_UNSEEN  The Provider has run for 9 min, and for the Checkers it was not there in epoch 6: no verified work in any round.
        Fix: It worked no round of that epoch: check in its log that sessions to its Checkers open, and the firewall for outgoing connections."
    `)
  })

  it('reads before anything happened', () => {
    const view = networkView({ timeline: null, currentEpoch: null, devices: [] })
    const lines = providerStatusLines(providerStatus({ view, operator, local: local({ running: null }), nowMs }))
    expect(lines).toContain('epoch     the network has not started')
    expect(lines).toContain('No device of this operator is registered.')
    expect(lines).toContain('daemon    does not run with this data folder')
  })
})
