/** What was paid and done, by wallet and by transaction. */
import type { NetworkView } from '../network/network-view.ts'
import { eventText, type ToldEvent } from '../view/event-text.ts'
import { type ModelOf, modelLink } from './device-pages.ts'
import { type Html, html } from './html.ts'
import type { Page } from './layout.ts'
import {
  checkerLink,
  deviceLink,
  epochLink,
  facts,
  identityPage,
  kai,
  linkedText,
  section,
  sumOf,
  table,
  tableSection,
  transactionPath,
  walletLink,
  walletPath,
} from './parts.ts'

/** Something that a transaction did; `to` and `amount` (wei) where it paid somebody. */
type Act = {
  readonly epoch: number | null
  readonly what: Html
  readonly to: string | null
  readonly amount: bigint | null
  readonly txHash: string
}
type Payment = Act & { readonly epoch: number; readonly amount: bigint }

/** Payments of every kind, to those wallets or in those transactions that are meant. */
const paymentsOf = (
  { payments, seatPayments, keeperPayments }: NetworkView,
  isMeant: (payment: { readonly payout: string; readonly txHash: string }) => boolean,
): Payment[] => [
  ...payments.filter(isMeant).map(({ epoch, device, payout, amount, txHash }) => ({
    epoch,
    what: html`device ${deviceLink(device, epoch)}`,
    to: payout,
    amount,
    txHash,
  })),
  ...seatPayments.filter(isMeant).map(({ epoch, cohort, seat, operator, payout, amount, txHash }) => ({
    epoch,
    what: html`seat ${seat} of cohort ${cohort}${operator !== null && html`, Checker ${checkerLink(operator)}`}`,
    to: payout,
    amount,
    txHash,
  })),
  ...keeperPayments
    .filter(({ keeper, txHash }) => isMeant({ payout: keeper, txHash }))
    .map(({ epoch, keeper, amount, txHash }) => ({
      epoch,
      what: html`a keeper’s calls for seeds and resolutions`,
      to: keeper,
      amount,
      txHash,
    })),
]

/** What the network has to do with an address, or null where that is nothing. */
export function walletPage(view: NetworkView, address: string, modelOf: ModelOf): Page | null {
  const has = (each: { readonly operator: string; readonly payout: string }) =>
    each.operator === address || each.payout === address
  const role = ({ operator, payout }: { readonly operator: string; readonly payout: string }) =>
    operator === payout ? 'operates it and is paid' : operator === address ? 'operates it' : 'is paid'
  const devices = view.devices.filter(has)
  const checkers = view.checkers.filter(has)
  const payments = paymentsOf(view, ({ payout }) => payout === address).sort((a, b) => b.epoch - a.epoch)
  if (devices.length + checkers.length + payments.length === 0) return null
  const shared = [
    { title: 'This wallet', cell: role },
    { title: 'Earned', kai: ({ earned }: { readonly earned: bigint }) => earned },
  ]
  return identityPage(
    'Wallet',
    address,
    walletPath(address),
    html`${facts([['Received', html`${kai(sumOf(payments, ({ amount }) => amount))} KAI since epoch ${view.firstEpoch}`]])}
${
  devices.length > 0 &&
  tableSection(
    'devices',
    'Devices',
    'Devices of this wallet',
    [
      { title: 'Device', cell: ({ id }) => deviceLink(id) },
      { title: 'Model', cell: ({ id }) => modelLink(modelOf(id)) },
      ...shared,
    ],
    devices.slice(0, 200),
  )
}
${
  checkers.length > 0 &&
  tableSection(
    'checkers',
    'Checkers',
    'Checkers of this wallet',
    [{ title: 'Operator', cell: ({ operator }) => checkerLink(operator) }, ...shared],
    checkers.slice(0, 200),
  )
}
${tableSection(
  'payments',
  'Paid to it',
  'Payments to this wallet, newest first',
  [
    { title: 'Epoch', cell: ({ epoch }) => epochLink(epoch) },
    { title: 'For', cell: ({ what }) => what },
    { title: 'KAI', kai: ({ amount }) => amount },
    { title: 'Transaction', transaction: ({ txHash }) => txHash },
  ],
  payments.slice(0, 200),
  'Nothing was paid to it in the epochs that are shown.',
)}`,
  )
}

/** What a transaction did in this network, or null where no epoch that is shown knows it. */
export function transactionPage(view: NetworkView, txHash: string): Page | null {
  const acts = actsOf(view, txHash)
  if (acts.length === 0) return null
  const paid = sumOf(acts, ({ amount }) => amount ?? 0n)
  return identityPage(
    'Transaction',
    txHash,
    transactionPath(txHash),
    section(
      'acts',
      html`What it did${paid > 0n && html` <span class="unit">${kai(paid)} KAI paid</span>`}`,
      table(
        'What this transaction did',
        [
          { title: 'Epoch', cell: ({ epoch }) => (epoch === null ? '—' : epochLink(epoch)) },
          { title: 'What', cell: ({ what }) => what },
          { title: 'To', cell: ({ to }) => (to === null ? '—' : walletLink(to)) },
          { title: 'KAI', kai: ({ amount }) => amount },
        ],
        acts.slice(0, 500),
      ),
    ),
  )
}

function actsOf(view: NetworkView, txHash: string): Act[] {
  const isIt = (each: { readonly txHash: string | null }) => each.txHash === txHash
  const devices = view.devices.filter(({ registeredTxHash }) => registeredTxHash === txHash)
  const commitments = view.commitments.filter(isIt)
  const events: ToldEvent[] = [
    ...devices.map(({ id, operator, lane }) => ({ type: 'device.registered' as const, device: id, operator, lane })),
    ...commitments.map(({ epoch, owner }) => ({ type: 'checker.committed' as const, epoch, checker: owner })),
    ...view.epochs.flatMap(({ epoch, cohorts, money }): ToldEvent[] => [
      ...cohorts.flatMap(({ state, ...cohort }) =>
        isIt(cohort) && state !== 'pending' ? [{ type: 'cohort.resolved' as const, epoch, state, ...cohort }] : [],
      ),
      ...(money?.txHash === txHash ? [{ type: 'epoch.opened' as const, epoch }] : []),
    ]),
  ]
  const links = [
    ...devices.flatMap(({ id, operator }) => [
      [id, deviceLink(id)] as const,
      [operator, walletLink(operator)] as const,
    ]),
    ...commitments.map(({ owner }) => [owner, checkerLink(owner)] as const),
  ]
  return [
    ...events.map(event => ({
      epoch: 'epoch' in event ? event.epoch : null,
      // The epoch has a column of its own.
      what: linkedText(eventText(event).replace(/^epoch \d+ +/, ''), links),
      ...{ to: null, amount: null, txHash },
    })),
    ...paymentsOf(view, isIt).map(payment => ({ ...payment, what: html`paid ${payment.what}` })),
  ]
}
