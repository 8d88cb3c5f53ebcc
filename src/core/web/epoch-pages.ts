import type { EpochView, NetworkView } from '../network/network-view.ts'
import { grouped } from '../view/figures.ts'
import { type Html, html } from './html.ts'
import type { Page } from './layout.ts'
import {
  epochLink,
  epochState,
  facts,
  fullHash,
  kai,
  pageOf,
  pager,
  paymentsTable,
  table,
  time,
  transactionLink,
  transactionPath,
} from './parts.ts'
import { term } from './terms.ts'

export function epochsPage(view: NetworkView, asked: number): Page {
  const { rows, page, pages } = pageOf(view.epochs, asked)
  const count = (epoch: EpochView, state: string) => epoch.cohorts.filter(cohort => cohort.state === state).length
  return {
    title: 'Epochs',
    path: '/epochs',
    body: html`<h1>Epochs</h1>
${table(
  'Epochs, newest first',
  [
    { title: 'Epoch', cell: ({ epoch }) => epochLink(epoch) },
    { title: 'State', cell: epochState },
    { title: 'Began', cell: ({ startsAt }) => time(startsAt) },
    { title: 'Devices', cell: ({ members }) => grouped(members), numeric: true },
    {
      title: 'Cohorts final',
      cell: epoch =>
        `${count(epoch, 'final')} of ${epoch.cohorts.length}${count(epoch, 'void') > 0 ? `, ${count(epoch, 'void')} void` : ''}`,
      numeric: true,
    },
    { title: 'Emission', cell: ({ money }) => (money === null ? '—' : kai(money.emission, 2)), numeric: true },
    { title: 'To devices', cell: ({ paidToDevices }) => kai(paidToDevices), numeric: true },
    { title: 'To Checkers', cell: ({ paidToCheckers }) => kai(paidToCheckers), numeric: true },
    {
      title: 'To keepers',
      cell: ({ paidToKeepers }) => (paidToKeepers === null ? '—' : kai(paidToKeepers)),
      numeric: true,
    },
  ],
  rows,
  'No epoch has begun.',
)}
${pager('/epochs', page, pages)}`,
  }
}

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
  return html`<section aria-labelledby="money"><h2 id="money">Where its emission went <span class="unit">KAI</span></h2>
${table(
  `Emission of epoch ${epoch.epoch}`,
  [
    { title: 'For', cell: ({ who }) => term(who) },
    { title: 'Set aside', cell: ({ pool }) => kai(pool), numeric: true },
    { title: 'Paid', cell: ({ paid }) => (paid === null ? '—' : kai(paid)), numeric: true },
    {
      title: epoch.isPaid ? 'Stays in the vault' : 'Not paid yet',
      cell: ({ pool, paid }) => (paid === null ? '—' : kai(pool - paid)),
      numeric: true,
    },
  ],
  rows,
  '',
)}</section>`
}

export function epochPage(view: NetworkView, epoch: EpochView): Page {
  const { money } = epoch
  const payments = view.payments.filter(payment => payment.epoch === epoch.epoch)
  const neighbours = [epoch.epoch - 1, epoch.epoch + 1].map(number => view.epochs.find(each => each.epoch === number))
  return {
    title: `Epoch ${epoch.epoch}`,
    path: `/epoch/${epoch.epoch}`,
    body: html`<div class="title"><h1>Epoch ${epoch.epoch}</h1> ${epochState(epoch)}
<nav class="pager" aria-label="Neighbouring epochs">${neighbours.map((each, i) => each !== undefined && html`<a href="/epoch/${each.epoch}">${i === 0 ? '← ' : ''}${each.epoch}${i === 1 ? ' →' : ''}</a>`)}</nav></div>
${facts([
  ['Began', time(epoch.startsAt)],
  ['Seed', epoch.seed === null ? 'none' : fullHash(epoch.seed)],
  ['Devices', grouped(epoch.members)],
  ['Credits and caps', money === null ? '—' : grouped(money.denominator)],
  ['Opened for payment in', money === null ? 'not yet' : fullHash(money.txHash, transactionPath(money.txHash))],
])}
${money !== null && moneySection(epoch, money)}
<section aria-labelledby="payments"><h2 id="payments">Payments</h2>
${paymentsTable(`Payments of epoch ${epoch.epoch}`, payments.slice(0, 500), epoch.isPaid ? 'Nothing was paid.' : 'Not paid yet.')}
${payments.length > 500 && html`<p class="quiet">The first 500 of ${grouped(payments.length)} are shown; find a device to see its own.</p>`}
</section>
<section aria-labelledby="cohorts"><h2 id="cohorts">Cohorts</h2>
${table(
  `Cohorts of epoch ${epoch.epoch}`,
  [
    { title: 'Cohort', cell: ({ cohort }) => cohort },
    {
      title: 'State',
      cell: ({ state }) =>
        html`<span class="tag ${state === 'final' ? 'good' : state === 'void' ? 'bad' : 'quiet'}">${state}</span>`,
    },
    { title: 'Devices', cell: ({ members }) => members, numeric: true },
    { title: 'Seats opened', cell: ({ opened, state }) => (state === 'final' ? `${opened} of 5` : '—'), numeric: true },
    { title: 'Resolved in', cell: ({ txHash }) => transactionLink(txHash) },
    {
      title: 'Paid in',
      cell: ({ payTxHashes }) => html`${payTxHashes.map(txHash => html`${transactionLink(txHash)} `)}`,
    },
  ],
  epoch.cohorts.slice(0, 500),
  'No cohort had a member.',
)}
</section>`,
  }
}
