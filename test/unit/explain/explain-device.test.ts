import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeRateDown } from '../../../src/core/epoch/minifloat.ts'
import { explainDevice } from '../../../src/core/explain/explain-device.ts'
import type { Explanation } from '../../../src/core/explain/explanation.ts'
import { explanationLines } from '../../../src/core/explain/explanation-lines.ts'
import type { EpochFacts } from '../../../src/core/network/epoch-facts.ts'
import { stringifyJson } from '../../../src/core/platform/output.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import type { Verdict } from '../../../src/core/protocol/verdict.ts'
import { lineText } from '../../../src/core/view/line.ts'
import { runs } from '../../helpers/full-runs.ts'
import { allFlags, hex, openingOf, type SimulationOptions, simulateEpoch } from '../network/epoch-simulation.ts'

const lane = (rate: bigint, uptime = 10_000, flags = allFlags) => ({ rate: encodeRateDown(rate), uptime, flags })
const honest = (rate: bigint, uptime?: number, flags?: number) => openingOf([lane(rate, uptime, flags)])

function explainFirst(options: Partial<SimulationOptions>): Explanation {
  const { facts, cohort, devices } = simulateEpoch({
    openings: Array.from({ length: 5 }, () => honest(412n)),
    standings: [400n],
    ...options,
  })
  return explainDevice(facts, devices[0]!, cohort)
}
const text = (explanation: Explanation) => explanationLines(explanation).map(lineText).join('\n')

const laneArbitrary = fc.record({
  rate: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 0x7fff })),
  uptime: fc.oneof(fc.constant(10_000), fc.integer({ min: 0, max: 10_000 })),
  flags: fc.oneof(
    { weight: 4, arbitrary: fc.constant(allFlags) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 15 }) },
  ),
})
const openingArbitrary = fc.oneof(
  { weight: 8, arbitrary: fc.array(laneArbitrary, { minLength: 6, maxLength: 6 }).map(lanes => openingOf(lanes)) },
  { weight: 1, arbitrary: fc.constant(null) },
)
const epochArbitrary = fc.record({
  openings: fc.array(openingArbitrary, { minLength: 5, maxLength: 5 }),
  standings: fc.array(fc.bigInt({ min: 0n, max: 5_000n }), { minLength: 1, maxLength: 6 }),
  others: fc.bigInt({ min: 0n, max: 10_000n }),
  lanesPerBatch: fc.integer({ min: 1, max: 6 }),
  emission: fc.record({
    perEpoch: fc.bigInt({ min: 0n, max: 10n ** 24n }),
    maxPrice: fc.oneof(fc.constant(10n ** 24n), fc.bigInt({ min: 0n, max: 10n ** 19n })),
  }),
})

