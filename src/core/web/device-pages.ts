import type { Hex } from 'viem'
import type { Explanation } from '../explain/explanation.ts'
import type { DeviceView, NetworkView } from '../network/network-view.ts'
import { laneInCohort } from '../protocol/constants.ts'
import { grouped, shortHex, uptimePercent } from '../view/figures.ts'
import { barChart, countAxis, kaiAxis, lineChart, sparkPicture } from './charts.ts'
import { explanationSection, measureFacts } from './explanation-section.ts'
import { type Html, html } from './html.ts'
import type { Page } from './layout.ts'
import {
  deviceLink,
  epochLink,
  facts,
  fullHash,
  kai,
  listPage,
  neighbours,
  section,
  sumOf,
  type TableColumn,
  tableSection,
  transactionPath,
  verdict,
  walletPath,
} from './parts.ts'
import { term } from './terms.ts'

const chartEpochs = 48

/** The name that a device's Provider gives it; null where nobody said it: the chain has only the hash of its record. */
export type ModelOf = (device: Hex) => string | null
export type Models = {
  readonly modelOf: ModelOf
  /** Called with what the seats of a device say when its page is asked for: whoever finds its model there knows it from then on. */
  readonly look?: (device: DeviceView, seats: Explanation['seats']) => Promise<void>
}
export const noModels: Models = { modelOf: () => null }

const modelPath = (model: string): string => `/model/${encodeURIComponent(model)}`
export const modelLink = (model: string | null): Html =>
  model === null ? html`—` : html`<a href="${modelPath(model)}">${model}</a>`

const idColumn: TableColumn<DeviceView> = { title: 'Device', cell: ({ id }) => deviceLink(id) }
const columns: readonly TableColumn<DeviceView>[] = [
  { title: 'Operator', wallet: ({ operator }) => operator },
  { title: 'Pays to', wallet: ({ payout }) => payout },
  { title: 'Cohort · lane', cell: placeOf, numeric: true },
  { title: 'Capacity', number: ({ history }) => history.at(-1)?.rate ?? null },
  { title: 'Standing', number: ({ standing }) => standing },
  { title: 'Scores', cell: ({ history }) => sparkPicture(history.map(({ score }) => score)) },
  { title: 'Verdict', cell: ({ history }) => (history.length === 0 ? '—' : verdict(history.at(-1)!.verdict)) },
  { title: 'Earned', kai: ({ earned }) => earned },
]

export const devicesPage = (view: NetworkView, asked: number, modelOf: ModelOf): Page =>
  listPage(
    { title: 'Devices', path: '/devices', caption: 'Devices by lane', empty: 'No device is registered.' },
    [idColumn, { title: 'Model', cell: ({ id }) => modelLink(modelOf(id)) }, ...columns],
    view.devices,
    asked,
  )

/** The devices of a model beside each other, or null where none is known to be of it. */
export function modelPage(view: NetworkView, model: string, asked: number, modelOf: ModelOf): Page | null {
  const devices = view.devices.filter(({ id }) => modelOf(id) === model)
  if (devices.length === 0) return null
  // A void epoch measured nothing.
  const rates = devices
    .flatMap(({ history }) => history.findLast(({ score }) => score !== null)?.rate ?? [])
    .sort((a, b) => Number(a - b))
  const lead = facts([
    ['Devices', grouped(devices.length)],
    ['Capacity', rates.length === 0 ? '—' : `${grouped(rates[0]!)} to ${grouped(rates.at(-1)!)}`],
    ['Earned', html`${kai(sumOf(devices, ({ earned }) => earned))} KAI since epoch ${view.firstEpoch}`],
  ])
  return listPage(
    { title: model, path: modelPath(model), lead, caption: 'Devices of this model by lane', empty: '' },
    [idColumn, ...columns],
    devices,
    asked,
  )
}

function placeOf({ cohort, lane }: DeviceView): string {
  return `${cohort} · ${laneInCohort(lane)}`
}
const explanationPath = (device: DeviceView, epoch: number) => `/device/${device.id}?epoch=${epoch}#explanation`

