import { uptimePercent } from '../explain/account-for.ts'
import type { Explanation, ExplanationStep, Reference, SeatAccount } from '../explain/explanation.ts'
import { flagNames } from '../explain/explanation-steps.ts'
import { grouped, tokens } from '../view/figures.ts'
import { type Html, html } from './html.ts'
import { checkerLink, epochLink, fullHash, table, transactionPath } from './parts.ts'

type Neighbour = { readonly epoch: number; readonly href: string } | null

const marks = { done: '✓', failed: '✗', waiting: '·', none: '–' } as const
const stateNames = { done: 'done', failed: 'failed', waiting: 'waiting', none: 'nothing to do' } as const

/** The same explanation as `kaisar epoch explain`, step by step. */
export const explanationSection = (
  explanation: Explanation,
  { earlier, later }: { readonly earlier: Neighbour; readonly later: Neighbour },
): Html => html`<section aria-labelledby="explanation" class="explanation">
<div class="title"><h2 id="explanation">Epoch ${epochLink(explanation.epoch)}, explained</h2>
<nav class="pager" aria-label="Explained epoch">${earlier !== null && html`<a href="${earlier.href}">← ${earlier.epoch}</a>`}${later !== null && html`<a href="${later.href}">${later.epoch} →</a>`}</nav></div>
${outcome(explanation)}
<ol class="steps">
${explanation.steps.map(step => stepItem(step, step.step === 'verdicts' ? seatsTable(explanation.seats) : null))}
</ol>
</section>`

function outcome({ outcome, amount, transferred, balanced, reason, differences }: Explanation): Html {
  if (outcome === 'paid')
    return html`<p class="outcome ${balanced ? 'good' : 'bad'}"><span class="amount" data-wei="${amount}">${tokens(amount, 18)}</span> KAI ${
      balanced && transferred === amount
        ? 'recomputed from the seats’ openings, equal to the transfer to the wei.'
        : 'recomputed. The chain differs:'
    }</p>${differences.map(difference => html`<p class="outcome bad">${difference}</p>`)}`
  return html`<div class="outcome ${outcome === 'pending' ? 'quiet' : 'warn'}"><p><b>${outcome === 'pending' ? 'Not paid yet' : 'Earned nothing'}</b> <code>${reason?.code}</code>${
    amount > 0n && html` · due <span class="amount" data-wei="${amount}">${tokens(amount, 18)}</span> KAI`
  }</p><p>${reason?.sentence}</p><p><b>What to do</b> ${reason?.fix}</p></div>${differences.map(difference => html`<p class="outcome bad">${difference}</p>`)}`
}

const stepItem = (
  { step, state, summary, lines, transactions, evidence }: ExplanationStep,
  detail: Html | null,
): Html => html`<li class="${state}" id="step-${step}"><span class="sign" role="img" aria-label="${stateNames[state]}">${marks[state]}</span>
<h3>${step}</h3>
<p>${summary}</p>
${detail ?? (lines.length > 0 && html`<pre class="lines" tabindex="0">${lines.join('\n')}</pre>`)}
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

const seatsTable = (seats: readonly SeatAccount[]): Html =>
  table(
    'What the five seats say',
    [
      { title: 'Seat', cell: ({ seat }) => seat },
      { title: 'Owner', cell: ({ operator }) => (operator === null ? 'not known' : checkerLink(operator)) },
      {
        title: 'Rate Mop/s',
        cell: ({ opened, rate }) => (opened && rate !== null ? grouped(rate) : '—'),
        numeric: true,
      },
      {
        title: 'Uptime',
        cell: ({ opened, uptime }) => (opened && uptime !== null ? uptimePercent(uptime) : '—'),
        numeric: true,
      },
      {
        title: 'Flags',
        cell: ({ opened, flags }) =>
          !opened ? 'did not open' : flags === null ? '—' : (flags & 8) === 0 ? 'abstains' : flagNames(flags),
      },
      {
        title: 'Agrees',
        cell: ({ agrees }) =>
          agrees === null
            ? '—'
            : agrees
              ? html`<span class="tag good">✓ yes</span>`
              : html`<span class="tag warn">! no</span>`,
      },
    ],
    seats,
    'No committee yet.',
  )
