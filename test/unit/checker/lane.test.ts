import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { absentLane, type JudgedRound, laneOf as laneOfFacts } from '../../../src/core/checker/epoch/pack.ts'
import * as capacity from '../../../src/core/epoch/capacity.ts'
import { capacityOf } from '../../../src/core/epoch/capacity.ts'
import { roundKinds } from '../../../src/core/job/jobs.ts'
import { type RoundKindName, slotKinds } from '../../../src/core/protocol/constants.ts'
import { flagBit, type Verdict, verdicts } from '../../../src/core/protocol/verdict.ts'
import { beatsOf, laneOf, measuresOf, shortfallsOf, uptimeOf } from '../../helpers/measures.ts'

const round = (kind: RoundKindName, verdict: Verdict, figures: JudgedRound['figures'] = {}): JudgedRound => ({
  ...{ kind, verdict, figures, reason: 'R', detail: 'd' },
})
const tensor = (figure: number | Verdict) =>
  typeof figure === 'number' ? round('tensor', 'VALID', { tensor: figure }) : round('tensor', figure)
const memory = (...figures: [number, number] | [Verdict]) => {
  const [bandwidth, resident] = figures
  return typeof bandwidth === 'number'
    ? round('memory', 'VALID', { bandwidth, resident: resident! })
    : round('memory', bandwidth)
}
const beat = (...figures: [number, number] | [Verdict]) => ({ ...memory(...figures), kind: 'beat' as const })
/** With four beats of which three count. */
const facts = (rounds: JudgedRound[]) => ({
  rounds: [...rounds, ...Array.from({ length: 3 }, () => beat(1e6, 1e6)), beat('TIMEOUT')],
  deviceValid: true,
  environmentValid: true,
})
const everyFlag = flagBit.device | flagBit.environment | flagBit.work | flagBit.judged

describe('measuresOf', () => {
  it('each figure is the mean over the rounds of its own kind, rounded down', () => {
    expect(measuresOf([tensor(900), memory(700, 16), tensor(101), memory(300, 17), memory(200, 16)])).toEqual({
      ...{ tensor: 500, bandwidth: 400, resident: 16 },
    })
  })

  it('a missed round is 0 in every figure of its kind, and in none of another', () => {
    expect(measuresOf([tensor(900), tensor('TIMEOUT'), memory(700, 16)])).toEqual({
      ...{ tensor: 450, bandwidth: 700, resident: 16 },
    })
    expect(measuresOf([tensor(900), memory(700, 16), memory('OFFLINE')])).toEqual({
      ...{ tensor: 900, bandwidth: 350, resident: 8 },
    })
    expect(measuresOf([tensor('TIMEOUT'), memory('TIMEOUT')])).toEqual({ tensor: 0, bandwidth: 0, resident: 0 })
  })

  it('the seat’s own faults are left out, until they are more than half of a kind’s rounds', () => {
    const seen = [tensor(900), memory(700, 16)]
    const fault = [tensor('CHECKER_FAULT'), memory('CHECKER_FAULT')]
    expect(measuresOf([...seen, ...fault])).toEqual({ tensor: 900, bandwidth: 700, resident: 16 })
    expect(measuresOf([...seen, ...fault, fault[0]!])).toBeNull()
    expect(measuresOf([...seen, ...fault, fault[1]!])).toBeNull()
  })

  it('memory that one round claims and does not read counts in no mean', () => {
    const fair = [tensor(900), memory(1000, 80)]
    // A round that claims much and reads nothing would else lend its claim to the others.
    expect(measuresOf([...fair, memory(0, 1_000_000)])).toEqual({ tensor: 900, bandwidth: 500, resident: 40 })
    expect(measuresOf([...fair, memory(1000, 1_000_000)])).toEqual({ tensor: 900, bandwidth: 1000, resident: 80 })
    expect(measuresOf([...fair, memory(1000, 79)])).toEqual({ tensor: 900, bandwidth: 1000, resident: 79 })
  })

  it('there is nothing to say without a round of every kind', () => {
    expect(measuresOf([])).toBeNull()
    for (const kind of slotKinds)
      expect(measuresOf([tensor(9), memory(9, 9)].filter(each => each.kind === kind))).toBeNull()
  })
})

