/**
 * Devices that are not there all the time, or not with the memory that they are paid for. Beats are drawn from made-up chains by the
 * triggers of the network, and counted as a seat does.
 */
import { productionParameters } from '../../src/core/chain/network-presets.ts'
import type { MeasuredRound } from '../../src/core/epoch/capacity.ts'
import { beatOf, roundOfBeat } from '../../src/core/job/beat/beat-kind.ts'
import { jobSets, jobsHash } from '../../src/core/job/jobs.ts'
import { stepOrder } from '../../src/core/job/memory/drawn-entries.ts'
import { groupBytes } from '../../src/core/job/memory/memory-spec.ts'
import { fullUptime } from '../../src/core/protocol/constants.ts'
import { timingOf } from '../../src/core/protocol/network-parameters.ts'
import { beatTime, type EpochRounds, type Trigger, triggersOf } from '../../src/core/protocol/trigger.ts'
import type { Figures } from '../../src/core/protocol/verdict.ts'
import { hashOf, seats } from './arena.ts'
import { type Attack, atLeast, type Certainty, certain, residentChance } from './attack.ts'
import { beatShare, roundedAway, scoreOfRounds, worked } from './epoch-score.ts'
import { evenMarks, jobSeedOf, judgeMemory, memorySpec, openMemoryArena, work } from './memory-arena.ts'
import { readsFor } from './memory-chains.ts'
import { type Card, cards, regeneration } from './memory-economics.ts'
import { resident } from './memory-residency.ts'

const { rounds: rules, timeline } = productionParameters(jobsHash(jobSets.standard))
const { epochSeconds } = timeline
const { samples } = jobSets.standard.beat
const blockSeconds = 30

type Epoch = { readonly rounds: EpochRounds; readonly triggers: readonly Trigger[] }
const epochs: Epoch[] = []
/** An epoch of a network whose blocks are far apart, so that a day of them is made up in no time. */
function epochOf(seed: number): Epoch {
  epochs[seed] ??= madeUp(seed)
  return epochs[seed]
}

function madeUp(seed: number): Epoch {
  const rounds = { ...{ seed: hashOf('beats', seed), seededAt: 20, startsAt: 0, epochSeconds }, rules }
  const blocks = Array.from({ length: epochSeconds / blockSeconds }, (_, i) => ({
    ...{ number: BigInt(i), hash: hashOf('block', seed, i), timestamp: i * blockSeconds },
  }))
  return { rounds, triggers: triggersOf(rounds, blocks) }
}

const all: readonly Card[] = Object.values(cards)

/** A device that works the rounds of the slots, and at beats has these figures, or is not there. */
const atBeats = (
  name: string,
  formula: Certainty,
  beat: (card: Card, honest: Figures) => Figures | null,
  of = all,
): Attack => ({
  ...{ name, how: 'computed', ...certain(formula), seeds: 2 * of.length },
  async attempt(_, seed) {
    const card = of[seed % of.length]!
    const figures = beat(card, worked(card, 'beat').figures)
    const atBeat: MeasuredRound =
      figures === null ? { kind: 'beat', verdict: 'TIMEOUT', figures: {} } : { kind: 'beat', verdict: 'VALID', figures }
    const own: Record<string, MeasuredRound> = {
      ...{ tensor: worked(card, 'tensor'), memory: worked(card, 'memory'), beat: atBeat },
    }
    return scoreOfRounds(epochOf(seed).triggers.map(({ kind }) => own[kind]!)) === 0
  },
})

/** A modified client works to the end of the grace; what it does is divided by the window. */
const { windowMs, graceMs } = timingOf(rules, 'beat')
const stretch = (windowMs + graceMs) / windowMs
/** GB that a bus moves in the time that a client which works to the end of the grace needs not read for a beat to count. */
const swappable = ({ bus }: Card) => ((windowMs + graceMs - (beatShare / 100) * windowMs) / 1_000) * bus

/** The part of its bandwidth that a device has to read at a beat. */
const leastRate = beatShare / 100 / stretch
const shown = `less than ${100 * leastRate}% in window and grace`

/** Seconds of a beat and its grace that are left when a message's way to a seat is taken off. */
const beatSeconds = (windowMs + graceMs - 50) / 1_000

/**
 * A beat by broken chains, half as many walks as groups: the part of its bandwidth that a card needs, and how often three seats of five
 * sample no joint, where it is silent towards the others.
 */
