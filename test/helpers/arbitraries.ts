import fc from 'fast-check'
import { type Hex, toHex } from 'viem'
import type { LaneOpening, Opening } from '../../src/core/epoch/opening.ts'

export const anyBytes32: fc.Arbitrary<Hex> = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => toHex(bytes))

const anyLane: fc.Arbitrary<LaneOpening> = fc.record({
  rate: fc.integer({ min: 0, max: 0x7fff }),
  uptime: fc.integer({ min: 0, max: 10_000 }),
  flags: fc.integer({ min: 0, max: 15 }),
})

export const anyOpening: fc.Arbitrary<Opening> = fc.record({
  lanes: fc.array(anyLane, { minLength: 64, maxLength: 64 }),
  evidenceRoot: anyBytes32,
})

/** Seats that mostly agree, as honest ones do, so that ties and full flags occur. */
export const similarOpenings: fc.Arbitrary<(Opening | null)[]> = anyOpening.chain(base =>
  fc.array(
    fc.oneof(
      { weight: 1, arbitrary: fc.constant(null) },
      { weight: 4, arbitrary: fc.constant(base) },
      { weight: 2, arbitrary: anyOpening },
      {
        weight: 3,
        arbitrary: fc.array(fc.tuple(fc.nat(63), anyLane), { maxLength: 8 }).map(changes => ({
          ...base,
          lanes: base.lanes.map((lane, i) => changes.find(([at]) => at === i)?.[1] ?? { ...lane, flags: 15 }),
        })),
      },
    ),
    { minLength: 5, maxLength: 5 },
  ),
)

/** Any text of whole code points: fast-check's own takes a second to learn what every one of them shrinks to. */
export const anyText = ({ minLength = 0, maxLength = 10 } = {}): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof(
        fc.integer({ min: 0, max: 0x7f }),
        fc.integer({ min: 0, max: 0xd7ff }),
        fc.integer({ min: 0xe000, max: 0x10ffff }),
      ),
      { minLength, maxLength },
    )
    .map(points => String.fromCodePoint(...points))
