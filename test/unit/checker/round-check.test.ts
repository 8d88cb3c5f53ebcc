import fc from 'fast-check'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import {
  acceptAbort,
  acceptCommitment,
  acceptMark,
  closeCommitments,
  closeOpenings,
  concludeFault,
  concludeValid,
  concludeWrong,
  openCheck,
  type RoundCheck,
  refuseOpenings,
} from '../../../src/core/checker/round/check.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import type { Signed } from '../../../src/core/protocol/typed-data.ts'

const rules = { windowMs: 1000, graceMs: 500 }
const trigger = { number: 5n, hash: zeroBytes32, timestamp: 100, slot: 0, ordinal: 0, kind: 'tensor' } as const
const samplingBlock = { number: 7n, hash: zeroBytes32, timestamp: 102 }
const hash = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as const
const commitment = (rows: bigint): Signed<'Commitment'> => ({
  message: {
    epoch: 0n,
    round: zeroBytes32,
    deviceId: hash(1),
    generation: 1,
    specHash: zeroBytes32,
    rows,
    root: hash(2),
    environmentHash: zeroBytes32,
  },
  signature: '0x',
})
const accept = (check: RoundCheck, receivedAtMs: number, n = 1, rows = 640n) =>
  acceptCommitment(check, { commitment: commitment(rows), commitmentHash: hash(n), receivedAtMs }, rules)
const wrongRow = { step: 'ROW_WRONG', detail: 'Row 3 differs.' } as const
const committed = () => accept(openCheck(trigger, 1000, true), 2400).check

/** A mark that is due after each 400 ms of the window, and what came of it. */
const markOf = (n: number): Hex => `0x${n.toString(16).padStart(80, '0')}`
const mark = (check: RoundCheck, index: number, receivedAtMs: number, value = markOf(index)) =>
  acceptMark(check, { index, mark: value, receivedAtMs, dueMs: 400 * (index + 1) }, rules)

