/**
 * What cheats that no sample sees are worth, by time and by the index that is paid, ∛(T · M · min(R, τM)): arithmetic on what cards do,
 * and one card behind many registrations on an injected clock.
 */
import { capacityOf, measuresOf } from '../../src/core/epoch/capacity.ts'
import { jobSets } from '../../src/core/job/jobs.ts'
import { memoryCredit } from '../../src/core/job/memory/memory-credit.ts'
import {
  groupBytes,
  groupsLimit,
  type MemorySpec,
  markCount,
  memorySpecs,
} from '../../src/core/job/memory/memory-spec.ts'
import { runMemoryWindow } from '../../src/core/job/memory/memory-window.ts'
import type { Figures } from '../../src/core/protocol/verdict.ts'
import { type Attack, atLeast, type Certainty, certain } from './attack.ts'
import { chanceOf, jobSeedOf, memorySpec, pretending } from './memory-arena.ts'

/** Dense int8 in Top/s at 75%, GB/s at 85%, GB of memory at 80%, and GB/s of its bus to the host. */
export const cards = {
  'RTX 3060 12 GB': { tensor: 76, bandwidth: 306, memory: 9.6, bus: 25 },
  'RTX 4090': { tensor: 495, bandwidth: 857, memory: 19.2, bus: 25 },
  L4: { tensor: 181, bandwidth: 255, memory: 19.2, bus: 25 },
  'A100 80 GB': { tensor: 468, bandwidth: 1733, memory: 64, bus: 25 },
  'H100 80 GB': { tensor: 1484, bandwidth: 2848, memory: 64, bus: 50 },
} as const
export type Card = (typeof cards)[keyof typeof cards]
const all = Object.values(cards)
const tauSeconds = 0.08

/** The index, in any unit. GB and GB/s. */
export const index = (tensor: number, bandwidth: number, resident: number): number =>
  Math.cbrt(tensor * bandwidth * Math.min(resident, tauSeconds * bandwidth))
export const honestIndex = ({ tensor, bandwidth, memory }: Card) => index(tensor, bandwidth, memory)

/** GB/s at which rows are made instead of read: c products of 2K operations a byte. */
export const regeneration = ({ tensor }: Card, { width, products }: Pick<MemorySpec, 'width' | 'products'>): number =>
  (tensor * 1e12) / (2 * width * products) / 1e9

/** A card that holds nothing and makes each group when it is asked for; as much as τ lets it claim. */
const memoryless = (card: Card, spec: Pick<MemorySpec, 'width' | 'products'>) => {
  const rate = regeneration(card, spec)
  return index(card.tensor, rate, tauSeconds * rate) / honestIndex(card)
}
const perCard = (name: string, formula: Certainty, detected: (card: Card) => boolean, gain?: number): Attack => ({
  ...{ name, how: 'computed', ...certain(formula), seeds: all.length },
  ...(gain !== undefined && { gain }),
  attempt: async (_, seed) => detected(all[seed]!),
})
const most = (of: (card: Card) => number) => Math.max(...all.map(of))
const { standard } = memorySpecs
const { beatShare } = jobSets.standard
const oneProduct = { ...standard, products: 1 }

/**
 * Since the order of a round is known when it begins, what is not resident can be made, or fetched from the host, while other groups
 * are read: both add to what is claimed and to the rate, by no more than they bring.
 */
export const readAhead = (card: Card, { regenerate, fetch }: { regenerate: boolean; fetch: boolean }): number => {
  const more = (regenerate ? regeneration(card, standard) : 0) + (fetch ? card.bus : 0)
  const share = 1 + more / card.bandwidth
  return index(card.tensor, card.bandwidth * share, card.memory * share) / honestIndex(card) - 1
}
const ahead = (name: string, formula: Certainty, how: { regenerate: boolean; fetch: boolean }, bound: number) =>
  perCard(
    name,
    formula,
    card => readAhead(card, how) <= bound,
    most(card => readAhead(card, how)),
  )

/**
 * Two registrations of one card, whose memory holds the groups of one and is filled for the other in between. Each claims all of it.
 * `fillShare`: what the fill takes of the window. Bandwidth and memory of the card are 1, the time to read it over 0.3 τ.
 */