describe('explainDevice', () => {
  it('says that a standing whose cap is below what a newcomer is given goes there at once', () => {
    const openings = Array.from({ length: 5 }, () => openingOf([lane(412n), lane(1_000n)]))
    expect(text(explainFirst({ openings, standings: [1n, 1_000n] }))).toContain(
      'standing = 412, what a newcomer would be given',
    )
  })

  it('accounts for every unit of random epochs, equal to the transfer to the wei', () => {
    fc.assert(
      fc.property(epochArbitrary, options => {
        const epoch = simulateEpoch(options)
        let sum = 0n
        epoch.devices.forEach((device, at) => {
          const explanation = explainDevice(epoch.facts, device, epoch.cohort)
          expect(explanation.differences).toEqual([])
          if (epoch.cohort.state === 'void') {
            expect(explanation.reason?.code).toBe('COHORT_VOID')
            return
          }
          expect(explanation.amount).toBe(epoch.amounts[at])
          expect(explanation.transferred).toBe(epoch.amounts[at])
          const figures = explanation.figures!
          expect(
            figures.credit + figures.heldByCap + figures.heldBack + figures.lostToUptime + figures.lostToFlags,
          ).toBe(figures.medianRate)
          expect(figures.poolShare - figures.heldByPrice).toBe(explanation.amount)
          expect(explanation.outcome).toBe(explanation.amount > 0n ? 'paid' : 'nothing')
          expect(explanation.reason === null).toBe(explanation.amount > 0n)
          sum += explanation.transferred!
        })
        expect(sum).toBeLessThanOrEqual(epoch.facts.money!.devicePool)
      }),
      { numRuns: runs(1_000) },
    )
  })

  it('notices a chain whose record, payment or transfer is not what the openings give', () => {
    const epoch = simulateEpoch({ openings: Array.from({ length: 5 }, () => honest(412n)), standings: [400n] })
    const { facts, cohort } = epoch
    const device = epoch.devices[0]!
    const payment = cohort.payments[0]!
    const explained = (changed: Partial<typeof cohort>) => explainDevice(facts, device, { ...cohort, ...changed })
    const credits = cohort.result!.credits.map((credit, i) => (i === 0 ? credit + 1n : credit))
    expect(explained({ result: { ...cohort.result!, credits } }).differences).toEqual([
      'The credit recomputed from the openings is 412, the chain says 413.',
    ])
    const more = payment.amounts.map(amount => amount + 1n)
    expect(explained({ payments: [{ ...payment, amounts: more }] }).differences).toHaveLength(2)
    const lost = explained({ payments: [{ ...payment, transfers: [] }] })
    expect(lost.balanced).toBe(false)
    expect(lost.differences[0]).toContain('and moved 0.')
    expect(text(lost)).toContain('! The vault says it paid')
  })

  it('counts what could not be delivered as owed', () => {
    const { facts, cohort, devices } = simulateEpoch({
      openings: Array.from({ length: 5 }, () => honest(412n)),
      standings: [400n],
    })
    const payment = cohort.payments[0]!
    const explanation = explainDevice(facts, devices[0]!, {
      ...cohort,
      payments: [{ ...payment, transfers: [], owed: payment.transfers }],
    })
    expect(explanation.balanced).toBe(true)
    expect(text(explanation)).toContain('could not be delivered and are owed')
  })

  it('tells the whole way from job to payment', () => {
    const rates = [400n, 410n, 412n, 412n, 0n]
    const explanation = explainFirst({ openings: rates.map(rate => honest(rate, 9_950)), others: 588n })
    expect(explanation.seats.map(({ agrees }) => agrees)).toEqual([false, true, false, false, false])
    expect(text(explanation)).toMatchSnapshot()
    expect(JSON.parse(stringifyJson(explanation))).toMatchObject({
      outcome: 'paid',
      amount: String(explanation.amount),
      figures: { medianRate: '410', score: '407', credit: '407' },
    })
  })

  it('shows what the growth cap and the price cap hold back', () => {
    const capped = explainFirst({ openings: Array.from({ length: 5 }, () => honest(2_000n)), standings: [400n] })
    expect(capped.figures).toMatchObject({
      score: 2_000n,
      cap: 800n,
      credit: 800n,
      heldByCap: 1_200n,
      standingAfter: 500n,
    })
    const priced = explainFirst({ emission: { maxPrice: 1n } })
    expect(priced.amount).toBe(412n)
    expect(text(priced)).toContain('stay in the vault')
  })

  it('uses what the chain recorded where the openings cannot be read', () => {
    const { facts, cohort, devices } = simulateEpoch({
      openings: Array.from({ length: 5 }, () => honest(412n)),
      standings: [400n],
    })
    const seats = cohort.seats.map(seat => ({ ...seat, opening: null, operator: null, endpoint: null }))
    const explanation = explainDevice({ ...facts, rounds: null }, devices[0]!, { ...cohort, seats })
    expect(explanation).toMatchObject({ outcome: 'paid', balanced: true })
    expect(text(explanation)).toContain('the blocks of this epoch were not read here')
  })
})

