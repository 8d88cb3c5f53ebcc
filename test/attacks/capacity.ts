/** What could be gained from the index that is paid: by work of both kinds at once, and by cards that are registered as one. */
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import { capacityOf, type Measures } from '../../src/core/epoch/capacity.ts'
import { jobSets, jobsHash } from '../../src/core/job/jobs.ts'
import { timingOf } from '../../src/core/protocol/network-parameters.ts'
import { triggersOf } from '../../src/core/protocol/trigger.ts'
import { hashOf } from './arena.ts'
import { type Attack, type Certainty, certain } from './attack.ts'
import { roundedAway } from './epoch-score.ts'
import { cards } from './memory-economics.ts'

type Card = { readonly tensor: number; readonly bandwidth: number; readonly memory: number }
const measured = ({ tensor, bandwidth, memory }: Card): Measures => ({
  ...{ tensor: Math.floor(tensor * 1e6), bandwidth: Math.floor(bandwidth * 1e3), resident: Math.floor(memory * 1e3) },
})
const worth = (card: Card): number => Number(capacityOf(measured(card)))
const all = Object.values(cards)

/** Of a window with both kinds in it: what who works them at once is paid above who works one after the other. */
const overlapGain = (card: Card): number =>
  worth(card) / worth({ ...card, tensor: card.tensor / 2, bandwidth: card.bandwidth / 2 }) - 1

const epochSeconds = 240
const { rounds: rules } = devnetParameters(jobsHash(jobSets.devnet), epochSeconds)

/** Whether every round of an epoch with a block each second begins after the window of the one before it and its grace. */
function oneAfterTheOther(seed: number): boolean {
  const rounds = { seed: hashOf('at once', seed), seededAt: 3, startsAt: 0, epochSeconds, rules }
  const blocks = Array.from({ length: epochSeconds }, (_, i) => ({
    ...{ number: BigInt(i), hash: hashOf('second', seed, i), timestamp: i },
  }))
  return triggersOf(rounds, blocks).every(({ timestamp }, i, triggers) => {
    const before = triggers[i - 1]
    if (before === undefined) return true
    const { windowMs, graceMs } = timingOf(rules, before.kind)
    return (timestamp - before.timestamp) * 1_000 >= windowMs + graceMs
  })
}

/** What cards are paid as one, above what they are paid apart. */
function mergedGain(parts: readonly Card[]): number {
  const sum = (of: keyof Card) => parts.reduce((total, part) => total + part[of], 0)
  const one = worth({ tensor: sum('tensor'), bandwidth: sum('bandwidth'), memory: sum('memory') })
  return one / parts.reduce((total, part) => total + worth(part), 0) - 1
}
const merged = (name: string, formula: Certainty, hosts: readonly (readonly Card[])[]): Attack => ({
  ...{ name, how: 'computed', ...certain(formula), gain: Math.max(...hosts.map(mergedGain)), seeds: hosts.length },
  attempt: async (_, seed) => mergedGain(hosts[seed]!) <= roundedAway,
})
const ofVendor = (tops: number, bandwidth: number, memory: number): Card => ({
  ...{ tensor: 0.75 * tops, bandwidth: 0.85 * bandwidth, memory: 0.8 * memory },
})
const mi50 = ofVendor(53, 1_024, 32)

export const capacity: Attack[] = [
  {
    name: 'tensor and memory work at once (weakened: one window for both kinds)',
    how: 'computed',
    ...certain(
      '0: twice T and M are ∛(2 · 2) of the pay, and up to 2 where half the rate does not read all memory within τ',
    ),
    ...{ gain: Math.max(...all.map(overlapGain)), seeds: all.length },
    attempt: async (_, seed) => overlapGain(all[seed]!) <= 0,
  },
  {
    name: 'tensor and memory work at once',
    how: 'computed',
    ...certain('1: no round of an epoch, beats included, begins in the window or the grace of another'),
    ...{ gain: 0, seeds: 200 },
    attempt: async (_, seed) => oneAfterTheOther(seed),
  },
  merged(
    'unlike cards as one device, an RTX 4090 and two MI50',
    '0: each makes up for what the others lack; it is real work, and not prevented',
    [[ofVendor(661, 1_008, 24), mi50, mi50]],
  ),
  merged(
    'three alike cards as one device',
    '1: the index is of degree one',
    all.map(card => [card, card, card]),
  ),
]