/** @param explanation - or, where it could not be read, the sentence that says why */
export function devicePage(
  view: NetworkView,
  device: DeviceView,
  explanation: Explanation | string,
  modelOf: ModelOf,
): Page {
  const { id, history, payout, operator, since, until, registeredTxHash } = device
  const charted = history.slice(-chartEpochs)
  const point = (value: (entry: DeviceView['history'][number]) => bigint | null) =>
    charted.map(entry => ({ epoch: entry.epoch, value: value(entry), href: explanationPath(device, entry.epoch) }))
  const scores = point(({ score }) => score)
  const credits = point(({ credit }) => credit)
  const amounts = point(({ amount }) => amount)
  const noChart = charted.length === 0 && html`<p class="empty">Nothing yet.</p>`
  const last = history.at(-1)
  const model = modelOf(id)
  const isShown = (epoch: number) => epoch >= Math.max(view.firstEpoch, since) && epoch <= (view.currentEpoch ?? -1)
  return {
    title: `Device ${shortHex(id)}`,
    path: `/device/${id}`,
    body: html`<div class="title"><h1>Device</h1> ${last !== undefined && verdict(last.verdict)}</div>
<p class="identity">${fullHash(id)}</p>
${facts([
  ['Earned', html`${kai(device.earned)} KAI`],
  device.owed > 0n && ['Owed to its wallet', html`${kai(device.owed)} KAI`],
  last !== undefined && ['Capacity', html`${grouped(last.rate)} in epoch ${epochLink(last.epoch)}`],
  ...(typeof explanation === 'string' ? [] : measureFacts(explanation)),
  ['Standing', grouped(device.standing)],
  [
    'Last verdict',
    last === undefined ? 'not judged yet' : html`epoch ${epochLink(last.epoch)}: ${last.verdict.reason}`,
  ],
  [
    'Model',
    model === null
      ? 'not known: the chain has the hash of its record, and no seat showed the record'
      : modelLink(model),
  ],
  ['Pays to', fullHash(payout, walletPath(payout))],
  ['Operator', fullHash(operator, walletPath(operator))],
  ['Cohort · lane', placeOf(device)],
  ['Member', `from epoch ${since}${until === null ? '' : ` to ${until}`}, generation ${device.generation}`],
  ['Device record', fullHash(device.record.deviceHash)],
  registeredTxHash !== null && ['Registered in', fullHash(registeredTxHash, transactionPath(registeredTxHash))],
])}
<div class="columns even">
${section(
  'score',
  html`${term('Score')} <span class="unit">${term('Capacity')} × uptime, and ${term('Credit')}, dashed</span>`,
  noChart || lineChart(scores, { title: 'Score', unit: 'points', format: countAxis, ghost: credits }),
)}
${section(
  'paid',
  html`Paid <span class="unit">KAI</span>`,
  noChart || barChart(amounts, { title: 'Paid', unit: 'KAI', format: kaiAxis }),
)}
</div>
${
  typeof explanation === 'string'
    ? section('explanation', 'Explanation', html`<p class="empty">${explanation}</p>`)
    : explanationSection(
        explanation,
        neighbours('Explained epoch', explanation.epoch, epoch =>
          isShown(epoch) ? explanationPath(device, epoch) : null,
        ),
      )
}
${tableSection(
  'history',
  'By epoch',
  'Results by epoch, newest first',
  [
    { title: 'Epoch', cell: ({ epoch }) => html`<a href="${explanationPath(device, epoch)}">${epoch}</a>` },
    { title: 'Verdict', cell: entry => verdict(entry.verdict) },
    { title: 'Capacity', number: ({ rate }) => rate },
    { title: 'Uptime', cell: ({ uptime }) => uptimePercent(uptime), numeric: true },
    { title: 'Score', number: ({ score }) => score },
    { title: 'Credit', number: ({ credit }) => credit },
    { title: 'KAI', kai: ({ amount }) => amount },
    { title: 'Transaction', transaction: ({ txHash }) => txHash },
  ],
  history.toReversed().slice(0, 200),
  'No epoch of this device has been resolved.',
)}`,
  }
}