describe('why a device earned nothing', () => {
  const said = (flags: number, rate = 412n, uptime = 10_000) => honest(rate, uptime, flags)
  const five = (opening: ReturnType<typeof honest>) => Array.from({ length: 5 }, () => opening)
  const cases: [string, Partial<SimulationOptions>][] = [
    ['COHORT_VOID', { openings: [honest(1n), honest(1n), null, null, null] }],
    ['NOT_JUDGED', { openings: [...five(said(7)).slice(0, 3), honest(1n), honest(1n)] }],
    ['WORK_WRONG', { openings: five(said(11)) }],
    ['DEVICE_UNCONFIRMED', { openings: five(said(14)) }],
    ['ENVIRONMENT_UNCONFIRMED', { openings: five(said(13)) }],
    ['RATE_ZERO', { openings: [honest(5n), honest(5n), honest(0n), honest(0n), null] }],
    ['UPTIME_ZERO', { openings: five(said(15, 412n, 0)) }],
    ['SCORE_BELOW_ONE', { openings: five(said(15, 1n, 9_999)) }],
    ['EPOCH_UNPAID', { facts: { firstPaidEpoch: 9 } }],
    ['POOL_EMPTY', { emission: { perEpoch: 0n } }],
    ['SHARE_BELOW_ONE', { emission: { perEpoch: 10n }, others: 10n ** 12n }],
    ['PAYMENT_DUE', { facts: { money: null } }],
    ['EPOCH_WORKING', { facts: { phase: 'work', currentEpoch: 7 } }],
    ['EPOCH_WORKING', { facts: { phase: 'work', currentEpoch: 7, seed: null } }],
    ['EPOCH_UNSEEDED', { facts: { seed: null } }],
    ['EPOCH_WITHOUT_ROUNDS', { facts: { rounds: [] } }],
  ]
  it.each(cases)('%s', (code, options) => {
    const explanation = explainFirst(options)
    expect(explanation.reason?.code).toBe(code)
    expect(explanation.outcome).toBe(['PAYMENT_DUE', 'EPOCH_WORKING'].includes(code) ? 'pending' : 'nothing')
    const { sentence, fix } = explanation.reason!
    expect(`${sentence}\n${fix}`).toMatchSnapshot()
    expect(text(explanation)).toContain(`[${code}]`)
  })

  it('says of a first credit what bounded it, that it is held, and that an unpaid epoch pays nothing anyway', () => {
    const first = (newcomers: EpochFacts['newcomers'], facts: Partial<EpochFacts> = {}) =>
      explainFirst({ openings: five(honest(412n)), standings: [0n], facts: { newcomers, ...facts } })
    const byMean = first({ cap: 400n, isMean: true, held: true })
    expect(byMean).toMatchObject({
      reason: { code: 'FIRST_CREDIT_HELD' },
      figures: { credit: 0n, standingAfter: 400n },
    })
    expect(text(byMean)).toContain('cap = 400, the most that a first score can count: the mean standing\n')
    const ofAll = first({ cap: 400n, isMean: false, held: true })
    expect(ofAll.reason?.code).toBe('FIRST_CREDIT_HELD')
    expect(text(ofAll)).toContain('cap = 400, the most that a first score can count\n')
    // The next epoch may be unpaid too.
    expect(first({ cap: 400n, isMean: false, held: true }, { firstPaidEpoch: 9 }).reason?.code).toBe('EPOCH_UNPAID')
  })

  it('says when a device was not yet, or no longer, a member', () => {
    const { facts, cohort, devices } = simulateEpoch({ openings: five(honest(1n)), standings: [1n] })
    const device = devices[0]!
    expect(explainDevice(facts, { ...device, since: 8 }, null).reason).toMatchObject({ code: 'NOT_MEMBER' })
    expect(explainDevice(facts, { ...device, until: 6 }, cohort).reason?.sentence).toBe(
      'The device left: epoch 6 was its last.',
    )
    expect(explainDevice({ ...facts, phase: 'open' }, device, null).reason?.code).toBe('EPOCH_SETTLING')
  })

  it('speaks of strikes only where a seat had committed', () => {
    const { facts, cohort, devices } = simulateEpoch({
      openings: [...five(honest(1n)).slice(3), null, null, null],
      standings: [1n],
    })
    const fixOf = (committed: number, operator: `0x${string}` | null = cohort.seats[0]!.operator) => {
      const seats = cohort.seats.map((seat, i) => ({
        ...seat,
        operator,
        commitTxHash: operator !== null && i < committed ? seat.commitTxHash : null,
      }))
      return explainDevice(facts, devices[0]!, { ...cohort, seats }).reason!.fix
    }
    expect(fixOf(0)).toContain('None of its seats had committed')
    expect(fixOf(0)).not.toMatch(/str[iu][ck]/)
    expect(fixOf(2)).toContain('Of its seats 2 had committed; those that commit and do not open are struck')
    expect(fixOf(0, null)).toContain('Seats that commit and do not open are struck')
  })

  it('repeats what the seats say of the rounds that are worth nothing, where they showed them', () => {
    const { facts, cohort, devices } = simulateEpoch({ openings: five(honest(0n)), standings: [1n] })
    const rounds = [
      shownRound(0, 'tensor', 'OFFLINE', 'NO_SESSION'),
      { ...shownRound(1, 'memory', 'TIMEOUT', 'OPENINGS_INVALID'), evidence: hex('cc', 32) },
      shownRound(2, 'tensor', 'VALID', 'ALL_EQUAL', { tensor: 9 }),
    ]
    const seats = cohort.seats.map((seat, i) => ({
      ...seat,
      shown: { rounds: i < 2 ? rounds : rounds.slice(0, 1), beatShare: 30 },
    }))
    const explanation = explainDevice(facts, devices[0]!, { ...cohort, seats })
    expect(explanation.reason?.sentence).toContain('Seats say: tensor NO_SESSION (5), memory OPENINGS_INVALID (2).')
    expect(text(explanation)).toContain(
      `seat 1, round 1, memory: TIMEOUT OPENINGS_INVALID, —, evidence ${hex('cc', 32)}`,
    )
  })
})

