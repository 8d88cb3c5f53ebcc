import type { NetworkView } from '../network/network-view.ts'
import { shortHex } from '../view/figures.ts'
import { type Html, html } from './html.ts'
import type { Page } from './layout.ts'
import { checkerLink, deviceLink, epochLink, fullHash, kai, table, transactionPath, walletLink } from './parts.ts'

type Act = {
  readonly epoch: number | null
  readonly what: Html
  readonly to: string | null
  readonly amount: bigint | null
}

/** What a transaction did in this network, or null where no epoch that is shown knows it. */
export function transactionPage(view: NetworkView, txHash: string): Page | null {
  const acts = actsOf(view, txHash)
  if (acts.length === 0) return null
  const paid = acts.reduce((sum, { amount }) => sum + (amount ?? 0n), 0n)
  return {
    title: `Transaction ${shortHex(txHash)}`,
    path: transactionPath(txHash),
    body: html`<h1>Transaction</h1>
<p class="identity">${fullHash(txHash)}</p>
<section aria-labelledby="acts"><h2 id="acts">What it did${paid > 0n && html` <span class="unit">${kai(paid)} KAI paid</span>`}</h2>
${table(
  'What this transaction did',
  [
    { title: 'Epoch', cell: ({ epoch }) => (epoch === null ? '—' : epochLink(epoch)) },
    { title: 'What', cell: ({ what }) => what },
    { title: 'To', cell: ({ to }) => (to === null ? '—' : walletLink(to)) },
    { title: 'KAI', cell: ({ amount }) => (amount === null ? '—' : kai(amount)), numeric: true },
  ],
  acts.slice(0, 500),
  '',
)}
</section>`,
  }
}

function actsOf(view: NetworkView, txHash: string): Act[] {
  const isIt = (each: { readonly txHash: string | null }) => each.txHash === txHash
  const plain = { to: null, amount: null }
  return [
    ...view.devices
      .filter(({ registeredTxHash }) => registeredTxHash === txHash)
      .map(({ id }) => ({ ...plain, epoch: null, what: html`registered device ${deviceLink(id)}` })),
    ...view.commitments.filter(isIt).map(({ epoch, owner }) => ({
      ...plain,
      epoch,
      what: html`Checker ${checkerLink(owner)} committed to its verdicts`,
    })),
    ...view.epochs.flatMap(({ epoch, cohorts, money }) => [
      ...cohorts
        .filter(isIt)
        .map(({ cohort, state }) => ({ ...plain, epoch, what: html`cohort ${cohort} became ${state}` })),
      ...(money?.txHash === txHash ? [{ ...plain, epoch, what: html`opened the epoch for payment` }] : []),
    ]),
    ...view.payments.filter(isIt).map(({ epoch, device, payout, amount }) => ({
      epoch,
      what: html`paid device ${deviceLink(device, epoch)}`,
      to: payout,
      amount,
    })),
    ...view.seatPayments.filter(isIt).map(({ epoch, cohort, seat, operator, payout, amount }) => ({
      epoch,
      what: html`paid seat ${seat} of cohort ${cohort}${operator !== null && html`, Checker ${checkerLink(operator)}`}`,
      to: payout,
      amount,
    })),
    ...view.keeperPayments
      .filter(isIt)
      .map(({ epoch, keeper, amount }) => ({ epoch, what: html`paid a keeper`, to: keeper, amount })),
  ]
}
