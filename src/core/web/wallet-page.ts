import type { NetworkView } from '../network/network-view.ts'
import { shortHex } from '../view/figures.ts'
import type { ModelOf } from './device-pages.ts'
import { html } from './html.ts'
import type { Page } from './layout.ts'
import {
  checkerLink,
  deviceLink,
  epochLink,
  facts,
  fullHash,
  kai,
  table,
  transactionLink,
  walletPath,
} from './parts.ts'

/** What the network has to do with an address, or null where that is nothing. */
export function walletPage(view: NetworkView, address: string, modelOf: ModelOf): Page | null {
  const has = (each: { readonly operator: string; readonly payout: string }) =>
    each.operator === address || each.payout === address
  const devices = view.devices.filter(has)
  const checkers = view.checkers.filter(has)
  const payments = [
    ...view.payments
      .filter(({ payout }) => payout === address)
      .map(({ device, ...payment }) => ({ ...payment, what: html`device ${deviceLink(device, payment.epoch)}` })),
    ...view.seatPayments
      .filter(({ payout }) => payout === address)
      .map(({ operator, seat, ...payment }) => ({
        ...payment,
        what: operator === null ? html`seat ${seat}` : html`Checker ${checkerLink(operator)}`,
      })),
    ...view.keeperPayments
      .filter(({ keeper }) => keeper === address)
      .map(payment => ({ ...payment, what: html`seeds and resolutions, as keeper` })),
  ].sort((a, b) => b.epoch - a.epoch)
  if (devices.length + checkers.length + payments.length === 0) return null
  return {
    title: `Wallet ${shortHex(address)}`,
    path: walletPath(address),
    body: html`<h1>Wallet</h1>
<p class="identity">${fullHash(address)}</p>
${facts([['Received', html`${kai(payments.reduce((sum, { amount }) => sum + amount, 0n))} KAI since epoch ${view.firstEpoch}`]])}
${
  devices.length > 0 &&
  html`<section aria-labelledby="devices"><h2 id="devices">Devices</h2>${table(
    'Devices of this wallet',
    [
      { title: 'Device', cell: ({ id }) => deviceLink(id) },
      { title: 'Model', cell: ({ id }) => modelOf(id) ?? '—' },
      { title: 'This wallet', cell: role(address) },
      { title: 'Earned', cell: ({ earned }) => kai(earned), numeric: true },
    ],
    devices.slice(0, 200),
    '',
  )}</section>`
}
${
  checkers.length > 0 &&
  html`<section aria-labelledby="checkers"><h2 id="checkers">Checkers</h2>${table(
    'Checkers of this wallet',
    [
      { title: 'Operator', cell: ({ operator }) => checkerLink(operator) },
      { title: 'This wallet', cell: role(address) },
      { title: 'Earned', cell: ({ earned }) => kai(earned), numeric: true },
    ],
    checkers.slice(0, 200),
    '',
  )}</section>`
}
<section aria-labelledby="payments"><h2 id="payments">Paid to it</h2>${table(
      'Payments to this wallet, newest first',
      [
        { title: 'Epoch', cell: ({ epoch }) => epochLink(epoch) },
        { title: 'For', cell: ({ what }) => what },
        { title: 'KAI', cell: ({ amount }) => kai(amount), numeric: true },
        { title: 'Transaction', cell: ({ txHash }) => transactionLink(txHash) },
      ],
      payments.slice(0, 200),
      'Nothing was paid to it in the epochs that are shown.',
    )}</section>`,
  }
}

const role =
  (address: string) =>
  ({ operator, payout }: { readonly operator: string; readonly payout: string }) =>
    operator === payout ? 'operates it and is paid' : operator === address ? 'operates it' : 'is paid'
