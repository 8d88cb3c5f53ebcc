/** Pieces that pages share. */
import type { Hex } from 'viem'
import type { ChainVerdict, EpochView, PaymentView } from '../network/network-view.ts'
import { grouped, shortHex, tokens } from '../view/figures.ts'
import { type Html, html } from './html.ts'
import { type Term, term } from './terms.ts'

/** A hash that is short to read, and whole to hover and to a screen reader. */
const hash = (value: string): Html => html`<code class="hash" title="${value}">${shortHex(value)}</code>`
/** A whole hash with a button that copies it; where it is given, to the page about it. */
export const fullHash = (value: string, href?: string): Html => {
  const code = html`<code class="hash full">${value}</code>`
  return html`<span class="whole">${href === undefined ? code : html`<a href="${href}">${code}</a>`}<button type="button" class="copy" data-copy="${value}" aria-label="Copy ${shortHex(value)}"></button></span>`
}
export const walletPath = (address: string): string => `/wallet/${address}`
export const checkerPath = (operator: string): string => `/checker/${operator}`
export const transactionPath = (txHash: string): string => `/transaction/${txHash}`
export const walletLink = (address: string): Html => html`<a href="${walletPath(address)}">${hash(address)}</a>`
export const checkerLink = (operator: string): Html => html`<a href="${checkerPath(operator)}">${hash(operator)}</a>`
export const transactionLink = (txHash: string | null): Html =>
  txHash === null ? html`—` : html`<a href="${transactionPath(txHash)}">${hash(txHash)}</a>`

/** Block time as the machine writes it: the same for everybody who compares. */
export function time(seconds: number): Html {
  const iso = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
  return html`<time datetime="${iso}">${iso.replace('T', ' ').replace('Z', ' UTC')}</time>`
}
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
  readonly title: Term | (string & {})
  readonly cell: (row: T) => Html | string | number | bigint
  readonly numeric?: boolean
}

/**
 * A table with a caption. Where it is too wide it scrolls sideways, also by keyboard; on a phone each row becomes a list of its cells
 * with their titles, for which the roles are said: they would be lost with the layout.
 */
export function table<T>(caption: string, columns: readonly TableColumn<T>[], rows: readonly T[], empty: string): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table role="table">
<caption class="hidden">${caption}</caption>
<thead role="rowgroup"><tr role="row">${columns.map(({ title, numeric }) => html`<th scope="col" role="columnheader"${numeric && html` class="number"`}>${term(title)}</th>`)}</tr></thead>
<tbody role="rowgroup">
${rows.map(
  row =>
    html`<tr role="row">${columns.map(({ title, cell, numeric }, i) =>
      i === 0
        ? html`<th scope="row" role="rowheader" data-title="${title}"${numeric && html` class="number"`}>${cell(row)}</th>`
        : html`<td role="cell" data-title="${title}"${numeric && html` class="number"`}>${cell(row)}</td>`,
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
      { title: 'Paid to', cell: ({ payout }) => walletLink(payout) },
      { title: 'Transaction', cell: ({ txHash }) => transactionLink(txHash) },
    ],
    payments,
    empty,
  )

export const facts = (entries: readonly (readonly [string, Html | string | number])[]): Html =>
  html`<dl class="facts">${entries.map(([name, value]) => html`<div><dt>${term(name)}</dt><dd>${value}</dd></div>`)}</dl>`

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
