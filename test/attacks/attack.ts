/** What an attack is: a way to cheat, the rate at which theory says it is caught, and the formula that says so. */
import type { Arena } from './arena.ts'

export type Attack = {
  readonly name: string
  /**
   * `driven`: what a prover sends goes to the verifier, or to a seat's own check or judge. `computed`: nobody is sent anything; the outcome
   * follows from the rules, by their own code in `src` where they have some, or is that of a scheme which is not the product's.
   */
  readonly how: 'driven' | 'computed'
  /** How `expected` is computed. */
  readonly formula: string
  /** Share of attempts that are detected, by theory. */
  readonly expected: number
  /** Share of the rows that are not computed, where the prover saves work; what is left undetected is paid as if they were. */
  readonly skipped?: number
  /** What it is paid above honest work, where that is not what is left of the skipped rows. */
  readonly gain?: number
  readonly seeds: number
  /** One attempt with this seed; true when it was detected: refused, proven wrong, or not paid. */
  readonly attempt: (arena: Arena, seed: number) => Promise<boolean>
}

export type AttackResult = {
  readonly attack: string
  readonly how: Attack['how']
  readonly seeds: number
  /** Attempts that were detected. */
  readonly detected: number
  /** detected ÷ seeds. */
  readonly rate: number
  readonly expected: number
  readonly formula: string
  /** By theory, what its work is paid above an honest prover's: (1 − expected) ÷ (1 − skipped) − 1 where nothing else is said. */
  readonly gain?: number
}

export async function runAttack(
  { name, how, formula, expected, skipped, gain, seeds, attempt }: Attack,
  arena: Arena,
): Promise<AttackResult> {
  let detected = 0
  for (let seed = 0; seed < seeds; seed++) if (await attempt(arena, seed)) detected++
  const result = { attack: name, how, seeds, detected, rate: detected / seeds, expected, formula }
  if (gain !== undefined) return { ...result, gain }
  return skipped === undefined ? result : { ...result, gain: (1 - expected) / (1 - skipped) - 1 }
}

/** The formula of a row that has no chance in it: what is expected, and why. */
export type Certainty = `${0 | 1}: ${string}`
export const certain = (formula: Certainty) => ({ formula, expected: Number(formula[0]) })

/** What several rows look at, done once for each seed. */
export function oncePerSeed<T>(attempt: (arena: Arena, seed: number) => Promise<T>): typeof attempt {
  const known = new Map<number, Promise<T>>()
  return (arena, seed) => {
    const result = known.get(seed) ?? attempt(arena, seed)
    known.set(seed, result)
    return result
  }
}

/** A row of the table in docs/work-proof.md. */
export function tableRow({ attack, how, seeds, detected, expected, formula }: AttackResult): string {
  const rate = Number.isInteger(expected) ? expected : expected > 0.99995 ? '> 0.9999' : expected.toFixed(4)
  return `| ${attack} | ${how} | ${detected} of ${seeds} | ${rate} | ${formula.replace(/^[01]: /, '')} |`
}

/** Whether a result agrees with theory: no further out than a binomial is in one of 30,000 runs; exactly where theory says never or always. */
export function agreesWithTheory({ seeds, detected, expected }: AttackResult): boolean {
  const [asMany, more] = [atLeast(detected, seeds, expected), atLeast(detected + 1, seeds, expected)]
  return Math.min(asMany, 1 - more) > 1 / 30_000
}

/** Chance that `samples` distinct rows of `rows` miss all `wrong` rows: Π (rows − wrong − i) ÷ (rows − i). About (1 − ε)^t. */
export function missChance(rows: number, wrong: number, samples: number): number {
  let chance = 1
  for (let i = 0; i < Math.min(samples, rows); i++) chance *= Math.max(0, rows - wrong - i) / (rows - i)
  return chance
}

/** Chance that as many samples pass where the share ρ of memory is resident and the others are guessed: (ρ + (1 − ρ) ÷ 128)^t. */
export const residentChance = (share: number, samples: number): number => (share + (1 - share) / 128) ** samples

/** Chance that at least `least` of `seats` seats pass when each passes with `pass`; of any tries, likewise. */
export function atLeast(least: number, seats: number, pass: number): number {
  let sum = 0
  for (let passing = least; passing <= seats; passing++) {
    let ways = 1
    for (let i = 0; i < passing; i++) ways = (ways * (seats - i)) / (i + 1)
    sum += ways * pass ** passing * (1 - pass) ** (seats - passing)
  }
  return sum
}
