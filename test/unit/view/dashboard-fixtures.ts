/** Views as a devnet of two devices and five Checkers makes them; tests change what they are about. */
import type { CheckerView, DevnetView, ProviderView } from '../../../src/core/view/dashboard-views.ts'

const id = (digit: string) => `0x${digit.repeat(64)}`
const wallet = (digit: string) => `0x${digit.repeat(40)}`
const kai = 10n ** 18n

const verdicts = Array.from({ length: 20 }, (_, i) => ({
  time: `12:00:${String(59 - i).padStart(2, '0')}`,
  epoch: 3,
  round: id('c'),
  device: id('1'),
  seat: wallet('a'),
  verdict: i % 5 === 4 ? 'TIMEOUT' : 'VALID',
  reason: i % 5 === 4 ? 'NO_COMMITMENT' : 'ROWS_EQUAL',
  rate: i % 5 === 4 ? 0 : 412,
}))

const payments = [2, 1, 0].flatMap(epoch =>
  ['1', '2'].map(device => ({
    epoch,
    device: id(device),
    payout: wallet(`${Number(device) + 6}`),
    score: 412n,
    amount: 450n * kai + 123_456_789n,
    txHash: id('f'),
  })),
)

const epochs = [
  { epoch: 3, phase: 'WORK' as const, elapsedSeconds: 9, lengthSeconds: 16, note: 'round 1 of 2' },
  { epoch: 2, phase: 'OPEN' as const, elapsedSeconds: 1, lengthSeconds: 3, note: '0 of 1 cohorts final' },
]

const device = (digit: string) => ({
  id: id(digit),
  model: 'AMD EPYC 7B13 64-Core Processor',
  stage: 'working' as const,
  verdicts: ['VALID', 'VALID', null, 'WRONG', 'TIMEOUT'],
  rate: 412.4,
  scores: [400n, null, 412n],
  standing: 409n,
  earned: 1350n * kai,
  owed: 0n,
})

export const devnetView: DevnetView = {
  name: 'devnet',
  chainId: 31_337,
  rpcUrl: 'http://127.0.0.1:8545',
  explorerUrl: 'http://127.0.0.1:4000',
  head: { number: 1_234n, ageSeconds: 1 },
  epochs,
  devices: [device('1'), device('2')],
  checkers: ['a', 'b', 'c', 'd', 'e'].map(digit => ({
    operator: wallet(digit),
    endpoint: 'wss://127.0.0.1:40123',
    seats: 1,
    strikes: 0,
    jailed: false,
    agreement: 1,
    earned: 20n * kai,
  })),
  verdicts,
  payments,
  warning: null,
}

export const providerView: ProviderView = {
  operator: wallet('9'),
  payout: wallet('8'),
  network: 'devnet',
  head: { number: 1_234n, ageSeconds: 1 },
  epochs,
  devices: [
    { ...device('1'), lane: 0, sessions: 5, lastOnChain: 'VALID', faults: [] },
    { ...device('2'), lane: 1, sessions: 0, lastOnChain: 'OFFLINE (NO_SESSION)', faults: ['GPU_FELL_OFF_BUS: Xid 79'] },
  ],
  payments,
  events: [{ time: '12:00:01', level: 'info', text: 'Committed 4,096 rows for round 0x12ab…34cd' }],
  warning: null,
}

export const checkerView: CheckerView = {
  operator: wallet('a'),
  payout: wallet('b'),
  network: 'devnet',
  endpoint: 'wss://127.0.0.1:40123',
  head: { number: 1_234n, ageSeconds: 1 },
  epochs,
  seats: 1,
  strikes: 1,
  jailed: false,
  sessions: 2,
  bond: 10_000n * kai,
  verdictCounts: { VALID: 18, TIMEOUT: 2, WRONG: 0 },
  duties: [
    { epoch: 3, cohorts: 1, devices: 2, state: 'working', agreement: null, earned: null },
    { epoch: 2, cohorts: 1, devices: 2, state: 'committed 0x12…ab', agreement: null, earned: null },
    { epoch: 1, cohorts: 1, devices: 2, state: 'opened', agreement: 1, earned: 20n * kai },
  ],
  verdicts,
  events: [{ time: '12:00:01', level: 'warn', text: 'Session of device 0x1111…1111 closed' }],
  warning: null,
}
