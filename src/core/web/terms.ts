/** The words of the protocol, each explained in a sentence: where a page uses one, and all of them below it. */
import { cohortLanes, committeeSize } from '../protocol/constants.ts'
import { type Html, html } from './html.ts'

const meanings = {
  Epoch: 'The span of time for which devices are paid once; it settles while the next one is worked.',
  Round: 'A window of work that a block triggers which nobody could foresee.',
  Cohort: `Up to ${cohortLanes} devices that the same ${committeeSize} seats judge in an epoch.`,
  Lane: 'A device’s place in its cohort.',
  Seat: `What a Checker bonds KAI for; ${committeeSize} seats of ${committeeSize} owners, drawn at random, judge a cohort.`,
  Standing: 'What a device is known to reach: it follows its scores slowly, and caps what is credited at once.',
  Capacity:
    'What a device is paid by: the cube root of its tensor rate, memory bandwidth and filled memory multiplied; the median of what the seats say.',
  Score: 'Median capacity times median uptime, of what the seats of the committee say.',
  Credit: 'The part of a score that counts for pay: at most twice the standing.',
  Verdict: 'What the committee found: VALID where it recomputed rows and they were equal, byte for byte.',
  Emission: 'KAI that the vault sets aside for an epoch: for devices, Checkers and keepers.',
  Keepers: 'Whoever makes the calls that settle an epoch earns a bounty for each.',
  Agreement: 'The share of drawn lanes in which a Checker’s capacity was the median and its flags were the majority.',
  Strikes:
    'Marks against a Checker that committed and did not open, or did not answer an audit; enough of them mean jail.',
  Bond: 'KAI that a Checker loses for lies that can be proved.',
} as const

export type Term = keyof typeof meanings

const aliases: Readonly<Record<string, Term>> = {
  'Cohort · lane': 'Cohort',
  'Cohorts final': 'Cohort',
  Scores: 'Score',
  Seats: 'Seat',
  'Seats agree': 'Agreement',
  'Seats opened': 'Seat',
  'Last verdict': 'Verdict',
  'To keepers': 'Keepers',
  'For keepers': 'Keepers',
}

/** A word, with what it means where it is one of ours. */
export function term(word: string): Html {
  const meaning = meanings[(aliases[word] ?? word) as Term] as string | undefined
  return meaning === undefined ? html`${word}` : html`<abbr title="${meaning}">${word}</abbr>`
}

/** What hovering shows, for everybody. */
export const glossary = (): Html =>
  html`<details class="glossary"><summary>What these words mean</summary><dl>${Object.entries(meanings).map(([word, meaning]) => html`<div><dt>${word}</dt><dd>${meaning}</dd></div>`)}</dl></details>`