const inTurn = async (fillShare: number, spec: MemorySpec): Promise<number> => {
  const stepMs = 2
  const turnMs = (spec.windowMs * (1 - fillShare)) / 2
  const creditOf = async (turn: number) => {
    let nowMs = 0
    const [from, to] = turn === 0 ? [0, turnMs] : [spec.windowMs - turnMs, spec.windowMs]
    const banks = pretending((_, x, next) => {
      next.set(x)
      // A step that the memory is not there for ends when it is there again, or never.
      nowMs = Math.max(nowMs, from) + stepMs
      if (nowMs > to) nowMs = spec.windowMs
    })
    const { marks } = await runMemoryWindow(
      { ...banks, spec },
      { seed: jobSeedOf(turn), startedAtMs: 0 },
      { clock: { monotonicMs: () => nowMs } },
    )
    return memoryCredit({ ...spec, leastReadMs: 1e-6 }, { groups: memorySpec.leastGroups, marks }).countedSteps
  }
  const shares = (await Promise.all([0, 1].map(creditOf))).map(steps => (steps * stepMs) / spec.windowMs)
  return shares.reduce((sum, share) => sum + Math.cbrt(0.5 * share * Math.min(1, share / 0.3)), 0)
}

const shared = (weakened: boolean): Attack => ({
  name: `one memory behind 2 registrations in turn${weakened ? ' (weakened: no marks)' : ''}`,
  how: 'computed',
  ...certain(
    weakened
      ? '0: each is paid for all of the memory and for its part of the reads'
      : '1: half of the seconds are empty, and none counts more than 1.25 × the second least',
  ),
  seeds: 11,
  attempt: async (_, seed) =>
    (await inTurn(0.05 + 0.03 * seed, weakened ? { ...memorySpec, markMs: memorySpec.windowMs } : memorySpec)) <= 1,
})

/** Group reads that as many walks save, in the long run, by serving the longest queue: walked steps a read. */
const steadyGain = (groupCount: number, walks: number): number => {
  const waiting: number[][] = Array.from({ length: groupCount }, () => [])
  const made = new Uint32Array(walks)
  const move = (walk: number) => waiting[Math.floor(chanceOf(walk, made[walk]!++) * groupCount)]!.push(walk)
  for (let walk = 0; walk < walks; walk++) move(walk)
  let counted = 0
  const [warm, all] = [10 * groupCount, 30 * groupCount]
  for (let read = 0; read < all; read++) {
    let longest = 0
    for (let group = 1; group < groupCount; group++)
      if (waiting[group]!.length > waiting[longest]!.length) longest = group
    const served = waiting[longest]!
    waiting[longest] = []
    if (read >= warm) counted += served.length
    for (const walk of served) move(walk)
  }
  return counted / (all - warm)
}
let measured: readonly (readonly [number, number])[] | undefined
/** Steps a read with `each` walks a group: simulated up to two, and 1 + 2 × above, which is what two walks a group come to. */
function chainGain(each: number): number {
  measured ??= [
    [0, 1],
    ...[0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2].map(c => [c, steadyGain(128, Math.round(128 * c))] as const),
  ]
  if (each >= 2) return 1 + 2 * each
  const next = measured.findIndex(([c]) => c > each)
  const [[c0, g0], [c1, g1]] = [measured[next - 1]!, measured[next]!]
  return g0 + ((g1 - g0) * (each - c0)) / (c1 - c0)
}

export type ChainRules = { readonly marks: number; readonly samples: number; readonly leastReadSeconds: number }

/**
 * The most that broken chains with so many walks a group are paid, of honest: over how much of the memory is claimed, and over what the
 * prover does when a sample shows a break: it opens to all and hopes for the day (four rounds, five seats), or is silent towards the
 * seats that would see and needs three of five.
 */
