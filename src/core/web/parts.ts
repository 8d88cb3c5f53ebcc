/** Pieces that pages share. */
import type { Hex } from 'viem'
import type { ChainVerdict, EpochView, PaymentView } from '../network/network-view.ts'
import { grouped, isoTime, shortHex, tokens } from '../view/figures.ts'
import { type Html, html } from './html.ts'
import type { Page } from './layout.ts'
import { term } from './terms.ts'

/** A hash with a button that copies it, and a link to the page about it where there is one. */
const copyable = (value: string, shown: Html, href?: string): Html =>
  html`<span class="whole">${href === undefined ? shown : html`<a href="${href}">${shown}</a>`}${copyButton(value)}</span>`
const copyButton = (value: string): Html =>
  html`<button type="button" class="copy" data-copy="${value}" aria-label="Copy ${shortHex(value)}" title="Copy"></button>`
/** Short to read, and whole to hover and to a screen reader. */
const shortHash = (value: string, href: string): Html =>
  copyable(value, html`<code class="hash" title="${value}">${shortHex(value)}</code>`, href)
export const fullHash = (value: string, href?: string): Html =>
  copyable(value, html`<code class="hash full">${value}</code>`, href)
/** Lines in which each whole address and hash can be copied. */
export const copyableLines = (lines: readonly string[]): Html =>
  html`${lines
    .join('\n')
    .split(/(0x(?:[0-9a-f]{64}|[0-9a-f]{40})\b)/)
    .map((part, i) => (i % 2 === 0 ? part : html`${part}${copyButton(part)}`))}`
export const walletPath = (address: string): string => `/wallet/${address}`
export const checkerPath = (operator: string): string => `/checker/${operator}`
export const transactionPath = (txHash: string): string => `/transaction/${txHash}`
export const walletLink = (address: string): Html => shortHash(address, walletPath(address))
export const checkerLink = (operator: string): Html => shortHash(operator, checkerPath(operator))
export const transactionLink = (txHash: string | null): Html =>
  txHash === null ? html`—` : shortHash(txHash, transactionPath(txHash))

/** Block time as the machine writes it: the same for everybody who compares. */
export const time = (seconds: number): Html =>
  html`<time datetime="${isoTime(seconds)}">${isoTime(seconds).replace('T', ' ').replace('Z', ' UTC')}</time>`
export const deviceLink = (id: Hex, epoch?: number): Html =>
  shortHash(id, `/device/${id}${epoch === undefined ? '' : `?epoch=${epoch}`}`)
export const epochLink = (epoch: number): Html => html`<a href="/epoch/${epoch}">${epoch}</a>`

/** A sentence of an event, with a link for each id that it names and that has one. */
export function linkedText(text: string, links: readonly (readonly [id: string, link: Html])[]): Html {
  const byShort = new Map(links.map(([id, link]) => [shortHex(id), link]))
  return html`${text.split(/(0x[0-9a-f]+…[0-9a-f]+)/).map(part => byShort.get(part) ?? part)}`
}

/** Whole KAI in ink, the decimals quiet; the exact amount is in the title. */
export function kai(wei: bigint, digits = 4): Html {
  const [whole, fraction] = tokens(wei, digits).split('.')
  return html`<span class="kai" title="${tokens(wei, 18)} KAI">${whole}<span class="fraction">.${fraction}</span></span>`
}

/** A word with a sign, so that no colour says anything alone. */
export const tag = (tone: string, sign: string, text: string, title?: string): Html =>
  html`<span class="tag ${tone}"${title !== undefined && html` title="${title}"`}><span aria-hidden="true">${sign}</span> ${text}</span>`

const verdictTags: Record<ChainVerdict['verdict'], readonly [string, string]> = {
  VALID: ['good', '✓'],
  WRONG: ['bad', '✗'],
  MISSED: ['warn', '!'],
  UNSUPPORTED: ['warn', '!'],
  ABSTAINED: ['quiet', '–'],
  VOID: ['quiet', '–'],
}
export const verdict = ({ verdict: name, reason }: ChainVerdict): Html => tag(...verdictTags[name], name, reason)

export function epochState({ phase, isPaid, money, seed }: EpochView): Html {
  if (seed === null && (phase === 'future' || phase === 'work')) return html`<span class="tag quiet">no seed yet</span>`
  if (seed === null) return tag('warn', '!', 'empty: no seed')
  if (isPaid && money === null) return tag('quiet', '–', 'void')
  if (isPaid) return tag('good', '✓', 'paid')
  if (phase === 'work') return html`<span class="tag live">working</span>`
  return html`<span class="tag quiet">${phase === 'pay' ? 'paying' : phase}</span>`
}

/** A column and what its cells are: anything, a number, an amount, a wallet or a transaction; `null` is not known (yet). */
export type TableColumn<T> = { readonly title: string } & (
  | { readonly cell: (row: T) => Html | string | number | bigint; readonly numeric?: boolean }
  | { readonly number: (row: T) => bigint | number | null }
  | { readonly kai: (row: T) => bigint | null; readonly digits?: number }
  | { readonly wallet: (row: T) => string | null }
  | { readonly transaction: (row: T) => string | null }
)