describe('marks of a window', () => {
  const open = () => openCheck({ ...trigger, kind: 'memory' }, 1000, false)

  it.each([
    ['early', 1200, [markOf(0)]],
    ['at the last millisecond of the grace after its time', 1900, [markOf(0)]],
    ['a millisecond late', 1901, []],
  ])('a mark that comes %s is judged by the seat’s own clock', (_, receivedAtMs, marks) => {
    expect(mark(open(), 0, receivedAtMs).marks).toEqual(marks)
  })

  it('the first mark of an index stands, whatever comes after it', () => {
    const check = mark(mark(open(), 0, 1400), 0, 1450, markOf(9))
    expect(check.marks).toEqual([markOf(0)])
    expect(mark(check, 0, 1500)).toBe(check)
  })

  it('marks that overtake each other, or of which one is missing, stand at their own index', () => {
    expect(mark(mark(open(), 1, 1850), 0, 1860).marks).toEqual([markOf(0), markOf(1)])
    expect(mark(open(), 2, 2200).marks).toEqual([null, null, markOf(2)])
    // The first came too late, and leaves its place.
    expect(mark(mark(open(), 0, 1901), 1, 2000).marks).toEqual([null, markOf(1)])
  })

  it('a mark that comes after the commitment, or when the round is judged, counts nothing', () => {
    const check = committed()
    expect(mark(check, 0, 1400)).toBe(check)
    const judged = concludeFault(open(), 'x')
    expect(mark(judged, 0, 1400)).toBe(judged)
  })

  it('a mark shows that the device was reached: its silence afterwards is not OFFLINE', () => {
    expect(closeCommitments(open(), samplingBlock).judged).toMatchObject({ verdict: 'OFFLINE' })
    const silent = closeCommitments(mark(open(), 0, 1400), samplingBlock)
    expect(silent.judged).toMatchObject({ verdict: 'TIMEOUT', reason: 'NO_COMMITMENT', kind: 'memory' })
    const late = mark(open(), 0, 1901)
    expect(closeCommitments(late, samplingBlock).judged).toMatchObject({ verdict: 'OFFLINE' })
  })

  it('in whatever order and however late marks come, each that stands came in time and under its own index', () => {
    const arrivals = fc.array(fc.tuple(fc.nat(8), fc.integer({ min: 900, max: 6000 })), { maxLength: 30 })
    fc.assert(
      fc.property(arrivals, came => {
        const { marks } = came.reduce(
          (check, [index, at], n) => mark(check, index, at, markOf(1000 * n + index)),
          open(),
        )
        for (const [index, stands] of marks.entries()) {
          const first = came.findIndex(([of, at]) => of === index && at - 1000 <= 400 * (index + 1) + rules.graceMs)
          expect(stands).toBe(first === -1 ? null : markOf(1000 * first + index))
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a round', () => {
  it('a round is valid when the commitment is in time and the rows are equal', () => {
    const judged = closeOpenings(concludeValid(closeCommitments(committed(), samplingBlock), { tensor: 12 })).judged
    expect(judged).toMatchObject({ verdict: 'VALID', kind: 'tensor', figures: { tensor: 12 } })
  })

  it.each([
    ['at the last millisecond', 2500, null],
    ['a millisecond late', 2501, 'COMMITMENT_LATE'],
  ])('a commitment that comes %s is judged by the seat’s own clock', (_, receivedAtMs, refusal) => {
    expect(accept(openCheck(trigger, 1000, true), receivedAtMs).refusal).toBe(refusal)
  })

  it('a commitment is refused once the sampling block was seen, however early by the clock', () => {
    const closed = closeCommitments(openCheck(trigger, 1000, true), samplingBlock)
    expect(accept(closed, 1100).refusal).toBe('COMMITMENT_LATE')
  })

  it('the same commitment is taken again after a reconnect', () => {
    const check = committed()
    expect(accept(check, 9000)).toEqual({ check, refusal: null })
  })

  it('a second, different commitment is kept as proof, and the verdict is WRONG', () => {
    const { check, refusal } = accept(committed(), 2450, 2, 700n)
    expect(refusal).toBe('COMMITMENT_CONTRADICTS')
    expect(check.contradiction?.message.rows).toBe(700n)
    expect(check.judged).toMatchObject({ verdict: 'WRONG', reason: 'TWO_COMMITMENTS' })
  })

  it.each([
    ['offline', openCheck(trigger, 0, false), 'OFFLINE', 'NO_SESSION'],
    ['silent', openCheck(trigger, 0, true), 'TIMEOUT', 'NO_COMMITMENT'],
    ['signed off', acceptAbort(openCheck(trigger, 0, true), 'GPU_LOST'), 'UNSUPPORTED', 'DEVICE_ABORTED'],
    ['without a finished batch', accept(openCheck(trigger, 0, true), 1, 1, 0n).check, 'VALID', 'NO_WORK'],
  ] as const)('a device that is %s at the sampling block gets its verdict and reason', (_, check, verdict, reason) => {
    expect(closeCommitments(check, samplingBlock).judged).toMatchObject({ verdict, reason, figures: {} })
  })

  it('silence after the samples and openings that prove nothing have different reasons', () => {
    const requested = closeCommitments(committed(), samplingBlock)
    expect(closeOpenings(requested).judged).toMatchObject({ verdict: 'TIMEOUT', reason: 'NO_OPENINGS' })
    expect(closeOpenings(refuseOpenings(requested, 'cut')).judged).toMatchObject({
      verdict: 'TIMEOUT',
      reason: 'OPENINGS_INVALID',
    })
  })

  it('a round that the seat itself missed is not charged to the device', () => {
    expect(closeOpenings(committed()).judged?.verdict).toBe('CHECKER_FAULT')
  })

  it.each([
    ['silent', openCheck(trigger, 0, true)],
    ['signed off', acceptAbort(openCheck(trigger, 0, true), 'its trigger was seen 1013 ms late')],
  ])('nor is one whose trigger the seat saw too late, as after a reorg: a device that is %s', (_, check) => {
    const { judged } = closeCommitments(check, samplingBlock, 'This seat saw the trigger too late.')
    expect(judged).toMatchObject({ verdict: 'CHECKER_FAULT', detail: 'This seat saw the trigger too late.' })
  })

  it('a proven wrong row overrides a valid verdict, and nothing overrides it', () => {
    const wrong = concludeWrong(concludeValid(closeCommitments(committed(), samplingBlock), { tensor: 5 }), wrongRow)
    expect(wrong.judged).toMatchObject({ verdict: 'WRONG', reason: 'ROW_WRONG', figures: {} })
    expect(closeOpenings(concludeFault(concludeValid(wrong, { tensor: 9 }), 'x')).judged?.verdict).toBe('WRONG')
  })

  it('figures are given only for VALID, in whatever order events come', () => {
    const steps: ((check: RoundCheck) => RoundCheck)[] = [
      check => accept(check, 2400).check,
      check => accept(check, 2400, 2).check,
      check => accept(check, 4000).check,
      check => acceptAbort(check, 'x'),
      check => mark(check, 0, 1400),
      check => closeCommitments(check, samplingBlock),
      check => (check.commitment === null ? check : concludeValid(check, { tensor: 7 })),
      check => concludeWrong(check, wrongRow),
      check => refuseOpenings(check, 'x'),
      check => concludeFault(check, 'x'),
      closeOpenings,
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...steps), { maxLength: 12 }), order => {
        const { judged } = closeOpenings(order.reduce((check, step) => step(check), openCheck(trigger, 1000, true)))
        expect(judged).not.toBeNull()
        if (judged?.verdict !== 'VALID') expect(judged?.figures).toEqual({})
      }),
      { numRuns: 1000 },
    )
  })
})
