import type { CohortView, EpochView, NetworkView } from '../network/network-view.ts'
import { committeeSize } from '../protocol/constants.ts'
import { grouped } from '../view/figures.ts'
import { type Html, html } from './html.ts'
import type { Page } from './layout.ts'
import {
  epochLink,
  epochState,
  facts,
  fullHash,
  listPage,
  neighbours,
  paymentsTable,
  section,
  tableSection,
  time,
  transactionLink,
  transactionPath,
} from './parts.ts'
import { term } from './terms.ts'

const countOf = ({ cohorts }: EpochView, state: CohortView['state']) =>
  cohorts.filter(cohort => cohort.state === state).length

export const epochsPage = (view: NetworkView, asked: number): Page =>
  listPage(
    { title: 'Epochs', path: '/epochs', caption: 'Epochs, newest first', empty: 'No epoch has begun.' },
    [
      { title: 'Epoch', cell: ({ epoch }) => epochLink(epoch) },
      { title: 'State', cell: epochState },
      { title: 'Began', cell: ({ startsAt }) => time(startsAt) },
      { title: 'Devices', number: ({ members }) => members },
      {
        title: 'Cohorts final',
        cell: epoch =>
          `${countOf(epoch, 'final')} of ${epoch.cohorts.length}${countOf(epoch, 'void') > 0 ? `, ${countOf(epoch, 'void')} void` : ''}`,
        numeric: true,
      },
      { title: 'Emission', kai: ({ money }) => money?.emission ?? null, digits: 2 },
      { title: 'To devices', kai: ({ paidToDevices }) => paidToDevices },
      { title: 'To Checkers', kai: ({ paidToCheckers }) => paidToCheckers },
      { title: 'To keepers', kai: ({ paidToKeepers }) => paidToKeepers },
    ],
    view.epochs,
    asked,
  )

/** Where an epoch's emission went: the rows add up to it, to the wei. */
function moneySection(epoch: EpochView, money: NonNullable<EpochView['money']>): Html {
  const { paidToDevices, paidToCheckers, paidToKeepers } = epoch
  const rows = [
    { who: 'Devices', pool: money.devicePool, paid: paidToDevices },
    { who: 'Checkers', pool: money.checkerPool, paid: paidToCheckers },
    { who: 'Keepers', pool: money.keeperPool, paid: paidToKeepers },
    {
      who: 'Together',
      pool: money.emission,
      paid: paidToKeepers === null ? null : paidToDevices + paidToCheckers + paidToKeepers,
    },
  ]
  return tableSection(
    'money',
    html`Where its emission went <span class="unit">KAI</span>`,
    `Emission of epoch ${epoch.epoch}`,
    [
      { title: 'For', cell: ({ who }) => term(who) },
      { title: 'Set aside', kai: ({ pool }) => pool },
      { title: 'Paid', kai: ({ paid }) => paid },
      {
        title: epoch.isPaid ? 'Stays in the vault' : 'Not paid yet',
        kai: ({ pool, paid }) => (paid === null ? null : pool - paid),
      },
    ],
    rows,
  )
}

export function epochPage(view: NetworkView, epoch: EpochView): Page {
  const { money } = epoch
  const payments = view.payments.filter(payment => payment.epoch === epoch.epoch)
  const pathOf = (number: number) => (view.epochs.some(each => each.epoch === number) ? `/epoch/${number}` : null)
  return {
    title: `Epoch ${epoch.epoch}`,
    path: `/epoch/${epoch.epoch}`,
    body: html`<div class="title"><h1>Epoch ${epoch.epoch}</h1> ${epochState(epoch)}
${neighbours('Neighbouring epochs', epoch.epoch, pathOf)}</div>
${facts([
  ['Began', time(epoch.startsAt)],
  ['Seed', epoch.seed === null ? 'none' : fullHash(epoch.seed)],
  ['Devices', grouped(epoch.members)],
  ['Credits and caps', money === null ? '—' : grouped(money.denominator)],
  ['Opened for payment in', money === null ? 'not yet' : fullHash(money.txHash, transactionPath(money.txHash))],
])}
${money !== null && moneySection(epoch, money)}
${section(
  'payments',
  'Payments',
  html`${paymentsTable(`Payments of epoch ${epoch.epoch}`, payments.slice(0, 500), epoch.isPaid ? 'Nothing was paid.' : 'Not paid yet.')}
${payments.length > 500 && html`<p class="quiet">The first 500 of ${grouped(payments.length)} are shown; find a device to see its own.</p>`}`,
)}
${tableSection(
  'cohorts',
  'Cohorts',
  `Cohorts of epoch ${epoch.epoch}`,
  [
    { title: 'Cohort', cell: ({ cohort }) => cohort },
    { title: 'State', cell: ({ state }) => html`<span class="tag ${cohortTone[state]}">${state}</span>` },
    { title: 'Devices', cell: ({ members }) => members, numeric: true },
    {
      title: 'Seats opened',
      cell: ({ opened, state }) => (state === 'final' ? `${opened} of ${committeeSize}` : '—'),
      numeric: true,
    },
    { title: 'Resolved in', transaction: ({ txHash }) => txHash },
    {
      title: 'Paid in',
      cell: ({ payTxHashes }) => html`${payTxHashes.map(txHash => html`${transactionLink(txHash)} `)}`,
    },
  ],
  epoch.cohorts.slice(0, 500),
  'No cohort had a member.',
)}`,
  }
}

const cohortTone = { pending: 'quiet', final: 'good', void: 'bad' }
