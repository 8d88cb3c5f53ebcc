import type { Hex } from 'viem'
import { uptimePercent } from '../explain/account-for.ts'
import type { Explanation } from '../explain/explanation.ts'
import type { DeviceView, NetworkView } from '../network/network-view.ts'
import { grouped, shortHex } from '../view/figures.ts'
import { barChart, countAxis, kaiAxis, lineChart, sparkPicture } from './charts.ts'
import { explanationSection } from './explanation-section.ts'
import { type Html, html } from './html.ts'
import type { Page } from './layout.ts'
import {
  deviceLink,
  epochLink,
  facts,
  fullHash,
  kai,
  pageOf,
  pager,
  table,
  transactionLink,
  transactionPath,
  verdict,
  walletLink,
  walletPath,
} from './parts.ts'
import { term } from './terms.ts'

const chartEpochs = 48

/** The name that a device's Provider gives it; null where nobody said it: the chain has only the hash of its record. */
export type ModelOf = (device: Hex) => string | null

export function devicesPage(view: NetworkView, asked: number, modelOf: ModelOf): Page {
  const { rows, page, pages } = pageOf(view.devices, asked)
  return {
    title: 'Devices',
    path: '/devices',
    body: html`<h1>Devices</h1>
${table(
  'Devices by lane',
  [
    { title: 'Device', cell: ({ id }) => deviceLink(id) },
    { title: 'Model', cell: ({ id }) => modelOf(id) ?? '—' },
    { title: 'Operator', cell: ({ operator }) => walletLink(operator) },
    { title: 'Pays to', cell: ({ payout }) => walletLink(payout) },
    { title: 'Cohort · lane', cell: ({ cohort, lane }) => `${cohort} · ${lane % 64}`, numeric: true },
    { title: 'Standing', cell: ({ standing }) => grouped(standing), numeric: true },
    {
      title: 'Scores',
      cell: ({ history }) => sparkPicture(history.map(({ score }) => score)),
    },
    { title: 'Verdict', cell: ({ history }) => (history.length === 0 ? '—' : verdict(history.at(-1)!.verdict)) },
    { title: 'Earned', cell: ({ earned }) => kai(earned), numeric: true },
  ],
  rows,
  'No device is registered.',
)}
${pager('/devices', page, pages)}`,
  }
}

/** @param explanation - or, where it could not be read, the sentence that says why */
export function devicePage(
  view: NetworkView,
  device: DeviceView,
  explanation: Explanation | string,
  modelOf: ModelOf,
): Page {
  const history = device.history.slice(-chartEpochs)
  const point = (value: (entry: DeviceView['history'][number]) => bigint | null) =>
    history.map(entry => ({
      epoch: entry.epoch,
      value: value(entry),
      href: `/device/${device.id}?epoch=${entry.epoch}#explanation`,
    }))
  const last = device.history.at(-1)
  return {
    title: `Device ${shortHex(device.id)}`,
    path: `/device/${device.id}`,
    body: html`<div class="title"><h1>Device</h1> ${last !== undefined && verdict(last.verdict)}</div>
<p class="identity">${fullHash(device.id)}</p>
${facts([
  ['Earned', html`${kai(device.earned)} KAI`],
  ...(device.owed > 0n ? [['Owed to its wallet', html`${kai(device.owed)} KAI`] as const] : []),
  ['Standing', grouped(device.standing)],
  [
    'Last verdict',
    last === undefined ? 'not judged yet' : html`epoch ${epochLink(last.epoch)}: ${last.verdict.reason}`,
  ],
  ['Model', modelOf(device.id) ?? 'not known: the chain has the hash of its record, not the record'],
  ['Pays to', fullHash(device.payout, walletPath(device.payout))],
  ['Operator', fullHash(device.operator, walletPath(device.operator))],
  ['Cohort · lane', `${device.cohort} · ${device.lane % 64}`],
  [
    'Member',
    `from epoch ${device.since}${device.until === null ? '' : ` to ${device.until}`}, generation ${device.generation}`,
  ],
  ['Device record', fullHash(device.deviceHash)],
  ...(device.registeredTxHash === null
    ? []
    : [['Registered in', fullHash(device.registeredTxHash, transactionPath(device.registeredTxHash))] as const]),
])}
<div class="columns even">
<section aria-labelledby="score"><h2 id="score">${term('Score')} <span class="unit">Mop/s × uptime, and ${term('Credit')}, dashed</span></h2>
${chartOr(history, () =>
  lineChart(
    point(({ score }) => score),
    { title: 'Score', unit: 'points', format: countAxis, ghost: point(({ credit }) => credit) },
  ),
)}
</section>
<section aria-labelledby="paid"><h2 id="paid">Paid <span class="unit">KAI</span></h2>
${chartOr(history, () =>
  barChart(
    point(({ amount }) => amount),
    { title: 'Paid', unit: 'KAI', format: kaiAxis },
  ),
)}
</section>
</div>
${typeof explanation === 'string' ? html`<section><h2 id="explanation">Explanation</h2><p class="empty">${explanation}</p></section>` : explanationSection(explanation, neighbours(view, device, explanation.epoch))}
<section aria-labelledby="history"><h2 id="history">By epoch</h2>
${table(
  'Results by epoch, newest first',
  [
    {
      title: 'Epoch',
      cell: ({ epoch }) => html`<a href="/device/${device.id}?epoch=${epoch}#explanation">${epoch}</a>`,
    },
    { title: 'Verdict', cell: entry => verdict(entry.verdict) },
    { title: 'Rate Mop/s', cell: ({ rate }) => grouped(rate), numeric: true },
    { title: 'Uptime', cell: ({ uptime }) => uptimePercent(uptime), numeric: true },
    { title: 'Score', cell: ({ score }) => (score === null ? '—' : grouped(score)), numeric: true },
    { title: 'Credit', cell: ({ credit }) => (credit === null ? '—' : grouped(credit)), numeric: true },
    { title: 'KAI', cell: ({ amount }) => (amount === null ? '—' : kai(amount)), numeric: true },
    { title: 'Transaction', cell: ({ txHash }) => transactionLink(txHash) },
  ],
  device.history.toReversed().slice(0, 200),
  'No epoch of this device has been resolved.',
)}
</section>`,
  }
}

const chartOr = (history: readonly unknown[], chart: () => Html): Html =>
  history.length === 0 ? html`<p class="empty">Nothing yet.</p>` : chart()

function neighbours(view: NetworkView, device: DeviceView, epoch: number) {
  const href = (number: number) => `/device/${device.id}?epoch=${number}#explanation`
  const isShown = (number: number) =>
    number >= Math.max(view.firstEpoch, device.since) && number <= (view.currentEpoch ?? -1)
  return {
    earlier: isShown(epoch - 1) ? { epoch: epoch - 1, href: href(epoch - 1) } : null,
    later: isShown(epoch + 1) ? { epoch: epoch + 1, href: href(epoch + 1) } : null,
  }
}
