import type { NetworkView } from '../network/network-view.ts'
import { duration, grouped } from '../view/figures.ts'
import { type Html, html } from './html.ts'
import { glossary } from './terms.ts'

export type Page = { readonly title: string; readonly path: string; readonly body: Html }

const sections = [
  ['/', 'Overview'],
  ['/epochs', 'Epochs'],
  ['/devices', 'Devices'],
  ['/checkers', 'Checkers'],
] as const

/** A whole page. What changes with the chain is inside `<main>` and `<header>`: `live.js` replaces both. */
export const layout = (
  view: NetworkView,
  { title, path, body }: Page,
  { now, trouble }: { readonly now: number; readonly trouble: string | null },
): Html => {
  // Block time may run ahead of ours on a devnet.
  const age = now - view.head.timestamp
  const isDead = trouble !== null || age >= lateSeconds
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · kaisar</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/explorer.css">
<script type="module" src="/live.js"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="bar">
<a class="wordmark" href="/" aria-label="kaisar, overview">${mark}kaisar</a>
<nav aria-label="Sections">
${sections.map(
  ([href, name]) =>
    html`<a href="${href}"${isWithin(path, href) && html` aria-current="${path === href ? 'page' : 'true'}"`}>${name}</a>`,
)}
</nav>
<form class="find" action="/find" role="search">
<label for="find" class="hidden">Device, wallet, transaction or epoch</label>
<input id="find" name="q" type="search" placeholder="Device, wallet, transaction, epoch" autocomplete="off" spellcheck="false" maxlength="80">
</form>
<p class="head"><span class="pulse${isDead && ' dead'}" aria-hidden="true"></span>chain ${view.chainId} · block <b>${grouped(view.head.number)}</b> · <time data-at="${view.head.timestamp}" data-now="${Math.floor(now)}" data-late="${lateSeconds}">${age < 1 ? 'just now' : `${duration(age)} ago`}</time></p>
</header>
<main id="content" tabindex="-1">
${isDead && html`<p class="trouble" role="alert">${trouble === null ? `The newest block is ${duration(age)} old: the chain stands still, or this endpoint does.` : `The chain cannot be read, and this is the last that was seen. ${trouble}`}</p>`}
${body}
${glossary()}
</main>
<footer>
<p>Read from the chain, and from what Checkers show below it. Nothing here can change it.</p>
<p id="status" role="status" class="hidden">${lastPaid(view)}</p>
</footer>
</body>
</html>
`
}

/** A chain whose newest block is older than this looks dead. */
const lateSeconds = 120

const isWithin = (path: string, href: string) =>
  href === '/' ? path === '/' : path === href || path.startsWith(`${href.slice(0, -1)}/`)

/** Said by a screen reader when it changes. */
function lastPaid({ epochs }: NetworkView): string {
  const paid = epochs.find(({ paidToDevices }) => paidToDevices > 0n)
  return paid === undefined ? '' : `Epoch ${paid.epoch} is paid`
}

const mark = html`<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><g fill="currentColor"><rect x="2" y="2" width="4" height="16" rx="1"/><path d="M8 10 14.2 2h4.3l-6.2 8 6.2 8h-4.3z"/></g></svg>`

export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><style>g{fill:#0b6e5f}@media(prefers-color-scheme:dark){g{fill:#5fd0b9}}</style><g><rect x="2" y="2" width="4" height="16" rx="1"/><path d="M8 10 14.2 2h4.3l-6.2 8 6.2 8h-4.3z"/></g></svg>`
