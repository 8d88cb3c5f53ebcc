/** The figures of docs/why/capacity.md, as they are computed, and the means that a capacity is made of. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { productionParameters } from '../../../src/core/chain/network-presets.ts'
import { capacityOf, laneRateOf, type MeasuredRound, type Measures } from '../../../src/core/epoch/capacity.ts'
import { decodeRate, maxRate } from '../../../src/core/epoch/minifloat.ts'
import { measuresOf } from '../../helpers/measures.ts'

const sumOf = (parts: readonly Measures[]): Measures => ({
  tensor: parts.reduce((sum, part) => sum + part.tensor, 0),
  bandwidth: parts.reduce((sum, part) => sum + part.bandwidth, 0),
  resident: parts.reduce((sum, part) => sum + part.resident, 0),
})

it('the largest measures that a message carries fit a lane', () => {
  const most = Number.MAX_SAFE_INTEGER
  expect(decodeRate(laneRateOf({ tensor: most, bandwidth: most, resident: most }))).toBe(maxRate)
})

/** Dense int8 in Top/s, GB/s and GB as vendors say them; what of it is reached in work: 75%, 85% and 80%. */
const cardOf = (tops: number, bandwidth: number, memory: number): Measures => ({
  tensor: tops * 750_000,
  bandwidth: bandwidth * 850,
  resident: memory * 800,
})

describe('the figures of docs/why/capacity.md', () => {
  const text = readFileSync('docs/why/capacity.md', 'utf8')
  const number = (cell: string) => Number(cell.replaceAll(',', '').replace(/ ms$/, ''))
  const cards = [...text.matchAll(/^\| ((?:RTX |L|A|H|MI|B)\d.*?) \| (.*) \|$/gm)].map(([, name, cells]) => {
    const [tops, bandwidth, memory, readMs, capacity, relative] = cells!.split(' | ').map(number) as [
      number,
      ...number[],
    ]
    return { name: name!, card: cardOf(tops, bandwidth!, memory!), readMs, capacity, relative }
  })
  const card = (name: string) => cards.find(each => each.name === name)!.card
  const gain = (...parts: Measures[]) =>
    Number(capacityOf(sumOf(parts))) / parts.reduce((sum, part) => sum + Number(capacityOf(part)), 0)

  it('are what the cards’ figures give', () => {
    expect(cards).toHaveLength(11)
    const one = Number(capacityOf(card('RTX 4090')))
    for (const { name, card: own, readMs, capacity, relative } of cards) {
      expect(capacityOf(own), name).toBe(BigInt(capacity!))
      expect(Number(capacityOf(own)) / one, name).toBeCloseTo(relative!, 2)
      expect((1_000 * own.resident) / own.bandwidth, name).toBeGreaterThan(readMs! - 0.5)
      expect((1_000 * own.resident) / own.bandwidth, name).toBeLessThanOrEqual(readMs! + 0.5)
    }
  })

  it('are what merging unlike cards gains', () => {
    const old = cardOf(53, 1_024, 32)
    expect(gain(card('RTX 4090'), old, old)).toBeCloseTo(1.2, 3)
    expect(gain(card('RTX 4090'), card('L4'))).toBeCloseTo(1.032, 3)
    expect(gain(card('H100 SXM'), card('B200'))).toBeCloseTo(1.0001, 4)
  })

  it('are what one measure is worth alone, and what missed rounds of one kind cost', () => {
    const { tensor, bandwidth, resident } = card('H100 SXM')
    const share = (own: Measures) => Number(capacityOf(own)) / Number(capacityOf(card('H100 SXM')))
    expect(share({ tensor: 2 * tensor, bandwidth, resident })).toBeCloseTo(1.26, 3)
    expect(share({ tensor: tensor / 2, bandwidth, resident })).toBeCloseTo(0.79, 2)
    expect(share({ tensor, bandwidth: bandwidth / 2, resident: resident / 2 })).toBeCloseTo(0.63, 2)
  })

  it('are below the first standing of a real network, and paid by its price as docs/contracts.md says', () => {
    const { scores, emission } = productionParameters(`0x${'00'.repeat(32)}`)
    for (const each of cards) expect(capacityOf(each.card)).toBeLessThan(BigInt(scores.firstStanding))
    const mostOf = (own: Measures) => Number(capacityOf(own) * emission.maxPrice) / 1e18
    expect(mostOf(card('H100 SXM'))).toBeCloseTo(1_616.8, 1)
    const devicePool = (Number(emission.perEpoch) / 1e18) * (1 - (emission.checkerBps + emission.keeperBps) / 10_000)
    expect(devicePool / mostOf(card('H100 SXM'))).toBeCloseTo(48.9, 1)
    expect((devicePool * 1e18) / Number(emission.maxPrice)).toBeCloseTo(31_600_000, -2)
  })
})

describe('means over an epoch', () => {
  const round = (
    kind: MeasuredRound['kind'],
    figures: MeasuredRound['figures'],
    verdict: MeasuredRound['verdict'] = 'VALID',
  ) => ({ kind, figures, verdict })

  it('count a missed round as 0 and leave out what the seat missed', () => {
    expect(
      measuresOf([
        ...[round('tensor', { tensor: 901 }), round('tensor', {}, 'TIMEOUT')],
        ...[round('memory', { bandwidth: 7_000, resident: 9 }), round('memory', {}, 'CHECKER_FAULT')],
      ]),
    ).toEqual({ tensor: 450, bandwidth: 7_000, resident: 9 })
  })

  it('count memory no further than each round read it: one that claims much and reads nothing lends nothing to the others', () => {
    const honest = round('memory', { bandwidth: 10_000, resident: 600 })
    const empty = round('memory', { bandwidth: 0, resident: 1_000_000 })
    const one = round('tensor', { tensor: 7 })
    expect(measuresOf([one, honest, empty])).toEqual({ tensor: 7, bandwidth: 5_000, resident: 300 })
    expect(measuresOf([one, round('memory', { bandwidth: 1_000, resident: 600 })])).toMatchObject({ resident: 80 })
  })

  it('are none where a kind was judged in fewer than half of its rounds, or had none', () => {
    const fault = round('memory', {}, 'CHECKER_FAULT')
    expect(measuresOf([])).toBeNull()
    expect(measuresOf([round('tensor', { tensor: 1 })])).toBeNull()
    expect(measuresOf([round('tensor', { tensor: 1 }), round('memory', {}), fault, fault])).toBeNull()
  })
})