export function paidForChains(card: Card, { marks, samples, leastReadSeconds }: ChainRules, each: number): number {
  let best = 0
  for (const claimed of [1, 0.5, 0.25, 0.125, 0.06, 0.03]) {
    const memory = card.memory * claimed
    // Above this the products take longer than the reads: two operations a byte and step.
    const gain = Math.min(chainGain(each), (card.tensor * 1e3) / 2 / card.bandwidth)
    const visits = (standard.windowMs / 1000) * (card.bandwidth / memory)
    const breaks = Math.min(1, (each * marks) / (gain * visits))
    const pass = (1 - breaks * (127 / 128)) ** samples
    const rate =
      leastReadSeconds > 0 ? Math.min(card.bandwidth * gain, memory / leastReadSeconds) : card.bandwidth * gain
    const paid = index(card.tensor, rate, memory) / honestIndex(card)
    best = Math.max(best, paid * pass ** (5 * 4), paid * atLeast(3, 5, pass))
  }
  return best
}

/** The same over walks a group up to 64. */
export const bestBrokenChains = (card: Card, rules: ChainRules): number =>
  Math.max(
    ...[0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 4, 8, 16, 32, 64].map(each =>
      paidForChains(card, rules, each),
    ),
  )
export const rules: ChainRules = {
  marks: markCount(standard),
  samples: standard.samples,
  leastReadSeconds: standard.leastReadMs / 1000,
}
export const withoutRules: ChainRules = { marks: 1, samples: 16, leastReadSeconds: 0 }

/**
 * An epoch of a card that holds the least of groups. In one of four memory rounds it claims as many as there can be, makes the few that
 * it reads, and reads next to nothing. What it is paid, of what it is paid without.
 */
const sacrificed = ({ tensor, bandwidth }: Card, weakened: boolean): number => {
  const least = Math.floor((standard.leastGroups * groupBytes(standard)) / 1e6)
  const claimed = Math.floor((groupsLimit * groupBytes(standard)) / 1e6)
  const held = { bandwidth: bandwidth * 1_000, resident: least }
  const round = (figures: Figures) => ({ kind: 'memory', verdict: 'VALID', figures }) as const
  const worked = { kind: 'tensor', verdict: 'VALID', figures: { tensor: tensor * 1_000_000 } } as const
  const honest = measuresOf([worked, ...[held, held, held, held].map(round)], beatShare)!
  const cheat = measuresOf([worked, ...[held, held, held, { bandwidth: 1, resident: claimed }].map(round)], beatShare)!
  const lent = weakened ? { ...cheat, resident: Math.floor((3 * least + claimed) / 4) } : cheat
  return Number(capacityOf(lent)) / Number(capacityOf(honest))
}
const lending = (weakened: boolean): Attack =>
  perCard(
    `one memory round of four that claims all groups there can be${weakened ? ' (weakened: τ after the mean)' : ''}`,
    weakened ? '0: the claim of one round is lent to the others' : '1: what a round claims counts as far as it is read',
    card => sacrificed(card, weakened) <= 1,
    most(card => sacrificed(card, weakened)) - 1,
  )

export const memoryEconomics: Attack[] = [
  lending(true),
  lending(false),

  perCard(
    'memoryless, every group made when it is read',
    '1: paid less than 12% of honest, at T ÷ 2Kc',
    card => memoryless(card, standard) < 0.12,
    most(card => memoryless(card, standard)) - 1,
  ),
  perCard(
    'memoryless (weakened: one product)',
    '0: paid more than 12% of honest, at T ÷ 2K',
    card => memoryless(card, oneProduct) < 0.12,
    most(card => memoryless(card, oneProduct)) - 1,
  ),
  ahead(
    'memory made ahead of the order',
    '1: gains (1 + T ÷ 2KcM)^2/3 − 1 at most',
    { regenerate: true, fetch: false },
    0.02,
  ),
  ahead(
    'memory fetched ahead from the host',
    '1: gains (1 + bus ÷ M)^2/3 − 1 at most',
    { regenerate: false, fetch: true },
    0.07,
  ),
  perCard(
    'broken chains, up to 64G walks at the size of standard (weakened: no marks, no least time, t = 16)',
    '0: the best of all P, claims and silence is paid more than 1.5 × honest',
    card => bestBrokenChains(card, withoutRules) <= 1.5,
  ),
  perCard(
    'broken chains, up to 64G walks at the size of standard',
    '1: the best of all P, claims and silence is paid 5% more than honest at most',
    card => bestBrokenChains(card, rules) <= 1.05,
  ),
  shared(true),
  shared(false),
]