describe('beats', () => {
  const reasons = (rounds: JudgedRound[]) => shortfallsOf(rounds).map(shortfall => shortfall?.reason ?? null)

  it('one counts from 30% of the bandwidth and 95% of the memory of the device’s own memory rounds', () => {
    const own = memory(1000, 200)
    expect(reasons([own, beat(300, 190), beat(299, 190), beat(300, 189), beat(299, 189)])).toEqual([
      ...[null, null, 'BEAT_SLOW', 'BEAT_SHRUNK', 'BEAT_SHRUNK'],
    ])
    const [, { detail: slow } = { detail: '' }] = shortfallsOf([own, beat(299, 190)]).map(each => each ?? undefined)
    expect(slow).toBe('The device read 299 MB/s at the beat and 1000 MB/s in its memory rounds; 30% of that count.')
  })

  it('the share is that of the jobs', () => {
    const given = [memory(1000, 80), beat(599, 80), beat(600, 80)]
    const reasonsAt = (share: number) => capacity.shortfallsOf(given, share).map(each => each?.reason ?? null)
    expect(reasonsAt(30)).toEqual([null, null, null])
    expect(reasonsAt(60)).toEqual([null, 'BEAT_SLOW', null])
    expect([30, 60].map(share => capacity.uptimeOf(given, share))).toEqual([10_000, 5_000])
    // The median beat of 450 MB/s stands for 750 of the 1,000 that it is held to, which read 60 MB in 80 ms.
    const slow = [tensor(1), memory(1000, 80), beat(450, 80)]
    expect([30, 60].map(share => capacity.measuresOf(slow, share)!.resident)).toEqual([80, 60])
    const lane = (beatShare: number) =>
      laneOfFacts({ ...facts([tensor(1), ...given]), rounds: [tensor(1), ...given], beatShare })
    expect([30, 60].map(share => lane(share).uptime)).toEqual([10_000, 5_000])
  })

  it('it is compared with the mean of the memory rounds that were valid and worked, wherever it lies among them', () => {
    const [fast, slow] = [memory(1000, 100), memory(100, 60)]
    const empty = memory(0, 100)
    expect(reasons([beat(165, 57), fast, beat(164, 57), slow, beat(165, 56)])).toEqual([
      ...[null, null, 'BEAT_SLOW', null, 'BEAT_SHRUNK'],
    ])
    expect(reasons([fast, memory('TIMEOUT'), memory('BUSY'), empty, beat(299, 100)]).at(-1)).toBe('BEAT_SLOW')
    // Where there is none, verifying is enough.
    expect(reasons([tensor(9), beat(1, 1), memory('OFFLINE'), memory('CHECKER_FAULT')])).toEqual([
      null,
      null,
      null,
      null,
    ])
  })

  it('one slow memory round does not make slow beats count', () => {
    const full = memory(1000, 80)
    // As slow as the device likes: the other rounds hold its beats to what is paid for them.
    const slow = memory(1, 80)
    expect(reasons([full, full, full, slow, beat(224, 80), beat(226, 80)]).slice(-2)).toEqual(['BEAT_SLOW', null])
  })

  it('a device whose memory changes within the epoch keeps its beats, and is paid for the least that it had in a round', () => {
    const [before, after] = [memory(1000, 80), memory(1000, 72)]
    const beats = (many: number, resident: number) => Array.from({ length: many }, () => beat(1000, resident))
    for (const [first, last] of [[before, after] as const, [after, before] as const]) {
      const all = [
        tensor(1),
        first,
        first,
        ...beats(6, first.figures.resident!),
        last,
        last,
        ...beats(6, last.figures.resident!),
      ]
      expect(new Set(reasons(all))).toEqual(new Set([null]))
      expect(measuresOf(all)!.resident).toBe(72)
    }
    // Whose memory rounds are all whole has no use of beats that are smaller.
    expect(new Set(reasons([before, before, ...beats(12, 72)]).slice(2))).toEqual(new Set(['BEAT_SHRUNK']))
    // One smaller round is paid for as if all had been: no use either.
    const once = [tensor(1), before, before, before, memory(1000, 8), ...beats(9, 80), ...beats(3, 8)]
    expect(new Set(reasons(once))).toEqual(new Set([null]))
    expect(measuresOf(once)!.resident).toBe(8)
    // A seat that missed a beat agrees with the others.
    const half = [tensor(1), before, before, after, after, ...beats(24, 80), ...beats(23, 72), beat('CHECKER_FAULT')]
    expect(uptimeOf(half)).toBe(10_000)
    expect(measuresOf(half)!.resident).toBe(72)
  })

  it('whatever its memory rounds are, a beat that counts shows 30% of the bandwidth and 95% of the memory that are paid', () => {
    const worked = fc
      .tuple(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 10_000 }))
      .map(figures => memory(...figures))
    const missed = fc.constantFrom<Verdict>('TIMEOUT', 'WRONG', 'BUSY').map(verdict => memory(verdict))
    const rounds = fc.array(fc.oneof({ arbitrary: worked, weight: 3 }, missed), { minLength: 1, maxLength: 8 })
    const beats = fc.array(fc.tuple(fc.nat(100_000), fc.nat(10_000)), { maxLength: 8 })
    fc.assert(
      fc.property(rounds, worked, beats, (others, one, given) => {
        const memories = [tensor(1), one, ...others]
        const all = [...memories, ...given.map(figures => beat(...figures))]
        const [ofRounds, paid] = [measuresOf(memories)!, measuresOf(all)!]
        const shortfalls = shortfallsOf(all)
        const counted = all.filter(
          ({ kind, figures }, at) => kind === 'beat' && shortfalls[at] === null && figures.bandwidth! > 0,
        )
        for (const { figures } of counted) {
          expect(figures.bandwidth! * 100).toBeGreaterThanOrEqual(paid.bandwidth * 30)
          expect(figures.resident! * 100).toBeGreaterThanOrEqual(paid.resident * 95)
        }
        // By its bandwidth no beat that counts takes any of the memory, but for what means round away.
        const shown = counted.map(({ figures }) => beat(figures.bandwidth!, 100_000))
        expect(measuresOf([...memories, ...shown])!.resident).toBeGreaterThanOrEqual(ofRounds.resident - 1)
      }),
      { numRuns: 500 },
    )
  })

  it('uptime is those that count of those that the seat could judge', () => {
    const own = memory(1000, 100)
    const uptime = (...beats: JudgedRound[]) => uptimeOf([tensor(1), own, ...beats])
    const good = beat(1000, 100)
    expect(uptime(good)).toBe(10_000)
    // Late, away, signed off, empty, slow, smaller, wrong: none of them counts.
    for (const missed of [
      beat('TIMEOUT'),
      beat('OFFLINE'),
      beat('UNSUPPORTED'),
      beat(0, 100),
      beat(1, 100),
      beat(1000, 1),
      beat('WRONG'),
    ])
      expect(uptime(good, good, missed)).toBe(6_666)
    expect(uptime(good, good, beat('CHECKER_FAULT'))).toBe(10_000)
    expect(uptime(good, beat('CHECKER_FAULT'), beat('CHECKER_FAULT'))).toBeNull()
    expect(uptime()).toBeNull()
    expect(beatsOf([own, good, beat('TIMEOUT'), beat('CHECKER_FAULT')])).toEqual({ beats: 3, judged: 2, counted: 1 })
  })

  it('whatever the beats, uptime is their share and memory is no more than without them', () => {
    const figures = fc.tuple(fc.nat(2000), fc.nat(200))
    const beats = fc.array(
      fc.oneof(
        figures.map(([bandwidth, resident]) => beat(bandwidth, resident)),
        fc.constant(beat('TIMEOUT')),
      ),
      { minLength: 1, maxLength: 12 },
    )
    fc.assert(
      fc.property(beats, given => {
        const rounds = [tensor(1), memory(1000, 100), ...given]
        const { beats: all, judged, counted } = beatsOf(rounds)
        expect([all, judged]).toEqual([given.length, given.length])
        expect(uptimeOf(rounds)).toBe(Math.floor((10_000 * counted) / judged))
        expect(measuresOf(rounds)!.resident).toBeLessThanOrEqual(measuresOf(rounds.slice(0, 2))!.resident)
      }),
      { numRuns: 500 },
    )
  })
})

