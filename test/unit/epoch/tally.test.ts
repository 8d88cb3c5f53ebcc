import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LaneOpening, type Opening, packOpening, unpackLanes } from '../../../src/core/epoch/opening.ts'
import { tally } from '../../../src/core/epoch/tally.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import { similarOpenings } from '../../helpers/arbitraries.ts'
import { medianPacked } from '../../helpers/packed-median.ts'

const everyLane = Array.from({ length: 64 }, () => true)
const only = (lane: LaneOpening): Opening => ({ lanes: [lane], evidenceRoot: zeroBytes32 })
const good = { rate: 2000, uptime: 10_000, flags: 15 }

describe('tally', () => {
  test('the tally’s medians are those of the packed form where every seat judges every lane', () => {
    fc.assert(
      fc.property(similarOpenings, openings => {
        const judged = openings.map(opening =>
          opening === null
            ? null
            : { ...opening, lanes: opening.lanes.map(lane => ({ ...lane, flags: lane.flags | 8 })) },
        )
        const words = judged.map(opening => packOpening(opening ?? { lanes: [], evidenceRoot: zeroBytes32 }))
        const { lanes } = tally(judged, everyLane)
        for (const quarter of [0, 1, 2, 3]) {
          const part = (from: number) =>
            unpackLanes([
              medianPacked(words.map(word => word[from + quarter]!) as [bigint, bigint, bigint, bigint, bigint]),
            ])
          const span = lanes.slice(16 * quarter, 16 * quarter + 16)
          expect(span.map(({ rate }) => rate)).toEqual(part(0))
          expect(span.map(({ uptime }) => uptime)).toEqual(part(4))
        }
      }),
      { numRuns: 300 },
    )
  })

  test('the tally does not depend on the order of seats', () => {
    fc.assert(
      fc.property(similarOpenings, fc.nat(4), (openings, turn) => {
        const turned = [...openings.slice(turn), ...openings.slice(0, turn)]
        const [a, b] = [tally(openings, everyLane), tally(turned, everyLane)]
        expect(b.lanes).toEqual(a.lanes)
        expect(b.agreed).toEqual([...a.agreed.slice(turn), ...a.agreed.slice(0, turn)])
      }),
      { numRuns: 300 },
    )
  })

  test('two lying seats of five cannot raise or lower the value on which three agree', () => {
    const lie = { rate: 0x7fff, uptime: 0, flags: 8 }
    const { lanes, agreed } = tally([good, good, good, lie, lie].map(only), everyLane)
    expect(lanes[0]).toEqual(good)
    expect(agreed).toEqual([1, 1, 1, 0, 0])
  })

  test('a seat agrees where its uptime is within the tolerance of the median', () => {
    const said = [9_501, 9_500, 9_000, 8_500, 8_499].map(uptime => only({ ...good, uptime }))
    expect(tally(said, everyLane, 500).agreed).toEqual([0, 1, 1, 1, 0])
    expect(tally(said, everyLane).agreed).toEqual([0, 0, 1, 0, 0])
  })

  test('a lane is certain where four seats judged it', () => {
    const abstention = { rate: 0, uptime: 0, flags: 7 }
    expect(tally([good, good, good, good, abstention].map(only), everyLane).certain[0]).toBe(true)
    expect(tally([good, good, good, abstention, abstention].map(only), everyLane).certain[0]).toBe(false)
    expect(tally([good, good, good, good, good].map(only), [false]).certain[0]).toBe(false)
  })

  test('an abstention lowers the rate as a missing seat does, and takes no flag away', () => {
    const abstention = { rate: 5000, uptime: 5000, flags: 7 }
    const { lanes } = tally(
      [{ ...good, rate: 1 }, { ...good, rate: 2 }, { ...good, rate: 3 }, abstention, abstention].map(only),
      everyLane,
    )
    expect(lanes[0]).toEqual({ rate: 1, uptime: 10_000, flags: 15 })
  })

  test('a flag needs three seats that judged, and an empty lane has none', () => {
    const partly = (flags: number) => only({ ...good, flags })
    expect(tally([15, 15, 11, 11, 7].map(partly), everyLane).lanes[0]!.flags).toBe(11)
    expect(tally([15, 15, 15, 15, 15].map(partly), [false]).lanes[0]!.flags).toBe(0)
    expect(tally([partly(15), partly(15), null, null, null], everyLane).lanes[0]).toEqual({
      rate: 0,
      uptime: 0,
      flags: 0,
    })
  })

  test('a tally of other than five openings is refused', () => {
    expect(() => tally([null], everyLane)).toThrow(RangeError)
  })
})