function chainsAtBeat({ bandwidth, memory }: Card): { readonly rate: number; readonly passes: number } {
  const group = groupBytes(jobSets.standard.memory) / 1e9
  const groups = Math.floor(memory / group)
  const walks = groups >> 1
  const steps = ((beatShare / 100) * windowMs * bandwidth) / 1_000 / group
  const length = Math.ceil(steps / walks)
  const reads = readsFor(stepOrder(jobSeedOf(0), groups).groupOf, groups, walks, length)
  const pass = (1 - ((walks - 1) / (walks * length)) * (127 / 128)) ** samples
  return { rate: (reads * group) / beatSeconds / bandwidth, passes: atLeast(3, seats, pass) }
}

/** A tenant of so much of the filled memory, which is put aside when a beat's block is seen, while what it lay on comes back. */
const swapped = (name: string, formula: Certainty, tenantGB: (card: Card) => number, of = all): Attack =>
  atBeats(
    name,
    formula,
    (card, honest) => {
      const readSeconds = (windowMs + graceMs) / 1_000 - tenantGB(card) / card.bus
      return { ...honest, bandwidth: Math.floor((card.bandwidth * 1e3 * readSeconds) / (windowMs / 1_000)) }
    },
    of,
  )

/** Whether a device that knows the rule is free for less than a twentieth of the epoch, and paid in full. */
const leaving = (name: string, formula: string, expected: number, freeSeconds: (seed: number) => number): Attack => ({
  ...{ name, how: 'computed', formula, expected, seeds: 60 },
  attempt: async (_, seed) => freeSeconds(seed) < epochSeconds / 20,
})

function freeAfterLast(seed: number): number {
  const { rounds, triggers } = epochOf(seed)
  return beatTime(rounds).until - triggers.findLast(({ kind }) => kind === 'beat')!.timestamp
}

/** With one beat in each of as many equal parts: what is left of each part after its beat. */
function freeAfterEach(seed: number): number {
  const part = epochSeconds / rules.beats
  const places = Array.from(
    { length: rules.beats },
    (_, i) => Number(BigInt(hashOf('place', seed, i)) % 1_000_000n) / 1e6,
  )
  return places.reduce((sum, place) => sum + part * (1 - place), 0)
}
/** So that the last beat is drawn in the last twentieth of the time in which they are. */
const someBeatLate = 1 - (1 - epochSeconds / 20 / (beatTime(epochOf(0).rounds).until - 71)) ** rules.beats

/** A beat where memory is attacked: one mark of as many steps. */
const beatRound = roundOfBeat(beatOf(memorySpec, memorySpec.markMs))
const beatMarks = evenMarks.slice(0, 1)

const honest: Attack = {
  ...{ name: 'beat, honest', how: 'driven' },
  ...certain('0: equality of integers has no false alarms'),
  seeds: 1_000,
  async attempt(_, seed) {
    const arena = await openMemoryArena()
    const window = await work(arena.banks, seed, beatMarks)
    const { answers } = await judgeMemory(arena, arena.banks, window, seed, { spec: beatRound })
    return answers.some(({ ok }) => !ok)
  },
}

const sharing = (n: number): Attack => {
  const pass = residentChance(1 / n, beatRound.samples)
  return {
    how: 'driven',
    name: `a beat of one of ${n} registrations that share one memory`,
    formula: '1 − (ρ + (1 − ρ) ÷ 128)^5t, ρ = 1 ÷ n: all of them beat at once, and each claims what it was filled with',
    ...{ expected: 1 - pass ** seats, skipped: 1 - 1 / n, seeds: 100 },
    async attempt(_, seed) {
      const arena = await openMemoryArena()
      const banks = resident(arena, seed, 1 / n)
      const window = await work(banks, seed, beatMarks)
      return (await judgeMemory(arena, banks, window, seed, { spec: beatRound })).proven
    },
  }
}

/**
 * A tenant that takes nine tenths of the bandwidth for the last quarter of an epoch of four memory rounds, with the last of them as slow, so
 * that its beats might count; against the same device that works its rounds in full.
 */
const slowOnPurpose = (card: Card, uptime?: (rounds: readonly MeasuredRound[]) => number): number => {
  const quarter = (part: number, round = part) => [
    worked(card, 'memory', round),
    ...Array<MeasuredRound>(12).fill(worked(card, 'beat', part)),
  ]
  const paid = (last: readonly MeasuredRound[]) => {
    const rounds = [worked(card, 'tensor'), ...quarter(1), ...quarter(1), ...quarter(1), ...last]
    return scoreOfRounds(rounds, uptime?.(rounds))
  }
  return paid(quarter(0.1)) / paid(quarter(0.1, 1)) - 1
}