describe('laneOf', () => {
  it('a lane’s rate is the capacity of the means, with one root at the end', () => {
    const lane = laneOf(facts([tensor(12_500 * 900), memory(900, 900), tensor('TIMEOUT'), memory('TIMEOUT')]))
    expect(lane).toEqual({ rate: 450n, uptime: 7500, flags: everyFlag })
    // The mean of the capacities of two halves of the epoch would be half of the better one's.
    const uneven = laneOf(facts([tensor(12_500 * 900), memory('TIMEOUT'), tensor('TIMEOUT'), memory(900, 900)]))
    expect(uneven.rate).toBe(450n)
  })

  it('the seat’s own faults are left out of the means', () => {
    const seen = [tensor(12_500 * 900), memory(900, 900)]
    expect(laneOf(facts([...seen, tensor('CHECKER_FAULT'), memory('CHECKER_FAULT')])).rate).toBe(900n)
  })

  it('the seat abstains when it judged fewer than half of the rounds of one kind, and without a round of each', () => {
    const seen = [tensor(900), memory(900, 900)]
    for (const fault of [tensor('CHECKER_FAULT'), memory('CHECKER_FAULT')])
      expect(laneOf(facts([...seen, fault, fault]))).toEqual(absentLane)
    for (const rounds of [[], [tensor(900)], [memory(900, 900)]]) expect(laneOf(facts(rounds))).toEqual(absentLane)
  })

  it('a device that was busy in all rounds of a kind is judged as one that was away', () => {
    const [work, read] = [tensor(12_500 * 900), memory(900, 900)]
    for (const rounds of [
      [tensor('BUSY'), read],
      [work, memory('BUSY')],
      [tensor('BUSY'), memory('BUSY')],
    ])
      expect(laneOf(facts(rounds))).toEqual({ rate: 0n, uptime: 0, flags: everyFlag })
    // Where the seat judged too little to say so, it abstains.
    const fault = tensor('CHECKER_FAULT')
    expect(laneOf(facts([tensor('BUSY'), read, fault, fault]))).toEqual(absentLane)
    expect(laneOf(facts([tensor('BUSY'), read, fault]))).toEqual({ rate: 0n, uptime: 0, flags: everyFlag })
  })

  it('no busy round hides wrong work', () => {
    const wrong = laneOf(facts([tensor('WRONG'), memory('BUSY')]))
    expect(wrong).toEqual({ rate: 0n, uptime: 7_500, flags: everyFlag & ~flagBit.work })
    expect(laneOf(facts([tensor('WRONG'), tensor(12_500 * 900), memory(900, 900), memory('BUSY')]))).toEqual(
      laneOf(facts([tensor('WRONG'), tensor(12_500 * 900), memory(900, 900), memory('TIMEOUT')])),
    )
  })

  it('the seat abstains where it judged fewer than half of the beats, or there was none', () => {
    const rounds = [tensor(900), memory(900, 900)]
    const lane = (...beats: JudgedRound[]) => laneOf({ ...facts([]), rounds: [...rounds, ...beats] })
    const fault = beat('CHECKER_FAULT')
    expect(lane()).toEqual(absentLane)
    expect(lane(fault, fault)).toEqual(absentLane)
    expect(lane(beat(900, 900), fault, fault)).toEqual(absentLane)
    expect(lane(beat(900, 900), fault)).toMatchObject({ uptime: 10_000 })
  })

  it('memory counts no further than the median beat held it', () => {
    const rounds = [tensor(12_500 * 900), memory(1e6, 900)]
    const held = (...beats: number[]) =>
      measuresOf([...rounds, ...beats.map(resident => beat(1e6, resident)), beat('TIMEOUT')])!.resident
    expect(held()).toBe(900)
    expect(held(900, 900, 10)).toBe(900)
    expect(held(900, 10)).toBe(10)
    expect(held(880, 890, 10)).toBe(880)
    // Claimed and hardly read: a beat of 30% of the bandwidth counts for the whole, so one reads 80 MB in 80 ms at 300 MB/s.
    const read = (...bandwidths: number[]) =>
      measuresOf([tensor(1), memory(1000, 80), ...bandwidths.map(bandwidth => beat(bandwidth, 80))])!.resident
    expect([read(300), read(150), read(3), read(3, 300, 300)]).toEqual([80, 40, 0, 80])
  })

  it('one proven wrong place of either kind clears the work flag for the epoch, whatever the other rounds were', () => {
    const seen = [tensor(900), memory(900, 900)]
    for (const wrong of [tensor('WRONG'), memory('WRONG')]) {
      const lane = laneOf(facts([...seen, wrong]))
      expect(lane.flags & flagBit.work).toBe(0)
      expect(lane.flags & flagBit.judged).toBe(flagBit.judged)
    }
  })

  it('a lane never has more than its best rounds give, and never a flag that was not earned', () => {
    const figure = fc.nat(1_000_000)
    const rounds = fc.array(
      fc
        .tuple(fc.constantFrom(...roundKinds), fc.constantFrom(...verdicts), figure, figure)
        .map(([kind, verdict, one, other]) =>
          round(kind, verdict, kind === 'tensor' ? { tensor: one } : { bandwidth: one, resident: other }),
        ),
      { maxLength: 32 },
    )
    fc.assert(
      fc.property(rounds, fc.boolean(), fc.boolean(), (judged, deviceValid, environmentValid) => {
        const lane = laneOf({ rounds: judged, deviceValid, environmentValid })
        const best = (name: string) => Math.max(0, ...judged.map(({ figures }) => figures[name] ?? 0))
        const [most, bandwidth, resident] = [best('tensor'), best('bandwidth'), best('resident')]
        expect(lane.rate <= capacityOf({ tensor: most, bandwidth, resident })).toBe(true)
        expect(lane.uptime).toBeGreaterThanOrEqual(0)
        expect(lane.uptime).toBeLessThanOrEqual(10_000)
        if (!deviceValid) expect(lane.flags & flagBit.device).toBe(0)
        if (!environmentValid) expect(lane.flags & flagBit.environment).toBe(0)
        if ((lane.flags & flagBit.judged) === 0) expect(lane).toEqual(absentLane)
      }),
      { numRuns: 1000 },
    )
  })
})
