/**
 * What cheats that no sample sees are worth, by time and by the index that is paid, ∛(T · M · min(R, τM)): arithmetic on what cards do,
 * and one card behind many registrations on an injected clock.
 */
import { memoryCredit } from '../../src/core/job/memory/memory-credit.ts'
import { groupBytes, type MemorySpec, memorySpecs } from '../../src/core/job/memory/memory-spec.ts'
import { runMemoryWindow } from '../../src/core/job/memory/memory-window.ts'
import type { Attack } from './attack.ts'
import { jobSeedOf, memorySpec, pretending } from './memory-arena.ts'

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
const honestIndex = ({ tensor, bandwidth, memory }: Card) => index(tensor, bandwidth, memory)

/** GB/s at which rows are made instead of read: c products of 2K operations a byte. */
export const regeneration = ({ tensor }: Card, { width, products }: Pick<MemorySpec, 'width' | 'products'>): number =>
  (tensor * 1e12) / (2 * width * products) / 1e9

/** A card that holds nothing and makes each group when it is asked for; as much as τ lets it claim. */
const memoryless = (card: Card, spec: Pick<MemorySpec, 'width' | 'products'>) => {
  const rate = regeneration(card, spec)
  return index(card.tensor, rate, tauSeconds * rate) / honestIndex(card)
}
const perCard = (
  name: string,
  formula: string,
  expected: number,
  detected: (card: Card) => boolean,
  gain?: number,
): Attack => ({
  ...{ name, formula, expected, seeds: all.length },
  ...(gain !== undefined && { gain }),
  attempt: async (_, seed) => detected(all[seed]!),
})
const most = (of: (card: Card) => number) => Math.max(...all.map(of))
const { standard } = memorySpecs
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
const ahead = (name: string, formula: string, how: { regenerate: boolean; fetch: boolean }, bound: number) =>
  perCard(
    name,
    formula,
    1,
    card => readAhead(card, how) <= bound,
    most(card => readAhead(card, how)),
  )

/** Two registrations of one card whose memory holds one of them, and is filled for the other in between. */
const shareMs = memorySpec.windowMs / 2
async function inTurn(card: Card) {
  const fillShare = 0.35
  const stepMs = groupBytes(memorySpec) / 1000 / (card.bandwidth / 100)
  const worked = [0, 1].map(async turn => {
    let nowMs = 0
    const [from, to] = [turn * shareMs * (1 + fillShare / 2), (turn + 1) * shareMs * (1 - (1 - turn) * fillShare)]
    const clock = { monotonicMs: () => nowMs }
    const banks = pretending((_, x, next) => {
      next.set(x)
      // Outside its turn the memory is another's: the step does not end in the window's part.
      nowMs = nowMs + stepMs < from ? from : nowMs + stepMs > to && nowMs < to ? memorySpec.windowMs : nowMs + stepMs
    })
    const { marks } = await runMemoryWindow(banks, { seed: jobSeedOf(turn), startedAtMs: 0 }, { clock })
    return marks
  })
  return Promise.all(worked)
}
const creditOf = (spec: MemorySpec, marks: readonly { readonly steps: number }[]) =>
  memoryCredit({ ...spec, leastReadMs: 1e-6 }, { groups: memorySpec.leastGroups, marks })

const shared = (weakened: boolean): Attack => ({
  name: `one memory behind 2 registrations in turn${weakened ? ' (weakened: no marks)' : ''}`,
  formula: weakened
    ? '0: each is paid for all of the memory and its half of the reads'
    : '1: a registration without steps in half of the seconds is paid nothing',
  expected: weakened ? 0 : 1,
  seeds: all.length,
  async attempt(_, seed) {
    const ofBoth = await inTurn(all[seed]!)
    const paid = ofBoth.map(marks => creditOf(memorySpec, weakened ? marks.slice(-1) : marks))
    if (ofBoth.some(marks => marks.at(-1)!.steps === 0)) throw new Error('each registration has its turn')
    return paid.every(({ bandwidth }) => bandwidth === 0)
  },
})

export const memoryEconomics: Attack[] = [
  perCard(
    'memoryless, every group made when it is read',
    '1: paid less than 12% of honest, at T ÷ 2Kc',
    1,
    card => memoryless(card, standard) < 0.12,
    most(card => memoryless(card, standard)) - 1,
  ),
  perCard(
    'memoryless (weakened: one product)',
    '0: paid more than 20% of honest, at T ÷ 2K',
    0,
    card => memoryless(card, oneProduct) < 0.2,
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
  shared(true),
  shared(false),
]
