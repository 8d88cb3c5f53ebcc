/** What dashboards are drawn from, of a devnet of two devices and five Checkers in its epoch 3; tests change what they are about. */
import type { DutyStatus } from '../../../src/core/network/duties.ts'
import type { EpochView } from '../../../src/core/network/network-view.ts'
import type { CheckerDashboardFacts } from '../../../src/core/view/checker-dashboard.ts'
import { emptyLiveState, type LiveState, type VerdictRow } from '../../../src/core/view/live-state.ts'
import type { NetworkDashboardFacts } from '../../../src/core/view/network-dashboard.ts'
import type { ProviderDashboardFacts } from '../../../src/core/view/provider-dashboard.ts'
import { address, checker, device, deviceEpoch, hash, networkView } from '../operator/network-fixture.ts'

const kai = 10n ** 18n
const model = 'AMD EPYC 7B13 64-Core Processor'
const timeline = {
  ...networkView().timeline!,
  epochSeconds: 16,
  commitSeconds: 4,
  openSeconds: 3,
  revealSeconds: 2,
  finalizeSeconds: 2,
}
/** Five seconds into epoch 3: epoch 2 is in OPEN. */
const headTimestamp = timeline.firstEpochAt + 3 * timeline.epochSeconds + 5

/** Rounds of both kinds in turn; one that is missed or wrong is worth nothing. */
const figuresOf = (i: number): Pick<VerdictRow, 'kind' | 'figures'> => {
  const isMissed = i % 5 > 2
  return i % 2 === 0
    ? { kind: 'tensor', figures: isMissed ? {} : { tensor: 412_345 } }
    : { kind: 'memory', figures: isMissed ? {} : { bandwidth: 9_876, resident: 16 } }
}
const verdicts = Array.from({ length: 20 }, (_, i) => ({
  time: `12:00:${String(59 - i).padStart(2, '0')}`,
  epoch: 3,
  round: hash('c'),
  device: hash('1'),
  seat: address('a'),
  verdict: i % 5 === 4 ? 'TIMEOUT' : i % 5 === 3 ? 'WRONG' : 'VALID',
  reason: i % 5 === 4 ? 'NO_COMMITMENT' : i % 5 === 3 ? 'COORDINATE_WRONG' : 'ALL_EQUAL',
  ...figuresOf(i),
}))

const payments = [2, 1, 0].flatMap(epoch =>
  ['1', '2'].map((digit, lane) => ({
    epoch,
    cohort: 0,
    lane,
    device: hash(digit),
    payout: address(`${Number(digit) + 6}`),
    score: 412n,
    credit: 412n,
    amount: 450n * kai + 123_456_789n,
    txHash: hash('f'),
  })),
)

const scored = (id: string) =>
  device({
    id: hash(id),
    operator: address('9'),
    payout: address('8'),
    standing: 409n,
    earned: 1350n * kai,
    history: [400n, null, 412n].map((score, epoch) => deviceEpoch(epoch, { score, rate: 412n })),
  })

const settling: EpochView = {
  epoch: 2,
  phase: 'open',
  startsAt: headTimestamp - 21,
  seed: hash('5'),
  members: 2,
  cohorts: [{ cohort: 0, state: 'pending', members: 2, opened: 0, txHash: null, payTxHashes: [] }],
  money: null,
  paidToDevices: 0n,
  paidToCheckers: 0n,
  paidToKeepers: null,
  isPaid: false,
}

const live: LiveState = {
  ...emptyLiveState,
  models: new Map(['1', '2'].map(digit => [hash(digit), model])),
  judgedDevices: new Map([1, 2, 3].map(epoch => [epoch, 2])),
  verdictCounts: { VALID: 18, TIMEOUT: 2, WRONG: 0 },
  verdicts,
}

const facts = {
  name: 'devnet',
  view: networkView({
    head: { number: 1_234n, hash: hash('e'), timestamp: headTimestamp },
    timeline,
    currentEpoch: 3,
    rounds: [{ number: 1_233n, hash: hash('c'), timestamp: headTimestamp - 1, ordinal: 0, slot: 0, kind: 'tensor' }],
    devices: [scored('1'), scored('2')],
    checkers: ['a', 'b', 'c', 'd', 'e'].map(digit =>
      checker({
        operator: address(digit),
        endpoint: 'wss://127.0.0.1:40123',
        seats: 1,
        strikes: digit === 'a' ? 1 : 0,
        bond: 10_000n * kai,
        earned: 20n * kai,
        agreedLanes: 10,
      }),
    ),
    epochs: [settling],
    payments,
  }),
  live,
  now: headTimestamp + 1,
  warning: null,
}

export const networkFacts: NetworkDashboardFacts = {
  ...facts,
  rpcUrl: 'http://127.0.0.1:8545',
  explorerUrl: 'http://127.0.0.1:4000',
}

export const providerFacts: ProviderDashboardFacts = {
  ...facts,
  live: {
    ...live,
    sessions: new Set(['a', 'b', 'c'].map(address)),
    verdicts: [],
    events: [{ time: '12:00:01', level: 'info', text: 'Committed 4,096 rows for round 0x12ab…34cd' }],
  },
  operator: address('9'),
  payout: address('8'),
  seen: [{ id: hash('2'), model, faults: [{ code: 'GPU_FELL_OFF_BUS', meaning: 'Xid 79', critical: true }] }],
}

const duty: DutyStatus = {
  epoch: 3,
  cohort: 0,
  committedTxHash: null,
  state: 'pending',
  opened: null,
  agreedLanes: null,
  earned: null,
}

export const checkerFacts: CheckerDashboardFacts = {
  ...facts,
  live: {
    ...live,
    sessions: new Set(['1', '2'].map(address)),
    events: [{ time: '12:00:01', level: 'warn', text: 'Session of device 0x1111…1111 closed' }],
  },
  operator: address('a'),
  duties: [
    duty,
    { ...duty, epoch: 2, committedTxHash: hash('4') },
    { ...duty, epoch: 1, committedTxHash: hash('4'), state: 'final', opened: true, agreedLanes: 2, earned: 20n * kai },
  ],
}
