/** Pieces that pages share. */
import type { Hex } from 'viem'
import { grouped, shortHex, tokens } from '../../platform/ui/figures.ts'
import type { ChainVerdict, EpochView, PaymentView } from '../network-view.ts'
import { type Html, html } from './html.ts'

/** A hash that is short to read and whole to copy, to hover and to a screen reader. */
export const hash = (value: string): Html => html`<code class="hash" title="${value}">${shortHex(value)}</code>`
export const fullHash = (value: string): Html => html`<code class="hash full">${value}</code>`
export const deviceLink = (id: Hex, epoch?: number): Html =>
  html`<a href="/device/${id}${epoch === undefined ? '' : `?epoch=${epoch}`}">${hash(id)}</a>`
export const epochLink = (epoch: number): Html => html`<a href="/epoch/${epoch}">${epoch}</a>`

/** Whole KAI in ink, the decimals quiet; the exact amount is in the title. */
export function kai(wei: bigint, digits = 4): Html {
  const [whole, fraction] = tokens(wei, digits).split('.')
  return html`<span class="kai" title="${tokens(wei, 18)} KAI">${whole}<span class="fraction">.${fraction}</span></span>`
}

const verdictClass: Record<ChainVerdict['verdict'], string> = {
  VALID: 'good',
  WRONG: 'bad',
  MISSED: 'warn',
  UNSUPPORTED: 'warn',
  ABSTAINED: 'quiet',
  VOID: 'quiet',
}
const verdictMark: Record<ChainVerdict['verdict'], string> = {
  VALID: '✓',
  WRONG: '✗',
  MISSED: '!',
  UNSUPPORTED: '!',
  ABSTAINED: '–',
  VOID: '–',
}
export const verdict = ({ verdict: name, reason }: ChainVerdict): Html =>
  html`<span class="tag ${verdictClass[name]}" title="${reason}"><span aria-hidden="true">${verdictMark[name]}</span> ${name}</span>`

export function epochState({
  phase,
  isPaid,
  money,
  seed,
}: Pick<EpochView, 'phase' | 'isPaid' | 'money' | 'seed'>): Html {
  if (seed === null && (phase === 'future' || phase === 'work')) return html`<span class="tag quiet">no seed yet</span>`
  if (seed === null) return html`<span class="tag warn"><span aria-hidden="true">!</span> empty: no seed</span>`
  if (isPaid && money === null) return html`<span class="tag quiet"><span aria-hidden="true">–</span> void</span>`
  if (isPaid) return html`<span class="tag good"><span aria-hidden="true">✓</span> paid</span>`
  if (phase === 'work') return html`<span class="tag live">working</span>`
  return html`<span class="tag quiet">${phase === 'pay' ? 'paying' : phase}</span>`
}

export type TableColumn<T> = {
  readonly title: string
  readonly cell: (row: T) => Html | string | number | bigint
  readonly numeric?: boolean
}

/** A table with a caption; scrolls sideways by itself where it is too wide, also by keyboard. */
export function table<T>(caption: string, columns: readonly TableColumn<T>[], rows: readonly T[], empty: string): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table>
<caption class="hidden">${caption}</caption>
<thead><tr>${columns.map(({ title, numeric }) => html`<th scope="col"${numeric && html` class="number"`}>${title}</th>`)}</tr></thead>
<tbody>
${rows.map(
  row =>
    html`<tr>${columns.map(({ cell, numeric }, i) =>
      i === 0
        ? html`<th scope="row"${numeric && html` class="number"`}>${cell(row)}</th>`
        : html`<td${numeric && html` class="number"`}>${cell(row)}</td>`,
    )}</tr>
`,
)}</tbody>
</table></div>`
}

export const paymentsTable = (caption: string, payments: readonly PaymentView[], empty: string): Html =>
  table(
    caption,
    [
      { title: 'Epoch', cell: ({ epoch }) => epochLink(epoch) },
      { title: 'Device', cell: ({ device, epoch }) => deviceLink(device, epoch) },
      { title: 'Score', cell: ({ score }) => grouped(score), numeric: true },
      { title: 'Credit', cell: ({ credit }) => grouped(credit), numeric: true },
      { title: 'KAI', cell: ({ amount }) => kai(amount), numeric: true },
      { title: 'Paid to', cell: ({ payout }) => hash(payout) },
      { title: 'Transaction', cell: ({ txHash }) => hash(txHash) },
    ],
    payments,
    empty,
  )

export const facts = (entries: readonly (readonly [string, Html | string | number])[]): Html =>
  html`<dl class="facts">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`

/** Pages of a long list; `null` when one is enough. */
export function pager(path: string, page: number, pages: number): Html | null {
  if (pages <= 1) return null
  const to = (target: number, name: string) =>
    target < 1 || target > pages
      ? html`<span class="quiet">${name}</span>`
      : html`<a href="${path}?page=${target}">${name}</a>`
  return html`<nav class="pager" aria-label="Pages">${to(page - 1, '← newer')} <span>page ${page} of ${pages}</span> ${to(page + 1, 'older →')}</nav>`
}

const pageSize = 50
export function pageOf<T>(rows: readonly T[], asked: number): { rows: readonly T[]; page: number; pages: number } {
  const pages = Math.max(1, Math.ceil(rows.length / pageSize))
  const page = Math.min(Math.max(1, asked), pages)
  return { rows: rows.slice((page - 1) * pageSize, page * pageSize), page, pages }
}
