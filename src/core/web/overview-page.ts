import type { Hex } from 'viem'
import type { NetworkView, PaymentView } from '../network/network-view.ts'
import { grouped, shortHex } from '../view/figures.ts'
import { barChart, colourMark, kaiAxis, legend, mostColours } from './charts.ts'
import { html } from './html.ts'
import type { Page } from './layout.ts'
import { deviceLink, kai, paymentsTable, section, sumOf, tableSection, verdict } from './parts.ts'
import { term } from './terms.ts'
import { timelinePicture } from './timeline.ts'

const partsOf = (payments: readonly PaymentView[], devices: readonly Hex[]) =>
  payments
    .filter(({ amount }) => amount > 0n)
    .map(({ device, epoch, amount }) => ({
      title: shortHex(device),
      value: amount,
      href: `/device/${device}?epoch=${epoch}#explanation`,
      colour: devices.indexOf(device),
    }))

export function overviewPage(view: NetworkView): Page {
  const paid = view.epochs.filter(({ money }) => money !== null)
  const latest = paid[0]
  const payments = Map.groupBy(view.payments, ({ epoch }) => epoch)
  const charted = view.epochs.slice(0, 48)
  const oldest = charted.at(-1)?.epoch ?? 0
  // More devices than there are colours are one bar.
  const devices = [
    ...new Set(view.payments.filter(({ epoch, amount }) => epoch >= oldest && amount > 0n).map(({ device }) => device)),
  ].sort()
  const isTold = devices.length <= mostColours
  const points = charted.toReversed().map(({ epoch, paidToDevices, money }) => ({
    epoch,
    value: money === null ? null : paidToDevices,
    href: `/epoch/${epoch}`,
    ...(isTold ? { parts: partsOf(payments.get(epoch) ?? [], devices) } : {}),
  }))
  const total = sumOf(view.epochs, ({ paidToDevices }) => paidToDevices)
  const agreed = view.checkers.reduce((sum, { agreedLanes }) => sum + agreedLanes, 0)
  const drawn = view.checkers.reduce((sum, { drawnLanes }) => sum + drawnLanes, 0)
  const judged = view.devices.filter(({ history }) => history.length > 0)
  return {
    title: 'Overview',
    path: '/',
    body: html`<h1 class="hidden">Overview</h1>
${timelinePicture(view)}
<dl class="stats">
<div><dt>Devices</dt><dd>${grouped(view.devices.length)}</dd></div>
<div><dt>Checkers</dt><dd>${grouped(view.checkers.length)}</dd></div>
<div><dt>${term('Seats agree')}</dt><dd>${drawn === 0 ? '—' : `${((agreed * 100) / drawn).toFixed(1)}%`}</dd></div>
<div><dt>Last epoch paid <span class="unit">KAI</span></dt><dd>${latest === undefined ? '—' : kai(latest.paidToDevices, 2)}</dd></div>
<div><dt>Paid to devices <span class="unit">KAI</span>${view.firstEpoch > 0 && html` since epoch ${view.firstEpoch}`}</dt><dd>${kai(total, 2)}</dd></div>
</dl>
${section(
  'by-epoch',
  html`Paid to devices, by epoch <span class="unit">KAI</span>`,
  html`${points.some(({ value }) => value !== null) ? barChart(points, { title: 'Paid to devices', unit: 'KAI', format: kaiAxis }) : html`<p class="empty">Nothing has been paid yet. The first payment comes about one epoch after the first work.</p>`}
${isTold && devices.length > 0 && legend(devices.map((device, colour) => [colourMark(colour), deviceLink(device)]))}`,
)}
<div class="columns">
${section('latest-payments', 'Latest payments', paymentsTable('Latest payments', view.payments.slice(0, 8), 'No payments yet.'))}
${tableSection(
  'verdicts',
  'Latest verdicts on chain',
  'Latest verdict of each device',
  [
    { title: 'Device', cell: ({ id }) => deviceLink(id) },
    { title: 'Epoch', cell: ({ history }) => history.at(-1)!.epoch, numeric: true },
    { title: 'Verdict', cell: ({ history }) => verdict(history.at(-1)!.verdict) },
  ],
  judged.slice(0, 8),
  'No device has been judged yet.',
)}
</div>`,
  }
}
