import { grouped } from '../../platform/ui/figures.ts'
import type { NetworkView } from '../network-view.ts'
import { html } from './html.ts'
import type { Page } from './layout.ts'
import { hash, kai, pageOf, pager, table } from './parts.ts'

export function checkersPage(view: NetworkView, asked: number): Page {
  const { rows, page, pages } = pageOf(view.checkers, asked)
  return {
    title: 'Checkers',
    path: '/checkers',
    body: html`<h1>Checkers</h1>
<p class="lead">Agreement is the share of drawn lanes in which a Checker’s rate was the median and its flags were the majority. Disagreement lowers pay and nothing else.</p>
${table(
  'Checkers in the order they bonded',
  [
    { title: 'Operator', cell: ({ operator }) => hash(operator) },
    { title: 'Endpoint', cell: ({ endpoint }) => html`<code>${endpoint}</code>` },
    {
      title: 'Seats',
      cell: ({ seats, jailed }) => (jailed ? html`<span class="tag bad">✗ jailed</span>` : grouped(seats)),
      numeric: true,
    },
    {
      title: 'Strikes',
      cell: ({ strikes }) => (strikes === 0 ? '0' : html`<span class="tag warn">! ${strikes}</span>`),
      numeric: true,
    },
    {
      title: 'Agreement',
      cell: ({ agreedLanes, drawnLanes }) =>
        drawnLanes === 0
          ? '—'
          : html`<span title="${agreedLanes} of ${drawnLanes} lanes">${((agreedLanes * 100) / drawnLanes).toFixed(1)}%</span>`,
      numeric: true,
    },
    { title: 'Bond', cell: ({ bond }) => kai(bond, 2), numeric: true },
    { title: 'Earned', cell: ({ earned }) => kai(earned), numeric: true },
    { title: 'Pays to', cell: ({ payout }) => hash(payout) },
  ],
  rows,
  'No Checker has bonded.',
)}
${pager('/checkers', page, pages)}`,
  }
}