/** Where each beat is held to the memory round before it. */
function uptimeByLastRound(rounds: readonly MeasuredRound[]): number {
  const beats = rounds.flatMap(({ kind, figures }, at) => {
    const own = rounds.slice(0, at).findLast(round => round.kind === 'memory')
    return kind === 'beat' ? [figures.bandwidth! >= (beatShare / 100) * own!.figures.bandwidth!] : []
  })
  return Math.floor((fullUptime * beats.filter(counts => counts).length) / beats.length)
}

const slowRound = (note: string, formula: Certainty, uptime?: typeof uptimeByLastRound): Attack => ({
  ...{ name: `a slow memory round on purpose, so that slow beats count${note}`, how: 'computed' },
  ...{ ...certain(formula), gain: Math.max(...all.map(card => slowOnPurpose(card, uptime))), seeds: all.length },
  attempt: async (_, seed) => slowOnPurpose(all[seed]!, uptime) <= roundedAway,
})

/** What beats by broken chains need and give at best. */
const [leastOfRate, mostThatCount] = [18, 98.5]

export const beats: Attack[] = [
  honest,
  atBeats(
    'a pauser that is there at tensor and memory rounds only',
    '1: no beat counts, so the uptime is 0',
    () => null,
  ),
  atBeats(
    'a pauser that is there at tensor and memory rounds only (weakened: uptime of its connection)',
    '0: the daemon is there whatever the card does, as if each beat counted',
    (_, honest) => honest,
  ),
  leaving(
    'a pauser that leaves after an epoch’s last beat',
    '1 − (1 − a twentieth)^n: some beat is drawn in the last twentieth of the epoch',
    someBeatLate,
    freeAfterLast,
  ),
  leaving(
    'a pauser that leaves after each beat (weakened: one beat in each of n parts of the epoch)',
    '0: in the mean half of each part is left after its beat',
    0,
    freeAfterEach,
  ),
  ...[2, 5, 64].map(sharing),
  atBeats(
    'beats answered by another machine with less memory',
    '1: less than 95% of the memory of its own rounds counts for no beat',
    (_, honest) => ({ ...honest, resident: Math.floor(0.94 * honest.resident!) }),
  ),
  atBeats(
    'beats answered from the host’s memory over the bus',
    `1: ${shown}, of the bandwidth of its own rounds, counts for no beat`,
    ({ bus }, honest) => ({ ...honest, bandwidth: bus * 1e3 * stretch }),
  ),
  atBeats(
    'beats answered from memory that is made when it is read',
    `1: T ÷ 2Kc is ${shown} of the bandwidth of its own rounds`,
    (card, honest) => ({
      ...honest,
      bandwidth: Math.floor(1e3 * stretch * regeneration(card, jobSets.standard.memory)),
    }),
  ),
  swapped(
    'a tenant swapped out at each beat, as large as there is time for',
    `0: (D + grace − ${beatShare}% of D) · bus, or all of the memory where that is less`,
    card => Math.min(card.memory, 0.99 * swappable(card)),
  ),
  swapped(
    'a tenant swapped out at each beat, larger than that',
    `1: what is left of the time reads less than ${beatShare}% of the bandwidth`,
    card => 1.01 * swappable(card),
    all.filter(card => card.memory > 1.01 * swappable(card)),
  ),
  ...[0.95, 1.05].map(part =>
    atBeats(
      `beats answered at ${(100 * part * leastRate).toFixed(1)}% of the bandwidth, to the end of the grace`,
      `${part < 1 ? 1 : 0}: the share is asked of the window, and the commitment may come a grace later: ${beatShare}% · D ÷ (D + grace) of the bandwidth is enough`,
      (_, honest) => ({ ...honest, bandwidth: Math.floor(part * leastRate * stretch * honest.bandwidth!) }),
    ),
  ),
  {
    name: 'beats by broken chains, G ÷ 2 walks, silent towards the seats that would see',
    how: 'computed',
    ...certain(
      `1: a card needs ${leastOfRate}% of its bandwidth for them at least, and at most ${mostThatCount}% of them count`,
    ),
    seeds: all.length,
    async attempt(_, seed) {
      const { rate, passes } = chainsAtBeat(all[seed]!)
      return 100 * rate >= leastOfRate && 100 * passes <= mostThatCount
    },
  },
  slowRound(
    '',
    '1: beats are held to the mean of the rounds that are paid for, which the slow one lowers for both alike',
  ),
  slowRound(
    ' (weakened: each is held to the round before it)',
    '0: a quarter of the epoch is sold for a slow round of four',
    uptimeByLastRound,
  ),
]