function cellOf<T>(column: TableColumn<T>, row: T): Html | string | number | bigint {
  if ('cell' in column) return column.cell(row)
  if ('transaction' in column) return transactionLink(column.transaction(row))
  if ('number' in column) return orDash(column.number(row), grouped)
  if ('kai' in column) return orDash(column.kai(row), wei => kai(wei, column.digits))
  return orDash(column.wallet(row), walletLink)
}

const orDash = <V>(value: V | null, show: (value: V) => Html | string) => (value === null ? '—' : show(value))

const isNumeric = <T>(column: TableColumn<T>): boolean =>
  'number' in column || 'kai' in column || ('cell' in column && column.numeric === true)

export const sumOf = <T>(rows: readonly T[], amountOf: (row: T) => bigint): bigint =>
  rows.reduce((sum, row) => sum + amountOf(row), 0n)

/** A part of a page with a heading that can be linked to. */
export const section = (id: string, title: Html | string, body: Html): Html =>
  html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
${body}
</section>`

/** A page about one thing that has an address or a hash. */
export const identityPage = (kind: string, id: string, path: string, body: Html, href?: string): Page => ({
  title: `${kind} ${shortHex(id)}`,
  path,
  body: html`<h1>${kind}</h1>
<p class="identity">${fullHash(id, href)}</p>
${body}`,
})

/**
 * A table with a caption. Where it is too wide it scrolls sideways, also by keyboard; on a phone each row becomes a list of its cells
 * with their titles, for which the roles are said: they would be lost with the layout.
 */
export function table<T>(
  caption: string,
  columns: readonly TableColumn<T>[],
  rows: readonly T[],
  empty = 'Nothing.',
): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`
  const align = (column: TableColumn<T>) => isNumeric(column) && html` class="number"`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}, as a table"><table role="table">
<caption class="hidden">${caption}</caption>
<thead role="rowgroup"><tr role="row">${columns.map(column => html`<th scope="col" role="columnheader"${align(column)}>${term(column.title)}</th>`)}</tr></thead>
<tbody role="rowgroup">
${rows.map(
  row =>
    html`<tr role="row">${columns.map((column, i) =>
      i === 0
        ? html`<th scope="row" role="rowheader" data-title="${column.title}"${align(column)}>${cellOf(column, row)}</th>`
        : html`<td role="cell" data-title="${column.title}"${align(column)}>${cellOf(column, row)}</td>`,
    )}</tr>
`,
)}</tbody>
</table></div>`
}

/** A part of a page that is one table. */
export const tableSection = <T>(id: string, title: Html | string, ...of: Parameters<typeof table<T>>): Html =>
  section(id, title, table(...of))

export const paymentsTable = (caption: string, payments: readonly PaymentView[], empty: string): Html =>
  table(
    caption,
    [
      { title: 'Epoch', cell: ({ epoch }) => epochLink(epoch) },
      { title: 'Device', cell: ({ device, epoch }) => deviceLink(device, epoch) },
      { title: 'Score', number: ({ score }) => score },
      { title: 'Credit', number: ({ credit }) => credit },
      { title: 'KAI', kai: ({ amount }) => amount },
      { title: 'Paid to', wallet: ({ payout }) => payout },
      { title: 'Transaction', transaction: ({ txHash }) => txHash },
    ],
    payments,
    empty,
  )

export type Fact = readonly [string, Html | string | number]
/** Names with their values; what is false has none. */
export const facts = (entries: readonly (Fact | false)[]): Html =>
  html`<dl class="facts">${entries.map(entry => entry !== false && html`<div><dt>${term(entry[0])}</dt><dd>${entry[1]}</dd></div>`)}</dl>`

/** Links to the epochs before and after; null where there is no such page. */
export function neighbours(label: string, epoch: number, pathOf: (epoch: number) => string | null): Html {
  const [earlier, later] = [pathOf(epoch - 1), pathOf(epoch + 1)]
  return html`<nav class="pager" aria-label="${label}">${earlier !== null && html`<a href="${earlier}">← ${epoch - 1}</a>`}${later !== null && html`<a href="${later}">${epoch + 1} →</a>`}</nav>`
}

const pageSize = 50

/** A long list, page by page. */
export function listPage<T>(
  { title, path, lead, caption, empty }: Record<'title' | 'path' | 'caption' | 'empty', string> & { lead?: Html },
  columns: readonly TableColumn<T>[],
  rows: readonly T[],
  asked: number,
): Page {
  const pages = Math.max(1, Math.ceil(rows.length / pageSize))
  const page = Math.min(Math.max(1, asked), pages)
  const to = (target: number, name: string) =>
    target < 1 || target > pages
      ? html`<span class="quiet">${name}</span>`
      : html`<a href="${path}?page=${target}">${name}</a>`
  return {
    title,
    path,
    body: html`<h1>${title}</h1>
${lead}${table(caption, columns, rows.slice((page - 1) * pageSize, page * pageSize), empty)}
${pages > 1 && html`<nav class="pager" aria-label="Pages">${to(page - 1, '← newer')} <span>page ${page} of ${pages}</span> ${to(page + 1, 'older →')}</nav>`}`,
  }
}
