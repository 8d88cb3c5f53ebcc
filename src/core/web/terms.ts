/**
 * The words of the protocol, each with what docs/glossary.md says of it (a test holds them together): where a page uses one as a title, and
 * all of them below it.
 *
 * Why: docs/why/explorer-and-explanations.md
 */
import { type Html, html } from './html.ts'

export const meanings = {
  Epoch: 'The span for which devices are paid once; it is worked while the epoch before it is settled.',
  Round: 'One window of work for the whole network, of one kind, named by the hash of its trigger.',
  Beat: 'A memory round of a moment, at times that blocks draw; the share that counts makes a device’s uptime.',
  Seed: 'The random value of an epoch, made of a block that is pinned after the epoch has begun, and of salts.',
  Device: 'One GPU, one part of a GPU (MIG instance, compute partition, vGPU), or the CPU of a host without a GPU.',
  Generation:
    'The count of a device’s registrations: a changed device is registered anew under the same id, and every verdict is about one generation.',
  Operator:
    'The hot key (and its address) of one Provider or one Checker: it registers, signs and commits, and moves no reward and no stake.',
  Owner: 'The operator of a Checker, seen as the holder of its seats.',
  'Payout wallet':
    'The cold wallet that rewards, deposits and bonds go to, and the only one that may change itself or take stake out.',
  Checker: 'The daemon that owns seats and judges devices (the verifier, a validator of the network).',
  Seat: 'A bonded place in the lottery for committees; an owner may hold several.',
  Committee: 'The seats, each of another owner, that the seed draws to judge one cohort in one epoch.',
  Cohort: 'The lanes that one committee judges together in an epoch.',
  Lane: 'A device’s place in its cohort.',
  Measures: 'Tensor rate T (Mop/s, shown in Gop/s), memory bandwidth M (MB/s) and resident memory R (MB).',
  Capacity: 'What a device is paid by: one index of its three measures, the cube root of their product.',
  Uptime: 'Beats that count ÷ beats that a seat could judge.',
  Flags: 'Four bits of a lane: device, environment and work are valid, and the seat judged.',
  Verdict:
    'What one seat says of one round of one device, with a reason; of a whole epoch, what the committee’s result says of the device.',
  Score: 'Median capacity × median uptime, and 0 unless every flag holds.',
  Standing: 'The history of a device’s capacity in one figure (its reputation).',
  Cap: 'The most that a device can be credited in an epoch: twice its standing.',
  Credit: 'The part of a score that counts for pay.',
  Emission: 'KAI that the vault sets aside for an epoch, for devices, Checkers and keepers.',
  Keeper: 'Anybody who makes the permissionless calls that move epochs on, for a bounty each; every Checker is one.',
  Agreement:
    'The share of the lanes it was drawn for in which a Checker’s capacity was the median and its flags were the majority.',
  Bond: 'KAI behind a Checker’s seats, part of which it loses for lies that can be proven.',
  Strike: 'A mark against a Checker that committed and did not open, or did not answer an audit.',
  COMMIT: 'The phase in which each owner puts the root over its openings on chain.',
  OPEN: 'The phase in which a keeper may finalize a cohort with every committed seat’s opening.',
  REVEAL: 'The phase in which seats open on chain where one of their openings was withheld.',
  FINALIZE: 'The phase in which a cohort is finalized with exactly what was revealed.',
  PAY: 'Everything after: payments to payout wallets, in batches, by anybody.',
} as const

type Term = keyof typeof meanings

/** Titles that say a term in other words. */
const aliases: Readonly<Record<string, Term>> = {
  Agreed: 'Agreement',
  Agrees: 'Agreement',
  Bandwidth: 'Measures',
  'Cohort · lane': 'Cohort',
  'Cohorts final': 'Cohort',
  Checkers: 'Checker',
  Devices: 'Device',
  Keepers: 'Keeper',
  'Last verdict': 'Verdict',
  Memory: 'Measures',
  'Paid to': 'Payout wallet',
  'Pays to': 'Payout wallet',
  Scores: 'Score',
  Seats: 'Seat',
  'Seats agree': 'Agreement',
  'Seats opened': 'Seat',
  Strikes: 'Strike',
  Tensor: 'Measures',
  'To Checkers': 'Checker',
  'To devices': 'Device',
  'To keepers': 'Keeper',
}

/** A word, with what it means where it is one of ours. */
export function term(word: string): Html {
  const meaning = meanings[(aliases[word] ?? word) as Term] as string | undefined
  return meaning === undefined ? html`${word}` : html`<abbr title="${meaning}">${word}</abbr>`
}

/** What hovering shows, for everybody. */
export const glossary = (): Html =>
  html`<details class="glossary"><summary>What these words mean</summary><dl>${Object.entries(meanings).map(([word, meaning]) => html`<div><dt>${word}</dt><dd>${meaning}</dd></div>`)}</dl></details>`
