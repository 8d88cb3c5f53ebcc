import type { CheckerView, NetworkView } from '../network/network-view.ts'
import { grouped } from '../view/figures.ts'
import { type Html, html } from './html.ts'
import type { Page } from './layout.ts'
import {
  checkerLink,
  checkerPath,
  epochLink,
  facts,
  fullHash,
  identityPage,
  kai,
  listPage,
  tableSection,
  tag,
  walletPath,
} from './parts.ts'

export const checkersPage = (view: NetworkView, asked: number): Page =>
  listPage(
    {
      title: 'Checkers',
      path: '/checkers',
      lead: html`<p class="lead">Agreement is the share of drawn lanes in which a Checker’s capacity was the median and its flags were the majority. Disagreement lowers pay and nothing else.</p>
`,
      caption: 'Checkers in the order they bonded',
      empty: 'No Checker has bonded.',
    },
    [
      { title: 'Operator', cell: ({ operator }) => checkerLink(operator) },
      { title: 'Endpoint', cell: ({ endpoint }) => html`<code>${endpoint}</code>` },
      { title: 'Seats', cell: seatsOf, numeric: true },
      { title: 'Strikes', cell: strikesOf, numeric: true },
      { title: 'Agreement', cell: agreement, numeric: true },
      { title: 'Bond', kai: ({ bond }) => bond, digits: 2 },
      { title: 'Earned', kai: ({ earned }) => earned },
      { title: 'Pays to', wallet: ({ payout }) => payout },
    ],
    view.checkers,
    asked,
  )

const seatsOf = ({ seats, jailed }: CheckerView): Html | string => (jailed ? tag('bad', '✗', 'jailed') : grouped(seats))
const strikesOf = ({ strikes }: CheckerView): Html | string => (strikes === 0 ? '0' : tag('warn', '!', String(strikes)))
const agreement = ({ agreedLanes, drawnLanes }: CheckerView): Html | string =>
  drawnLanes === 0
    ? '—'
    : html`<span title="${agreedLanes} of ${drawnLanes} lanes">${((agreedLanes * 100) / drawnLanes).toFixed(1)}%</span>`

export function checkerPage(view: NetworkView, checker: CheckerView): Page {
  const { operator, payout } = checker
  const commitments = new Map(
    view.commitments.filter(({ owner }) => owner === operator).map(({ epoch, txHash }) => [epoch, txHash]),
  )
  return identityPage(
    'Checker',
    operator,
    checkerPath(operator),
    html`${facts([
      ['Endpoint', html`<code class="hash full">${checker.endpoint}</code>`],
      ['Seats', seatsOf(checker)],
      ['Strikes', strikesOf(checker)],
      ['Agreement', agreement(checker)],
      ['Bond', html`${kai(checker.bond)} KAI`],
      checker.unbonding > 0n && ['Unbonding', html`${kai(checker.unbonding)} KAI`],
      ['Earned', html`${kai(checker.earned)} KAI`],
      checker.owed > 0n && ['Owed to its wallet', html`${kai(checker.owed)} KAI`],
      ['Pays to', fullHash(payout, walletPath(payout))],
      ['Certificate', fullHash(checker.certificateHash)],
    ])}
${tableSection(
  'history',
  'By epoch',
  'What its seats were paid for, newest first',
  [
    { title: 'Epoch', cell: ({ epoch }) => epochLink(epoch) },
    { title: 'Cohort', cell: ({ cohort }) => cohort, numeric: true },
    { title: 'Seat', cell: ({ seat }) => seat, numeric: true },
    { title: 'Agreed', cell: ({ agreedLanes, lanes }) => `${agreedLanes} of ${lanes}`, numeric: true },
    { title: 'KAI', kai: ({ amount }) => amount },
    { title: 'Committed in', transaction: ({ epoch }) => commitments.get(epoch) ?? null },
    { title: 'Paid in', transaction: ({ txHash }) => txHash },
  ],
  view.seatPayments.filter(payment => payment.operator === operator).slice(0, 200),
  'None of its seats was paid in the epochs that are shown.',
)}`,
    walletPath(operator),
  )
}