const shownRound = (
  ordinal: number,
  kind: RoundKindName,
  verdict: Verdict,
  reason: string,
  figures: Readonly<Record<string, number>> = {},
) => ({ ordinal, kind, verdict, reason, figures, round: hex(`b${ordinal}`, 32), commitmentHash: null, evidence: null })

describe('what lies below a seat’s opening', () => {
  const rounds = [
    shownRound(0, 'tensor', 'VALID', 'ALL_EQUAL', { tensor: 40_000 }),
    shownRound(1, 'memory', 'VALID', 'ALL_EQUAL', { bandwidth: 9_000, resident: 64 }),
    shownRound(2, 'beat', 'VALID', 'ALL_EQUAL', { bandwidth: 8_000, resident: 64 }),
    shownRound(3, 'beat', 'VALID', 'ALL_EQUAL', { bandwidth: 8_500, resident: 64 }),
  ]
  const shown = { rounds, beatShare: 30 }
  const facts = {
    rounds: rounds.map(({ ordinal, kind, round: hash }) => ({ ordinal, kind, hash, number: 1n, timestamp: 9 })),
  }
  /** The first seat shows this, the others nothing. */
  function seen(below: typeof shown, opening = honest(284n)) {
    const epoch = simulateEpoch({ openings: Array.from({ length: 5 }, () => opening), standings: [400n], facts })
    const seats = epoch.cohort.seats.map((seat, i) => (i === 0 ? { ...seat, shown: below } : seat))
    return explainDevice(epoch.facts, epoch.devices[0]!, { ...epoch.cohort, seats })
  }

  it('gives measures, capacity and lane again, with the arithmetic', () => {
    const explanation = seen(shown)
    expect(explanation.seats[0]!.below).toMatchObject({
      ...{ measures: { tensor: 40_000, bandwidth: 9_000, resident: 64 }, capacity: 284n, equal: true },
    })
    expect(explanation.seats[1]!.below).toBeNull()
    const said = text(explanation)
    expect(said).toContain('means 40,000 Mop/s, 9,000 MB/s, 64 MB, 2 of 2 beats')
    expect(said, 'beats that count are not listed').not.toContain('beat: VALID')
    expect(said).toContain('capacity = ∛(40000 × 9000 × 64 ÷ 1000) = 284, opened as 284')
    expect(said).toContain('capacity 284 of 40.0 Gop/s, 9,000 MB/s, 64 MB, uptime 100.00%')
    expect(said).toContain('seat 1: showed nothing')
    expect(explanation.differences, 'a seat’s story is no difference of the chain').toEqual([])
  })

  it('counts beats from the share that the epoch’s jobs ask for', () => {
    const slow = rounds.map(round =>
      round.ordinal === 3 ? { ...round, figures: { bandwidth: 4_500, resident: 64 } } : round,
    )
    expect(seen({ ...shown, rounds: slow }).seats[0]!.below).toMatchObject({ beats: { counted: 2 }, equal: true })
    const below = seen({ rounds: slow, beatShare: 60 }).seats[0]!.below
    expect(below).toMatchObject({ beats: { counted: 1 }, equal: false })
    expect(below!.rounds[3]).toMatchObject({ reason: 'BEAT_SLOW' })
  })

  it('says where memory is cut to what is read in time', () => {
    const slow = rounds.map(round => ({
      ...round,
      figures: round.ordinal === 0 ? round.figures : { bandwidth: 700, resident: 64 },
    }))
    const explanation = seen({ ...shown, rounds: slow }, honest(116n))
    expect(text(explanation)).toContain('700 MB/s, 64 MB (56 MB of it read within 80 ms)')
    expect(text(explanation)).toContain('means 40,000 Mop/s, 700 MB/s, 56 MB, 2 of 2')
    expect(text(explanation)).toContain('∛(40000 × 700 × 56 ÷ 1000) = 116, opened as 116')
    expect(explanation.seats[0]!.below?.equal).toBe(true)
  })

  it('counts rounds in which the owner had paused the device as presence, and says so', () => {
    const half = [
      ...rounds,
      shownRound(4, 'tensor', 'BUSY', 'DEVICE_BUSY'),
      shownRound(5, 'memory', 'BUSY', 'DEVICE_BUSY'),
    ]
    const epoch = simulateEpoch({
      openings: Array.from({ length: 5 }, () => honest(284n, 5_000)),
      standings: [284n],
      facts: {
        rounds: half.map(({ ordinal, kind, round: hash }) => ({ ordinal, kind, hash, number: 1n, timestamp: 9 })),
      },
    })
    const seats = epoch.cohort.seats.map(seat => ({ ...seat, shown: { ...shown, rounds: half } }))
    const explanation = explainDevice(epoch.facts, epoch.devices[0]!, { ...epoch.cohort, seats })
    expect(explanation.seats[0]!.below).toMatchObject({ capacity: 284n, presence: 5_000, equal: true })
    expect(explanation.figures).toMatchObject({ credit: 142n, shown: 284n, standingAfter: 284n })
    expect(explanation.balanced).toBe(true)
    const said = text(explanation)
    expect(said).toContain('round 4, tensor: BUSY DEVICE_BUSY')
    expect(said).toContain('2 of 2 beats, busy in 2 of 4 rounds: present for 50.00%; capacity')
    expect(said).toContain('standing stays 284')
  })

  it('names a pause as the reason where a device was busy in all rounds of a kind', () => {
    const none = rounds.map(({ ordinal, kind }) => shownRound(ordinal, kind, 'BUSY', 'DEVICE_BUSY'))
    const epoch = simulateEpoch({
      openings: Array.from({ length: 5 }, () => honest(0n, 0)),
      standings: [400n],
      facts,
    })
    const seats = epoch.cohort.seats.map(seat => ({ ...seat, shown: { ...shown, rounds: none } }))
    const explanation = explainDevice(epoch.facts, epoch.devices[0]!, { ...epoch.cohort, seats })
    expect(explanation.reason).toMatchObject({
      code: 'DEVICE_BUSY',
      sentence: expect.stringContaining('by 5 of 5 seats'),
    })
    expect(explanation.figures).toMatchObject({ credit: 0n, standingAfter: 400n })
    expect(explanation.seats[0]!.below?.equal).toBe(true)
  })

  it('takes no single seat’s word for a pause, and none of a seat that shows a wrong row', () => {
    const busy = rounds.map(({ ordinal, kind }) => shownRound(ordinal, kind, 'BUSY', 'DEVICE_BUSY'))
    const wrong = [shownRound(0, 'tensor', 'WRONG', 'ROW_WRONG'), busy[1]!]
    const epoch = simulateEpoch({
      openings: Array.from({ length: 5 }, () => honest(0n, 0)),
      standings: [400n],
      facts,
    })
    const reasonWhere = (of: (seat: number) => typeof rounds | null) => {
      const seats = epoch.cohort.seats.map((seat, i) => {
        const said = of(i)
        return { ...seat, shown: said && { ...shown, rounds: said } }
      })
      return explainDevice(epoch.facts, epoch.devices[0]!, { ...epoch.cohort, seats }).reason?.code
    }
    expect(reasonWhere(seat => (seat < 1 ? busy : null))).toBe('RATE_ZERO')
    expect(reasonWhere(seat => (seat < 2 ? busy : null))).toBe('RATE_ZERO')
    expect(reasonWhere(seat => (seat < 3 ? busy : null))).toBe('DEVICE_BUSY')
    expect(reasonWhere(seat => (seat < 3 ? wrong : busy))).toBe('RATE_ZERO')
  })

  it.each<[string, Partial<typeof shown>]>([
    [
      'figures that give another capacity',
      { rounds: [{ ...rounds[0]!, figures: { tensor: 50_000 } }, ...rounds.slice(1)] },
    ],
    ['a round less than the chain has', { rounds: rounds.slice(0, 3) }],
    ['a round that the chain does not have', { rounds: [{ ...rounds[0]!, round: hex('0f', 32) }, ...rounds.slice(1)] }],
    ['another uptime', { rounds: [...rounds.slice(0, 3), { ...rounds[3]!, verdict: 'TIMEOUT', figures: {} }] }],
    [
      'a beat that is too slow',
      { rounds: [...rounds.slice(0, 3), { ...rounds[3]!, figures: { bandwidth: 2_699, resident: 64 } }] },
    ],
    [
      'no beat judged',
      {
        rounds: rounds.map(round =>
          round.kind === 'beat' ? { ...round, verdict: 'CHECKER_FAULT', figures: {} } : round,
        ),
      },
    ],
  ])('does not fit: %s', (_, change) => {
    const explanation = seen({ ...shown, ...change })
    expect(explanation.seats[0]!.below?.equal).toBe(false)
    expect(text(explanation)).toContain('ANOTHER LANE: 284')
  })
})
