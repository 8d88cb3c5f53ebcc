import type { CheckerView, NetworkView } from '../network/network-view.ts'
import { grouped, shortHex } from '../view/figures.ts'
import { type Html, html } from './html.ts'
import type { Page } from './layout.ts'
import {
  checkerLink,
  checkerPath,
  epochLink,
  facts,
  fullHash,
  kai,
  pageOf,
  pager,
  table,
  transactionLink,
  walletLink,
  walletPath,
} from './parts.ts'

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
    { title: 'Operator', cell: ({ operator }) => checkerLink(operator) },
    { title: 'Endpoint', cell: ({ endpoint }) => html`<code>${endpoint}</code>` },
    {
      title: 'Seats',
      cell: seatsOf,
      numeric: true,
    },
    {
      title: 'Strikes',
      cell: strikesOf,
      numeric: true,
    },
    {
      title: 'Agreement',
      cell: agreement,
      numeric: true,
    },
    { title: 'Bond', cell: ({ bond }) => kai(bond, 2), numeric: true },
    { title: 'Earned', cell: ({ earned }) => kai(earned), numeric: true },
    { title: 'Pays to', cell: ({ payout }) => walletLink(payout) },
  ],
  rows,
  'No Checker has bonded.',
)}
${pager('/checkers', page, pages)}`,
  }
}

const seatsOf = ({ seats, jailed }: CheckerView): Html | string =>
  jailed ? html`<span class="tag bad">✗ jailed</span>` : grouped(seats)
const strikesOf = ({ strikes }: CheckerView): Html | string =>
  strikes === 0 ? '0' : html`<span class="tag warn">! ${strikes}</span>`
const agreement = ({ agreedLanes, drawnLanes }: CheckerView): Html | string =>
  drawnLanes === 0
    ? '—'
    : html`<span title="${agreedLanes} of ${drawnLanes} lanes">${((agreedLanes * 100) / drawnLanes).toFixed(1)}%</span>`

export function checkerPage(view: NetworkView, checker: CheckerView): Page {
  const { operator, payout } = checker
  const commitments = new Map(
    view.commitments.filter(({ owner }) => owner === operator).map(({ epoch, txHash }) => [epoch, txHash]),
  )
  return {
    title: `Checker ${shortHex(operator)}`,
    path: checkerPath(operator),
    body: html`<h1>Checker</h1>
<p class="identity">${fullHash(operator, walletPath(operator))}</p>
${facts([
  ['Endpoint', html`<code class="hash full">${checker.endpoint}</code>`],
  ['Seats', seatsOf(checker)],
  ['Strikes', strikesOf(checker)],
  ['Agreement', agreement(checker)],
  ['Bond', html`${kai(checker.bond)} KAI`],
  ...(checker.unbonding > 0n ? [['Unbonding', html`${kai(checker.unbonding)} KAI`] as const] : []),
  ['Earned', html`${kai(checker.earned)} KAI`],
  ...(checker.owed > 0n ? [['Owed to its wallet', html`${kai(checker.owed)} KAI`] as const] : []),
  ['Pays to', fullHash(payout, walletPath(payout))],
  ['Certificate', fullHash(checker.certificateHash)],
])}
<section aria-labelledby="history"><h2 id="history">By epoch</h2>
${table(
  'What its seats were paid for, newest first',
  [
    { title: 'Epoch', cell: ({ epoch }) => epochLink(epoch) },
    { title: 'Cohort', cell: ({ cohort }) => cohort, numeric: true },
    { title: 'Seat', cell: ({ seat }) => seat, numeric: true },
    { title: 'Agreed', cell: ({ agreedLanes, lanes }) => `${agreedLanes} of ${lanes}`, numeric: true },
    { title: 'KAI', cell: ({ amount }) => kai(amount), numeric: true },
    { title: 'Committed in', cell: ({ epoch }) => transactionLink(commitments.get(epoch) ?? null) },
    { title: 'Paid in', cell: ({ txHash }) => transactionLink(txHash) },
  ],
  view.seatPayments.filter(payment => payment.operator === operator).slice(0, 200),
  'None of its seats was paid in the epochs that are shown.',
)}
</section>`,
  }
}
