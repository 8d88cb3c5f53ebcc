import type { Measures } from '../epoch/capacity.ts'
import { hasFlag } from '../epoch/opening.ts'
import type { Explanation, ExplanationStep, Reference, SeatAccount } from '../explain/explanation.ts'
import { missingFlags } from '../explain/explanation-steps.ts'
import { measureText, tokens, uptimePercent } from '../view/figures.ts'
import { type Html, html } from './html.ts'
import { checkerLink, copyableLines, epochLink, type Fact, fullHash, table, tag, transactionPath } from './parts.ts'

const marks = { done: '✓', failed: '✗', waiting: '·', none: '–' } as const
const stateNames = { done: 'done', failed: 'failed', waiting: 'waiting', none: 'nothing to do' } as const

/** The same explanation as `kaisar epoch explain`, step by step. */
export const explanationSection = (
  explanation: Explanation,
  neighbours: Html,
): Html => html`<section aria-labelledby="explanation" class="explanation">
<div class="title"><h2 id="explanation">Epoch ${epochLink(explanation.epoch)}, explained</h2>
${neighbours}</div>
${outcome(explanation)}
<ol class="steps">
${explanation.steps.map(step => stepItem(step, step.step === 'verdicts' ? seatsTable(explanation.seats) : null))}
</ol>
</section>`

function outcome({ outcome, amount, transferred, balanced, reason, differences }: Explanation): Html {
  const exact = html`<span class="amount" data-wei="${amount}">${tokens(amount, 18)}</span> KAI`
  const said =
    outcome === 'paid'
      ? html`<p class="outcome ${balanced ? 'good' : 'bad'}">${exact} ${
          balanced && transferred === amount
            ? 'recomputed from the seats’ openings, equal to the transfer to the wei.'
            : 'recomputed. The chain differs:'
        }</p>`
      : html`<div class="outcome ${outcome === 'pending' ? 'quiet' : 'warn'}"><p><b>${outcome === 'pending' ? 'Not paid yet' : 'Earned nothing'}</b> <code>${reason?.code}</code>${
          amount > 0n && html` · due ${exact}`
        }</p><p>${reason?.sentence}</p><p><b>What to do</b> ${reason?.fix}</p></div>`
  return html`${said}${differences.map(difference => html`<p class="outcome bad">${difference}</p>`)}`
}

const stepItem = (
  { step, state, summary, lines, transactions, evidence }: ExplanationStep,
  detail: Html | null,
): Html => html`<li class="${state}" id="step-${step}"><span class="sign" role="img" aria-label="${stateNames[state]}">${marks[state]}</span>
<h3>${step}</h3>
<p>${summary}</p>
${detail ?? (lines.length > 0 && html`<pre class="lines" tabindex="0">${copyableLines(lines)}</pre>`)}
${references('Transactions', transactions, transactionPath)}${references('Evidence', evidence)}
</li>
`

const references = (title: string, list: readonly Reference[], pathOf?: (hash: string) => string): Html | null =>
  list.length === 0
    ? null
    : list.length === 1
      ? html`<p class="reference">${list[0]!.what} ${fullHash(list[0]!.hash, pathOf?.(list[0]!.hash))}</p>`
      : html`<details><summary>${title} (${list.length})</summary><ul class="references">${list.map(
          ({ what, hash: value }) => html`<li>${what} ${fullHash(value, pathOf?.(value))}</li>`,
        )}</ul></details>`

/** What a seat's rounds give, where it showed them and they give what it opened. */
const measuresOf = ({ below }: SeatAccount): Measures | null => (below?.equal === true ? below.measures : null)

const measure = (seat: SeatAccount, name: keyof Measures): string => {
  const measures = measuresOf(seat)
  return measures === null ? '—' : measureText(name, measures[name])
}

/** The device's measures in that epoch, for those who look for more than one capacity: medians, of an even count the lower of two. */
export function measureFacts({ epoch, seats }: Explanation): Fact[] {
  const known = seats.flatMap(seat => measuresOf(seat) ?? [])
  if (known.length === 0) return []
  const median = (name: keyof Measures) =>
    known.map(measures => measures[name]).sort((a, b) => a - b)[(known.length - 1) >> 1]!
  return measureTitles.map(([name, title]) => [
    title,
    html`${measureText(name, median(name))} in epoch ${epochLink(epoch)}, ${known.length === 1 ? 'by one seat' : `median of ${known.length} seats`}`,
  ])
}

const measureTitles = [
  ['tensor', 'Tensor'],
  ['bandwidth', 'Bandwidth'],
  ['resident', 'Memory'],
] as const

const seatsTable = (seats: readonly SeatAccount[]): Html =>
  table(
    'What the seats of the committee say',
    [
      { title: 'Seat', cell: ({ seat }) => seat },
      { title: 'Owner', cell: ({ operator }) => (operator === null ? 'not known' : checkerLink(operator)) },
      { title: 'Capacity', number: ({ opened, rate }) => (opened ? rate : null) },
      ...measureTitles.map(([name, title]) => ({
        title,
        cell: (seat: SeatAccount) => measure(seat, name),
        numeric: true,
      })),
      {
        title: 'Uptime',
        cell: ({ opened, uptime }) => (opened && uptime !== null ? uptimePercent(uptime) : '—'),
        numeric: true,
      },
      {
        title: 'Flags',
        cell: ({ opened, flags }) =>
          !opened
            ? 'did not open'
            : flags === null
              ? '—'
              : !hasFlag(flags, 'judged')
                ? 'abstains'
                : missingFlags(flags),
      },
      {
        title: 'Agrees',
        cell: ({ agrees }) => (agrees === null ? '—' : agrees ? tag('good', '✓', 'yes') : tag('warn', '!', 'no')),
      },
    ],
    seats,
    'No committee yet.',
  )
