import type { Address } from 'viem'
import { describe, expect, it } from 'vitest'
import { dutiesOf, readCommittees } from '../../../src/core/network/duties.ts'
import { type FinalizedCohort, type History, indexHistory } from '../../../src/core/network/history.ts'
import { checkEndpoint } from '../../../src/core/operator/ask-seats.ts'
import {
  type CheckerStatusInput,
  checkerStatus,
  checkerStatusLines,
} from '../../../src/core/operator/checker-status.ts'
import { address, checker, hash, isoAt, networkView, nowMs, operator } from './network-fixture.ts'

const others = ['1', '2', '3', '4'].map(digit => address(digit))
const committee: Address[] = [others[0]!, others[1]!, operator, others[2]!, others[3]!]
const running = { owner: 'kaisar checker run', pid: 42, host: 'vm', since: isoAt(1) }
const finalized = (opened: boolean): FinalizedCohort => ({
  txHash: hash('f'),
  blockNumber: 10n,
  opened: [true, true, opened, true, true],
  evidenceRoots: [],
  rates: [],
  uptimes: [],
  flags: [],
  certain: [],
  credits: [],
})

/** Epochs 4 to 7, all of them drawn: 4 and 5 settled, 6 settling, 7 at work. */
function input(changes: Partial<CheckerStatusInput> = {}, history: Partial<History> = {}): CheckerStatusInput {
  const commits = new Map([4, 5, 6].map(epoch => [epoch, new Map([[operator, hash('4')]])]))
  const known: History = {
    ...indexHistory([]),
    commits,
    finalized: new Map([
      ['4:0', finalized(true)],
      ['5:0', finalized(true)],
    ]),
    paidSeats: new Map([
      ['4:0', { txHash: hash('6'), payouts: [], agreed: [2, 2, 1, 2, 2], amounts: [1n, 1n, 10n ** 18n, 1n, 1n] }],
    ]),
    ...history,
  }
  return {
    view: networkView(),
    duties: dutiesOf({
      history: known,
      committees: new Map([4, 5, 6, 7].map(epoch => [`${epoch}:0`, committee])),
      operator,
    }),
    operator,
    endpoint: { reached: true, certificateHash: checker().certificateHash },
    local: { running, records: { verdicts: [], verdictCounts: { VALID: 12, TIMEOUT: 1 }, committedEpochs: [6, 5, 4] } },
    nowMs,
    ...changes,
  }
}
const codes = (given: CheckerStatusInput) => checkerStatus(given).warnings.map(({ code }) => code)

describe('checkerStatus', () => {
  it('shows duties newest first, with what became of each', () => {
    const { duties, warnings, checker: shown } = checkerStatus(input())
    expect(duties).toEqual([
      { epoch: 7, cohort: 0, committedTxHash: null, state: 'pending', opened: null, agreedLanes: null, earned: null },
      {
        epoch: 6,
        cohort: 0,
        committedTxHash: hash('4'),
        state: 'pending',
        opened: null,
        agreedLanes: null,
        earned: null,
      },
      {
        epoch: 5,
        cohort: 0,
        committedTxHash: hash('4'),
        state: 'final',
        opened: true,
        agreedLanes: null,
        earned: null,
      },
      {
        epoch: 4,
        cohort: 0,
        committedTxHash: hash('4'),
        state: 'final',
        opened: true,
        agreedLanes: 1,
        earned: 10n ** 18n,
      },
    ])
    expect(warnings).toEqual([])
    expect(shown).toEqual(checker())
  })

  it('says where a running Checker is not seen', () => {
    const commits = new Map([[4, new Map([[operator, hash('4')]])]])
    expect(codes(input({}, { commits }))).toEqual(['CHECKER_UNSEEN'])
    // Epoch 6 may still be committed to.
    expect(
      codes(input({}, { commits: new Map([4, 5].map(epoch => [epoch, new Map([[operator, hash('4')]])])) })),
    ).toEqual([])
    expect(codes(input({ endpoint: { reached: false, why: 'nobody listens there' } }))).toEqual([
      'ENDPOINT_UNREACHABLE',
    ])
    expect(codes(input({ endpoint: { reached: true, certificateHash: hash('b') } }))).toEqual([
      'ENDPOINT_OTHER_CERTIFICATE',
    ])
    expect(codes(input({ view: networkView({ checkers: [] }) }))).toEqual(['CHECKER_UNBONDED'])
  })

  it('says what else costs', () => {
    expect(codes(input({ local: { running: null, records: null } }))).toEqual(['DAEMON_DOWN'])
    expect(codes(input({ view: networkView({ checkers: [checker({ jailed: true, owed: 1n })] }) }))).toEqual([
      'CHECKER_JAILED',
      'PAYMENT_OWED',
    ])
    expect(codes(input({}, { finalized: new Map([['5:0', finalized(false)]]) }))).toEqual(['OPENING_MISSED'])
  })

  it('reads in a terminal', () => {
    expect(checkerStatusLines(checkerStatus(input())).join('\n')).toMatchInlineSnapshot(`
      "checker   0xa1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
      chain     31337, block 4,321, 2 s old
      epoch     7 is worked; epoch 8 begins in 1 min
      daemon    process 42 on vm, since 1970-01-12T13:48:20.000Z
      seats     2, 0 strikes, bond 2,000 KAI
      endpoint  wss://checker.example:7411, answers
      earned    3.0000 KAI, owed 0.0000 KAI, to 0xb2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2
      agreement 9 of 10 lanes
      last duty epoch 5, cohort 0: committed, opened, final
      verdicts  VALID 12, TIMEOUT 1

      duties
        epoch 7, cohort 0: not committed, pending
        epoch 6, cohort 0: committed, pending
        epoch 5, cohort 0: committed, opened, final
        epoch 4, cohort 0: committed, opened, final, 1 lanes agreed, 1.0000 KAI"
    `)
  })
})

it('reads committees of the cohorts that have members, and asks the chain which are its own where there are many', async () => {
  const member = (lane: number) => ({
    device: hash('d'),
    operator: address('9'),
    lane,
    generation: 1,
    since: 3,
    until: null,
    registeredTxHash: hash('a'),
  })
  const asked: string[] = []
  const reader = {
    network: {
      chain: { client: { readContract: () => Promise.reject(new Error('forgotten')) } },
      contracts: {},
    } as never,
    committeeAt: async (epoch: number, cohort: number) => {
      asked.push(`${epoch}:${cohort}`)
      return cohort === 1 ? null : committee
    },
  }
  const history = { ...indexHistory([]), memberships: [member(3), member(5), member(64)] }
  expect([...(await readCommittees({ operator, epochs: [2, 3], history }, reader)).keys()]).toEqual(['3:0'])
  expect(asked).toEqual(['3:0', '3:1'])
  const large = { ...history, memberships: Array.from({ length: 40 }, (_, i) => member(64 * i)) }
  expect(await readCommittees({ operator, epochs: [3], history: large }, reader)).toEqual(new Map())
})

it('takes an endpoint that does not answer for unreached, with the reason', async () => {
  expect(await checkEndpoint('wss://127.0.0.1:1')).toEqual({
    reached: false,
    why: expect.stringContaining('127.0.0.1:1'),
  })
})
